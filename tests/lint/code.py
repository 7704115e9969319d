"""What the lint rules share: the project's code, what they find in it, and how they tell."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Finding:
    """A place that breaks a rule.

    Attributes:
        path: File, relative to the project.
        line: 1-based line; in a notebook of its code, cells one after the other.
        name: What is called, or named.
        problem: What is wrong.
    """

    path: str
    line: int
    name: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.name}: {self.problem}"


Rule = Callable[[str, str], list[Finding]]
"""Finds the places of a file, given its path and its Python, that break a rule, in the order of the lines."""


def code_files(root: Path) -> Iterator[tuple[str, str]]:
    """Give every file that holds the project's code, with its Python; magics of notebooks are left out."""
    for folder in ("src", "jobs", "notebooks"):
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        for path in sorted((root / folder).rglob("*.ipynb")):
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
            plain = [line if line[:1] not in ("%", "!") else "" for cell in code for line in cell.splitlines()]
            yield path.relative_to(root).as_posix(), "\n".join(plain)


def print_findings(rule: Rule) -> int:
    """Print what breaks a rule; 1 when anything does."""
    findings = [finding for path, code in code_files(ROOT) for finding in rule(path, code)]
    sys.stdout.writelines(f"{each}\n" for each in findings)
    return 1 if findings else 0
