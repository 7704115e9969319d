"""Sample standard deviation (n - 1), from sums of differences from one of the values; null below two values.

Rounding costs at most about n times the precision of a double, however large the values and however small their spread.
It can leave a tiny negative difference of squares, which counts as 0.
"""

from __future__ import annotations

from lakeloop.aggregates.aggregate import WindowAggregate
from lakeloop.aggregates.parts import MOMENTS

_SQUARES = "greatest({moments}.q - {moments}.s * {moments}.s / {moments}.n, 0d)"

AGGREGATE = WindowAggregate(
    name="stddev",
    description="sample standard deviation of the values",
    parts=(MOMENTS,),
    value=f"case when {{moments}}.n > 1 then sqrt({_SQUARES} / ({{moments}}.n - 1)) end",
)
