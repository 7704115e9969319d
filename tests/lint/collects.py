"""A lint rule: a call that brings rows to the driver says on its line why they are few (law 8).

Run by `make lint`: python -m tests.lint.collects
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARK = "# bounded: "
BRINGING = frozenset(
    {
        *("collect", "toArrow", "toPandas", "toLocalIterator", "first", "head", "take", "tail"),
        *("to_pandas", "to_pyarrow_table", "to_pyarrow_dataset", "bring"),
    }
)
"""Methods of Spark's and delta-rs' tables that hand rows to this process."""

COUNTED = frozenset({"first", "head", "take", "tail"})
"""Those of them that bring a number of rows, often written in the call."""

ALLOWED = ("src/lakeloop/tables/", "src/lakeloop/runs/", "src/lakeloop/demo/", "notebooks/")
"""Where rows may be brought to the driver at all; the pure core works where the rows are."""


@dataclass(frozen=True)
class Finding:
    """A call that breaks the rule.

    Attributes:
        path: File, relative to the project.
        line: 1-based line; in a notebook of its code, cells one after the other.
        method: The method that is called.
        problem: What is wrong.
    """

    path: str
    line: int
    method: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.method}: {self.problem}"


def find_in(path: str, code: str) -> list[Finding]:
    """Find the calls of a file that break the rule.

    Args:
        path: File, relative to the project.
        code: Its Python.

    Returns:
        A finding per call, in the order of the lines.
    """
    lines, found = code.splitlines(), []
    for call in ast.walk(ast.parse(code)):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in BRINGING):
            continue
        if isinstance(call.func.value, ast.Name) and call.func.value.id in ("F", "pc"):  # column functions, F.first
            continue
        # The line of the method's own name: a chain of calls may span several.
        line = call.func.end_lineno or call.lineno
        _, mark, why = lines[line - 1].partition(MARK)
        if not path.startswith(ALLOWED):
            found.append(Finding(path, line, call.func.attr, f"rows come to the driver only in {', '.join(ALLOWED)}"))
        elif not (mark and why.strip()) and not _says_how_many(call, call.func.attr):
            found.append(Finding(path, line, call.func.attr, f"say why the rows are few: `{MARK}one per file`"))
    return sorted(found, key=lambda each: each.line)


def _says_how_many(call: ast.Call, method: str) -> bool:
    """Whether the number of rows is written in the call: `first()`, `head()`, `take(5)`."""
    given = [*call.args, *(each.value for each in call.keywords)]
    return method in COUNTED and all(isinstance(each, ast.Constant) for each in given)


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


def main() -> int:
    """Print the findings; 1 when there are any."""
    findings = [finding for path, code in code_files(ROOT) for finding in find_in(path, code)]
    sys.stdout.writelines(f"{each}\n" for each in findings)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
