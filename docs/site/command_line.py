"""The command line as Markdown, written from what Typer was told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from docs.site.tables import one_line, write_table
from lakeloop.cli.verbs import app

_SHARED = ("project", "env", "as_json", "verbose", "help")
"""Parameters that nearly every verb takes: told once."""


def list_verbs() -> Iterator[tuple[str, Any]]:
    """Give every verb with its command, those below a verb after it.

    >>> [name for name, _ in list_verbs() if name.startswith("deploy")]
    ['deploy', 'deploy databricks', 'deploy airflow', 'deploy kubernetes']
    """
    yield from _below(typer.main.get_command(app), "")


def _below(command: Any, above: str) -> Iterator[tuple[str, Any]]:
    for name, each in getattr(command, "commands", {}).items():
        yield f"{above}{name}", each
        yield from _below(each, f"{above}{name} ")


def render_command_line() -> str:
    """Write the page.

    >>> "## lakeloop plan" in render_command_line()
    True
    """
    verbs = dict(list_verbs())
    shared = {each.name: each for each in verbs["run"].params if each.name in _SHARED}
    parts = [
        "What the verbs do, in what order and with which exit codes: [command line](../docs/cli.md). These are all"
        " verbs with their arguments and options. Nearly every one takes",
        _parameters(list(shared.values())),
    ]
    for name, command in verbs.items():
        own = [each for each in command.params if each.name not in _SHARED]
        left_out = [shared[each].opts[0] for each in shared if each not in {p.name for p in command.params}]
        parts += [f"{'#' * (2 + name.count(' '))} lakeloop {name}", one_line(command.help or "")]
        if own:
            parts.append(_parameters(own))
        if left_out:
            parts.append(f"Takes no {', '.join(f'`{each}`' for each in left_out)}.")
    return "\n\n".join(parts)


def _parameters(parameters: list[Any]) -> str:
    return write_table(("option or argument", "value", "note", "meaning"), [_row(each) for each in parameters])


def _row(each: Any) -> tuple[str, str, str, str]:
    is_option = each.param_type_name == "option"
    value = "" if getattr(each, "is_flag", False) else each.metavar or each.name.upper()
    names = " ".join(f"`{opt}`" for opt in (*each.opts, *each.secondary_opts)) if is_option else f"`{value}`"
    notes = ["required"] if each.required else []
    if getattr(each, "multiple", False):
        notes.append("may be repeated")
    if each.default not in (None, False, ()) and not callable(each.default):
        notes.append(f"default `{each.default}`")
    return names, f"`{value}`" if is_option and value else "", ", ".join(notes), one_line(each.help or "")
