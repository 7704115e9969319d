"""The verb that builds the gold tables, and the verbs below it that tell what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb, verb_group
from lakeloop.cli.outcome import Options, Report, finish

if TYPE_CHECKING:
    from lakeloop.cli.verbs import Step


def add_features(app: typer.Typer, step: Step) -> None:
    """Add the verb and those below it.

    Args:
        app: The command line; its own module is loaded up to its steps.
        step: The step that builds the gold tables.

    >>> from lakeloop.cli.verbs import STEPS
    >>> app = typer.Typer()
    >>> add_features(app, STEPS[1])
    >>> (features,) = app.registered_groups
    >>> features.name, [each.name for each in features.typer_instance.registered_commands]
    ('features', ['list', 'show', 'search'])
    """
    from lakeloop.cli import verbs

    @verb_group(app, step.verb, f"{step.help} Below it: what is in them.", "as_of")
    def features(options: Options, *, as_of: str) -> None:
        verbs._run_step(step, options, as_of, None)

    @verb(features, "list", "List the features of all gold tables.")
    def _list(options: Options) -> None:
        def work(report: Report) -> None:
            from lakeloop.discovery.catalogue import build_catalogue
            from lakeloop.discovery.text import describe_catalogue

            found = build_catalogue(verbs._load_project(options))
            report.result, report.text = found, describe_catalogue(found, width=verbs._width())

        finish("features list", options, work)

    @verb(features, "show", "Show a gold table or a feature; --as-of reads it too.")
    def _show(
        options: Options,
        what: Annotated[str, typer.Argument(metavar="TABLE[.FEATURE]", help="A gold table, or one of its features.")],
        as_of: Annotated[
            str | None,
            typer.Option("--as-of", metavar="INSTANT", help="Read the table too, as it was known at this instant."),
        ] = None,
    ) -> None:
        def work(report: Report) -> None:
            from lakeloop.discovery.catalogue import build_catalogue
            from lakeloop.discovery.show import describe_shown, find_shown

            found = find_shown(build_catalogue(verbs._load_project(options)), what)
            if as_of is not None:
                with Display(verbose=options.verbose) as show:
                    context = verbs._open_context(options, as_of, report, show)
                    from lakeloop.runs.feature_facts import read_facts

                    found = found.with_facts(read_facts(context, [found.table.table]))
            report.result, report.text = found, describe_shown(found, width=verbs._width())

        finish("features show", options, work)

    @verb(features, "search", "Find features by words of what is said of them.")
    def _search(
        options: Options,
        words: Annotated[list[str], typer.Argument(metavar="WORDS", help="What to look for, in any case.")],
    ) -> None:
        def work(report: Report) -> None:
            from lakeloop.discovery.catalogue import build_catalogue
            from lakeloop.discovery.search import search_catalogue
            from lakeloop.discovery.text import describe_found

            found = search_catalogue(build_catalogue(verbs._load_project(options)), words)
            report.result, report.text = found, describe_found(found, width=verbs._width())

        finish("features search", options, work)
