"""A lint rule: a call that brings rows to the driver says on its line why they are few (law 8).

Run by `make lint`: python -m tests.lint.collects
"""

from __future__ import annotations

import ast
import sys

from tests.lint.code import Finding, print_findings

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

ALLOWED = ("src/lakeloop/tables/", "src/lakeloop/runs/", "src/lakeloop/demo/", "src/lakeloop/testing.py", "notebooks/")
"""Where rows may be brought to the driver at all; the pure core works where the rows are."""


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


if __name__ == "__main__":
    sys.exit(print_findings(find_in))
