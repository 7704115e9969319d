"""The blocks of code on the pages: where they stand, and what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]

# What a line of a block without a language begins with when it is typed into a shell.
_TYPED = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:\S*/)?"
    r"(?:lakeloop|make|python3?|git|curl|docker|kubectl|databricks|spark-submit|export|cd|pip|redis-server)(?: |$)"
)

_NAMED = re.compile(r"(?:\S*/)?(?:lakeloop|make) [a-z]")


@dataclass(frozen=True)
class Block:
    """A fenced or indented block of a page.

    Attributes:
        page: Path of the page below the checkout.
        line: Line of the page on which it begins, from 1.
        kind: Its language; of blocks without one `console` (lines that begin with `$ `), `sh` or `text`.
        text: What stands in it.
    """

    page: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}:{self.kind}"


def pages(root: Path = ROOT) -> list[str]:
    """List the pages whose blocks are held."""
    below = sorted(each.relative_to(root).as_posix() for each in root.glob("docs/**/*.md"))
    return ["README.md", "CONTRIBUTING.md", *below]


def blocks(root: Path = ROOT) -> Iterator[Block]:
    """Give every block of every page."""
    for page in pages(root):
        for token in MarkdownIt().parse((root / page).read_text(encoding="utf-8")):
            if token.type in ("fence", "code_block"):
                assert token.map is not None
                yield Block(page, token.map[0] + 1, _kind(token.info.strip(), token.content), token.content)


def spans(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Give every call of lakeloop or make that stands in a sentence or a table: its page and its text.

    What may be left out is in brackets on pages; the brackets are taken away.
    """
    for page in pages(root):
        for token in MarkdownIt().enable("table").parse((root / page).read_text(encoding="utf-8")):
            for part in token.children or ():
                if part.type == "code_inline" and _NAMED.match(part.content):
                    yield page, re.sub(r"[\[\]]", "", part.content)


def _kind(language: str, text: str) -> str:
    if language:
        return {"bash": "sh", "shell": "sh", "yml": "yaml"}.get(language, language)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if any(line.startswith("$ ") for line in lines):
        return "console"
    return "sh" if lines and _TYPED.match(lines[0]) else "text"
