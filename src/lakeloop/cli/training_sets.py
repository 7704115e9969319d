"""The verb that pins a training set, and those below it: tell, compare, make again and release what there is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb, verb_group
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.errors import UsageError

if TYPE_CHECKING:
    from lakeloop.cli.verbs import Step

_SET = Annotated[str, typer.Argument(metavar="ID", help="A training set, or the first characters of its id.")]


def add_training_sets(app: typer.Typer, step: Step) -> None:
    """Add the verb and those below it.

    Args:
        app: The command line; its own module is loaded up to its steps.
        step: The step that pins a training set.

    >>> from lakeloop.cli.verbs import STEPS
    >>> app = typer.Typer()
    >>> add_training_sets(app, next(each for each in STEPS if each.verb == "training-set"))
    >>> (below,) = app.registered_groups
    >>> [each.name for each in below.typer_instance.registered_commands]
    ['build', 'list', 'show', 'rebuild', 'diff', 'audit', 'retire']
    """
    from lakeloop.cli import verbs

    @verb_group(app, step.verb, f"{step.help} Below it: those there are.", "as_of", "model")
    def below(options: Options, *, as_of: str, model: Sequence[str] | None) -> None:
        verbs._run_step(step, options, as_of, model)

    @verb(below, "build", step.help, "as_of", "model")
    def _build(options: Options, *, as_of: str, model: Sequence[str] | None) -> None:
        verbs._run_step(step, options, as_of, model)

    @verb(below, "list", "List the training sets and their status.", "model")
    def _list(options: Options, *, model: Sequence[str] | None) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_now(options, report, show)
                chosen = verbs._choose_models(context.config, model)
                from lakeloop.runs.manifests import list_sets

                report.result = {"training_sets": list_sets(context, datetime.now(UTC), chosen)}

        finish("training-set list", options, work)

    @verb(below, "show", "Show what a training set was made from.")
    def _show(options: Options, training_set: _SET) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                from lakeloop.runs.manifests import show_set

                context = verbs._open_now(options, report, show)
                report.result = show_set(context, datetime.now(UTC), training_set)

        finish("training-set show", options, work)

    @verb(below, "rebuild", "Make a training set again and compare; write nothing.")
    def _rebuild(options: Options, training_set: _SET) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_now(options, report, show)
                from lakeloop.runs.manifests import find_manifest
                from lakeloop.runs.rebuild import rebuild_training_set

                manifest = find_manifest(context, training_set)
                report.result = result = rebuild_training_set(context, manifest.model, manifest.training_set_id)
            broken = result.failure()
            if broken is not None:
                report.failures = (broken,)

        finish("training-set rebuild", options, work)

    @verb(below, "diff", "Say what differs between two training sets of a model.")
    def _diff(
        options: Options,
        first: _SET,
        second: Annotated[str, typer.Argument(metavar="OTHER", help="Another one of the same model.")],
    ) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                from lakeloop.runs.diff import diff_sets

                report.result = diff_sets(verbs._open_now(options, report, show), first, second)

        finish("training-set diff", options, work)

    @verb(below, "audit", "Search a training set for leaks.")
    def _audit(options: Options, training_set: _SET) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                from lakeloop.runs.audit import audit_training_set

                report.result = result = audit_training_set(verbs._open_now(options, report, show), training_set)
            leaks = result.failure()
            if leaks is not None:
                report.failures = (leaks,)

        finish("training-set audit", options, work)

    @verb(below, "retire", "Release a training set's inputs; its rows stay.")
    def _retire(
        options: Options,
        training_set: _SET,
        reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")] = None,
    ) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                from lakeloop.runs.manifests import retire_set

                report.result = retire_set(verbs._open_now(options, report, show), training_set, reason)

        finish("training-set retire", options, work)


def _read_age(text: str) -> timedelta:
    from lakeloop.config.durations import ALLOWED, parse_duration

    try:
        return parse_duration(text)
    except ValueError:
        remedy = "leave it out for the project's retention"
        raise UsageError("--older-than", repr(text), ALLOWED, remedy) from None


def add_vacuum(app: typer.Typer) -> None:
    """Add the verb that removes files nobody needs.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_vacuum(app)
    >>> [each.name for each in app.registered_commands]
    ['vacuum']
    """
    from lakeloop.cli import verbs

    @verb(app, "vacuum", "Remove files that nothing in use needs.")
    def _vacuum(
        options: Options,
        plan: Annotated[bool, typer.Option("--plan", help="Only tell what would go, and what sets hold back.")] = False,
        older_than: Annotated[
            str | None,
            typer.Option("--older-than", metavar="DURATION", help="Least age, '30 days'; by default the retention."),
        ] = None,
    ) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_now(options, report, show)
                from lakeloop.runs.vacuum import vacuum

                age = None if older_than is None else _read_age(older_than)
                report.result = vacuum(context, datetime.now(UTC), older_than=age, plan=plan)

        finish("vacuum", options, work)
