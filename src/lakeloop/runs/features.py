"""Bronze -> gold: every feature table is brought up to the logical now, incrementally."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lakeloop import schemas
from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.config.table_inputs import build_levels, sources_below
from lakeloop.discovery.catalogue import TableEntry, describe_table
from lakeloop.discovery.text import count_of
from lakeloop.features.attributes import log_attributes
from lakeloop.features.windows import aggregate_windows, floor_tick_of, reach_back
from lakeloop.quality.versions import standing_versions
from lakeloop.runs.build_state import JOB, assert_same_table, read_build_state
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.failed_tables import explaining
from lakeloop.runs.function_table import function_rows
from lakeloop.runs.quality import assert_gate_passed, check_quality
from lakeloop.runs.side_by_side import do_side_by_side
from lakeloop.runs.statement_table import Stretch, statement_stretches
from lakeloop.statuses import Outcome
from lakeloop.tables import Lake, TableAddress, WriteIdentity, WriteResult, rewrite_words


@dataclass(frozen=True)
class FeatureBuild:
    """What a build did for one gold table.

    Attributes:
        feature_table: The table.
        built_through: Instant up to which it is complete, ISO, UTC.
        rows: Rows appended.
        outcome: WRITTEN, or SKIPPED when it was complete already.
    """

    feature_table: str
    built_through: str
    rows: int
    outcome: Outcome


@dataclass(frozen=True)
class FeaturesResult:
    """What a build of all gold tables did."""

    tables: tuple[FeatureBuild, ...]

    @property
    def summary(self) -> str:
        """Rows written and the tables they went to."""
        written = [each for each in self.tables if each.outcome is Outcome.WRITTEN]
        if not written:
            return f"{count_of(len(self.tables), 'table')} already built"
        return f"{count_of(sum(each.rows for each in written), 'row')} into {count_of(len(written), 'table')}"


def build_features(context: Context) -> FeaturesResult:
    """Bring every gold table up to the logical now.

    Args:
        context: Project, lake and logical now.

    Returns:
        Rows and `built_through` per table.

    Raises:
        QualityGateError: If a source that a table is made from failed the quality gate of this turn.
        ConflictError: If a table's declaration was changed after rows were published.

    >>> [(each.feature_table, each.rows, each.outcome.value) for each in build_features(context).tables]
    [('shop_delays', 0, 'SKIPPED'), ('shop_last', 0, 'SKIPPED')]
    """
    with context.lake.writing():
        quality = check_quality(context)  # every source, also one that no table is made from: a decision asks for all
        used = set(sources_below(context.config.feature_tables, context.config.feature_tables))
        assert_gate_passed([each for each in quality.sources if each.source in used])
        context.lake.create_own(schemas.FEATURE_BUILDS)
        built: dict[str, FeatureBuild] = {}
        for level in build_levels(context.config.feature_tables):
            done = do_side_by_side(lambda table: build_table(context, table), level)
            built |= {each.feature_table: each for each in done}
        return FeaturesResult(tuple(built[name] for name in context.config.feature_tables))


def create_gold(context: Context, table: FeatureTable, rows: DataFrame) -> TableAddress:
    """Create a gold table where it is missing, with what is declared of it.

    Args:
        context: Project, lake and logical now.
        table: Its declaration.
        rows: A frame with its columns.

    Returns:
        Its address.

    >>> table = fresh.config.feature_tables["shop_last"]
    >>> rows = context.lake.read_uncut(context.lake.address("gold", "shop_last"))
    >>> address = create_gold(fresh, table, rows)
    >>> fresh.lake.columns(address).fieldNames()
    ['shop', 'event_ts', 'available_ts', 'last_delay_minutes']
    """
    address, entry = context.lake.address("gold", table.feature_table), describe_table(context.config, table)
    context.lake.create(address, _gold_schema(entry, rows.schema), table.description, _gold_properties(table, entry))
    return address


def describe_gold(context: Context, table: FeatureTable) -> bool:
    """Let a gold table say what is declared of it now, where it says something else; its rows stay.

    Args:
        context: Project, lake and logical now.
        table: Its declaration, by which it was built.

    Returns:
        Whether it says something else now.

    >>> table = context.config.feature_tables["shop_last"]
    >>> describe_gold(context, table)
    False
    """
    address, entry = context.lake.address("gold", table.feature_table), describe_table(context.config, table)
    columns = _gold_schema(entry, context.lake.columns(address))  # less those that were added to it by hand
    return rewrite_words(context.lake, address, columns, table.description, _gold_properties(table, entry))


def _gold_schema(entry: TableEntry, columns: StructType) -> StructType:
    """Give the columns of a gold table with their meaning.

    Args:
        entry: What is declared of the table.
        columns: The table's columns.

    Returns:
        Those of the columns that are declared, with comments; keys and times are required.
    """
    meanings = {
        "event_ts": "instant the state speaks of, UTC",
        "available_ts": "instant from which the state was known, UTC",
        **{name: f"key: {name}" for name in entry.entity},
        **{each.feature: f"{each.description}{f' [{each.unit}]' if each.unit else ''}" for each in entry.features},
    }
    required = {"event_ts", "available_ts", *entry.entity}
    declared = [each for each in columns.fields if each.name in meanings]
    return StructType(
        [schemas.column(f.name, f.dataType, meanings[f.name], required=f.name in required) for f in declared]
    )


def _gold_properties(table: FeatureTable, entry: TableEntry) -> dict[str, str]:
    """Give what any reader of a gold table may want to know: owner, tags, keys, and per feature unit, tags, lineage."""
    found = {
        "entity": ", ".join(table.entity),
        "time_column": "available_ts",
        "event_time_column": "event_ts",
        "owner": table.owner,
        "tags": ", ".join(table.tags),
        "source": entry.source,
        "kind": table.kind.value,
        "ttl": str(table.ttl or ""),
        "every": str(table.every or ""),
        "delay": str(table.delay or ""),
        "needs": str(table.needs or ""),
    }
    for each in entry.features:
        found[f"lineage.{each.feature}"] = each.origin
        found |= {f"unit.{each.feature}": each.unit} if each.unit else {}
        found |= {f"tags.{each.feature}": ", ".join(each.tags)} if each.tags else {}
    return found


def build_table(context: Context, table: FeatureTable) -> FeatureBuild:
    """Bring a gold table up to the logical now, whatever the quality gate said of what it is made from.

    Args:
        context: Project, lake and logical now.
        table: A feature table of the project; those it stands on are built.

    Returns:
        Rows and `built_through`.

    Raises:
        ConflictError: If the table's declaration was changed after rows were published.

    >>> table = context.config.feature_tables["shop_last"]
    >>> build_table(context, table).outcome.value
    'SKIPPED'
    """
    context.progress(f"features {table.feature_table}")
    lake, as_of, name = context.lake, context.as_of, table.feature_table
    address = lake.address("gold", name)
    spec_hash = context.config.spec_hash("feature_table", name)
    state = read_build_state(lake, address)
    if state is not None:
        assert_same_table(context, name, state)
        describe_gold(context, table)
    through = as_of if table.every is None else floor_tick_of(as_of, table.every)
    if state is not None and state.built_through >= through:
        _record(context, table, state.built_through)
        return FeatureBuild(name, instant_text(state.built_through), 0, Outcome.SKIPPED)
    since = state.built_through if state is not None else None
    rows, outcome = 0, Outcome.SKIPPED
    with explaining(context.config, table), closing(_stretches(context, table, since, through)) as stretches:
        for each in stretches:
            create_gold(context, table, each.rows)
            written = _append(lake, address, each, WriteIdentity(JOB, _unit(name, each), spec_hash))
            _record(context, table, each.through)
            rows, outcome = rows + written.rows, written.outcome
    return FeatureBuild(name, instant_text(through), rows, outcome)


def _unit(name: str, stretch: Stretch) -> str:
    return f"{name} {instant_text(stretch.since) if stretch.since else 'start'}..{instant_text(stretch.through)}"


def _append(lake: Lake, address: TableAddress, stretch: Stretch, identity: WriteIdentity) -> WriteResult:
    notes = {
        "built_through": stretch.through.isoformat(),
        "built_from": stretch.since and stretch.since.isoformat(),
        "spec_hash": identity.fingerprint,
    }
    return lake.append(stretch.rows, address, identity, notes=notes)


def _stretches(
    context: Context, table: FeatureTable, since: datetime | None, through: datetime
) -> Generator[Stretch, None, None]:
    if table.kind is Kind.SQL:
        yield from statement_stretches(context, table, since, through)
    else:
        yield Stretch(since, through, _new_rows(context, table, since, through))


def _new_rows(context: Context, table: FeatureTable, since: datetime | None, through: datetime) -> DataFrame:
    lake = context.lake
    source = context.config.sources[str(table.from_)]
    bronze = lake.address("bronze", source.source)
    if table.kind is Kind.WINDOWED:
        after = since - reach_back(table) if since is not None else None
        return aggregate_windows(lake.read(bronze, through, after=after), table, since, through)
    if table.kind is Kind.PYTHON:
        return function_rows(context, table, since, through)
    last_known = None
    if since is not None:
        published = lake.read(lake.address("gold", table.feature_table), since)
        last_known = published.groupBy(*table.entity).agg(F.max("event_ts").alias("_known_ts"))
    if source.order_by is not None:  # whether a version was overtaken is told by all that were known before
        return log_attributes(standing_versions(lake.read(bronze, through), source), table, last_known, since)
    return log_attributes(lake.read(bronze, through, after=since), table, last_known, since)


def _record(context: Context, table: FeatureTable, through: datetime) -> None:
    """Record the build that ended at an instant, from the gold table's own commit."""
    lake = context.lake
    address = lake.address("gold", table.feature_table)
    commit = next(
        (
            each
            for each in lake.commits(address)
            if each.job == JOB and each.notes["built_through"] == through.isoformat()
        ),
        None,
    )
    if commit is None:
        return
    since = commit.notes["built_from"]
    row = {
        "feature_table": table.feature_table,
        "built_from": datetime.fromisoformat(since) if since else None,
        "built_through": through,
        "rows": commit.rows,
        "spec_hash": commit.fingerprint,
        "gold_version": commit.version,
        "as_of": context.as_of,
    }
    identity = WriteIdentity(JOB, f"record {commit.unit}", commit.fingerprint)
    if lake.find_commit(lake.own(schemas.FEATURE_BUILDS), identity) is None:
        lake.append_own(schemas.FEATURE_BUILDS, [row], identity)
