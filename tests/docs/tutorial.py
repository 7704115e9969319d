"""The page of the tutorial as a session in a terminal: its commands, and what it shows of their output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "tutorials" / "online_retail"
PAGE = ROOT / "docs" / "tutorial_online_retail.md"
_BLOCK = re.compile(r"^```console\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_GAP = "..."


@dataclass(frozen=True)
class Command:
    """A command of the page.

    Attributes:
        line: What is typed.
        shown: Lines of its output that are shown, in order, without spaces at their ends.
    """

    line: str
    shown: tuple[str, ...]

    def missing(self, output: str) -> list[str]:
        """Give the lines that are shown and do not stand in an output in this order.

        >>> Command("ls", ("a", "c")).missing("a\\nb\\nc"), Command("ls", ("c", "a")).missing("a\\nb\\nc")
        ([], ['a'])
        """
        found = iter(line.rstrip() for line in output.splitlines())
        return [line for line in self.shown if line not in found]


def read_commands(page: str) -> Iterator[Command]:
    r"""Read the commands of a page.

    >>> page = "```console\n$ ls\na\n...\nb\n$ cd x\n```\n"
    >>> [(each.line, each.shown) for each in read_commands(page)]
    [('ls', ('a', 'b')), ('cd x', ())]
    """
    for block in _BLOCK.finditer(page):
        first, *others = re.split(r"^\$ ", block["text"], flags=re.MULTILINE)
        if first.strip():
            raise ValueError(f"output without a command: {first.splitlines()[0]}")
        for text in others:
            line, *shown = text.splitlines()
            yield Command(line, tuple(each.rstrip() for each in shown if each.strip() not in ("", _GAP)))
