"""The function of a Python feature table: found in the project's `features_py` or in an installed module.

It is found and fingerprinted without being imported; it is imported only when the table is built.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.located_yaml import LocatedYaml
from lakeloop.config.mistakes import listed, rename_remedy
from lakeloop.errors import ConfigIssue

FOLDER = "features_py"
"""Folder beside `conf/` that holds the project's own modules."""


def function_file(root: Path, path: str) -> Path | None:
    """Find the file a function is written in.

    Args:
        root: Folder that holds `conf/`.
        path: Import path, `my_module.my_function`.

    Returns:
        The file in `features_py`, or else that of an installed module; None where there is none.

    >>> str(function_file(Path(), "json.loads")).endswith("__init__.py"), function_file(Path(), "no_such.thing")
    (True, None)
    """
    module = path.rpartition(".")[0]
    own = (root / FOLDER / module.replace(".", "/")).with_suffix(".py")
    if own.is_file():
        return own
    spec = _find_spec(module)
    origin = spec.origin if spec is not None else None
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def _find_spec(module: str) -> ModuleSpec | None:
    """Find a module part by part: asked for the whole, Python would import the packages that hold it."""
    first, *parts = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):
        return None
    name = first
    for part in parts:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    return spec


def code_hash(root: Path, path: str) -> str | None:
    """Fingerprint the file a function is written in: what it calls there counts, too.

    Args:
        root: Folder that holds `conf/`.
        path: Import path.

    Returns:
        16 hexadecimal digits, whatever the ends of its lines; None without a file.

    >>> len(code_hash(Path(), "json.loads"))
    16
    """
    file = function_file(root, path)
    return None if file is None else hashlib.sha256("\n".join(_text(file).splitlines()).encode()).hexdigest()[:16]


def load_function(root: Path, path: str) -> Callable[..., Any]:
    """Import a function.

    Args:
        root: Folder that holds `conf/`.
        path: Import path of a function that exists.

    Returns:
        The function; of a module in `features_py` a module of its own for every project.

    >>> load_function(Path(), "json.loads")("1")
    1
    """
    module_name, _, name = path.rpartition(".")
    file = function_file(root, path)
    if file is not None and (root / FOLDER).resolve() in file.resolve().parents:
        spec = importlib.util.spec_from_file_location(f"lakeloop_{FOLDER}_{module_name.replace('.', '_')}", file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} can't be loaded")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(module_name)
    function: Callable[..., Any] = getattr(module, name)
    return function


def function_issues(document: LocatedYaml, table: FeatureTable, root: Path) -> Iterator[ConfigIssue]:
    """Check that the function of a Python feature table exists, without importing it.

    Args:
        document: The table's file.
        table: The table; one without a function has no mistakes here.
        root: Folder that holds `conf/`.

    Yields:
        The module or the function that is not there.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml('''
    ... feature_table: pace
    ... entity: [carrier]
    ... from: outcomes
    ... every: 1 hour
    ... needs: 7 days
    ... python: json.load_all
    ... features: {slope: {type: double}}
    ... ''', "pace.yml")
    >>> table = FeatureTable.model_validate(document.data)
    >>> [(each.line, each.got) for each in function_issues(document, table, Path())]
    [(7, "'json.load_all', which json does not define")]
    """
    if table.python is None:
        return
    module, _, name = table.python.rpartition(".")
    file = function_file(root, table.python)
    if file is None:
        allowed = f"a function of a module in {FOLDER}/, beside conf/, or of an installed one"
        remedy = f"write {FOLDER}/{module.replace('.', '/')}.py, or install the package that has it"
        yield document.issue(("python",), f"the module {module!r}, which is not there", allowed, remedy)
        return
    try:
        tree = ast.parse(_text(file))
    except SyntaxError as error:
        got = f"{module}, whose line {error.lineno} does not parse"
        yield document.issue(("python",), got, "a module of Python", f"mend {file.name}")
        return
    names = [each.name for each in tree.body if isinstance(each, ast.FunctionDef)]
    if name not in names:
        got = f"'{table.python}', which {module} does not define"
        remedy = rename_remedy(name, names, f"define {name} there, or name another")
        yield document.issue(("python",), got, f"functions of {module}: {listed(names)}", remedy)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
