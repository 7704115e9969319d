"""What is being done, told on standard error: on a terminal, or when asked for."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Self

from lakeloop.cli.logs import Records

if TYPE_CHECKING:
    from lakeloop.runs.progress import StepDone

_BESIDE = 12  # columns of the moving line that its text does not have: "- 0:00:12 "
_INDENT = " " * 11  # below the text of "  123.4 s  ingest"


class Display:
    """Tells on standard error what is being done and what each step did.

    On a terminal one moving line says what is being done now, and a line stays for every finished step. Elsewhere
    nothing is said, unless the call is verbose: then every message is a line.

    Args:
        verbose: Whether to say it without a terminal too, and without the moving line.

    >>> with Display() as show:
    ...     show("ingest outcomes")
    """

    def __init__(self, *, verbose: bool = False) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        is_terminal = sys.stderr.isatty()
        console = Console(stderr=True)
        moving = is_terminal and not verbose and not console.is_dumb_terminal
        columns = (
            SpinnerColumn("line"),  # plain letters, whatever the terminal's encoding
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._line = Progress(*columns, console=console, transient=True) if moving else None
        self._task = self._line.add_task("") if self._line is not None else None
        verbose = verbose and not isinstance(sys.stderr, Records)  # whoever reads records has one of every step
        self._tells_steps, self._tells_all = is_terminal or verbose, verbose
        self._turn: str | None = None
        self.doing = ""
        """What is being done now."""

    def __enter__(self) -> Self:
        _shown.append(self)
        if self._line is not None:
            self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the moving line away."""
        if self in _shown:
            _shown.remove(self)
        if self._line is not None:
            self._line.stop()

    def __call__(self, text: str) -> None:
        """Tell what is being done now."""
        if text == self.doing:
            return
        self.doing = text
        if self._line is not None and self._task is not None:
            room = max(self._line.console.width - _BESIDE, 20)  # rich would shorten the elapsed time first
            self._line.update(self._task, description=textwrap.shorten(text, room, placeholder=" ..."))
        elif self._tells_all:
            self._say(f"{_INDENT}{text} ...")

    def finished(self, done: StepDone) -> None:
        """Tell what a finished step did, and how long it took."""
        if not self._tells_steps:
            return
        if done.turn != self._turn and done.turn is not None:
            self._say(done.turn)
        self._turn = done.turn
        for line in finished_lines(done, shutil.get_terminal_size().columns):
            self._say(line)

    def _say(self, line: str) -> None:
        if self._line is not None:
            self._line.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


_shown: list[Display] = []  # a terminal has one moving line


def current_display() -> Display | None:
    """Give the display that is being shown, if any.

    >>> with Display() as show:
    ...     current_display() is show
    True
    >>> current_display()
    """
    return _shown[-1] if _shown else None


def finished_lines(done: StepDone, width: int) -> list[str]:
    """Write what a step did within a terminal's width.

    >>> from lakeloop.runs.progress import StepDone
    >>> finished_lines(StepDone("score", "late_delivery", "70 rows by version 1", 3.21), 80)
    ['    3.2 s  score late_delivery: 70 rows by version 1']
    """
    name = f"{done.step.replace('_', ' ')} {done.subject}" if done.subject else done.step.replace("_", " ")
    text = f"{name}: {done.summary}" if done.summary else name
    first = f"{done.seconds:7.1f} s  "
    return textwrap.wrap(text, max(width - 1, 40), initial_indent=first, subsequent_indent=f"{_INDENT}  ") or [first]
