"""Window functions: entry points of the group `lakeloop.aggregates` name a `WindowAggregate`.

>>> spread = WindowAggregate("spread", "greatest less least value", (LEAST, GREATEST), "{hi} - {lo}")
>>> spread.value_of({"lo": "`a`", "hi": "`b`"})
'`b` - `a`'
"""

from lakeloop.aggregates.aggregate import Merge, Part, WindowAggregate
from lakeloop.aggregates.parts import COUNT, EARLIEST, GREATEST, LATEST, LEAST, MOMENTS, SKETCH, SUM

__all__ = [
    "COUNT",
    "EARLIEST",
    "GREATEST",
    "LATEST",
    "LEAST",
    "MOMENTS",
    "SKETCH",
    "SUM",
    "Merge",
    "Part",
    "WindowAggregate",
]
