"""The verb that trains: the one step that a person can tell what may pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options

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
    >>> add_train(app, STEPS[-1])
    >>> "--acknowledge CHECK" in CliRunner().invoke(app, ["--help"]).output
    True
    """
    from lakeloop.cli import verbs

    @verb(app, step.verb, step.help, "as_of", "model")
    def _train(
        options: Options,
        acknowledge: Annotated[list[str] | None, _ACKNOWLEDGE] = None,
        *,
        as_of: str,
        model: Sequence[str] | None = None,
    ) -> None:
        def load() -> Callable[..., Any]:
            return partial(step.load(), acknowledged=tuple(acknowledge)) if acknowledge else step.load()

        verbs._run_step(step, options, as_of, model, load)
