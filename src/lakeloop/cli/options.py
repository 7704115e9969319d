"""The options that verbs share, declared once: a verb names those it takes and is called with what was given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from lakeloop.cli.logs import VARIABLE, LogFormat
from lakeloop.cli.outcome import Options

_DECLARED: dict[str, tuple[Any, Any]] = {
    "as_of": (
        Annotated[
            str,
            typer.Option("--as-of", metavar="INSTANT", help="The logical now: 2013-05-01, or 2013-05-01T06:00:00Z."),
        ],
        inspect.Parameter.empty,
    ),
    "model": (
        Annotated[list[str] | None, typer.Option("--model", metavar="NAME", help="Only this model; may be repeated.")],
        None,
    ),
    "project": (
        Annotated[
            Path | None,
            typer.Option("--project", metavar="DIR", help="Folder that holds conf/; by default the current one."),
        ],
        None,
    ),
    "env": (
        Annotated[
            str | None,
            typer.Option("--env", metavar="NAME", help="Lay conf/NAME over conf/base; by default the base alone."),
        ],
        None,
    ),
    "as_json": (
        Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of standard output.")],
        False,
    ),
    "verbose": (
        Annotated[bool, typer.Option("--verbose", "-v", help="Show logs, warnings, and the trace of an error.")],
        False,
    ),
    "log_format": (
        Annotated[
            LogFormat | None,
            typer.Option("--log-format", help=f"json: logs as one JSON object per line; or {VARIABLE} says so."),
        ],
        None,
    ),
}
_COMMON = ("project", "env", "as_json", "verbose", "log_format")


def verb(app: typer.Typer, name: str, text: str, *taken: str, without: Sequence[str] = ()) -> Callable[..., Any]:
    """Add a verb that takes the shared options.

    Args:
        app: The command line.
        name: What is typed.
        text: What it does, in a line.
        *taken: Shared options beside the common ones, `as_of` or `model`; they are passed by name.
        without: Common options that it does not take.

    Returns:
        A decorator of a function that takes the common options as one `Options`, then its own options, then those in
        `taken`.

    >>> from typer.testing import CliRunner
    >>> app = typer.Typer()
    >>> @verb(app, "greet", "Greet a model.", "model")
    ... def _greet(options: Options, loudly: bool = False, *, model: list[str] | None) -> None:
    ...     typer.echo(f"{model} {options.as_json} {loudly}")
    >>> print(CliRunner().invoke(app, ["--model", "late", "--json", "--loudly"]).output.strip())
    ['late'] True True
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(**given: Any) -> None:
            shared = {each: given.pop(each, None) for each in _COMMON}
            function(Options(**shared), **given)

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        named = {each.name: (each.annotation, each.default) for each in own if each.name not in taken}
        _sign(call, function, _ordered(named, taken, without))
        app.command(name, help=text)(call)
        return function

    return declare


def verb_group(app: typer.Typer, name: str, text: str, *taken: str) -> Callable[..., typer.Typer]:
    """Add a verb that has verbs of its own below it.

    Args:
        app: The command line.
        name: What is typed.
        text: What it does, in a line.
        *taken: Shared options beside the common ones; they are passed by name.

    Returns:
        A decorator of a function that is called as one of `verb` is, when no verb below it was typed. It gives the
        command line of the verbs below.

    >>> from typer.testing import CliRunner
    >>> app = typer.Typer(rich_markup_mode=None)
    >>> @verb_group(app, "greet", "Greet.", "as_of")
    ... def below(options: Options, *, as_of: str) -> None:
    ...     typer.echo(f"greet {as_of}")
    >>> @verb(below, "all", "Greet all.")
    ... def _all(options: Options) -> None:
    ...     typer.echo("greet all")
    >>> calls = (["greet", "--as-of", "2013-05-01"], ["greet", "all"], ["greet"])
    >>> [CliRunner().invoke(app, each).output.strip().splitlines()[-1][:24] for each in calls]
    ['greet 2013-05-01', 'greet all', "Error: Missing option '-"]
    """

    def declare(function: Callable[..., Any]) -> typer.Typer:
        below = typer.Typer(rich_markup_mode=None)

        def call(context: typer.Context, **given: Any) -> None:
            params = context.command.params
            if context.invoked_subcommand is not None:
                where = f"{context.command_path} {context.invoked_subcommand}"
                for each in params:
                    if given.get(each.name or "") not in (None, False):
                        context.fail(f"Write {each.opts[0]} after '{where}'.")
                return
            shared = {each: given.pop(each, None) for each in _COMMON}
            if "as_of" in taken and given["as_of"] is None:
                context.fail("Missing option '--as-of'.")  # needed here only, so that typer cannot ask for it
            function(Options(**shared), **given)

        ordered = [("context", typer.Context, inspect.Parameter.empty), *_ordered({}, taken, (), optional=True)]
        _sign(call, function, ordered)
        below.callback(invoke_without_command=True)(call)
        app.add_typer(below, name=name, help=text)
        return below

    return declare


_Declared = tuple[str, Any, Any]


def _ordered(
    named: Mapping[str, tuple[Any, Any]], taken: Sequence[str], without: Sequence[str], *, optional: bool = False
) -> list[_Declared]:
    """Put the options in the order in which help shows them, each with annotation and default."""
    common = [each for each in _COMMON if each not in without]
    declared = dict(_DECLARED)
    if optional:
        declared["as_of"] = (Annotated[str | None, get_args(declared["as_of"][0])[1]], None)
    ordered = [(each, *declared[each]) for each in taken if each == "as_of"]
    ordered += [(each, *found) for each, found in named.items()]
    return ordered + [(each, *declared[each]) for each in (*taken, *common) if each != "as_of"]


def _sign(call: Callable[..., Any], function: Callable[..., Any], ordered: Sequence[_Declared]) -> None:
    """Give a function the parameters that typer is to read."""
    parameters = [
        inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for each, annotation, default in ordered
    ]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
    call.__annotations__ = {each: annotation for each, annotation, _ in ordered}
    call.__name__ = function.__name__
