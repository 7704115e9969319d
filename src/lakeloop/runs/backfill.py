"""A range of a gold table's past made again from bronze: the one job that changes published rows, and only when asked.

Chunks are replaced newest first, of a table of `sql` oldest first, each in a commit of its own that names the backfill
it belongs to, so that a stopped one goes on where it stopped. Training sets and predictions that met other rows are
named, never rewritten.
"""

from __future__ import annotations

from dataclasses import dataclass

from lakeloop import schemas
from lakeloop.discovery.text import count_of
from lakeloop.features.stretches import Stretch
from lakeloop.runs.backfill_base import Base, backfill_unit, base_of, same_backfill, told_backfills
from lakeloop.runs.backfill_plan import BackfillPlan, compare_scope
from lakeloop.runs.backfill_rows import compute_rows, row_columns
from lakeloop.runs.backfill_scope import Asked, Scope, find_table, read_scope
from lakeloop.runs.build_state import range_text
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.expressions import assert_expressions
from lakeloop.runs.failed_tables import explaining
from lakeloop.runs.features import create_gold
from lakeloop.runs.integrity import assert_intact
from lakeloop.runs.ledger import StepRecord, record_run, timed, working
from lakeloop.runs.order import BACKFILL, refuse_earlier
from lakeloop.statuses import Outcome
from lakeloop.tables import WriteIdentity, WriteResult, identity_hash, range_condition, replace_range


@dataclass(frozen=True)
class BackfillResult:
    """What a backfill did.

    Attributes:
        feature_table: The table.
        after: Instant before the range, on a tick, ISO, UTC.
        through: Last instant of the range, on a tick, ISO, UTC.
        makes_anew: Whether the declaration was changed, or the table was lost or changed by something else.
        chunks: Chunks of the range.
        chunks_written: Of these, chunks that this call replaced; the others were done.
        rows: Rows that stand in the range now.
        outcome: WRITTEN, or SKIPPED when all was done already.
        changed: What differs from before, and whose look-ups it touches; None when that was told already.
        began_on_version: Version of the table on which it began.
    """

    feature_table: str
    after: str
    through: str
    makes_anew: bool
    chunks: int
    chunks_written: int
    rows: int
    outcome: Outcome
    changed: BackfillPlan | None
    began_on_version: int = 0

    @property
    def summary(self) -> str:
        """Rows and chunks that were replaced."""
        if self.outcome is Outcome.SKIPPED:
            return f"{count_of(self.rows, 'row')} already made again"
        chunks = count_of(self.chunks, "chunk")
        left = "" if self.chunks_written == self.chunks else f", {self.chunks_written:,} of them now"
        return f"{count_of(self.rows, 'row')} made again in {chunks}{left}"


def run_backfill(context: Context, asked: Asked) -> BackfillResult:
    """Backfill as a job: the workspace looked at before, the run ledger written after.

    Args:
        context: Project, lake and logical now.
        asked: What is asked for.

    Returns:
        What was done.

    Raises:
        ConflictError: If the backfill may not be done, or another table was changed by something else.
        UsageError: If the range is not named, or is none that the table has.
        NotReadyError: If the table was never built.

    >>> from datetime import timedelta
    >>> try:
    ...     run_backfill(context.at(context.as_of - timedelta(days=5)), Asked("shop_delays"))
    ... except Exception as error:
    ...     print(error)
    backfill as of 2024-01-30T00:00:00Z: conflicts with what is recorded
      - order: `run` was done as of 2024-02-04T00:00:00Z
      remedy: go forward: name 2024-02-04T00:00:00Z or a later --as-of; what is recorded of the past is not changed
    """
    records: list[StepRecord] = []
    find_table(context.config, asked.feature_table)  # before Spark starts
    with working(context, BACKFILL):
        assert_expressions(context)
        assert_intact(context, mended=context.lake.address("gold", asked.feature_table))
        refuse_earlier(context, BACKFILL)
        result = timed(context, BACKFILL, asked.feature_table, lambda: backfill(context, asked), records)
        unit = backfill_unit(result.feature_table, f"{result.after}..{result.through}", result.began_on_version)
        record_run(context, BACKFILL, unit, records)
    return result


def backfill(context: Context, asked: Asked) -> BackfillResult:
    """Make a range of a gold table again, chunk by chunk.

    Args:
        context: Project, lake and logical now.
        asked: What is asked for.

    Returns:
        What was done, now and by the same call before.

    Raises:
        ConflictError: If the backfill may not be done.
        UsageError: If the range is not named, or is none that the table has.
        NotReadyError: If the table was never built.

    >>> try:
    ...     backfill(fresh, Asked("shop_delays"))
    ... except Exception as error:
    ...     print(error)
    gold.shop_delays: not ready
      - table: it was never built
      remedy: there is nothing to make again: `lakeloop features --as-of 2024-02-04T00:00:00Z` builds it
    """
    lake = context.lake
    with lake.writing():
        scope = read_scope(context, asked)
        if not scope.is_there:
            columns = row_columns(context, scope.table, scope.stretch, scope.versions)
            create_gold(context, scope.table, lake.spark.createDataFrame([], columns))
        base = base_of(context, scope)
        unit = backfill_unit(scope.name, scope.range, base.begun)
        changed = None if unit in told_backfills(context) else compare_scope(context, scope, base)
        written = []
        for left, piece in reversed(list(enumerate(reversed(scope.pieces)))):
            context.progress(f"backfill {scope.name} {range_text(piece.after, piece.through)}")
            written.append(_write(context, scope, piece, base, left))
        rows = sum(each.rows for each in written)
        row = {
            "feature_table": scope.name,
            "built_from": scope.stretch.after,
            "built_through": scope.stretch.through,
            "rows": rows,
            "spec_hash": scope.spec_hash,
            "gold_version": written[-1].version,
            "as_of": context.as_of,
        }
        identity = WriteIdentity(BACKFILL, f"record {unit} {_fingerprint(scope)}")
        lake.append_own(schemas.FEATURE_BUILDS, [row], identity)
        new = [each for each in written if each.outcome is Outcome.WRITTEN]
        return BackfillResult(
            scope.name,
            instant_text(scope.stretch.after),
            instant_text(scope.stretch.through),
            scope.makes_anew,
            len(written),
            len(new),
            rows,
            Outcome.WRITTEN if new else Outcome.SKIPPED,
            changed,
            base.begun,
        )


def _fingerprint(scope: Scope) -> str:
    return identity_hash(scope.spec_hash, dict(sorted(scope.contents.items())))


def _write(context: Context, scope: Scope, piece: Stretch, base: Base, left: int) -> WriteResult:
    """Replace a chunk; of the whole history also what stands after its end, which only something else can have put.

    The first chunk's own commit notes what the backfill began on: whom it touched can be told from there, whatever
    happens next.
    """
    is_newest = piece.through == scope.stretch.through
    through = None if scope.is_whole and is_newest else piece.through
    notes = {
        **same_backfill(scope),
        "base": base.compared,
        "begun": base.begun,
        "left": left,
        "makes_anew": scope.makes_anew,
        "base_through": (base.built_through or scope.built_through).isoformat(),
        "built_through": scope.built_through.isoformat(),
    }
    unit = backfill_unit(f"{scope.name} {range_text(piece.after, piece.through)} of", scope.range, base.begun)
    with explaining(context.config, scope.table):
        return replace_range(
            context.lake,
            compute_rows(context, scope.table, piece, scope.versions),
            scope.address,
            WriteIdentity(BACKFILL, unit, _fingerprint(scope)),
            range_condition("available_ts", piece.after, through),
            notes=notes,
        )
