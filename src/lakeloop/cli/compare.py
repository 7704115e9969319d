"""The verb that puts training runs of a model beside one another."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.errors import UsageError


def add_compare(app: typer.Typer) -> None:
    """Add the verb.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_compare(app)
    >>> [each.name for each in app.registered_commands]
    ['compare']
    """
    from lakeloop.cli import verbs

    @verb(app, "compare", "Put the training runs of a model beside one another.")
    def _compare(
        options: Options,
        name: Annotated[str, typer.Argument(metavar="NAME", help="The model.")],
        last: Annotated[int, typer.Option("--last", metavar="N", min=1, max=1000, help="Most runs.")] = 10,
        metric: Annotated[
            str | None, typer.Option("--metric", metavar="METRIC", help="By this one; by default the gate's.")
        ] = None,
        trials: Annotated[
            str | None,
            typer.Option("--trials", metavar="RUN", help="The trials of one run: its version, or its id."),
        ] = None,
    ) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_now(options, report, show)
                verbs._choose_models(context.config, [name], "NAME")
                from lakeloop.config.metric import Metric
                from lakeloop.runs.compare import compare_runs, describe_comparison

                known = [each.value for each in Metric]
                if metric is not None and metric not in known:
                    raise UsageError("--metric", repr(metric), ", ".join(known), "name one of these")
                chosen = None if metric is None else Metric(metric)
                found = compare_runs(context, name, last=last, metric=chosen, trials_of=trials)
                report.result = found
                width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
                report.text = describe_comparison(found, width=width)

        finish("compare", options, work)
