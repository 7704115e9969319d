"""The verb that monitors, and below it the one that proposes roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb, verb_group
from lakeloop.cli.outcome import Options, Report, finish

if TYPE_CHECKING:
    from lakeloop.cli.verbs import Step


def add_monitor(app: typer.Typer, step: Step) -> None:
    """Add the verb, and those below it.

    Args:
        app: The command line; its own module is loaded up to its steps.
        step: The step that monitors.

    >>> from lakeloop.cli.verbs import STEPS
    >>> app = typer.Typer()
    >>> add_monitor(app, next(each for each in STEPS if each.verb == "monitor"))
    >>> (below,) = app.registered_groups
    >>> [each.name for each in below.typer_instance.registered_commands]
    ['calibrate']
    """
    from lakeloop.cli import verbs

    @verb_group(app, step.verb, f"{step.help} Below it: roles.", "as_of", "model")
    def below(options: Options, *, as_of: str, model: Sequence[str] | None) -> None:
        verbs._run_step(step, options, as_of, model)

    @verb(below, "calibrate", "Propose roles of a model's columns; change nothing.")
    def _calibrate(options: Options, name: Annotated[str, typer.Argument(metavar="MODEL", help="The model.")]) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_now(options, report, show)
                verbs._choose_models(context.config, [name], "MODEL")
                from lakeloop.runs.calibrate_roles import calibrate_roles, describe_calibration

                found = calibrate_roles(context, name)
                report.result, report.text = found.to_dict(), describe_calibration(found)

        finish("monitor calibrate", options, work)
