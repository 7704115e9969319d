"""The verb that lists what installed packages bring."""

from __future__ import annotations

import typer

from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish


def add_plugins(app: typer.Typer) -> None:
    """Add the verb.

    Args:
        app: The command line.

    >>> app = typer.Typer()
    >>> add_plugins(app)
    >>> [each.name for each in app.registered_commands]
    ['plugins']
    """

    @verb(app, "plugins", "List what installed packages bring.", without=["project", "env"])
    def _plugins(options: Options) -> None:
        def work(report: Report) -> None:
            from lakeloop.runs.installed_plugins import describe_plugins, examine_plugins

            found, report.failures = examine_plugins()
            report.result, report.text = {"plugins": found}, describe_plugins(found)

        finish("plugins", options, work)
