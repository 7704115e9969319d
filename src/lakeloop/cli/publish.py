"""The verb that publishes champions and their newest gold rows for online answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options

_Models = Annotated[list[str] | None, typer.Argument(metavar="MODEL", help="Models to publish; all by default.")]
_Full = Annotated[bool, typer.Option("--full", help="Write all rows anew, whatever the online store serves.")]


def add_publish(app: typer.Typer) -> None:
    """Add the verb.

    Args:
        app: The command line; its own module is loaded up to its steps.

    >>> from typer.testing import CliRunner
    >>> app = typer.Typer(rich_markup_mode=None)
    >>> add_publish(app)
    >>> "[OPTIONS] [MODEL]..." in CliRunner().invoke(app, ["--help"]).output
    True
    """
    from lakeloop.cli import verbs

    step = verbs.Step("publish", "Publish champions and their newest rows.", "lakeloop.runs.publish", "publish", True)

    @verb(app, step.verb, step.help, "as_of")
    def _publish(options: Options, models: _Models = None, full: _Full = False, *, as_of: str) -> None:
        def load() -> Callable[..., Any]:
            return partial(step.load(), full=full)

        verbs._run_step(step, options, as_of, models, load, where="MODEL")
