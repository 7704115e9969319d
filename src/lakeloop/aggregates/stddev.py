"""Sample standard deviation (n - 1), from sums of squares; null below two values.

Rounding can leave a tiny negative difference of squares, which counts as 0. Values near 1e9 with a small spread lose it
to rounding: take the difference from a level first.
"""

from __future__ import annotations

from lakeloop.aggregates.aggregate import WindowAggregate
from lakeloop.aggregates.parts import COUNT, SQUARES, SUM

AGGREGATE = WindowAggregate(
    name="stddev",
    description="sample standard deviation of the values",
    parts=(COUNT, SUM, SQUARES),
    value="case when {n} > 1 then sqrt(greatest({q} - {s} * {s} / {n}, 0d) / ({n} - 1)) end",
)
