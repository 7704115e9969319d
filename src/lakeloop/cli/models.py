"""The verbs about model versions: who is champion, what was done by whom, and what a person changes by hand."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from lakeloop.cli.display import Display
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.errors import UsageError

if TYPE_CHECKING:
    from lakeloop.runs.context import Context
    from lakeloop.runs.models.change import Asked

ACTOR = "LAKELOOP_ACTOR"
"""Variable that says who calls, where `--by` does not."""

_Name = Annotated[str, typer.Argument(metavar="NAME", help="A model of the project.")]
_Version = Annotated[str, typer.Option("--version", metavar="N", help="Number of the version.")]
_AnyVersion = Annotated[str | None, typer.Option("--version", metavar="N", help="Number of the version.")]
_Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the ledger keeps it.")]
_By = Annotated[str | None, typer.Option("--by", metavar="WHO", help=f"Who; by default {ACTOR}, or the user.")]
_Expect = Annotated[
    str | None, typer.Option("--expect", metavar="N", help="Do nothing unless this version is champion.")
]
_AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="INSTANT", help="The logical now; by default that of the newest turn recorded."),
]


def add_models(app: typer.Typer) -> None:
    """Add the verbs.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_models(app)
    >>> [each.name for each in app.registered_groups[0].typer_instance.registered_commands]
    ['list', 'show', 'history', 'promote', 'approve', 'rollback', 'archive']
    """
    group = typer.Typer(
        name="models",
        help="Model versions: who is champion, what was done by whom; promote, approve, roll back, archive.",
        rich_markup_mode=None,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    _add_readers(group)
    _add_changes(group)
    app.add_typer(group)


def _add_readers(group: typer.Typer) -> None:
    @verb(group, "list", "Tell of every model who is champion.")
    def _list(options: Options, as_of: _AsOf = None) -> None:
        def read(context: Context, width: int) -> tuple[Any, str]:
            from lakeloop.runs.models.states import list_models
            from lakeloop.runs.models.text import describe_models

            found = list_models(context)
            return {"models": found}, describe_models(found, width=width)

        _finish("models list", options, as_of, read)

    @verb(group, "show", "Show a version: state, training set, checks, metrics, run; by default the champion.")
    def _show(options: Options, name: _Name, version: _AnyVersion = None, as_of: _AsOf = None) -> None:
        def read(context: Context, width: int) -> tuple[Any, str]:
            from lakeloop.runs.models.show import show_model
            from lakeloop.runs.models.text import describe_version

            found = show_model(context, name, version)
            return found, describe_version(found, width=width)

        _finish("models show", options, as_of, read)

    @verb(group, "history", "Show what was done to a model's versions, by whom, when and why.")
    def _history(options: Options, name: _Name, as_of: _AsOf = None) -> None:
        def read(context: Context, width: int) -> tuple[Any, str]:
            from lakeloop.runs.models.states import read_history
            from lakeloop.runs.models.text import describe_history

            found = read_history(context, name)
            return found, describe_history(found, width=width)

        _finish("models history", options, as_of, read)


def _add_changes(group: typer.Typer) -> None:
    @verb(group, "promote", "Make a version champion by hand.")
    def _promote(
        options: Options,
        name: _Name,
        version: _Version,
        reason: _Reason,
        by: _By = None,
        expect: _Expect = None,
        as_of: _AsOf = None,
        despite_gate: Annotated[
            bool, typer.Option("--despite-gate", help="Also a version that never passed the gate; it is recorded.")
        ] = False,
    ) -> None:
        def change(context: Context, asked: Asked) -> Any:
            from lakeloop.runs.models.events import promote_version

            return promote_version(context, name, version, asked, despite_gate=despite_gate)

        _change("models promote", options, as_of, (by, reason, expect), change)

    @verb(group, "approve", "Promote a version that waits for approval.")
    def _approve(
        options: Options,
        name: _Name,
        version: _Version,
        reason: _Reason,
        by: _By = None,
        acknowledge: Annotated[
            list[str] | None,
            typer.Option("--acknowledge", metavar="CHECK", help="A check whose warning may pass; may be repeated."),
        ] = None,
        expect: _Expect = None,
        as_of: _AsOf = None,
    ) -> None:
        def change(context: Context, asked: Asked) -> Any:
            from lakeloop.runs.models.events import approve_version

            return approve_version(context, name, version, asked, acknowledge or ())

        _change("models approve", options, as_of, (by, reason, expect), change)

    @verb(group, "rollback", "Make an earlier champion champion again; nothing is trained.")
    def _rollback(
        options: Options,
        name: _Name,
        reason: _Reason,
        version: Annotated[
            str | None, typer.Option("--version", metavar="N", help="An earlier champion; by default the last one.")
        ] = None,
        by: _By = None,
        expect: _Expect = None,
        as_of: _AsOf = None,
    ) -> None:
        def change(context: Context, asked: Asked) -> Any:
            from lakeloop.runs.models.events import roll_back

            return roll_back(context, name, asked, version)

        _change("models rollback", options, as_of, (by, reason, expect), change)

    @verb(group, "archive", "Put a version away: it is never promoted or rolled back to again; its files stay.")
    def _archive(
        options: Options, name: _Name, version: _Version, reason: _Reason, by: _By = None, as_of: _AsOf = None
    ) -> None:
        def change(context: Context, asked: Asked) -> Any:
            from lakeloop.runs.models.events import archive_version

            return archive_version(context, name, version, asked)

        _change("models archive", options, as_of, (by, reason, None), change)


def _change(
    name: str,
    options: Options,
    as_of: str | None,
    who: tuple[str | None, str, str | None],
    change: Callable[[Context, Asked], Any],
) -> NoReturn:
    def work(context: Context, width: int) -> tuple[Any, str]:
        from lakeloop.runs.models.change import Asked
        from lakeloop.runs.models.text import describe_change

        by, reason, expect = who
        found = change(context, Asked(by if by is not None else caller(), reason, expect))
        return found, describe_change(found, width=width)

    _finish(name, options, as_of, work)


def _finish(
    name: str, options: Options, as_of: str | None, work: Callable[[Context, int], tuple[Any, str]]
) -> NoReturn:
    from lakeloop.cli import verbs

    def report_it(report: Report) -> None:
        with Display(verbose=options.verbose) as show:
            if as_of is not None:
                context = verbs._open_context(options, as_of, report, show)
            else:
                from lakeloop.runs.models.states import latest_instant

                context = verbs._open_now(options, report, show)
                context = context.at(latest_instant(context))
                report.as_of = context.as_of
            report.result, report.text = work(context, verbs._width())

    finish(name, options, report_it)


def caller() -> str:
    """Tell who calls: `LAKELOOP_ACTOR`, or else the user of the machine.

    Raises:
        UsageError: If neither is known.

    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, {ACTOR: "release-job 7"}):
    ...     caller()
    'release-job 7'
    """
    named = os.environ.get(ACTOR, "").strip()
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError) as unknown:
        raise UsageError("--by", "nothing, and the user has no name", f"a name, or {ACTOR}", "say who") from unknown
