"""The verb that makes a range of a gold table's past again, or tells what that would change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.errors import UsageError

_Table = Annotated[str, typer.Argument(metavar="FEATURE_TABLE", help="A gold table of the project.")]
_From = Annotated[
    str | None, typer.Option("--from", metavar="INSTANT", help="Instant before the range; floored to a tick.")
]
_To = Annotated[str | None, typer.Option("--to", metavar="INSTANT", help="Last instant; floored to a tick.")]
_Chunk = Annotated[
    str | None, typer.Option("--chunk", metavar="DURATION", help="Length of a commit's range; by default '28 days'.")
]
_Plan = Annotated[bool, typer.Option("--plan", help="Only tell what would change.")]
_Estimate = Annotated[bool, typer.Option("--estimate", help="With --plan: tell by keys alone, compute no values.")]


def add_backfill(app: typer.Typer) -> None:
    """Add the verb.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_backfill(app)
    >>> [each.name for each in app.registered_commands]
    ['backfill']
    """
    from lakeloop.cli import verbs

    @verb(app, "backfill", "Make a range of a gold table's past again; tell what differs.", "as_of")
    def _backfill(
        options: Options,
        feature_table: _Table,
        after: _From = None,
        through: _To = None,
        chunk: _Chunk = None,
        plan: _Plan = False,
        estimate: _Estimate = False,
        *,
        as_of: str,
    ) -> None:
        def work(report: Report) -> None:
            if estimate and not plan:
                raise UsageError("--estimate", "without --plan", "with --plan", "add --plan, or leave it out")
            with Display(verbose=options.verbose) as show:
                context = verbs._open_context(options, as_of, report, show)
                from lakeloop.runs.backfill_scope import Asked

                def read(text: str | None, option: str) -> datetime | None:
                    from lakeloop.config.as_of import parse_as_of

                    return None if text is None else parse_as_of(text, context.config.project.zone, option)

                asked = Asked(feature_table, read(after, "--from"), read(through, "--to"), _read_chunk(chunk))
                if plan:
                    from lakeloop.runs.backfill_plan import plan_backfill

                    report.result = plan_backfill(context, asked, estimate=estimate)
                else:
                    from lakeloop.runs.backfill import run_backfill

                    report.result = run_backfill(context, asked)

        finish("backfill", options, work)


def _read_chunk(text: str | None) -> timedelta | None:
    from lakeloop.config.durations import ALLOWED, parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError:
        raise UsageError("--chunk", repr(text), ALLOWED, "leave it out for 28 days") from None
