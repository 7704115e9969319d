"""The verbs that make a version: at an instant, or again on a pinned set; and what a person lets pass the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish

if TYPE_CHECKING:
    from lakeloop.cli.verbs import Step

_ACKNOWLEDGE = typer.Option(
    "--acknowledge", metavar="CHECK", help="Let this blocking warning of the gate pass; may be repeated."
)


def add_train(app: typer.Typer, step: Step) -> None:
    """Add the verb.

    Args:
        app: The command line; its own module is loaded up to its steps.
        step: The step that trains.

    >>> from lakeloop.cli.verbs import STEPS
    >>> from typer.testing import CliRunner
    >>> app = typer.Typer(rich_markup_mode=None)
    >>> add_train(app, next(each for each in STEPS if each.verb == "train"))
    >>> "--acknowledge CHECK" in CliRunner().invoke(app, ["--help"]).output
    True
    """
    from lakeloop.cli import verbs

    @verb(app, step.verb, step.help, "model")
    def _train(
        options: Options,
        context: typer.Context,
        as_of: Annotated[
            str | None,
            typer.Option("--as-of", metavar="INSTANT", help="The logical now; needed without --training-set."),
        ] = None,
        training_set: Annotated[
            str | None,
            typer.Option("--training-set", metavar="ID", help="Train on this set again, and compare; no gate."),
        ] = None,
        seed: Annotated[
            int | None,
            typer.Option("--seed", metavar="S", min=0, max=2**32 - 1, help="With --training-set: another seed."),
        ] = None,
        acknowledge: Annotated[list[str] | None, _ACKNOWLEDGE] = None,
        *,
        model: Sequence[str] | None,
    ) -> None:
        if training_set is None:
            if seed is not None:
                context.fail("Write --seed together with --training-set; the project's seed is in project.yml.")
            if as_of is None:
                context.fail("Missing option '--as-of'.")
            verbs._run_step(step, options, as_of, model, _acknowledging(step, acknowledge))
        if as_of is not None or model or acknowledge:
            context.fail("Leave --as-of, --model and --acknowledge out: a set has its own, and no gate is asked.")

        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                opened = verbs._open_now(options, report, show, trains=True)
                from lakeloop.runs.repeat import repeat_training

                report.result = result = repeat_training(opened, training_set, seed)
            broken = result.failure()
            if broken is not None:
                report.failures = (broken,)

        finish("train", options, work)


def add_recalibrate(app: typer.Typer, step: Step) -> None:
    """Add the verb that corrects a champion's scores.

    Args:
        app: The command line.
        step: The step that recalibrates.

    >>> from lakeloop.cli.verbs import STEPS
    >>> from typer.testing import CliRunner
    >>> app = typer.Typer(rich_markup_mode=None)
    >>> add_recalibrate(app, STEPS[-1])
    >>> "--acknowledge CHECK" in CliRunner().invoke(app, ["--help"]).output
    True
    """
    from lakeloop.cli import verbs

    @verb(app, step.verb, step.help, "as_of", "model")
    def _recalibrate(
        options: Options,
        acknowledge: Annotated[list[str] | None, _ACKNOWLEDGE] = None,
        *,
        as_of: str,
        model: Sequence[str] | None = None,
    ) -> None:
        verbs._run_step(step, options, as_of, model, _acknowledging(step, acknowledge))


def _acknowledging(step: Step, names: Sequence[str] | None) -> Callable[[], Callable[..., Any]]:
    return lambda: partial(step.load(), acknowledged=tuple(names)) if names else step.load()
