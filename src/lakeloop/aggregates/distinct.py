"""Approximate number of distinct values by a HyperLogLog sketch; 0 in an emptied window.

The sketch has 2^12 registers: relative standard error 1.04 / sqrt(4096) = 1.6%. Up to some 300 values it keeps their
hashes instead, and the count is exact but for collisions of 26 bits. The sketch is united with itself before it is
read: alone it may carry an estimate that hangs on the order of the rows, united it is a function of the set of values.

Source: Flajolet et al., HyperLogLog (2007); Apache DataSketches, HLL sketch.
"""

from __future__ import annotations

from lakeloop.aggregates.aggregate import WindowAggregate
from lakeloop.aggregates.parts import SKETCH

AGGREGATE = WindowAggregate(
    name="distinct",
    description="approximate number of distinct values",
    parts=(SKETCH,),
    value="coalesce(hll_sketch_estimate(hll_union({sketch}, {sketch})), 0)",
    takes="any",
    gives="long",
)
