"""The embedded store: one SQLite file, read by many processes and threads beside the one that publishes.

A generation is a table of the file: entity -> the newest state and, beside it, the one before. A look-up is one
statement over the manifest's stamp and all tables asked for, so that SQLite itself answers it from one snapshot.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from lakeloop.errors import EnvironmentProblemError
from lakeloop.online_store.encoding import decode_values, encode_key, encode_values
from lakeloop.online_store.manifest import Manifest, decode_manifest, encode_manifest, merged
from lakeloop.online_store.problems import no_answer, read_only
from lakeloop.online_store.sqlite_file import Connection, open_to_read, open_to_write
from lakeloop.online_store.store import Found, Key, PublishedTable, State

SCHEME = "sqlite:///"
_T = TypeVar("_T")

_ROWS_OF_A_WRITE = 5_000
_KEYS_OF_A_STATEMENT = 400
_ATTEMPTS = 50
_REMEDY = (
    "see that the file is whole and may be read, and its folder be written to where a log (-wal) stands beside it; "
    "`lakeloop publish --full` fills it"
)
_CREATE_MANIFEST = """
CREATE TABLE IF NOT EXISTS manifest (project TEXT PRIMARY KEY, stamp TEXT NOT NULL, content TEXT NOT NULL)
"""
_CREATE_STATES = """
CREATE TABLE IF NOT EXISTS {table} (
    key TEXT PRIMARY KEY,
    available INTEGER NOT NULL, event INTEGER NOT NULL, state BLOB NOT NULL,
    before_available INTEGER, before_event INTEGER, before_state BLOB
) WITHOUT ROWID
"""
# What is served moves beside the newer state; what a publish that broke off has left is written over.
_PUT = """
INSERT INTO {table} (key, available, event, state) VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    before_available = CASE WHEN available <= :through THEN available ELSE before_available END,
    before_event = CASE WHEN available <= :through THEN event ELSE before_event END,
    before_state = CASE WHEN available <= :through THEN state ELSE before_state END,
    available = excluded.available, event = excluded.event, state = excluded.state
"""
_STAMP = "SELECT -1, stamp, NULL, NULL, NULL, NULL, NULL, NULL FROM manifest WHERE project = ?"
_STATES = """
SELECT {number}, key, available, event, state, before_available, before_event, before_state
FROM {table} WHERE key IN ({marks})
"""


class SqliteStore:
    """An online store in one SQLite file.

    Args:
        path: The file; it is made, with its folder, unless only read.
        project: Name of the project whose rows are meant.
        read_only: Whether nothing is ever written by it.
        timeout_seconds: Longest wait for another process that writes.

    >>> import tempfile
    >>> from datetime import UTC, datetime
    >>> noon = datetime(2024, 1, 25, 12, tzinfo=UTC)
    >>> shops = PublishedTable("shops", "g1", ("shop",), {"mean": "double"}, {"shop": "string"}, None, None, noon, 3,
    ...                        "a1", noon)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SqliteStore(Path(folder) / "online.db", "demo")
    ...     rows = store.stage(shops, [(("York",), State(10, 9, (0.5,)))])
    ...     staged = store.look_up({"shops": [("York",)]}).states
    ...     store.swap([shops])
    ...     found = store.look_up({"shops": [("York",), ("Hull",)]}).states
    ...     store.close()
    >>> rows, staged, found
    (1, {}, {'shops': (State(available_micros=10, event_micros=9, values=(0.5,)), None)})
    """

    def __init__(self, path: Path, project: str, *, read_only: bool = False, timeout_seconds: float = 1.0) -> None:
        self._path, self._project = path, project
        self._read_only, self._timeout = read_only, timeout_seconds
        self._local = threading.local()
        self._open: WeakSet[Connection] = WeakSet()
        self._opening = threading.Lock()
        self._seen = Manifest()
        if not read_only:
            with self._explaining():
                path.parent.mkdir(parents=True, exist_ok=True)
                self._connection().execute(_CREATE_MANIFEST)

    def __repr__(self) -> str:
        return f"SqliteStore({str(self._path)!r}, {self._project!r})"

    # --- reading -----------------------------------------------------------------------------------------------------

    def manifest(self) -> dict[str, PublishedTable]:
        """Tell what is served; nothing before the first publish."""
        with self._explaining():
            self._seen = self._read_manifest()
        return dict(self._seen.tables)

    def look_up(self, asked: Mapping[str, Sequence[Key]]) -> Found:
        """Look keys up in several tables, all in one snapshot of the file.

        Args:
            asked: Table -> keys.

        Returns:
            The states, and the manifest they were found by.

        Raises:
            EnvironmentProblemError: If the file cannot be read.
        """
        with self._explaining():
            for _ in range(_ATTEMPTS):  # a second one only where a publish came in between
                seen = self._seen
                found = self._find(seen, asked)
                if found is not None:
                    return found
                self._seen = self._read_manifest()
        raise no_answer(self._address, "its manifest names rows that are not there", _REMEDY)

    def _find(self, seen: Manifest, asked: Mapping[str, Sequence[Key]]) -> Found | None:
        """Look up by a manifest; None where it is no longer the one that is served."""
        names = [name for name in asked if name in seen.tables]
        texts = [[encode_key(key) for key in asked[name]] for name in names]
        try:
            rows = self._fetch(seen, names, texts)
        except sqlite3.OperationalError as missing:
            if "no such table" not in str(missing) and not self._is_not_there():
                raise
            if not seen.stamp and not self._read_manifest().stamp:
                return Found({}, {})
            return None
        stamp, held = "", [dict[str, State | None]() for _ in names]
        for number, key, available, event, state, before, before_event, before_state in rows:
            if number < 0:
                stamp = key
            elif available <= (through := seen.through[names[number]]):
                held[number][key] = State(available, event, decode_values(state))
            elif before is not None and before <= through:
                held[number][key] = State(before, before_event, decode_values(before_state))
        if stamp != seen.stamp:
            return None
        states = {name: tuple(map(held[i].get, texts[i])) for i, name in enumerate(names)}
        return Found({name: seen.tables[name] for name in names}, states)

    def _fetch(self, seen: Manifest, names: Sequence[str], texts: Sequence[Sequence[str]]) -> list[Any]:
        generations = tuple(self._rows_of(seen.tables[name]) for name in names)
        if sum(map(len, texts)) <= _KEYS_OF_A_STATEMENT:
            statement = _statement(generations, tuple(map(len, texts)))
            values = [self._project, *(key for keys in texts for key in keys)]
            return self._read(lambda connection: connection.execute(statement, values).fetchall())

        def fetch_pieces(connection: Connection) -> list[Any]:
            with _transaction(connection, "BEGIN"):
                rows = connection.execute(_STAMP, [self._project]).fetchall()
                for number, keys in enumerate(texts):
                    for piece in _pieces(keys, _KEYS_OF_A_STATEMENT):
                        statement = _select(number, generations[number], len(piece))
                        rows += connection.execute(statement, piece).fetchall()
            return rows

        return self._read(fetch_pieces)

    def _read_manifest(self) -> Manifest:
        try:
            sql = "SELECT content, stamp FROM manifest WHERE project = ?"
            row = self._read(lambda connection: connection.execute(sql, [self._project]).fetchone())
        except sqlite3.OperationalError as missing:
            if "no such table" in str(missing) or self._is_not_there():  # before the first publish
                return Manifest()
            raise
        return Manifest() if row is None else decode_manifest(*row)

    def _read(self, ask: Callable[[Connection], _T]) -> _T:
        """Read what holds: again, where the file was changed under a connection that takes no locks."""
        for _ in range(_ATTEMPTS):
            connection = self._connection()
            try:
                found = ask(connection)
            except sqlite3.Error:
                if connection.is_true():
                    raise
            else:
                if connection.is_true():
                    return found
            self._forget(connection)
        raise no_answer(self._address, "it changes faster than it can be read", _REMEDY)

    def _is_not_there(self) -> bool:
        return self._read_only and not self._path.exists()

    # --- writing -----------------------------------------------------------------------------------------------------

    def stage(self, table: PublishedTable, rows: Iterable[tuple[Key, State]]) -> int:
        """Write states beside those that are served; nobody sees them before `swap`.

        Args:
            table: What the manifest will say.
            rows: A state per entity.

        Returns:
            Number of states written.

        Raises:
            EnvironmentProblemError: If the file cannot be written.
        """
        self._assert_writing()
        with self._explaining():
            connection, served = self._connection(), self._read_manifest()
            current, name = served.tables.get(table.table), self._rows_of(table)
            is_served = current is not None and current.generation == table.generation
            through = served.through[table.table] if is_served else None
            if not is_served:  # of this generation an earlier attempt may have left rows
                connection.execute(f"DROP TABLE IF EXISTS {name}")
            connection.execute(_CREATE_STATES.format(table=name))
        put, written, left = _PUT.format(table=name).replace(":through", str(_literal(through))), 0, iter(rows)
        while piece := [_as_row(*each) for each in islice(left, _ROWS_OF_A_WRITE)]:
            with self._explaining(), _transaction(connection, "BEGIN IMMEDIATE"):
                connection.executemany(put, piece)
            written += len(piece)
        return written

    def swap(self, tables: Sequence[PublishedTable]) -> None:
        """Serve what was staged, of all these tables at once; rows of generations that are served no more go.

        Args:
            tables: What the manifest says of them from now on.

        Raises:
            EnvironmentProblemError: If the file cannot be written.
        """
        self._assert_writing()
        with self._explaining():
            connection = self._connection()
            with _transaction(connection, "BEGIN IMMEDIATE"):
                after = merged(self._read_manifest().tables, tables)
                stamp, content = encode_manifest(after)
                connection.execute("REPLACE INTO manifest VALUES (?, ?, ?)", [self._project, stamp, content])
            served = {self._rows_of(each) for each in after.values()}
            like = _quoted(self._prefix)[:-1]
            there = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            for name in (_quoted(row[0]) for row in there):
                if name.startswith(like) and name not in served:
                    connection.execute(f"DROP TABLE {name}")
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    # --- connections -------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._opening:
            for each in list(self._open):
                each.close()
            self._open.clear()
            self._local = threading.local()

    def _forget(self, connection: Connection) -> None:
        with self._opening:
            self._open.discard(connection)
            self._local.connection = None
        connection.close()

    def _connection(self) -> Connection:
        """Give this thread's connection."""
        found: Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            return found
        opened = (open_to_read if self._read_only else open_to_write)(self._path, self._timeout)
        with self._opening:
            self._open.add(opened)
            self._local.connection = opened
        return opened

    @property
    def _address(self) -> str:
        return f"{SCHEME}{self._path}"

    @property
    def _prefix(self) -> str:
        return f"states:{self._project}:"

    def _rows_of(self, table: PublishedTable) -> str:
        return _quoted(f"{self._prefix}{table.table}:{table.generation}")

    def _assert_writing(self) -> None:
        if self._read_only:
            raise read_only(self._address)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except EnvironmentProblemError:
            raise
        except (sqlite3.Error, OSError) as problem:
            raise no_answer(self._address, problem, _REMEDY) from problem


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@lru_cache(maxsize=256)
def _statement(generations: tuple[str, ...], counts: tuple[int, ...]) -> str:
    parts = [_select(i, name, counts[i]) for i, name in enumerate(generations) if counts[i]]
    return " UNION ALL ".join([_STAMP, *parts])


def _select(number: int, table: str, keys: int) -> str:
    return _STATES.format(number=number, table=table, marks=", ".join("?" * keys))


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _literal(through: int | None) -> int:
    return -(2**63) if through is None else through


def _as_row(key: Key, state: State) -> tuple[str, int, int, bytes]:
    return encode_key(key), state.available_micros, state.event_micros, encode_values(state.values)


def _pieces(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
