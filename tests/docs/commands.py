"""What is typed into a shell on the pages, and whether it can be: programs, verbs, options, targets, files."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import typer

from lakeloop.cli.verbs import app
from tests.docs.blocks import ROOT, Block

_SPLIT = {";", "&&", "||", "|"}
_VARIABLE = re.compile(r"[A-Za-z_]+=.*", re.DOTALL)
_STANDS_FOR = re.compile(r"[A-Z][A-Z_]*|\.\.\.|<.*>")
"""A word that a reader replaces by one of their own."""
_TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)
_SUBSTITUTED = re.compile(r"[A-Z_]+=\$\(")
_REDIRECTED = re.compile(r"[12&]?>{1,2}")


def typed(block: Block) -> Iterator[str]:
    """Give what is typed, a line each; continued lines are one."""
    text = re.sub(r"\\\n\s*", " ", block.text)
    if block.kind == "console":
        yield from (line[2:] for line in text.splitlines() if line.startswith("$ "))
        return
    line = ""
    for each in text.splitlines():
        line = f"{line}\n{each}" if line else each
        try:
            shlex.split(line, comments=True)
        except ValueError:  # a quotation goes on in the next line
            continue
        yield line
        line = ""
    assert not line, f"{block}: a quotation does not end"


def calls(line: str) -> Iterator[list[str]]:
    """Give the calls of a line, without variables that are set for them."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    call: list[str] = []
    for word in [*lexer, ";"]:
        if word in _SPLIT:
            if call and not _SUBSTITUTED.match(call[0]):
                yield _without_redirection(call)
            call = []
        elif call or _SUBSTITUTED.match(word) or not _VARIABLE.fullmatch(word):
            call.append(word)


def _without_redirection(call: list[str]) -> list[str]:
    at = next((index for index, word in enumerate(call) if _REDIRECTED.match(word)), len(call))
    return call[:at]


def mistakes(call: list[str]) -> list[str]:
    """Say what is wrong with a call; nothing is run."""
    program, given = call[0].rpartition("/")[2], call[1:]
    if program == "lakeloop":
        return parse_verb(given)
    if program == "make":
        known = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
        return [f"make has no target {word}" for word in given if not _VARIABLE.fullmatch(word) and word not in known]
    if program == "python" and given[:2] == ["-m", "pytest"]:
        return [f"{word} is not there" for word in given[2:] if "/" in word and not (ROOT / word).exists()]
    if program == "python" and given[:1] == ["-m"]:
        module = given[1].replace(".", "/")
        is_there = (ROOT / f"{module}.py").is_file() or given[1] in ("venv", "pip", "http.server")
        return [] if is_there else [f"there is no module {given[1]}"]
    if program == "python" and given[:1] == ["-c"]:
        ast.parse(given[1])
        return []
    if program == "python" and given[:1] and given[0].endswith(".py"):
        return [] if (ROOT / given[0]).exists() or [*ROOT.glob(f"docs/**/{given[0]}")] else [f"{given[0]} is not there"]
    if program == "spark-submit" and given[0].startswith("jobs/"):
        return parse_verb([given[0].removeprefix("jobs/").removesuffix(".py").replace("_", "-"), *given[1:]])
    if program in ("docker", "kubectl"):
        named = [word for option, word in pairwise(given) if option in ("-f", "-k")]
        return [f"{word} is not there" for word in named if not (ROOT / word).exists()]
    if program in _OTHERS:
        return []
    return [f"{program} is no program that pages use; add it to tests/docs/commands.py"]


_OTHERS = frozenset(
    {".", "cat", "cd", "cp", "curl", "databricks", "echo", "export", "git", "head", "pip", "pytest", "spark-submit"}
)
"""Programs whose arguments are not looked at."""


def parse_verb(given: list[str]) -> list[str]:
    """Have the real command line parse the arguments of a call, without running the verb."""
    command: Any = typer.main.get_command(app)
    rest, above = ["1" if _STANDS_FOR.fullmatch(word) else word for word in given], None
    name = "lakeloop"
    try:
        while True:
            above = command.make_context(name, rest, parent=above)
            if not hasattr(command, "resolve_command"):
                return []
            rest = [*above._protected_args, *above.args]
            if not rest:
                return []
            name, command, rest = command.resolve_command(above, rest)
    except Exception as problem:
        if type(problem).__name__ == "NoArgsIsHelpError":  # a verb with verbs below it, alone: prints what they are
            return []
        # Typer carries its own copy of click, whose exceptions are no one else's.
        if type(problem).__name__ in (
            "NoSuchOption",
            "MissingParameter",
            "BadParameter",
            "UsageError",
            "BadOptionUsage",
        ):
            return [f"lakeloop {' '.join(given)}: {problem.format_message()}"]  # type: ignore[attr-defined]
        raise
