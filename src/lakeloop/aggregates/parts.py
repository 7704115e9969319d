"""The parts that several aggregates share: in double precision, nulls left out."""

from __future__ import annotations

from lakeloop.aggregates.aggregate import Part

COUNT = Part("n", "cast(count({value}) as double)", "sum")
SUM = Part("s", "sum({value})", "sum")
LEAST = Part("lo", "min({value})", "min")
GREATEST = Part("hi", "max({value})", "max")

MOMENTS = Part(
    "moments",
    "case when count({value}) > 0 then named_struct("
    "'n', cast(count({value}) as double), 'level', min({value}), "
    "'s', sum({value} - {level}), 'q', sum(({value} - {level}) * ({value} - {level}))) end",
    "moments",
)
"""Number, level, and sums of differences from the level and of their squares; the level is one of the values."""

_EVENT = "case when {raw} is not null then struct(event_ts, available_ts, {raw} as value) end"
EARLIEST = Part("earliest", f"min({_EVENT})", "min")
LATEST = Part("latest", f"max({_EVENT})", "max")
"""The event with a value that comes last by `event_ts`, then `available_ts`, then the value."""

SKETCH = Part("sketch", "hll_sketch_agg(case when {raw} is not null then xxhash64({raw}) end)", "hll_union_agg")
"""HyperLogLog sketch of the values' hashes: of a hash, since Spark's sketch takes few types and leaves '' out."""
