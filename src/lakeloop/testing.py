"""What a project's own tests need: its rules over rows, its feature tables over rows, turns in a folder of their own.

Nothing of the project is written: a sandbox keeps its tables below a scratch folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.as_of import parse_as_of
from lakeloop.config.loading import load_config
from lakeloop.config.mistakes import closest, listed
from lakeloop.config.project import Project
from lakeloop.config.source import Source
from lakeloop.config.table_inputs import build_levels, sources_below, tables_below
from lakeloop.config.tree import Config
from lakeloop.errors import DataContractError, Failure, UsageError
from lakeloop.landing import MALFORMED
from lakeloop.quality.rules import REASONS, WARNINGS, judge_rows
from lakeloop.quality.typing import type_rows
from lakeloop.quality.uniqueness import ACCEPTED, CLASS, DUPLICATE, QUARANTINED, SUPERSEDED
from lakeloop.quality.versions import classify
from lakeloop.runs.bronze import bronze_schema, create_tables
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_table
from lakeloop.runs.ingest_batch import select_accepted
from lakeloop.runs.plan import Plan, make_plan
from lakeloop.runs.turn import TurnResult, run_turn
from lakeloop.tables import WriteIdentity
from lakeloop.with_columns import with_columns

Row = Mapping[str, Any]
"""A landed row: declared column -> text, number, truth value, date or datetime; None, or left out, is missing."""

_FILE, _ROW = "rows", "_source_row"
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_OWN = ("catalog", "tracking_uri", "registry", "online_store", "notify")
"""Keys of `project.yml` by which turns would reach out of the scratch folder."""


class RowFate(StrEnum):
    """What became of a row: it is in bronze, in quarantine, a repetition, or an older version of what is known."""

    ACCEPTED = ACCEPTED
    QUARANTINED = QUARANTINED
    DUPLICATE = DUPLICATE
    SUPERSEDED = SUPERSEDED


@dataclass(frozen=True)
class JudgedRow:
    """What a source's declaration makes of a row.

    Attributes:
        fate: What became of it.
        broken: Names of the rules it broke, of severity `quarantine` and `fail`; a run stops at one of `fail`.
        warnings: Names of the rules of severity `warn` that it broke.
        values: Its columns as bronze has them: typed, derived, `event_ts` and `available_ts`; instants are aware, UTC.
    """

    fate: RowFate
    broken: tuple[str, ...]
    warnings: tuple[str, ...]
    values: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Sandbox:
    """A project in a folder of its own.

    Attributes:
        root: Folder that holds the project's `conf/`.
        scratch: Folder for tables; made where missing, and left to be removed by who made it.
        env: Environment whose overrides are laid over the base.

    >>> import tempfile
    >>> from lakeloop.starter.write import write_project
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sandbox = Sandbox(write_project(Path(folder) / "parcels").folder, Path(folder) / "scratch")
    ...     list(sandbox.config.models)
    ['late_delivery']
    """

    root: Path
    scratch: Path
    env: str | None = None

    @cached_property
    def config(self) -> Config:
        """The project's configuration.

        Raises:
            ConfigError: If it is wrong; all mistakes are told with their lines.
        """
        return load_config(self.root, self.env)

    @cached_property
    def spark(self) -> SparkSession:
        """The Spark session, with the project's settings; one serves all sandboxes of a process."""
        return Context(self.config, _EARLIEST).spark

    def plan(self) -> Plan:
        """Check the configuration and say what a run would do, as `lakeloop plan` does; starts no Spark.

        Raises:
            ConfigError: If it is wrong; all mistakes are told with their lines.

        >>> [each.source for each in Sandbox(context.config.root, context.config.workspace).plan().sources]
        ['deliveries', 'orders']
        """
        return make_plan(self.config)

    def judge(self, source: str, rows: Sequence[Row]) -> tuple[JudgedRow, ...]:
        """Judge rows by a source's declaration, as one batch that nothing came before.

        The declared `available_ts` counts, as in a trusted history.

        Args:
            source: A source of the project.
            rows: Landed rows, in the order of their records.

        Returns:
            What became of each, in the order given.

        Raises:
            UsageError: If the project has no such source, or the source no such column.

        >>> sandbox = Sandbox(context.config.root, context.config.workspace)
        >>> row = {"order": 1, "shop": "A", "items": 2, "due_ts": "2024-02-01T10:00:00Z"}
        >>> found = sandbox.judge("orders", [row, row | {"order": 2, "items": 0}, row])
        >>> [(each.fate.value, each.broken) for each in found]
        [('accepted', ()), ('quarantined', ('range_items',)), ('duplicate', ())]
        """
        declared = self._source(source)
        judged = self._judge(declared, rows)
        names = [name for name in bronze_schema(declared).fieldNames() if not name.startswith("_")]
        found = judged.select(CLASS, F.transform(REASONS, lambda each: each["rule"]).alias(REASONS), WARNINGS, *names)
        table = found.orderBy(_ROW).toArrow()  # bounded: the rows that were given
        return tuple(
            JudgedRow(
                RowFate(row.pop(CLASS)),
                tuple(row.pop(REASONS)),
                tuple(row.pop(WARNINGS)),
                {name: _in_utc(value) for name, value in row.items()},
            )
            for row in table.to_pylist()
        )

    def features(self, table: str, rows: Mapping[str, Sequence[Row]], as_of: str) -> list[dict[str, Any]]:
        """Build a feature table from rows, as a turn does.

        Args:
            table: A feature table of the project; those it is made from are built too.
            rows: Source -> landed rows, all of which its rules have to accept; a source that is left out has none.
            as_of: The logical now, as `--as-of` takes it.

        Returns:
            Rows of the gold table by entity and `available_ts`, ascending; instants are aware, UTC.

        Raises:
            UsageError: If the project has no such feature table or source, or the source no such column.
            DataContractError: If a row is not accepted.

        >>> sandbox = Sandbox(context.config.root, context.config.workspace.parent / "sandbox")
        >>> row = {"order": 1, "shop": "A", "delivered_ts": "2024-02-01T10:20:00Z", "delay_minutes": 30}
        >>> gold = sandbox.features("shop_delays", {"deliveries": [row]}, "2024-02-01T12:00:00Z")
        >>> [(each["shop"], each["available_ts"].hour) for each in gold][:1]
        [('A', 11)]
        """
        tables = self.config.feature_tables
        if table not in tables:
            raise _unknown("feature table", table, tables)
        below = {name: tables[name] for name in tables_below(tables, [table])}
        needed = sources_below(tables, [table])
        for name in rows:
            self._source(name)
        context = self._context(as_of)
        with context.lake.writing():
            context.lake.create_own(schemas.RUNS)
            context.lake.create_own(schemas.FEATURE_BUILDS)
            for name in needed:
                self._accept(context, self.config.sources[name], rows.get(name, ()))
            for level in build_levels(below):
                for each in level:
                    build_table(context, each)
        address = context.lake.address("gold", table)
        if not context.lake.exists(address):
            return []
        gold = context.lake.read(address, context.as_of)
        names = [name for name in gold.columns if not name.startswith("_")]
        entity = tables[table].entity
        found = gold.select(*names).orderBy(*entity, "available_ts").toArrow()  # bounded: made of the rows given
        return [{name: _in_utc(value) for name, value in row.items()} for row in found.to_pylist()]

    def run(self, *turns: str) -> list[TurnResult]:
        """Run turns of the loop on what has landed, in the scratch folder; a second call goes on where one ended.

        Landed files are copied. Tables, models and messages stay in the scratch folder, whatever `project.yml` says of
        a catalog, a tracking server or channels.

        Args:
            turns: Logical nows, as `--as-of` takes them, ascending.

        Returns:
            What every turn did.

        Raises:
            UsageError: If a source is read where it is: a test has its rows land.
            LakeloopError: What a step raises.

        >>> with tempfile.TemporaryDirectory() as scratch:
        ...     Sandbox(context.config.root, Path(scratch)).run()
        []
        """
        config = self._in_scratch(self.scratch / "workspace")
        sources: dict[str, Source] = {}
        for name, source in config.sources.items():
            if source.landing is None:
                allowed = "sources that land; their rules and features can be tested all the same"
                raise UsageError("run", f"source {name}, which is read where it is", allowed, "use judge and features")
            landed = self.scratch / "landing" / name
            landed.mkdir(parents=True, exist_ok=True)
            there = self.config.landing_path(source)
            for file in sorted(there.glob(source.landing.files)) if there.is_dir() else ():
                shutil.copy2(file, landed / file.name)
            landing = source.landing.model_copy(update={"path": str(landed.resolve())})
            sources[name] = source.model_copy(update={"landing": landing})
        config = replace(config, sources=sources)
        instants = [parse_as_of(turn, config.project.zone, "turn") for turn in turns]
        return [run_turn(Context(config, instant), tuple(config.models)) for instant in instants]

    def _source(self, name: str) -> Source:
        if name not in self.config.sources:
            raise _unknown("source", name, self.config.sources)
        return self.config.sources[name]

    def _judge(self, source: Source, rows: Sequence[Row]) -> DataFrame:
        for row in rows:
            for name in row:
                if name not in source.columns:
                    raise _unknown(f"column of source {source.source}", name, source.columns)
        columns = [*(f"`{name}` string" for name in source.columns), f"{MALFORMED} string", "_source_file string"]
        columns += ["_content_hash string", f"{_ROW} bigint"]
        nulls = source.files.nulls if source.landing is not None else frozenset()
        staged = [
            (*(_as_text(row.get(name), nulls) for name in source.columns), None, _FILE, _FILE, number)
            for number, row in enumerate(rows, 1)
        ]
        frame = self.spark.createDataFrame(staged, ", ".join(columns))
        return classify(judge_rows(type_rows(frame, source, _EARLIEST), source), None, source)

    def _accept(self, context: Context, source: Source, rows: Sequence[Row]) -> None:
        """Write rows to bronze."""
        create_tables(context.lake, source)
        failures = [
            Failure(f"row {number}", f"is {each.fate.value}{': ' if each.broken else ''}{listed(each.broken)}")
            for number, each in enumerate(self.judge(source.source, rows), 1)
            if each.fate is not RowFate.ACCEPTED
        ]
        if failures:
            remedy = "give rows that the rules keep; what becomes of the others is told by judge"
            raise DataContractError(f"rows of source {source.source}", failures, remedy)
        stamps = {"_batch_id": F.lit(0).cast("long"), "_ingested_ts": F.lit(_EARLIEST)}
        accepted = select_accepted(with_columns(self._judge(source, rows), stamps), source)
        identity = WriteIdentity("sandbox", source.source)
        context.lake.append(accepted, context.lake.address("bronze", source.source), identity)

    def _context(self, as_of: str) -> Context:
        self.scratch.mkdir(parents=True, exist_ok=True)
        config = self._in_scratch(Path(tempfile.mkdtemp(prefix="features-", dir=self.scratch)))
        return Context(config, parse_as_of(as_of, config.project.zone, "as_of"))

    def _in_scratch(self, workspace: Path) -> Config:
        own = {name: Project.model_fields[name].get_default(call_default_factory=True) for name in _OWN}
        project = self.config.project.model_copy(update={**own, "workspace": str(workspace.resolve())})
        return replace(self.config, project=project)


def _unknown(what: str, got: str, allowed: Mapping[str, Any]) -> UsageError:
    near = closest(got, allowed)
    remedy = f"did you mean {near}?" if near else "correct the name"
    return UsageError(what, repr(got), listed(sorted(allowed)) or "none is declared", remedy)


def _as_text(value: Any, nulls: frozenset[str]) -> str | None:
    """Write a value as a file holds it.

    >>> [_as_text(each, frozenset({"NA"})) for each in (None, "NA", True, 1.5, datetime(2024, 2, 1, 10, tzinfo=UTC))]
    [None, None, 'true', '1.5', '2024-02-01T10:00:00Z']
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        is_instant = value.tzinfo is not None
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z" if is_instant else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return None if value is None or value in nulls else str(value)


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value
