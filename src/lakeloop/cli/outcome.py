"""How a verb ends: its result or its error printed, and a stable exit code."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from lakeloop.cli.interrupts import handling_interrupts
from lakeloop.cli.logs import LogFormat, describe_error, log_format, set_up_logs, tell_error
from lakeloop.cli.machine import explain_machine_failure, first_line, prefer_full_disk, trace_of
from lakeloop.cli.store_failure import explain_store_failure
from lakeloop.errors import LakeloopError, UsageError
from lakeloop.run_log import redacted, run_fields

UNEXPECTED, INTERRUPTED = 1, 130


@dataclass(frozen=True)
class Options:
    """What every verb is given.

    Attributes:
        project: Folder that holds `conf/`; None for the current one.
        env: Environment laid over the base.
        as_json: Whether the result is one JSON line.
        verbose: Whether logs, warnings and traces are shown.
        log_format: How logs are written; None where the environment is to say.
    """

    project: Path | None
    env: str | None
    as_json: bool
    verbose: bool
    log_format: LogFormat | None = None


@dataclass
class Report:
    """What a verb reports, filled while it works, so that a failure can report what was done before it.

    Attributes:
        as_of: The logical now, once it was read.
        run_id: Id of the call, as the run ledger and the logs have it; None of a verb that opens no workspace.
        result: The step's result; per model, the results so far.
        text: What a person is shown instead of the result's fields.
        failures: Errors of single models; the other models were still done.
    """

    as_of: datetime | None = None
    run_id: str | None = None
    result: Any = None
    text: str | None = None
    failures: tuple[LakeloopError, ...] = ()


class Finished(SystemExit):
    """An exit whose result or error has been printed."""


def finish(verb: str, options: Options, work: Callable[[Report], None]) -> NoReturn:
    """Do a verb's work, print what it reports, and exit; what it raises becomes a message and an exit code.

    Args:
        verb: The verb, for the JSON line.
        options: What the verb was given.
        work: Does the work and fills the report.

    Raises:
        Finished: Always, with the exit code.

    >>> from contextlib import suppress
    >>> def work(report):
    ...     report.result = {"rows": 70}
    >>> with suppress(Finished):
    ...     finish("score", Options(None, None, as_json=True, verbose=False), work)
    {"verb": "score", "as_of": null, "outcome": "done", "exit_code": 0, "result": {"rows": 70}}
    """
    report, form = Report(), LogFormat.TEXT
    misuse: tuple[LakeloopError, ...] = ()
    try:
        form = log_format(options.log_format)
    except UsageError as failure:
        misuse = (failure,)
    set_up_logs(form, verbose=options.verbose)

    def tell_interrupt(code: int, message: str) -> None:
        tell_error(form, f"{message}\n", exit_code=code, **_run_of(verb, report))
        sys.stderr.flush()
        if options.as_json:
            error = {"type": "KeyboardInterrupt", "message": message, "retryable": True}
            write_json(verb, report, code, error)
            sys.stdout.flush()

    try:
        with handling_interrupts(verb, tell_interrupt), run_fields(job=verb):
            report.failures = misuse
            if not misuse:
                work(report)
    except LakeloopError as failure:
        report.failures = (*report.failures, prefer_full_disk(failure))
    except KeyboardInterrupt:
        tell_error(form, "interrupted\n", exit_code=INTERRUPTED, **_run_of(verb, report))
        _end(verb, options, report, INTERRUPTED, {"type": "KeyboardInterrupt", "message": "interrupted"})
    except Exception as failure:  # noqa: BLE001 - the boundary: every failure becomes a line and an exit code
        known = explain_machine_failure(failure) or explain_store_failure(failure)
        if known is not None:
            known.__cause__ = failure
            report.failures = (*report.failures, known)
        else:
            trace = {"trace": redacted(trace_of(failure))} if options.verbose else {}
            if options.verbose and form is LogFormat.TEXT:
                tell_error(form, trace["trace"])
            message = f"{type(failure).__name__}: {first_line(failure)}"
            hint = "" if options.verbose else " (add -v to see where)"
            told = {"exit_code": UNEXPECTED, **_run_of(verb, report), **trace}
            tell_error(form, f"unexpected: {message}{hint}\n", **told)
            _end(verb, options, report, UNEXPECTED, {"type": type(failure).__name__, "message": message})
    if not report.failures:
        _end(verb, options, report, 0, None)
    messages = tuple(dict.fromkeys(str(each) for each in report.failures))  # models may meet the same obstacle
    if options.verbose and form is LogFormat.TEXT:
        for each in report.failures:
            tell_error(form, trace_of(each))
    first = report.failures[0]
    traces = {"trace": "\n".join(map(trace_of, report.failures))} if options.verbose else {}
    told = {**describe_error(first), **_run_of(verb, report), **traces}
    tell_error(form, "".join(f"{each}\n" for each in messages), **told)
    described = {
        "type": type(first).__name__,
        "message": "\n".join(messages),
        "retryable": all(each.retryable for each in report.failures),
    }
    _end(verb, options, report, first.exit_code, described)


def _run_of(verb: str, report: Report) -> dict[str, Any]:
    as_of = None if report.as_of is None else report.as_of.isoformat().replace("+00:00", "Z")
    return {"job": verb, "run_id": report.run_id, "as_of": as_of}


def _end(verb: str, options: Options, report: Report, code: int, error: dict[str, Any] | None) -> NoReturn:
    from lakeloop.reporting.results import describe_result

    if options.as_json:
        write_json(verb, report, code, error)
    elif report.text is not None:
        sys.stdout.write(f"{redacted(report.text)}\n")
    elif report.result is not None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        sys.stdout.write(f"{redacted(describe_result(report.result, width))}\n")
    sys.stdout.flush()
    raise Finished(code)


def write_json(verb: str | None, report: Report, code: int, error: dict[str, Any] | None) -> None:
    """Print the one JSON line.

    Args:
        verb: The verb; None when the command line could not be read.
        report: What was reported.
        code: The exit code.
        error: Type and message of the error, and whether a retry can help; None without one.

    >>> write_json(None, Report(), 2, {"type": "UsageError"})  # doctest: +ELLIPSIS
    {"verb": null, "as_of": null, "outcome": "failed", "exit_code": 2, "error": {..., "type": "UsageError"}}
    """
    from lakeloop.reporting.results import as_plain

    line: dict[str, Any] = {
        "verb": verb,
        "as_of": as_plain(report.as_of),
        "outcome": "done" if code == 0 else "failed",
        "exit_code": code,
    }
    if report.run_id is not None:
        line["run_id"] = report.run_id
    if report.result is not None:
        line["result"] = as_plain(report.result)
    if error is not None:
        line["error"] = {"retryable": False, **error}
    sys.stdout.write(redacted(json.dumps(line, allow_nan=False)) + "\n")
