"""What a backfill is asked to make again, and whether it may: range, chunks, declaration, the table's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.durations import write_duration
from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.config.tree import Config
from lakeloop.errors import ConflictError, Failure, NotReadyError, UsageError
from lakeloop.features.stretches import Stretch, cut_stretch
from lakeloop.features.windows import floor_tick_of
from lakeloop.runs.backfill_rows import row_columns
from lakeloop.runs.build_state import BuildState, assert_same_table, backfill_call, range_text, read_build_state
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import assert_same_columns
from lakeloop.runs.integrity import read_heads
from lakeloop.runs.order import BACKFILL
from lakeloop.runs.statement_table import input_address
from lakeloop.tables import BACKUP, Lake, TableAddress

CHUNK = timedelta(days=28)
"""Length of a chunk where none is named."""

NEW_NAME = "give the new declaration a new feature_table name, or undo the change"


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    Attributes:
        feature_table: Name of the table.
        after: Instant before the range, UTC; None where it was not named.
        through: Last instant of the range, UTC; None where it was not named.
        chunk: Length of a chunk; None for the default.
    """

    feature_table: str
    after: datetime | None = None
    through: datetime | None = None
    chunk: timedelta | None = None


@dataclass(frozen=True)
class Scope:
    """What is made again.

    Attributes:
        table: The table's declaration of today.
        address: The table.
        stretch: The range, on ticks.
        pieces: Its chunks, in the order in which they are done.
        built_through: Instant up to which the table is complete, before and afterwards.
        is_whole: Whether the range holds every row there is or could be.
        makes_anew: Whether the whole table counts as another one afterwards: its declaration was changed, or it was
            lost or changed by something else. It cannot be used before the last chunk is done.
        is_there: Whether the table exists.
        spec_hash: Hash of the declaration of today.
        versions: Delta version that is read of every input, by its name as of `FeatureTable.inputs`.
        contents: Version of the newest rows of every input: a later version that only says other words is the same.
        is_damaged: Whether the table was lost or changed by something else since the last job.
    """

    table: FeatureTable
    address: TableAddress
    stretch: Stretch
    pieces: tuple[Stretch, ...]
    built_through: datetime
    is_whole: bool
    makes_anew: bool
    is_there: bool
    spec_hash: str
    versions: Mapping[str, int]
    contents: Mapping[str, int]
    is_damaged: bool

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.feature_table

    @property
    def range(self) -> str:
        """The range as text."""
        return range_text(self.stretch.after, self.stretch.through)


def find_table(config: Config, name: str) -> FeatureTable:
    """Find a declared feature table.

    Args:
        config: The project.
        name: Its name.

    Returns:
        Its declaration.

    Raises:
        UsageError: If there is none of that name.

    >>> find_table(shops, "shop_last").entity
    ('shop',)
    >>> try:
    ...     find_table(shops, "shop_lasts")
    ... except UsageError as error:
    ...     error.remedy
    "did you mean 'shop_last'?"
    """
    found = config.feature_tables.get(name)
    if found is None:
        close = get_close_matches(name, config.feature_tables, 1)
        remedy = f"did you mean {close[0]!r}?" if close else "name one of these"
        allowed = ", ".join(config.feature_tables) or "none is declared"
        raise UsageError("FEATURE_TABLE", repr(name), allowed, remedy)
    return found


def read_scope(context: Context, asked: Asked) -> Scope:
    """Find out what a backfill would make again, and refuse what may not be done.

    Args:
        context: Project, lake and logical now.
        asked: What was asked for.

    Returns:
        Range, chunks and the state of the table.

    Raises:
        UsageError: If the range is not named, or is none that the table has.
        ConflictError: If the range may not be made again alone, or the table has other columns than are declared.
        NotReadyError: If the table was never built.

    >>> from datetime import UTC
    >>> after, through = (datetime(2024, 2, day, tzinfo=UTC) for day in (1, 4))
    >>> scope = read_scope(context, Asked("shop_delays", after, through, timedelta(days=2)))
    >>> len(scope.pieces), scope.is_whole, scope.makes_anew
    (2, False, False)
    >>> read_scope(context, Asked("shop_delays"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    lakeloop.errors.UsageError: --from and --to: got neither; allowed: ... remedy: the whole history is ...
    """
    lake, table = context.lake, find_table(context.config, asked.feature_table)
    address = lake.address("gold", table.feature_table)
    inputs = {key: input_address(context, key) for key in table.inputs}
    _refuse_inputs(context, table)
    is_there = lake.exists(address)
    is_mended = is_there and _is_damaged(context, address)
    state = read_build_state(lake, address) if is_there else None
    built_through = _built_through(context, table, state)
    if context.as_of < built_through:
        raise ConflictError(
            f"backfill of {address} as of {context.turn}",
            [Failure("order", f"the table is built through {instant_text(built_through)}")],
            f"name {instant_text(built_through)} or a later --as-of",
        )
    known = [lake.read(each, built_through) for each in inputs.values()]
    first = _first_instant([*known, *([lake.read_uncut(address)] if is_there else [])])
    whole = Stretch(_before(first if first is not None else built_through, table), built_through)
    stretch = lay_on_ticks(table, asked, whole)
    is_whole = stretch.after <= whole.after and stretch.through == built_through
    spec_hash = context.config.spec_hash("feature_table", table.feature_table)
    is_same = state is not None and state.unfinished is None and state.spec_hash == spec_hash
    makes_anew = not is_there or is_mended or not is_same
    if makes_anew and not is_whole:
        _refuse_part(context, table, whole, state, is_damaged=not is_there or is_mended)
    versions = {key: lake.version(each) for key, each in inputs.items()}
    if is_there:
        assert_same_columns(lake, address, row_columns(context, table, stretch, versions), NEW_NAME)
    pieces = cut_stretch(stretch, chunk_length(table, asked.chunk))
    return Scope(
        table,
        address,
        stretch,
        pieces[::-1] if table.kind is Kind.SQL else pieces,  # its rows go on from the newest state before them
        built_through,
        is_whole,
        makes_anew,
        is_there,
        spec_hash,
        versions,
        {key: _newest_rows(lake, each) for key, each in inputs.items()},
        not is_there or is_mended,
    )


def _refuse_inputs(context: Context, table: FeatureTable) -> None:
    """Refuse feature tables below that are no whole tables now: what stands in them is of no declaration."""
    for name in table.feature_tables:
        state = read_build_state(context.lake, context.lake.address("gold", name))
        if state is not None:
            assert_same_table(context, name, state)


def _newest_rows(lake: Lake, address: TableAddress) -> int:
    """Tell the version at which rows of a table were last written."""
    written = [each.version for each in lake.commits(address) if each.rows or each.job == BACKFILL]
    return written[-1] if written else 0


def _is_damaged(context: Context, address: TableAddress) -> bool:
    """Tell whether something else changed a table; one that cannot be read to its end is refused."""
    damage = context.lake.damage(address, read_heads(context).get(str(address)))
    if damage is None:
        return False
    is_foreign = damage.failure.name.startswith("version")
    if is_foreign or context.lake.damage(address, None) is None:  # the latter is whole, but ends too early
        return True
    raise ConflictError(
        str(address),
        [damage.failure],
        f"remove the folder {address.path}: the next turn or a backfill makes the table anew from bronze; or {BACKUP}",
    )


def _built_through(context: Context, table: FeatureTable, state: BuildState | None) -> datetime:
    if state is not None:
        return state.built_through
    name = table.feature_table
    builds = context.lake.own_rows(schemas.FEATURE_BUILDS, None)
    through = max((row["built_through"] for row in builds if row["feature_table"] == name), default=None)
    if through is None:
        raise NotReadyError(
            f"gold.{name}",
            [Failure("table", "it was never built")],
            f"there is nothing to make again: `lakeloop features --as-of {context.turn}` builds it",
        )
    found: datetime = through
    return found


def _first_instant(frames: list[DataFrame]) -> datetime | None:
    """Tell the first `available_ts` of several tables."""
    firsts = [frame.agg(F.unix_micros(F.min("available_ts"))).first() for frame in frames]  # bounded: one row each
    micros = [row[0] for row in firsts if row is not None and row[0] is not None]
    zero = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return zero + timedelta(microseconds=min(micros)) if micros else None


def _before(instant: datetime, table: FeatureTable) -> datetime:
    """Give the last tick, or hour, before an instant."""
    return floor_tick_of(instant - timedelta.resolution, table.every or timedelta(hours=1))


def lay_on_ticks(table: FeatureTable, asked: Asked, whole: Stretch) -> Stretch:
    """Lay a range on ticks and hold it against what the table has.

    Args:
        table: The table's declaration.
        asked: What is asked for.
        whole: The table's whole history.

    Returns:
        The range.

    Raises:
        UsageError: If an end is not named, or the range is none that can be made again.

    >>> day = Stretch(*(datetime.fromisoformat(f"2024-02-0{each}T00:00:00Z") for each in (1, 2)))
    >>> asked = Asked("shop_delays", day.after, datetime.fromisoformat("2024-02-01T05:59:00Z"))
    >>> lay_on_ticks(shops.feature_tables["shop_delays"], asked, day).through.isoformat()
    '2024-02-01T05:00:00+00:00'
    """
    allowed = f"a range up to {instant_text(whole.through)}, through which gold.{table.feature_table} is built"
    remedy = f"the whole history is {_call(table, whole)}"
    if asked.after is None or asked.through is None:
        named = {"--from": asked.after, "--to": asked.through}
        missing = [option for option, given in named.items() if given is None]
        raise UsageError(" and ".join(missing), "neither" if len(missing) == 2 else "nothing", allowed, remedy)
    every = table.every or timedelta.resolution
    after, through = floor_tick_of(asked.after, every), floor_tick_of(asked.through, every)
    if through > whole.through:
        raise UsageError("--to", instant_text(asked.through), allowed, remedy)
    if after >= through:
        got = f"{instant_text(after)}, not before {instant_text(through)}"
        raise UsageError("--from", got, "an instant whose tick is before that of --to", remedy)
    if table.kind in (Kind.ATTRIBUTES, Kind.SQL) and through != whole.through:
        kind = "attributes" if table.kind is Kind.ATTRIBUTES else "a table of sql"
        ends = f"{instant_text(whole.through)}: later rows of {kind} depend on earlier ones"
        raise UsageError("--to", instant_text(through), ends, f"{_call(table, Stretch(after, whole.through))}")
    return Stretch(after, through)


def _call(table: FeatureTable, stretch: Stretch) -> str:
    return backfill_call(table.feature_table, range_text(stretch.after, stretch.through))


def chunk_length(table: FeatureTable, asked: timedelta | None) -> timedelta:
    """Tell the length of a chunk.

    Args:
        table: The table's declaration.
        asked: The length that was named; None for the default.

    Returns:
        Whole ticks.

    Raises:
        UsageError: If the named length is none.

    >>> chunk_length(shops.feature_tables["shop_delays"], None).days
    28
    """
    every = table.every or timedelta.resolution
    if asked is None:
        return -(-CHUNK // every) * every
    if asked % every:
        tick = write_duration(every)
        raise UsageError("--chunk", write_duration(asked), f"whole multiples of the table's tick, {tick}", "round it")
    return asked


def _refuse_part(
    context: Context, table: FeatureTable, whole: Stretch, state: BuildState | None, *, is_damaged: bool
) -> None:
    if is_damaged:
        found, otherwise = Failure("table", "it was lost, or changed by something else than lakeloop"), ""
    elif state is not None and state.unfinished is not None:
        found, otherwise = Failure("backfill", f"that of {state.unfinished} has not come to its end"), ""
    else:
        was = "" if state is None else f"it was built as {state.spec_hash}, "
        now = context.config.spec_hash("feature_table", table.feature_table)
        found, otherwise = Failure("declaration", f"{was}now it is {now}"), f"; or {NEW_NAME}"
    raise ConflictError(
        f"backfill of a part of gold.{table.feature_table}",
        [found],
        f"a table is made by one declaration: make all of it again: {_call(table, whole)}{otherwise}",
    )
