"""The verbs about decisions: make one, look at one without recording it, read flags and what was decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish

if TYPE_CHECKING:
    from lakeloop.cli.verbs import Step
    from lakeloop.runs.context import Context

_MOST = 1000
_Models = Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="Models; all without it.")]
_AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="INSTANT", help="What was recorded up to then; by default all.")
]


def add_decide(app: typer.Typer, step: Step) -> None:
    """Add the verb that decides.

    Args:
        app: The command line; its own module is loaded up to its steps.
        step: The step that decides.

    >>> from lakeloop.cli.verbs import STEPS
    >>> from typer.testing import CliRunner
    >>> app = typer.Typer(rich_markup_mode=None)
    >>> add_decide(app, next(each for each in STEPS if each.verb == "decide"))
    >>> "--dry-run" in CliRunner().invoke(app, ["--help"]).output
    True
    """
    from lakeloop.cli import verbs

    @verb(app, step.verb, step.help, "as_of", "model")
    def _decide(
        options: Options,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell the decision, and record nothing.")] = False,
        *,
        as_of: str,
        model: Sequence[str] | None,
    ) -> None:
        if not dry_run:
            verbs._run_step(step, options, as_of, model)

        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_context(options, as_of, report, show)
                from lakeloop.runs.decide import preview_action

                report.result = {
                    name: preview_action(context, name) for name in verbs._choose_models(context.config, model)
                }

        finish(step.verb, options, work)


def add_decisions(app: typer.Typer) -> None:
    """Add the verbs that read.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_decisions(app)
    >>> [each.name for each in app.registered_commands]
    ['flags', 'decisions']
    """

    @verb(app, "flags", "Show what asks for an answer: the open flags.")
    def _flags(
        options: Options,
        models: _Models = None,
        as_of: _AsOf = None,
        every: Annotated[bool, typer.Option("--all", help="Also flags that have ended.")] = False,
    ) -> None:
        def read(context: Context, names: Sequence[str], width: int) -> tuple[Any, str]:
            from lakeloop.runs.decision_history import list_flags_of
            from lakeloop.runs.decision_text import describe_flags

            found = list_flags_of(context, names, closed=every)
            return {"flags": found}, describe_flags(found, names, width=width)

        _read("flags", options, models, as_of, read)

    @verb(app, "decisions", "Show what was decided, and why.")
    def _decisions(
        options: Options,
        models: _Models = None,
        as_of: _AsOf = None,
        limit: Annotated[
            int, typer.Option("--limit", metavar="N", min=1, max=_MOST, help="How many of each model at most.")
        ] = 10,
    ) -> None:
        def read(context: Context, names: Sequence[str], width: int) -> tuple[Any, str]:
            from lakeloop.runs.decision_history import list_decisions_of
            from lakeloop.runs.decision_text import describe_decisions

            found = list_decisions_of(context, names, limit)
            return {"decisions": found}, describe_decisions(found, names, width=width)

        _read("decisions", options, models, as_of, read)


def _read(
    name: str,
    options: Options,
    models: Sequence[str] | None,
    as_of: str | None,
    read: Callable[[Context, Sequence[str], int], tuple[Any, str]],
) -> NoReturn:
    from lakeloop.cli import verbs

    def work(report: Report) -> None:
        with Display(verbose=options.verbose) as show:
            if as_of is None:
                context = verbs._open_now(options, report, show)
            else:
                context = verbs._open_context(options, as_of, report, show)
            names = verbs._choose_models(context.config, models, "MODEL")
            report.result, report.text = read(context, names, verbs._width())

    finish(name, options, work)
