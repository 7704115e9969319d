"""Logs on standard error: lines for people, or one JSON object per line for machines."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
import warnings
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

from lakeloop.errors import LakeloopError, UsageError
from lakeloop.run_log import current_run, hide_environment, redacted

VARIABLE = "LAKELOOP_LOG_FORMAT"
STEPS = "lakeloop.steps"
"""Logger of the begin and the end of steps; lines for people tell them in another way."""


class LogFormat(StrEnum):
    """How logs are written."""

    TEXT = "text"
    JSON = "json"


def log_format(asked: LogFormat | None) -> LogFormat:
    """Tell how logs are to be written.

    Args:
        asked: What the option says; None where it was not given.

    Returns:
        That, or what the environment says, or text.

    Raises:
        UsageError: If the environment says something else.

    >>> log_format(LogFormat.JSON).value
    'json'
    """
    said = os.environ.get(VARIABLE, "")
    if asked is not None or not said:
        return asked or LogFormat.TEXT
    if said not in list(LogFormat):
        raise UsageError(VARIABLE, repr(said), ", ".join(LogFormat), "correct the variable, or unset it")
    return LogFormat(said)


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object; hidden values are left out.

    >>> record = logging.LogRecord("lakeloop.steps", logging.INFO, "", 0, "%s done", ("score",), None)
    >>> record.created, record.data = 1704067200.25, {"seconds": 1.5}
    >>> print(JsonLines().format(record))  # doctest: +NORMALIZE_WHITESPACE
    {"timestamp": "2024-01-01T00:00:00.250Z", "level": "INFO", "logger": "lakeloop.steps", "message": "score done",
     "run_id": null, "job": null, "step": null, "subject": null, "as_of": null, "seconds": 1.5}
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        instant = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "timestamp": instant.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **current_run().as_dict(),
        }
        for key, value in getattr(record, "data", {}).items():
            if line.get(key) is None:
                line[key] = redacted(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[1] is not None:
            from lakeloop.cli.machine import trace_of

            line["trace"] = redacted(trace_of(record.exc_info[1]))
        return json.dumps(line, default=str)


class _TextLines(logging.Formatter):
    """Writes a record as a line for people; hidden values are left out."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class Records(io.TextIOBase):
    """Stands for standard error where it is to hold JSON lines alone: what is written becomes records, line by line.

    >>> records = Records(io.StringIO())
    >>> records.write("the begin of a line"), records.isatty()
    (19, False)
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream, self._begun = stream, ""
        self._inside = threading.local()
        self._log = logging.getLogger("stderr")

    def write(self, text: str) -> int:
        """Make records of the lines that end here."""
        if getattr(self._inside, "is_logging", False):  # of logging itself, which has failed: not again
            return self.stream.write(text)
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._tell(line)
        return len(text)

    def flush(self) -> None:
        """Flush what stands below."""
        self.stream.flush()

    def close(self) -> None:
        """Make a record of what was begun; what stands below stays open."""
        self._tell(self._begun)
        self._begun = ""

    def isatty(self) -> bool:
        """Records are for no terminal."""
        return False

    def fileno(self) -> int:
        """Give the file below."""
        return self.stream.fileno()

    def _tell(self, line: str) -> None:
        if line.strip():
            self._inside.is_logging = True
            try:
                self._log.warning("%s", line.rstrip())
            finally:
                self._inside.is_logging = False


def set_up_logs(form: LogFormat, *, verbose: bool) -> None:
    """Send the logs of this process to standard error.

    Args:
        form: How they are written. As JSON also warnings, and whatever else is written there, become records.
        verbose: Whether the logs and warnings of libraries are wanted too.

    >>> set_up_logs(LogFormat.TEXT, verbose=False)
    """
    hide_environment(os.environ)
    if not verbose:
        warnings.simplefilter("ignore")
    # What Py4J logs it also raises; its log quotes values of the data.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    # What MLflow logs of its database, with a trace and the values of the statement, it raises too.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    if isinstance(sys.stderr, Records):  # by an earlier call in this process
        sys.stderr = sys.stderr.stream
        logging.getLogger().handlers.clear()
    level = logging.INFO if verbose else logging.WARNING
    handler = logging.StreamHandler(sys.stderr)
    if form is LogFormat.TEXT:
        handler.setFormatter(_TextLines())
        logging.basicConfig(handlers=[handler], level=level)
        logging.getLogger(STEPS).setLevel(logging.WARNING)
        return
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in (STEPS, "lakeloop"):
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    sys.stderr = Records(sys.stderr)


def tell_error(form: LogFormat, text: str, **data: Any) -> None:
    """Tell on standard error what ended a call.

    Args:
        form: How logs are written.
        text: One or more lines.
        **data: What a machine wants to know beside them.

    >>> tell_error(LogFormat.TEXT, "")
    """
    if form is LogFormat.JSON:
        logging.getLogger("lakeloop.cli").error("%s", text.rstrip(), extra={"data": data})
    else:
        sys.stderr.write(redacted(text))


def describe_error(failure: LakeloopError) -> dict[str, Any]:
    """Give of an error what a machine wants to know.

    >>> describe_error(UsageError("--as-of", "never", "an instant", "name one"))
    {'error': 'UsageError', 'exit_code': 2, 'retryable': False}
    """
    return {"error": type(failure).__name__, "exit_code": failure.exit_code, "retryable": failure.retryable}
