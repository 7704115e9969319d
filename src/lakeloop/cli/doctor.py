"""What the verb `doctor` shows."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from lakeloop.cli.outcome import Report
from lakeloop.errors import EnvironmentProblemError, Failure
from lakeloop.statuses import CheckStatus

if TYPE_CHECKING:
    from lakeloop.config.tree import Config
    from lakeloop.runs.doctor import Examination

_STYLES = {
    CheckStatus.OK: "green",
    CheckStatus.WARN: "yellow",
    CheckStatus.FAIL: "bold red",
    CheckStatus.NOT_CHECKED: "dim",
}
_MOST_COLUMNS = 110


def report_machine(
    report: Report, load: Callable[[], Config] | None, *, quick: bool, progress: Callable[[str], None]
) -> None:
    """Check this machine and report what was found.

    Args:
        report: Gets the result, and an error when a check failed.
        load: Loads the project; None outside one.
        quick: Whether to leave Spark unstarted.
        progress: Told what is being checked.

    >>> report = Report()
    >>> report_machine(report, None, quick=True, progress=lambda text: None)
    >>> [each.status.value for each in report.result.findings if each.check == "Spark starts"]
    ['NOT_CHECKED']
    """
    from lakeloop.runs.doctor import examine

    found = examine(load, quick=quick, progress=progress)
    report.result, report.text = found, describe_examination(found)
    if found.failed:
        failures = [Failure(each.check, each.found) for each in found.failed]
        remedy = "as the table says"
        if len(found.failed) == 1:
            remedy = found.failed[0].remedy
        report.failures = (EnvironmentProblemError("this machine", failures, remedy),)


def describe_examination(found: Examination) -> str:
    """Write what was found as a table, each remedy below its finding.

    Args:
        found: What all checks found.

    Returns:
        Lines as wide as the terminal at most; plain where nobody looks.

    >>> from lakeloop.runs.doctor import Examination, Finding
    >>> checks = (Finding("Java", CheckStatus.OK, "17.0.15"), Finding("disk", CheckStatus.WARN, "80 MiB", "make room"))
    >>> print(describe_examination(Examination(checks)))
    ok    Java  17.0.15
    warn  disk  80 MiB
                remedy: make room
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Console()
    width = min(shown.width, _MOST_COLUMNS)
    page = Console(
        file=io.StringIO(), width=width, force_terminal=sys.stdout.isatty(), no_color=shown.no_color, highlight=False
    )
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in found.findings:
        text = Text(each.found)
        if each.remedy:
            text.append(f"\nremedy: {each.remedy}", "bold")
        table.add_row(Text(each.status.lower().replace("_", " "), _STYLES[each.status]), each.check, text)
    page.print(table)
    lines = page.file.getvalue() if isinstance(page.file, io.StringIO) else ""
    return "\n".join(line.rstrip() for line in lines.splitlines())
