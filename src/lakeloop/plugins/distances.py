"""Statistics of drift: entry points of the group `lakeloop.distances` name a `Distance`.

>>> farthest = Distance("farthest", "greatest difference", 0.05, lambda a, b: abs(a - b).max(axis=-1))
>>> round(farthest.between([0.5, 0.5], [0.4, 0.6]), 4)
0.1
"""

from lakeloop.distances.distance import Binned, Distance, Kind, Shares, shares_of_values

__all__ = ["Binned", "Distance", "Kind", "Shares", "shares_of_values"]
