"""The verb that runs policies over history."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from lakeloop.runs.context import Context

RECORDED = "recorded"
"""What `--every` is given for the turns that the workspace did itself."""


def add_replay(app: typer.Typer) -> None:
    """Add the verb.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_replay(app)
    >>> [each.name for each in app.registered_commands]
    ['replay']
    """
    from lakeloop.cli import verbs

    @verb(app, "replay", "Run policies over history: what they would have done, cost and brought.")
    def _replay(
        options: Options,
        name: Annotated[str, typer.Argument(metavar="MODEL", help="The model.")],
        since: Annotated[str, typer.Option("--from", metavar="INSTANT", help="First turn: it trains the first model.")],
        until: Annotated[str, typer.Option("--to", metavar="INSTANT", help="End: the last turn is at it or before.")],
        policy: Annotated[
            str | None,
            typer.Option("--policy", metavar="NAMES", help="With commas between; by default all."),
        ] = None,
        every: Annotated[
            str | None,
            typer.Option(
                "--every",
                metavar="DURATION",
                help="Time between turns, by default the monitor's window; or `recorded`.",
            ),
        ] = None,
        draws: Annotated[
            int, typer.Option("--draws", metavar="N", min=1, max=1000, help="Draws of random turns.")
        ] = 20,
        out: Annotated[
            Path | None, typer.Option("--out", metavar="FILE", help="Write all of it as JSON, with every decision.")
        ] = None,
    ) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_now(options, report, show, trains=True)
                verbs._choose_models(context.config, [name], "MODEL")
                from lakeloop.runs.history.page import write_page
                from lakeloop.runs.history.policies import possible_policies
                from lakeloop.runs.history.replay import Asked, replay_history
                from lakeloop.runs.history.text import describe_replay

                turns = _turns(context, name, since, until, every)
                names = possible_policies(context.config.models[name])
                if policy is not None:
                    names = tuple(each.strip() for each in policy.split(",") if each.strip())
                found = replay_history(context, name, Asked(names, turns, draws))
                found = dataclasses.replace(found, page=str(write_page(context, found)))
                if out is not None:
                    out.parent.mkdir(parents=True, exist_ok=True)
                    out.write_text(json.dumps(dataclasses.asdict(found), indent=1, default=str), encoding="utf-8")
                short = [dataclasses.replace(each, decisions=()) for each in found.policies]
                report.result = dataclasses.replace(found, policies=tuple(short))
                report.text = describe_replay(found)

        finish("replay", options, work)


def _turns(context: Context, name: str, since: str, until: str, every: str | None) -> tuple[datetime, ...]:
    from lakeloop.config.as_of import parse_as_of
    from lakeloop.config.durations import parse_duration
    from lakeloop.runs.history.replay import recorded_turns, turns_between

    zone = context.config.project.zone
    begin, end = parse_as_of(since, zone, "--from"), parse_as_of(until, zone, "--to")
    if begin >= end:
        raise UsageError("--from, --to", f"{since} and {until}", "a stretch of time", "write a later --to")
    if every == RECORDED:
        return recorded_turns(context, begin, end)
    apart: timedelta = context.config.models[name].monitor.window
    if every is not None:
        try:
            apart = parse_duration(every)
        except ValueError as wrong:
            raise UsageError("--every", repr(every), f"whole days, or {RECORDED}", f"write '7 days': {wrong}") from None
    return turns_between(begin, end, apart, zone)
