"""Everything a job does to the world, found where the libraries do it, and a stop at any of these places.

No list of the project's own functions is kept. What is watched are the libraries' ends: every method of Spark's
writers, every function of delta-rs that commits, every transaction of the tracking store, every file that Python opens
for writing, renames or removes, every process that is started. A write that is added to a job passes through one of
them.
`Observed` then holds the workspace against what was announced, so that a writer that passes by them all is found too.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote

import deltalake
import pyarrow.parquet as pq
import pytest
import sqlalchemy
from pyspark.sql import DataFrameWriter, DataFrameWriterV2, SparkSession
from pyspark.sql.streaming import DataStreamWriter
from sqlalchemy.engine import Connection, Engine

_READS = frozenset({"select", "describe", "desc", "show", "with", "values", "explain"})
_OWN = ("lakeloop.runs", "lakeloop.tables", "lakeloop.registry", "lakeloop.landing", "lakeloop.notifications")
_LOCK = ".lakeloop.lock"


class StoppedError(Exception):
    """Stands for a process that ends just before an effect."""


@dataclass(frozen=True)
class Effect:
    """A change of the world that a job is about to make.

    Attributes:
        what: Which library's end it passes through.
        target: Table, file or store that is changed, below the workspace.
        by: The project's functions on the way there, outermost first.
    """

    what: str
    target: str
    by: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.what} {self.target} by {' > '.join(self.by)}"


@dataclass
class Effects:
    """Tells of every effect of the project's code below a workspace.

    Attributes:
        workspace: Folder of the workspace.
        announce: Told of an effect just before it; may raise.
    """

    workspace: Path
    announce: Callable[[Effect], None]
    _thread: threading.local = field(default_factory=threading.local)

    def told(self, what: str, target: object) -> None:
        """Tell of an effect, unless it is another library's end of one that was told already, or of a test's own."""
        if getattr(self._thread, "is_inside", False):
            return
        by = _project_functions(sys._getframe(1))
        if by:
            self.announce(Effect(what, self._below(target), by))

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Tell of nothing meanwhile in this thread: what happens below a library's end is one effect."""
        was, self._thread.is_inside = getattr(self._thread, "is_inside", False), True
        try:
            yield
        finally:
            self._thread.is_inside = was

    def _below(self, target: object) -> str:
        return _without_ids(str(target).strip().removeprefix("file://").replace(f"{self.workspace}/", ""))[:100]

    def holds(self, path: object) -> bool:
        """Whether a path lies in the workspace and is more than its lock."""
        text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        return text.startswith(f"{self.workspace}/") and not text.endswith(_LOCK)


def _without_ids(text: str) -> str:
    """Leave out what is drawn anew at every attempt: run ids, process ids, names of temporary files."""
    return re.sub(r"[0-9a-f]{32,}|(?<=\.)\d+(?=\.part)|(?<=\.)[a-z0-9_]{8}$|(?<=/tmp)[a-z0-9_]{8}\b", "*", text)


def _project_functions(frame: FrameType | None) -> tuple[str, ...]:
    found = []
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_OWN) and not frame.f_code.co_name.startswith("<"):
            found.append(f"{module.removeprefix('lakeloop.')}.{frame.f_code.co_name}")
        frame = frame.f_back
    return tuple(reversed(found))


# --- the libraries' ends ---------------------------------------------------------------------------------------------


_listening: list[Effects] = []
"""Whoever is told; an audit hook stays for the life of the process."""


@contextmanager
def listening(effects: Effects) -> Iterator[None]:
    """Tell of effects meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        _watch_spark(effects, patch)
        _watch_delta_rs(effects, patch)
        _watch_parquet(effects, patch)
        _watch_files()
        _watch_tracking_store()
        _listening.append(effects)
        try:
            yield
        finally:
            _listening.remove(effects)


def spark_ends() -> list[tuple[type, str]]:
    """Find the methods of Spark's writers that write: those that do not give the writer back."""
    ends = []
    for writer in (DataFrameWriter, DataFrameWriterV2, DataStreamWriter):
        for name, method in inspect.getmembers(writer, inspect.isfunction):
            given_back = str(inspect.signature(method).return_annotation).strip("'\"")
            if not name.startswith("_") and writer.__name__ not in given_back:
                ends.append((writer, name))
    return ends


def _watch_spark(effects: Effects, patch: pytest.MonkeyPatch) -> None:
    for writer, name in spark_ends():
        _wrap(effects, patch, writer, name, lambda _, args: args[0] if args else "")
    sql = SparkSession.sql

    def watched(session: SparkSession, query: str, *args: Any, **kwargs: Any) -> Any:
        if query.split(maxsplit=1)[0].lower() not in _READS:
            effects.told("SparkSession.sql", query)
        return sql(session, query, *args, **kwargs)

    patch.setattr(SparkSession, "sql", watched)


def delta_rs_ends() -> list[tuple[Any, str]]:
    """Find the functions and methods of delta-rs that commit: those that can be told what the commit says of itself."""
    ends: list[tuple[Any, str]] = []
    for module in [deltalake, *(importlib.import_module(each) for each in _modules(deltalake))]:
        for name, member in inspect.getmembers(module):
            if inspect.isfunction(member) and member.__module__ == module.__name__ and _commits(member):
                ends.append((module, name))
            elif inspect.isclass(member) and member.__module__ == module.__name__:
                ends += [
                    (member, each)
                    for each, method in inspect.getmembers(member, callable)
                    if not each.startswith("_") and each in vars(member) and _commits(method)
                ]
    return ends


def _modules(package: Any) -> list[str]:
    found = (each.name for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
    return [name for name in found if "._" not in name]


def _commits(function: Any) -> bool:
    try:
        names = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return any("commit_properties" in name or "commithook_properties" in name for name in names)


def _watch_delta_rs(effects: Effects, patch: pytest.MonkeyPatch) -> None:
    for owner, name in delta_rs_ends():
        _wrap(effects, patch, owner, name, _table_of)


def _table_of(this: Any, args: tuple[Any, ...]) -> object:
    given = args[0] if args and isinstance(args[0], str | Path | deltalake.DeltaTable) else this
    return unquote(given.table_uri).rstrip("/") if isinstance(given, deltalake.DeltaTable) else given


def _wrap(
    effects: Effects,
    patch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    target: Callable[[Any, tuple[Any, ...]], object],
) -> None:
    """Put a watched function in the place of one, wherever it was imported to."""
    plain = inspect.getattr_static(owner, name)
    is_bound = isinstance(plain, classmethod)
    call = getattr(owner, name)
    what = f"{owner.__name__.rpartition('.')[2]}.{name}"

    def watched(*args: Any, **kwargs: Any) -> Any:
        this, rest = (args[0], args[1:]) if inspect.isclass(owner) and not is_bound and args else (None, args)
        effects.told(what, target(this, rest))
        with effects.inside():
            return call(*args, **kwargs)

    patch.setattr(owner, name, staticmethod(watched) if is_bound else watched)
    if not inspect.isclass(owner):
        for module in [each for key, each in sys.modules.items() if key.startswith(("lakeloop", "deltalake"))]:
            for alias, member in list(vars(module).items()):
                if member is call:
                    patch.setattr(module, alias, watched)


def _watch_parquet(effects: Effects, patch: pytest.MonkeyPatch) -> None:
    made = pq.ParquetWriter.__init__

    def watched(writer: Any, where: Any, *args: Any, **kwargs: Any) -> None:
        effects.told("ParquetWriter", where)
        made(writer, where, *args, **kwargs)

    patch.setattr(pq.ParquetWriter, "__init__", watched)


_is_watching = {"files": False, "store": False}


def _watch_files() -> None:
    if not _is_watching["files"]:
        sys.addaudithook(_audit)
        _is_watching["files"] = True


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _listening:
        return
    for each in _listening:
        if event == "open":
            path, mode, flags = args
            writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else False
            if (writes or flags & (os.O_WRONLY | os.O_RDWR)) and each.holds(path):
                each.told("open", path)
        elif event in ("os.rename", "os.remove", "os.truncate", "os.link", "os.symlink") and each.holds(args[0]):
            each.told(event, args[1] if event == "os.rename" else args[0])
        elif event == "subprocess.Popen":
            each.told(event, args[0])


def _watch_tracking_store() -> None:
    if not _is_watching["store"]:
        sqlalchemy.event.listen(Engine, "before_cursor_execute", _note_write)
        sqlalchemy.event.listen(Engine, "commit", _tell_commit)
        sqlalchemy.event.listen(Engine, "rollback", _forget_write)
        _is_watching["store"] = True


def _note_write(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
    if statement.split(maxsplit=1)[0].upper() in ("INSERT", "UPDATE", "DELETE"):
        connection.info["lakeloop_writes"] = True


def _forget_write(connection: Connection) -> None:
    connection.info.pop("lakeloop_writes", None)


def _tell_commit(connection: Connection) -> None:
    if connection.info.pop("lakeloop_writes", False):
        for each in _listening:
            each.told("tracking store", connection.engine.url.database)


# --- what is done with them ------------------------------------------------------------------------------------------


class Observed:
    """Notes every effect, and holds what appears in the workspace against what was announced."""

    def __init__(self, workspace: Path) -> None:
        self.effects: list[Effect] = []
        self.workspace = workspace
        self._before = self._written()

    def __call__(self, effect: Effect) -> None:
        """Note an effect."""
        self.effects.append(effect)

    def unannounced(self) -> set[str]:
        """Name the tables that got commits, and the files that appeared, without having been announced."""
        announced = {name for effect in self.effects for name in (effect.target, effect.what)}
        appeared = {_owner(path) for path in self._written() - self._before}
        return {each for each in appeared if not any(each == told or f"{told}/" in f"{each}/" for told in announced)}

    def _written(self) -> set[tuple[str, int]]:
        found = set()
        for path in self.workspace.rglob("*"):
            inner = path.relative_to(self.workspace).as_posix()
            is_landed = inner.startswith("landing/")  # by the test
            if path.is_file() and not is_landed and path.name != _LOCK and not path.name.endswith(".crc"):
                found.add((inner, path.stat().st_size))
        return found


def _owner(written: tuple[str, int]) -> str:
    """Tell what a file is written by: a table's by its writers, a checkpoint's by its stream, else by its name."""
    name = written[0]
    layer, *rest = Path(name).parts
    if layer == "checkpoints":
        return "DataStreamWriter.start"
    if name.startswith("mlflow.db"):
        return "tracking store"
    if layer in ("admitted", "mlartifacts") or len(rest) < 2:
        return _without_ids(name)
    return f"{layer}/{rest[0]}"


class Stops:
    """Ends the process, in effect, just before each effect, each once: then nothing has an effect any more.

    Nothing happens between one effect and the next, so to stop before the one is to stop after the other.

    Args:
        every_time: Whether an effect that a run has several times in the same place is stopped at each time, and the
            tracking store's transactions and files each by themselves, not by the function that asks for them.
        one_in: Of how many effects one is stopped at.
    """

    def __init__(self, *, every_time: bool, one_in: int = 1) -> None:
        self.stopped_at: list[Effect] = []
        self._is_stopped, self._every_time, self._one_in = False, every_time, one_in
        self._known, self._seen = set[object](), Counter[object]()
        self._one = threading.Lock()

    def __call__(self, effect: Effect) -> None:
        """Stop before an effect that was not stopped at yet, and before all that follow."""
        with self._one:
            if not self._is_stopped and self._key(effect) not in self._known:
                self._known.add(self._key(effect))
                if len(self._known) % self._one_in == 0:
                    self.stopped_at.append(effect)
                    self._is_stopped = True
            if self._is_stopped:
                raise StoppedError(str(effect))
            self._seen[effect] += 1

    def _key(self, effect: Effect) -> object:
        if self._every_time and not effect.target.endswith(".part"):  # nobody reads a part, and it is made anew
            return effect, self._seen[effect]
        return effect.by[-1] if effect.by[-1].startswith("registry.") else effect

    def run(self, job: Callable[[], object], *, at_most: int) -> None:
        """Run a job again and again until it comes to its end."""
        for _ in range(at_most):
            self._is_stopped = False
            self._seen.clear()
            try:
                job()
            except Exception:
                if not self._is_stopped:
                    raise
            if not self._is_stopped:  # a stop that a library swallows is a stop
                return
        raise AssertionError(f"not at its end after {at_most} runs; last stopped at {self.stopped_at[-1]}")
