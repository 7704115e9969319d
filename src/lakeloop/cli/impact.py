"""The verb that tells what a change would break."""

from __future__ import annotations

from typing import Annotated

import typer

from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish


def add_impact(app: typer.Typer) -> None:
    """Add the verb.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_impact(app)
    >>> [each.name for each in app.registered_commands]
    ['impact']
    """
    from lakeloop.cli import verbs

    @verb(app, "impact", "Tell what a change of something would break.")
    def _impact(
        options: Options,
        what: Annotated[
            str,
            typer.Argument(
                metavar="WHAT", help="A source, SOURCE.COLUMN, a feature table, or TABLE.FEATURE of the project."
            ),
        ],
    ) -> None:
        def work(report: Report) -> None:
            from lakeloop.discovery.impact import find_impact
            from lakeloop.discovery.impact_text import describe_impact

            found = find_impact(verbs._load_project(options), what)
            report.result, report.text = found, describe_impact(found, width=verbs._width())

        finish("impact", options, work)
