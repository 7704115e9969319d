"""On-demand functions: entry points of the group `lakeloop.on_demand` name a function.

It takes one positional parameter per argument (a column as an array of shape (n_rows,), a constant as float or str)
and, if it wants it, the keyword `timezone`; it returns float64 of shape (n_rows,), NaN where missing. It has no state:
the same function fills the logged columns, trains, and answers online.

>>> def share(part: FloatArray, whole: FloatArray) -> FloatArray:
...     return part / whole
>>> import numpy as np
>>> share(np.array([1.0]), np.array([4.0])).tolist()
[0.25]
"""

from lakeloop.on_demand.functions import FloatArray

__all__ = ["FloatArray"]
