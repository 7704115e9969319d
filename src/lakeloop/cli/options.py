"""The options that verbs share, declared once: a verb names those it takes and is called with what was given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

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
}
_COMMON = ("project", "env", "as_json", "verbose")


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
    common = [each for each in _COMMON if each not in without]

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(**given: Any) -> None:
            shared = {each: given.pop(each, None) for each in _COMMON}
            function(Options(**shared), **given)

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        named = {each.name: (each.annotation, each.default) for each in own if each.name not in taken}
        ordered = [(each, *_DECLARED[each]) for each in taken if each == "as_of"]
        ordered += [(each, *declared) for each, declared in named.items()]
        ordered += [(each, *_DECLARED[each]) for each in (*taken, *common) if each != "as_of"]
        parameters = [
            inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for each, annotation, default in ordered
        ]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
        call.__annotations__ = {each: annotation for each, annotation, _ in ordered}
        call.__name__ = function.__name__
        app.command(name, help=text)(call)
        return function

    return declare
