"""Every public function says what it gives, and shows it by an example that runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "src" / "lakeloop"
_GIVES = ("Returns:", "Yields:", "Raises:")


@dataclass(frozen=True)
class Public:
    """A public function or method with the docstrings that may hold its example."""

    where: str
    node: ast.FunctionDef
    docstring: str
    of_class: str

    def is_property(self) -> bool:
        return any(
            ast.unparse(each).split(".")[-1] in ("property", "cached_property") for each in self.node.decorator_list
        )


def _public() -> Iterator[Public]:
    for path in sorted(SOURCES.rglob("*.py")):
        if "template" in path.parts:  # the tests of a project that is yet to be written
            continue
        module = path.relative_to(SOURCES).as_posix()
        yield from _inside(ast.parse(path.read_text(encoding="utf-8")), module, "")


def _inside(node: ast.Module | ast.ClassDef, where: str, of_class: str) -> Iterator[Public]:
    for each in node.body:
        if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
            yield from _inside(each, f"{where}::{each.name}", ast.get_docstring(each) or "")
        elif isinstance(each, ast.FunctionDef) and not each.name.startswith("_"):
            yield Public(f"{where}::{each.name}", each, ast.get_docstring(each) or "", of_class)


def test_every_public_function_shows_an_example_that_runs():
    """A method may be shown by the example of its class; a property is part of it."""
    bare = [
        each.where
        for each in _public()
        if ">>> " not in each.docstring and not (each.of_class and ">>> " in each.of_class) and not each.is_property()
    ]
    assert not bare, f"{len(bare)} without an example: {', '.join(bare)}"


def test_every_public_function_with_a_result_says_what_it_is():
    silent = [
        each.where
        for each in _public()
        if not each.is_property()
        and each.node.returns is not None
        and ast.unparse(each.node.returns) not in ("None", "NoReturn", "Self")
        and len(each.node.args.args) + len(each.node.args.kwonlyargs) > 2
        and not any(part in each.docstring for part in _GIVES)
    ]
    assert not silent, f"{len(silent)} do not say what they give: {', '.join(silent)}"
