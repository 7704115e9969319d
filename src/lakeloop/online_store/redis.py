"""The store for several servers: Redis, or whatever speaks its protocol.

A generation is a hash: entity -> its one or two states. A look-up is one pipeline in MULTI/EXEC, the manifest's stamp
and an HMGET per table, which Redis answers without anything in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lakeloop.config.addresses import without_password
from lakeloop.online_store.encoding import decode_served, decode_states, encode_key, encode_states
from lakeloop.online_store.manifest import Manifest, decode_manifest, encode_manifest, merged
from lakeloop.online_store.problems import no_answer, read_only
from lakeloop.online_store.states import with_newer
from lakeloop.online_store.store import Found, Key, PublishedTable, State

SCHEMES = ("redis", "rediss")

_ROWS_OF_A_WRITE = 1_000
_ATTEMPTS = 50


class RedisStore:
    """An online store in Redis; safe for several threads.

    Args:
        address: `redis://[user:password@]host:port/number`, or `rediss://` for TLS.
        project: Name of the project; it is part of every key.
        read_only: Whether nothing is ever written by it.
        timeout_seconds: Longest wait for a connection, and for an answer.

    >>> print(RedisStore("redis://me:secret@cache:6379/0", "demo"))
    RedisStore('redis://***@cache:6379/0', 'demo')
    """

    def __init__(self, address: str, project: str, *, read_only: bool = False, timeout_seconds: float = 1.0) -> None:
        self._shown, self._read_only = without_password(address), read_only
        self._project, self._prefix = project, f"lakeloop:{project}:"
        self._seen = Manifest()
        # A server that was started again has closed the connections of the pool: these are made anew, at once.
        again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        try:
            self._client: Any = redis.Redis.from_url(  # its types say each answer may be of any kind
                address,
                socket_timeout=timeout_seconds,
                socket_connect_timeout=timeout_seconds,
                retry=again,
                client_name="lakeloop",
            )
        except ValueError as problem:
            raise no_answer(self._shown, problem) from None

    def __repr__(self) -> str:
        return f"RedisStore({self._shown!r}, {self._project!r})"

    # --- reading -----------------------------------------------------------------------------------------------------

    def manifest(self) -> dict[str, PublishedTable]:
        """Tell what is served; nothing before the first publish."""
        self._seen = self._read_manifest()
        return dict(self._seen.tables)

    def look_up(self, asked: Mapping[str, Sequence[Key]]) -> Found:
        """Look keys up in several tables by one pipeline.

        Args:
            asked: Table -> keys.

        Returns:
            The states, and the manifest they were found by.

        Raises:
            EnvironmentProblemError: If the server does not answer in time.
        """
        for _ in range(_ATTEMPTS):  # a second one only where a publish came in between
            seen = self._seen
            found = self._find(seen, asked)
            if found is not None:
                return found
            self._seen = self._read_manifest()
        raise no_answer(self._shown, "its manifest changes faster than it can be read")

    def _find(self, seen: Manifest, asked: Mapping[str, Sequence[Key]]) -> Found | None:
        """Look up by a manifest; None where it is no longer the one that is served."""
        names = [name for name in asked if name in seen.tables]
        wanted = [name for name in names if asked[name]]
        with self._explaining():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.get(self._stamp)
            for name in wanted:
                pipeline.hmget(self._rows_of(seen.tables[name]), list(map(encode_key, asked[name])))
            stamp, *rows = pipeline.execute()
        if (stamp or b"").decode() != seen.stamp:
            return None
        states: dict[str, tuple[State | None, ...]] = dict.fromkeys(names, ())
        for name, held in zip(wanted, rows, strict=True):
            through = seen.through[name]
            states[name] = tuple(decode_served(each, through) for each in held)
        return Found({name: seen.tables[name] for name in names}, states)

    def _read_manifest(self) -> Manifest:
        with self._explaining():
            pipeline = self._client.pipeline(transaction=True)
            content, stamp = pipeline.get(self._content).get(self._stamp).execute()
        return Manifest() if stamp is None else decode_manifest(content, stamp.decode())

    # --- writing -----------------------------------------------------------------------------------------------------

    def stage(self, table: PublishedTable, rows: Iterable[tuple[Key, State]]) -> int:
        """Write states beside those that are served; nobody sees them before `swap`.

        Args:
            table: What the manifest will say.
            rows: A state per entity.

        Returns:
            Number of states written.

        Raises:
            EnvironmentProblemError: If the server does not answer in time.
        """
        self._assert_writing()
        served, name = self._read_manifest(), self._rows_of(table)
        current = served.tables.get(table.table)
        is_served = current is not None and current.generation == table.generation
        through = served.through[table.table] if is_served else None
        with self._explaining():
            if not is_served:  # of this generation an earlier attempt may have left rows
                self._client.unlink(name)
            self._client.sadd(self._generations, name)
        written, left = 0, iter(rows)
        while piece := [(encode_key(key), state) for key, state in islice(left, _ROWS_OF_A_WRITE)]:
            with self._explaining():
                held: Sequence[Any] = [None] * len(piece)
                if is_served:
                    held = self._client.hmget(name, [key for key, _ in piece])
                put = {
                    key: encode_states(with_newer(decode_states(before), state, through))
                    for (key, state), before in zip(piece, held, strict=True)
                }
                self._client.hset(name, mapping=put)
            written += len(piece)
        return written

    def swap(self, tables: Sequence[PublishedTable]) -> None:
        """Serve what was staged, of all these tables at once; rows of generations that are served no more go.

        Args:
            tables: What the manifest says of them from now on.

        Raises:
            EnvironmentProblemError: If the server does not answer in time.
        """
        self._assert_writing()
        after: dict[str, PublishedTable] = {}

        def put(pipeline: Any) -> None:
            content = pipeline.get(self._content)
            after.clear()
            after.update(merged(decode_manifest(content, "").tables, tables))
            stamp, text = encode_manifest(after)
            pipeline.multi()
            pipeline.mset({self._content: text, self._stamp: stamp})

        with self._explaining():
            self._client.transaction(put, self._content)  # again where another one has come in between
            served = {self._rows_of(each) for each in after.values()}
            there = {name.decode() for name in self._client.smembers(self._generations)}
            for name in sorted(there - served):
                self._client.pipeline(transaction=True).unlink(name).srem(self._generations, name).execute()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    # --- keys --------------------------------------------------------------------------------------------------------

    @property
    def _stamp(self) -> str:
        return f"{self._prefix}stamp"

    @property
    def _content(self) -> str:
        return f"{self._prefix}manifest"

    @property
    def _generations(self) -> str:
        return f"{self._prefix}generations"

    def _rows_of(self, table: PublishedTable) -> str:
        return f"{self._prefix}states:{table.table}:{table.generation}"

    def _assert_writing(self) -> None:
        if self._read_only:
            raise read_only(self._shown)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OSError) as problem:
            raise no_answer(self._shown, problem) from None  # what the client says of itself may hold the address
