"""The verbs that look again at what was done."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish


def add_audit(app: typer.Typer) -> None:
    """Add the verbs below `audit`.

    Args:
        app: The command line; its own module is loaded up to its steps.

    >>> app = typer.Typer()
    >>> add_audit(app)
    >>> [each.name for each in app.registered_groups]
    ['audit']
    """
    from lakeloop.cli import verbs

    below = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
    app.add_typer(below, name="audit", help="Look again at what was done.")

    @below.callback()
    def _below() -> None:
        return

    @verb(below, "consistency", "Compare what was served with the offline tables.", "as_of", "model")
    def _consistency(options: Options, *, as_of: str, model: Sequence[str] | None) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_context(options, as_of, report, show)
                chosen = verbs._choose_models(context.config, model)
                from lakeloop.runs.consistency import audit_consistency
                from lakeloop.runs.ledger import run_step

                report.result = results = {}
                for name in chosen:
                    found = run_step(context, "audit_consistency", audit_consistency, name)
                    results[name] = found
                    skewed = found.failure()
                    if skewed is not None:
                        report.failures = (*report.failures, skewed)

        finish("audit consistency", options, work)
