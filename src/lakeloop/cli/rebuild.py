"""The verb that makes a pinned training set again and says whether it is the same."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish


def add_rebuild(app: typer.Typer) -> None:
    """Add the verb.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_rebuild(app)
    >>> [each.name for each in app.registered_commands]
    ['rebuild']
    """
    from lakeloop.cli import verbs

    @verb(app, "rebuild", "Make the training set of an instant again, compare.", "as_of", "model")
    def _rebuild(options: Options, *, as_of: str, model: Sequence[str] | None) -> None:
        def work(report: Report) -> None:
            with Display() as show:
                context = verbs._open_context(options, as_of, report, show)
                chosen = verbs._choose_models(context.config, model)
                from lakeloop.errors import LakeloopError
                from lakeloop.runs.rebuild import rebuild_training_set

                report.result = results = {}
                for name in chosen:
                    try:
                        results[name] = rebuild_training_set(context, name)
                    except LakeloopError as failure:  # one model that is not ready does not stop the others
                        report.failures = (*report.failures, failure)
                        continue
                    broken = results[name].failure()
                    if broken is not None:
                        report.failures = (*report.failures, broken)

        finish("rebuild", options, work)
