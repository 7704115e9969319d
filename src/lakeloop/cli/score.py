"""The verb that scores: what is due at an instant, as it comes, or the past once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.errors import UsageError

if TYPE_CHECKING:
    from lakeloop.cli.verbs import Step
    from lakeloop.runs.context import Context

_AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="INSTANT", help="The logical now; needed without --every.")
]
_Stream = Annotated[
    bool, typer.Option("--stream", help="Follow the spine's source: what has come up to --as-of, or with --every.")
]
_Every = Annotated[
    str | None,
    typer.Option("--every", metavar="DURATION", help="With --stream: look this often, by this machine's clock."),
]
_Backfill = Annotated[
    tuple[str, str] | None,
    typer.Option("--backfill", metavar="FROM TO", help="Score the past again, as backtests: after FROM, up to TO."),
]
_Version = Annotated[
    str | None, typer.Option("--version", metavar="V", help="With --backfill: by this version, not the champion.")
]
_Again = Annotated[
    bool, typer.Option("--again", help="With --backfill: also what this version has scored, as a new revision.")
]


def add_score(app: typer.Typer, step: Step) -> None:
    """Add the verb.

    Args:
        app: The command line; its own module is loaded up to its steps.
        step: The step that scores.

    >>> from lakeloop.cli.verbs import STEPS
    >>> from typer.testing import CliRunner
    >>> app = typer.Typer(rich_markup_mode=None)
    >>> add_score(app, next(each for each in STEPS if each.verb == "score"))
    >>> "--backfill FROM TO" in CliRunner().invoke(app, ["--help"]).output
    True
    """
    from lakeloop.cli import verbs

    @verb(app, step.verb, step.help, "model")
    def _score(
        options: Options,
        context: typer.Context,
        as_of: _AsOf = None,
        stream: _Stream = False,
        every: _Every = None,
        backfill: _Backfill = None,
        version: _Version = None,
        again: _Again = False,
        *,
        model: Sequence[str] | None,
    ) -> None:
        if every is not None and (not stream or as_of is not None):
            context.fail("Write --every together with --stream, and without --as-of: the clock is this machine's.")
        if backfill is None and (version is not None or again):
            context.fail("Write --version and --again together with --backfill.")
        if backfill is not None and stream:
            context.fail("Leave --stream or --backfill out: a stream scores what is due, a backfill the past.")
        if every is not None:
            _follow(options, every, model)
        if as_of is None:
            context.fail("Missing option '--as-of'.")
        if stream:
            verbs._run_step(step, options, as_of, model, _load_stream, "score_stream")
        if backfill is not None:
            verbs._run_step(step, options, as_of, model, partial(_load_again, backfill, version, again), "score_again")
        verbs._run_step(step, options, as_of, model)


def _load_stream() -> Callable[..., Any]:
    from lakeloop.runs.score_stream import score_available

    return score_available


def _follow(options: Options, every: str, models: Sequence[str] | None) -> None:
    """Follow the spine of one model until the process is ended."""
    from lakeloop.cli import verbs

    def work(report: Report) -> None:
        interval = _read_interval(every)
        with Display(verbose=options.verbose) as show:
            context = verbs._open_now(options, report, show)
            chosen = verbs._choose_models(context.config, models)
            if len(chosen) != 1:
                allowed = ", ".join(context.config.models)
                raise UsageError("--model", f"{len(chosen)} models", allowed, "name one: a process follows one model")
            from lakeloop.runs.expressions import assert_expressions
            from lakeloop.runs.integrity import assert_intact
            from lakeloop.runs.score_stream import score_continuously

            with context.lake.writing():
                assert_expressions(context)
                assert_intact(context)
            report.result = score_continuously(context, chosen[0], interval, lambda: datetime.now(UTC))

    finish("score", options, work)


def _load_again(stretch: tuple[str, str], version: str | None, again: bool) -> Callable[..., Any]:
    from lakeloop.runs.score_again import Range, score_range

    def call(context: Context, name: str) -> Any:
        from lakeloop.config.as_of import parse_as_of

        after, through = (parse_as_of(each, context.config.project.zone, "--backfill") for each in stretch)
        return score_range(context, name, Range(after, through, version, again))

    return call


def _read_interval(text: str) -> timedelta:
    from lakeloop.config.durations import ALLOWED, parse_duration

    try:
        return parse_duration(text)
    except ValueError:
        raise UsageError("--every", repr(text), ALLOWED, "write '1 minute'") from None
