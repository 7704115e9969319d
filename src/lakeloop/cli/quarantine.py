"""The verbs about quarantine: what is in it, what its rows look like, and how mended rows come back."""

from __future__ import annotations

from typing import Annotated

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish

_MAX_ROWS = 1000
_Source = Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the project.")]
_Rule = Annotated[str | None, typer.Option("--rule", metavar="NAME", help="Only rows that broke this rule.")]
_Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=_MAX_ROWS, help="How many rows at most.")]


def add_quarantine(app: typer.Typer) -> None:
    """Add the verbs.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_quarantine(app)
    >>> [each.name for each in app.registered_groups[0].typer_instance.registered_commands]
    ['list', 'show', 'replay']
    """
    from lakeloop.cli import verbs

    group = typer.Typer(
        name="quarantine",
        help="Look at rejected rows, and judge them again once a rule is mended.",
        rich_markup_mode=None,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @verb(group, "list", "Count quarantined rows by source and rule.", "as_of")
    def _list(options: Options, *, as_of: str) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_context(options, as_of, report, show)
                from lakeloop.runs.quarantine import list_quarantine
                from lakeloop.runs.quarantine_text import describe_counts

                report.result = counts = list_quarantine(context)
                report.text = describe_counts(counts, width=verbs._width())

        finish("quarantine list", options, work)

    @verb(group, "show", "Show the first quarantined rows of a source as they landed.", "as_of")
    def _show(options: Options, source: _Source, rule: _Rule = None, limit: _Limit = 10, *, as_of: str) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_context(options, as_of, report, show)
                from lakeloop.runs.quarantine import show_quarantine
                from lakeloop.runs.quarantine_text import describe_sample

                report.result = sample = show_quarantine(context, source, rule, limit)
                report.text = describe_sample(sample, width=verbs._width())

        finish("quarantine show", options, work)

    @verb(group, "replay", "Judge a source's quarantined rows again; those that pass enter bronze.", "as_of")
    def _replay(options: Options, source: _Source, rule: _Rule = None, *, as_of: str) -> None:
        def work(report: Report) -> None:
            with Display(verbose=options.verbose) as show:
                context = verbs._open_context(options, as_of, report, show)
                from lakeloop.runs.replay import run_replay

                report.result = run_replay(context, source, rule)

        finish("quarantine replay", options, work)

    app.add_typer(group)
