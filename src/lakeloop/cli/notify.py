"""The verbs about notifications."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.errors import EnvironmentProblemError, Failure, UsageError

_REMEDY = "correct the channel in conf/base/project.yml, or the variables of the environment that it names"
_Channels = Annotated[
    list[str] | None, typer.Option("--channel", metavar="NAME", help="Only this channel; may be repeated.")
]


def add_notify(app: typer.Typer) -> None:
    """Add the verbs.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_notify(app)
    >>> [each.name for each in app.registered_groups[0].typer_instance.registered_commands]
    ['test']
    """
    group = typer.Typer(
        name="notify",
        help="Channels of notifications: send a test message.",
        rich_markup_mode=None,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @group.callback()
    def _group() -> None:
        """Keep the verb below: a group of one would take its place."""

    @verb(group, "test", "Send a test message by every channel, and tell whether it arrived.")
    def _test(options: Options, channel: _Channels = None) -> None:
        def work(report: Report) -> None:
            from lakeloop.cli import verbs
            from lakeloop.notifications.trial import describe_tests, try_channels

            config = verbs._load_project(options)
            chosen = _choose(tuple(config.project.notify.named), channel)
            with Display(verbose=options.verbose) as show:
                show("sending")
                found = try_channels(config, chosen, datetime.now(UTC))
            report.result, report.text = {"channels": found}, describe_tests(found)
            failed = [Failure(each.channel, each.error) for each in found if not each.arrived]
            if failed:
                report.failures = (EnvironmentProblemError("notifications", failed, _REMEDY),)

        finish("notify test", options, work)

    app.add_typer(group)


def _choose(known: Sequence[str], names: Sequence[str] | None) -> tuple[str, ...]:
    for name in names or ():
        if name not in known:
            close = get_close_matches(name, known, 1)
            remedy = f"did you mean {close[0]!r}?" if close else "name one of these, or leave the option out for all"
            raise UsageError("--channel", repr(name), ", ".join(known), remedy)
    return tuple(dict.fromkeys(names)) if names else tuple(known)
