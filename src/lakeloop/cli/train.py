"""The verb that trains: at an instant, or again on a set that was pinned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish

if TYPE_CHECKING:
    from lakeloop.cli.verbs import Step


def add_train(app: typer.Typer, step: Step) -> None:
    """Add the verb.

    Args:
        app: The command line; its own module is loaded up to its steps.
        step: The step that trains.

    >>> from lakeloop.cli.verbs import STEPS
    >>> app = typer.Typer()
    >>> add_train(app, STEPS[-1])
    >>> [each.name for each in app.registered_commands]
    ['train']
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
        *,
        model: Sequence[str] | None,
    ) -> None:
        if training_set is None:
            if seed is not None:
                context.fail("Write --seed together with --training-set; the project's seed is in project.yml.")
            if as_of is None:
                context.fail("Missing option '--as-of'.")
            verbs._run_step(step, options, as_of, model)
        if as_of is not None or model:
            context.fail("Leave --as-of and --model out: a training set has its own.")

        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                opened = verbs._open_now(options, report, show, trains=True)
                from lakeloop.runs.repeat import repeat_training

                report.result = result = repeat_training(opened, training_set, seed)
            broken = result.failure()
            if broken is not None:
                report.failures = (broken,)

        finish("train", options, work)
