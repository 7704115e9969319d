"""A lint rule: nothing that Spark Connect or serverless Spark lacks is in the code path.

Run by `make lint`: python -m tests.lint.serverless. What is refused, and why: docs/spark_connect.md.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tests.lint.code import Finding, print_findings

_NO_JVM = "there is no Java beside a Connect client: use the DataFrame API or SQL"
_NO_CACHE = "serverless Spark keeps nothing for a session: Lake.stage writes aside what several queries read"

NAMES: Mapping[str, str] = {
    "sparkContext": "Connect has none: use the session",
    "SparkContext": "Connect has none: use the session",
    "SQLContext": "Connect has none: use the session",
    "rdd": "Connect has no RDDs: use the DataFrame API",
    "toJSON": "it gives an RDD: use to_json",
    "cacheTable": _NO_CACHE,
    "createGlobalTempView": "global views outlive a session: pass the frame to spark.sql by name",
    "createOrReplaceGlobalTempView": "global views outlive a session: pass the frame to spark.sql by name",
    "toLocalIterator": "a query per partition: only where rows must not be in the driver all at once",
    "foreachBatch": "over Connect its function runs on the server: use micro_batches.run_batches",
}
"""Attributes and imported names, wherever they stand."""

CALLS: Mapping[str, str] = {
    "cache": _NO_CACHE,
    "persist": _NO_CACHE,
    "unpersist": _NO_CACHE,
    "checkpoint": _NO_CACHE,
    "localCheckpoint": _NO_CACHE,
}
"""Methods; as plain names they mean other things."""

_JVM = ("_jvm", "_jsc", "_jspark", "_jdf", "_jrdd", "_jconf", "_jschema", "_jseq", "_jmap")
_MODULES = ("delta", "py4j", "pyspark.java_gateway", "pyspark.rdd", "pyspark.core", "pyspark.pandas")
_NO_MODULE = "works beside Java only; Delta without Spark is the package deltalake, with it SQL and DataFrameWriter"


@dataclass(frozen=True)
class Owner:
    """A file that may use some of it.

    Attributes:
        names: What it may use.
        why: Why that does not stop Connect.
    """

    names: frozenset[str]
    why: str = field(compare=False)


OWNERS: Mapping[str, Owner] = {
    "src/lakeloop/session.py": Owner(
        frozenset({"SparkContext"}), "reads what spark-submit was given, not over Connect"
    ),
    "src/lakeloop/java_process.py": Owner(
        frozenset({"SparkContext", "pyspark.java_gateway"}), "starts the Java of a local session; not over Connect"
    ),
    "src/lakeloop/runs/doctor/failures.py": Owner(
        frozenset({"py4j.protocol"}), "names the failure of a local session; its import starts nothing"
    ),
    "src/lakeloop/runs/distributed_fit.py": Owner(
        frozenset({"sparkContext", "_jsc"}), "asks a cluster how many tasks it runs at once; refuses Connect before"
    ),
    "src/lakeloop/runs/published_rows.py": Owner(
        frozenset({"toLocalIterator"}), "rows go from a partition at a time to the online store; Connect has it"
    ),
    "src/lakeloop/micro_batches.py": Owner(
        frozenset({"foreachBatch"}),
        "calls it in classic sessions; over Connect batches come by a table",
    ),
    "src/lakeloop/job_tags.py": Owner(
        frozenset({"sparkContext"}), "describes the jobs of a classic session; over Connect tags alone tell them apart"
    ),
    "src/lakeloop/arrow_frame.py": Owner(frozenset({"createDataFrame"}), "asks before whether there are rows"),
    "src/lakeloop/with_columns.py": Owner(frozenset({"withColumns"}), "asks before whether there are any"),
}
"""Who may use what; a name that its owner uses no more is taken off the list."""


def find_in(path: str, code: str) -> list[Finding]:
    """Find what Spark Connect or serverless Spark lacks in a file.

    Args:
        path: File, relative to the project.
        code: Its Python.

    Returns:
        A finding per place, in the order of the lines.
    """
    allowed = OWNERS[path].names if path in OWNERS else frozenset()
    found = [Finding(path, line, name, why) for line, name, why in _uses(code) if name not in allowed]
    return sorted(found, key=lambda each: each.line)


def names_used(code: str) -> set[str]:
    """Name everything in a file that only an owner may use."""
    return {name for _, name, _ in _uses(code)}


def _uses(code: str) -> Iterator[tuple[int, str, str]]:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield from _named(node.end_lineno or node.lineno, node.attr)
        elif isinstance(node, ast.Call):
            yield from _called(node)
        elif isinstance(node, ast.Import):
            for each in node.names:
                yield from _imported(node.lineno, each.name)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from _imported(node.lineno, str(node.module))
            for each in node.names:
                yield from _named(node.lineno, each.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _written(node.lineno, node.value)


def _named(line: int, name: str) -> Iterator[tuple[int, str, str]]:
    if name in NAMES:
        yield line, name, NAMES[name]
    elif name.startswith(_JVM):
        yield line, name, _NO_JVM


def _called(call: ast.Call) -> Iterator[tuple[int, str, str]]:
    function = call.func
    if not isinstance(function, ast.Attribute):
        return
    line = function.end_lineno or call.lineno
    if function.attr in CALLS and not _is_decorator_of_functools(function):
        yield line, function.attr, CALLS[function.attr]
    if function.attr == "withColumns" and not _has_any(call):
        yield line, "withColumns", "Connect refuses to add none, and here there may be none: use with_columns"
    if function.attr == "createDataFrame" and len(call.args) + len(call.keywords) < 2:
        yield line, "createDataFrame", "Connect refuses no rows without a schema: give it one, or use frame_of"


def _is_decorator_of_functools(function: ast.Attribute) -> bool:
    return isinstance(function.value, ast.Name) and function.value.id == "functools"


def _has_any(call: ast.Call) -> bool:
    """Whether the columns are written in the call, at least one."""
    given = call.args[0] if call.args else None
    return isinstance(given, ast.Dict) and any(key is not None for key in given.keys)


def _imported(line: int, module: str) -> Iterator[tuple[int, str, str]]:
    parts = PurePosixPath(module.replace(".", "/"))
    if any(parts.is_relative_to(each.replace(".", "/")) for each in _MODULES):
        yield line, module, _NO_MODULE


def _written(line: int, text: str) -> Iterator[tuple[int, str, str]]:
    """Find what is asked by its name, `hasattr(x, "_jsc")`, or in SQL."""
    if text.startswith(_JVM) and text.isidentifier():
        yield line, text, _NO_JVM
    first = text.strip().upper()
    if first.startswith(("CACHE TABLE", "CACHE LAZY TABLE", "UNCACHE TABLE")):
        yield line, "CACHE TABLE", _NO_CACHE
    if "global_temp." in text.lower():
        yield line, "global_temp", "global views outlive a session"


if __name__ == "__main__":
    sys.exit(print_findings(find_in))
