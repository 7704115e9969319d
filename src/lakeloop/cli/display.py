"""What is being done, told on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


class Display:
    """Tells on standard error what is being done: one moving line on a terminal, a line each elsewhere.

    >>> with Display() as show:
    ...     show("ingest outcomes")
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
        self._line = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._task = self._line.add_task("") if self._line is not None else None
        self._started, self._last = time.monotonic(), ""

    def __enter__(self) -> Callable[[str], None]:
        if self._line is not None:
            self._line.start()
        return self.show

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.stop()

    def show(self, text: str) -> None:
        """Tell what is being done now."""
        if self._line is not None and self._task is not None:
            self._line.update(self._task, description=text)
        elif text != self._last:
            sys.stderr.write(f"{time.monotonic() - self._started:6.1f} s  {text}\n")
            sys.stderr.flush()
        self._last = text
