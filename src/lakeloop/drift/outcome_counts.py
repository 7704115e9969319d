"""Counts of what became of scored rows, in one pass: by score, by slice, and how long labels took to be known.

The counts of several batches, tasks and reads add up, so that the same code counts inside Spark and in this process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeloop.drift.sketches import QuantileSketch
from lakeloop.drift.slicing import Slicing
from lakeloop.statuses import LabelStatus

_KEYS = (
    pa.field("kind", pa.string(), nullable=False),
    pa.field("block", pa.date32(), nullable=False),
    pa.field("label_status", pa.string()),
    pa.field("score_bin", pa.int32()),
    pa.field("label", pa.float64()),
    pa.field("class", pa.int32()),
    pa.field("slicing", pa.int32()),
    pa.field("slice", pa.int32()),
)
_COUNTED = ("rows", "conflicts", "never")
_SUMMED = ("sum_score", "sum_label", "sum_loss", "sum_baseline_loss", "sum_squared_error")

SCORED_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("_block", pa.date32(), nullable=False),
        pa.field("_label_status", pa.string(), nullable=False),
        pa.field("_score_bin", pa.int32()),
        pa.field("_score", pa.float64()),
        pa.field("_label", pa.float64()),
        pa.field("_class", pa.int32()),
        pa.field("_loss", pa.float64()),
        pa.field("_baseline_loss", pa.float64()),
        pa.field("_squared_error", pa.float64()),
        pa.field("_conflict", pa.int64(), nullable=False),
        pa.field("_never", pa.int64(), nullable=False),
        pa.field("_delay_seconds", pa.float64()),
    ]
)
"""One scored row: its local day, what became of its label, its score and losses, and how long its label took.

`_label` to `_squared_error` and `_delay_seconds` are null unless the label is MATURED. `_conflict` and `_never` are 0
or 1: whether rows of the label's source disagree, and whether it lacks the instant from which its closing is counted.
The names begin so that none is one of a model column, which may stand beside them.
"""

PARTS_SCHEMA: pa.Schema = pa.schema(
    [
        *_KEYS,
        *(pa.field(name, pa.int64(), nullable=False) for name in _COUNTED),
        *(pa.field(name, pa.float64()) for name in _SUMMED),
        pa.field("delay_sketch", pa.binary()),
    ]
)
"""Counts that add up: of kind `score` per day, status, score bin and label; of kind `slice`, matured rows only, per day
and slice; of kind `delay` a sketch per day."""

SLICES_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("block", pa.date32(), nullable=False),
        pa.field("slicing", pa.int32(), nullable=False),
        pa.field("slice", pa.int32(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in _SUMMED[:4]),
    ]
)
"""Matured rows per day and slice: places of the slicing and of the slice, and sums over the rows."""

_COMPACT_AT = 200_000


class OutcomeCounter:
    """Takes batches of scored rows in, and gives their counts.

    Args:
        slicings: How the matured rows are sliced.
        by_label: Whether scores are counted per label, as of classes, or over all of them, as of numbers.

    >>> row = {"_block": date(2013, 4, 1), "_label_status": "MATURED", "_score_bin": 40, "_score": 0.2, "_label": 0.0,
    ...        "_loss": 0.22, "_baseline_loss": 0.3, "_squared_error": 0.04, "_conflict": 0, "_never": 0}
    >>> counter = OutcomeCounter()
    >>> counter.add(pa.Table.from_pylist([row, row], schema=SCORED_SCHEMA))
    >>> counter.parts().select(["kind", "score_bin", "rows", "sum_score"]).to_pylist()
    [{'kind': 'score', 'score_bin': 40, 'rows': 2, 'sum_score': 0.4}]
    """

    def __init__(self, slicings: Sequence[Slicing] = (), *, by_label: bool = True) -> None:
        self._slicings, self._by_label = tuple(slicings), by_label
        self._parts: list[pa.Table] = []
        self._held = 0
        self._delays: dict[date, QuantileSketch] = {}

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Take a batch in.

        Args:
            batch: Rows with the columns of `SCORED_SCHEMA`, and those that the slicings look at.
        """
        if batch.num_rows == 0:
            return
        rows = pa.table({name: batch.column(name) for name in SCORED_SCHEMA.names}).cast(SCORED_SCHEMA)
        self._keep(_by_score(rows, by_label=self._by_label))
        matured = pc.equal(rows["_label_status"], LabelStatus.MATURED.value).combine_chunks()
        known = rows.filter(matured)
        if known.num_rows == 0:
            return
        days, place = np.unique(known["_block"].cast(pa.int32()).to_numpy(), return_inverse=True)
        if self._slicings:
            features = batch.filter(matured)
            for number, each in enumerate(self._slicings):
                self._keep(_by_slice(known, days, place * each.n_slices + each.place(features), number, each.n_slices))
        delays = known["_delay_seconds"].to_numpy()
        for number, day in enumerate(pa.array(days, pa.int32()).cast(pa.date32()).to_pylist()):
            own = delays[(place == number) & np.isfinite(delays)]
            if len(own):
                self._delays.setdefault(day, QuantileSketch()).add(own)

    def _keep(self, part: pa.Table) -> None:
        self._parts.append(part)
        self._held += part.num_rows
        if self._held > _COMPACT_AT:
            self._parts = [_summed(pa.concat_tables(self._parts))]
            self._held = self._parts[0].num_rows

    def parts(self) -> pa.Table:
        """Give what was counted.

        Returns:
            A table of `PARTS_SCHEMA`.
        """
        rows = [
            {"kind": "delay", "block": day, **dict.fromkeys(_COUNTED, 0), "delay_sketch": sketch.to_bytes()}
            for day, sketch in self._delays.items()
        ]
        counted = _summed(pa.concat_tables(self._parts)) if self._parts else PARTS_SCHEMA.empty_table()
        return pa.concat_tables([counted, pa.Table.from_pylist(rows, schema=PARTS_SCHEMA)])


def _by_score(rows: pa.Table, *, by_label: bool) -> pa.Table:
    label = rows["_label"] if by_label else pa.nulls(rows.num_rows, pa.float64())
    made = {
        "kind": pa.repeat(pa.scalar("score"), rows.num_rows),
        "block": rows["_block"],
        "label_status": rows["_label_status"],
        "score_bin": rows["_score_bin"],
        "label": label,
        "class": rows["_class"],
        "slicing": pa.nulls(rows.num_rows, pa.int32()),
        "slice": pa.nulls(rows.num_rows, pa.int32()),
        "rows": pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows),
        "conflicts": rows["_conflict"],
        "never": rows["_never"],
        "sum_score": rows["_score"],
        "sum_label": rows["_label"],
        "sum_loss": rows["_loss"],
        "sum_baseline_loss": rows["_baseline_loss"],
        "sum_squared_error": rows["_squared_error"],
        "delay_sketch": pa.nulls(rows.num_rows, pa.binary()),
    }
    return _summed(pa.table(made, schema=PARTS_SCHEMA))


def _by_slice(
    rows: pa.Table, days: npt.NDArray[np.int32], group: npt.NDArray[np.int64], number: int, slices: int
) -> pa.Table:
    size = len(days) * slices
    counted = np.bincount(group, minlength=size)
    cells = np.flatnonzero(counted)
    sums = {}
    for name, column in zip(_SUMMED, ("_score", "_label", "_loss", "_baseline_loss"), strict=False):
        weights = rows[column].to_numpy()
        sums[name] = np.bincount(group, weights=np.where(np.isfinite(weights), weights, 0.0), minlength=size)[cells]
    nothing = {field.name: pa.nulls(len(cells), field.type) for field in PARTS_SCHEMA}
    zero = pa.array(np.zeros(len(cells), dtype=np.int64))
    made = {
        **nothing,
        "kind": pa.repeat(pa.scalar("slice"), len(cells)),
        "block": pa.array(days[cells // slices], pa.int32()).cast(pa.date32()),
        "slicing": pa.array(np.full(len(cells), number), pa.int32()),
        "slice": pa.array(cells % slices, pa.int32()),
        "rows": pa.array(counted[cells], pa.int64()),
        "conflicts": zero,
        "never": zero,
        **{name: pa.array(values) for name, values in sums.items()},
    }
    return pa.table(made, schema=PARTS_SCHEMA)


def _summed(parts: pa.Table) -> pa.Table:
    keys, summed = [field.name for field in _KEYS], [*_COUNTED, *_SUMMED]
    found = parts.group_by(keys, use_threads=False).aggregate([(name, "sum") for name in summed])
    found = found.rename_columns([*keys, *summed]).append_column("delay_sketch", pa.nulls(found.num_rows, pa.binary()))
    return found.cast(PARTS_SCHEMA)


def merge_parts(parts: Iterable[pa.RecordBatch]) -> pa.Table:
    """Merge counts of several batches, tasks or reads.

    Args:
        parts: Rows of `PARTS_SCHEMA`, in any number and order.

    Returns:
        A table of `PARTS_SCHEMA`, one row per cell.

    >>> row = {"_block": date(2013, 4, 1), "_label_status": "PENDING", "_conflict": 0, "_never": 0, "_score": 0.2}
    >>> counter = OutcomeCounter()
    >>> counter.add(pa.Table.from_pylist([row], schema=SCORED_SCHEMA))
    >>> merge_parts([*counter.parts().to_batches()] * 3).select(["label_status", "rows"]).to_pylist()
    [{'label_status': 'PENDING', 'rows': 3}]
    """
    whole = pa.Table.from_batches(list(parts), schema=PARTS_SCHEMA)
    is_delay = pc.equal(whole["kind"], "delay")
    sketches: dict[date, list[bytes | None]] = {}
    for row in whole.filter(is_delay).select(["block", "delay_sketch"]).to_pylist():
        sketches.setdefault(row["block"], []).append(row["delay_sketch"])
    rows = [
        {"kind": "delay", "block": day, **dict.fromkeys(_COUNTED, 0), "delay_sketch": _merged(of_day)}
        for day, of_day in sketches.items()
    ]
    counted = _summed(whole.filter(pc.invert(is_delay)))
    return pa.concat_tables([counted, pa.Table.from_pylist(rows, schema=PARTS_SCHEMA)])


def _merged(sketches: Sequence[bytes | None]) -> bytes | None:
    return sketches[0] if len(sketches) == 1 else QuantileSketch.merged(sketches).to_bytes()


@dataclass(frozen=True)
class OutcomeParts:
    """Merged counts, told apart.

    Attributes:
        scores: Rows of `PARTS_SCHEMA` per day, status, score bin and label.
        slices: Rows of `SLICES_SCHEMA`.
        delays: Day -> sketch of the seconds that its matured labels took to be known.
    """

    scores: pa.Table
    slices: pa.Table
    delays: dict[date, bytes | None]


def tell_apart(parts: pa.Table) -> OutcomeParts:
    """Tell merged counts apart.

    Args:
        parts: What `merge_parts` gave.

    Returns:
        The counts of each kind.

    >>> tell_apart(PARTS_SCHEMA.empty_table()).delays
    {}
    """

    def of(kind: str) -> pa.Table:
        return parts.filter(pc.equal(parts["kind"], kind))

    delays = of("delay")
    by_day = dict(zip(delays["block"].to_pylist(), delays["delay_sketch"].to_pylist(), strict=True))
    return OutcomeParts(of("score"), of("slice").select(SLICES_SCHEMA.names).cast(SLICES_SCHEMA), by_day)
