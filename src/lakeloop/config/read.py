"""The `read` section of a source: rows that do not land in files, but are read where they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SecretStr, SerializerFunctionWrapHandler, model_serializer, model_validator

from lakeloop.config.addresses import without_password
from lakeloop.config.durations import short_name
from lakeloop.config.landing import MissingColumns, NewColumns, written_null
from lakeloop.config.plugins import OrPlugin, PluginHost, choose_host
from lakeloop.config.section import Duration, Section, Text, Whole
from lakeloop.entry_points import PluginGroup

SECRET_NAME = re.compile(
    r"pass(w|phrase|code)|pwd|secret|token|credential|jaas|connection[._-]?(string|ur[il])|key$", re.IGNORECASE
)
"""Names of options whose values are written by environment variables only."""

PASSWORD = re.compile(
    r"//[^/\s@]*:[^/\s@]*@"  # user:password@host
    r"|^jdbc:oracle:[^:@\s]+:[^@\s]+/[^@\s]*@"  # user/password@host
    r"|(\bpass|pass(w|phrase|code)\w*|pwd|secret\w*|token|credentials?"
    r"|(access|account|api|master|private|secret|shared)[._-]?key)\s*=",
    re.IGNORECASE,
)
"""What an address is not to hold: a password or a key, by its place or by its name."""

_PARAMETERS = re.compile(r"[;?].*", re.DOTALL)


class ReadKind(StrEnum):
    """What is read: rows of another Delta table, of a database by JDBC, or of a source of Structured Streaming."""

    DELTA = "delta"
    JDBC = "jdbc"
    STREAM = "stream"


class Deletes(StrEnum):
    """What deletes in a change data feed do: they stop the source, or they are counted and nothing else."""

    REFUSE = "refuse"
    IGNORE = "ignore"


class LostVersions(StrEnum):
    """What happens when versions that were not read yet are gone: the source stops, or the table is read whole."""

    REFUSE = "refuse"
    READ_WHOLE = "read_whole"


_KEYS: dict[ReadKind, tuple[str, ...]] = {
    ReadKind.DELTA: ("changes", "deletes", "lost_versions"),
    ReadKind.JDBC: ("table", "query", "watermark", "overlap", "user", "password", "options"),
    ReadKind.STREAM: ("schema_", "options"),
}


class Read(PluginHost):
    """What is read, where and how. One of `delta`, `jdbc` and `stream`, or the word of a package's reader, says which.

    Attributes:
        delta: Another Delta table: a path (relative to the workspace, or absolute), or its name in a catalog.
        changes: Whether its change data feed is read, and not only the rows that were appended; of `delta`.
        deletes: What deletes in the feed do: they stop the source, or they are only counted; of `delta`.
        lost_versions: When versions were lost before they were read: stop, or read the table whole; of `delta`.
        jdbc: URL of a database, `jdbc:...`, without a password.
        table: Table that is read; of `jdbc`.
        query: Query that is read in place of a table; of `jdbc`.
        watermark: Column that grows with the rows: a number, a date or an instant; of `jdbc`.
        overlap: How far behind the last watermark is read again; a number for a watermark of numbers; of `jdbc`.
        user: User of the database; of `jdbc`.
        password: Password of the user, written as an environment variable; of `jdbc`.
        stream: Format of Structured Streaming: `kafka`, `json`, `delta`, ...
        schema_: Columns and types in SQL, of formats that ask for them; of `stream`.
        options: Options of Spark's reader; of `jdbc` and `stream`.
        new_columns: What becomes of a column that is not declared.
        missing_columns: What becomes of a declared column that is not there.
    """

    delta: Text | None = None
    changes: bool = False
    deletes: Deletes = Deletes.REFUSE
    lost_versions: LostVersions = LostVersions.REFUSE
    jdbc: Text | None = None
    table: Text | None = None
    query: Text | None = None
    watermark: Text | None = None
    overlap: Duration | Whole | None = None
    user: Text | None = None
    password: SecretStr | None = None
    stream: Text | None = None
    schema_: Text | None = Field(default=None, alias="schema")
    options: dict[str, bool | int | str] = Field(default_factory=dict)
    new_columns: NewColumns = NewColumns.REFUSE
    missing_columns: Annotated[MissingColumns, BeforeValidator(written_null)] = MissingColumns.REFUSE

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in ReadKind if getattr(self, kind.value) is not None]
        if len(given) + (self.plugin is not None) != 1:
            raise ValueError(f"declare one of {'' if self.plugin is None else f'{self.word}, '}delta, jdbc and stream")
        named = {*self.model_fields_set} - set(_KEYS[given[0]] if given else ())
        for kind, keys in _KEYS.items():
            for key in keys:
                if key in named:
                    shown = key.removesuffix("_")
                    raise ValueError(f"{shown}: no key of {self.word}; write it beside `{kind}:`, or remove it")
        return self

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.delta is not None and not self.changes and "deletes" in self.model_fields_set:
            raise ValueError("deletes: appended rows have none; write `changes: true` beside it, or remove it")
        if self.stream is not None:
            self._assert_matched_by_name(self.stream.lower())
        if self.jdbc is None:
            return self
        if PASSWORD.search(self.jdbc):  # without the key in front: what stands there is not to be shown
            raise ValueError("no password in the URL of the database: declare user and password beside it")
        if not self.jdbc.startswith("jdbc:"):
            raise ValueError("jdbc: no such URL; write jdbc:<database>:...")
        if (self.table is None) == (self.query is None):
            raise ValueError("declare table or query, one of them, beside jdbc")
        if self.watermark is None:
            raise ValueError("declare watermark beside jdbc: the column that grows with the rows")
        if isinstance(self.overlap, int) and self.overlap < 1:
            raise ValueError("overlap: nothing would be read again; write 1 or more, or a duration")
        return self

    def _assert_matched_by_name(self, stream: str) -> None:
        """Refuse what a stream would do without a word: shift values, or leave out what is not declared."""
        if stream == "csv":
            raise ValueError("stream: a stream matches its columns by position; write landing: for files of CSV")
        takes_all = self.new_columns is NewColumns.IGNORE and self.missing_columns is MissingColumns.NULL
        if stream == "json" and self.schema_ is None and not takes_all:
            allowed = "new_columns: ignore and missing_columns: null beside it, or landing: for the files"
            raise ValueError(f"stream: a stream can't tell which members are not declared or missing; write {allowed}")

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is as it is by default, so that a later key changes no declaration's hash."""
        fields = type(self).model_fields
        default = {each.alias or name for name, each in fields.items() if name not in self.model_fields_set}
        return {key: each for key, each in write(self).items() if key.removesuffix("_") not in default}

    @property
    def kind(self) -> ReadKind | None:
        """Which of the three is read; None where a package's reader reads.

        >>> Read(delta="/data/orders").kind
        <ReadKind.DELTA: 'delta'>
        """
        return next((kind for kind in ReadKind if getattr(self, kind.value) is not None), None)

    @property
    def word(self) -> str:
        """What reads, as it is written: the key that says so.

        >>> Read(delta="/data/orders").word
        'delta'
        """
        return self.plugin_word or str(self.kind)

    @property
    def option_texts(self) -> dict[str, str]:
        """The options of Spark's reader as it takes them.

        >>> Read(stream="rate", options={"numPartitions": 1, "isFast": True}).option_texts
        {'numPartitions': '1', 'isFast': 'true'}
        """
        return {name: str(each).lower() if isinstance(each, bool) else str(each) for name, each in self.options.items()}

    @property
    def keeps_new_columns(self) -> bool:
        """Whether what is read in a column that is not declared is kept at all.

        >>> Read(delta="/data/orders").keeps_new_columns
        False
        """
        return self.new_columns in (NewColumns.ADD_NULLABLE, NewColumns.QUARANTINE)

    @property
    def delta_path(self) -> str | None:
        """Path of the Delta table, as it is written; None of a table that is named in a catalog.

        >>> Read(delta="feeds/orders").delta_path, Read(delta="main.sales.orders").delta_path
        ('feeds/orders', None)
        """
        return self.delta if self.delta is not None and "/" in self.delta else None

    def describe(self, written: str) -> str:
        """Say what is read, for a person.

        Args:
            written: The table, URL or format as it is written, before environment variables are filled in.

        Returns:
            A line without a user, a password or a parameter of a URL.

        >>> declared = {"table": "orders", "watermark": "seen_at", "user": "me", "password": "hunter22"}
        >>> Read(jdbc="jdbc:postgresql://${HOST}/shop", **declared).describe("jdbc:postgresql://${HOST}/shop?ssl=1")
        'jdbc:postgresql://${HOST}/shop: table orders by seen_at'
        >>> Read(delta="/data/orders", changes=True).describe("/data/orders")
        'delta /data/orders: its change data feed, deletes: refuse'
        """
        if self.plugin is not None:
            return f"{self.word} {without_password(written)}"
        if self.kind is ReadKind.DELTA:
            what = f"its change data feed, deletes: {self.deletes}" if self.changes else "appended rows"
            return f"delta {without_password(written)}: {what}"
        if self.kind is ReadKind.STREAM:
            return f"stream {written}: what is there when a run begins"
        again = f", {_shown(self.overlap)} again" if self.overlap is not None else ""
        what = f"table {self.table}" if self.table is not None else "a query"
        begin = "jdbc:" if written.startswith("jdbc:") else ""  # urlsplit would take it for the scheme
        place = begin + without_password(_PARAMETERS.sub("", written).removeprefix(begin))
        return f"{place}: {what} by {self.watermark}{again}"


def _choose_read(data: Mapping[Any, Any]) -> type[Section] | None:
    return choose_host(Read, PluginGroup.READERS, data)


AnyRead = Annotated[Read, OrPlugin(PluginGroup.READERS, (Read,), _choose_read)]
"""What is read, or one with the key of a package's reader."""


def _shown(overlap: timedelta | int | None) -> str:
    return short_name(overlap) if isinstance(overlap, timedelta) else str(overlap)
