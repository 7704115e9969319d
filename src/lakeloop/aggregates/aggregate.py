"""What an aggregate is: parts that are taken per tick and merged over a window, and a value made of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Merge = Literal["sum", "min", "max", "hll_union_agg", "moments"]
"""How ticks come together: an aggregate function of Spark, or `moments`, which `lakeloop.features.moments` merges."""


@dataclass(frozen=True)
class Part:
    """What the events of one tick come to, and how ticks come together.

    Aggregates of one measure that name the same part share it, so a name has one meaning everywhere.

    Attributes:
        name: A word.
        of_events: Aggregate expression of Spark SQL over the events of a tick. `{value}` stands for the measure as a
            double, `{raw}` for the measure as it is, both null where it counts for nothing; `{level}` for the least
            `{value}` of the tick. `event_ts` and `available_ts` may be named too.
        merge: What puts the parts of several ticks together; it leaves nulls out.
    """

    name: str
    of_events: str
    merge: Merge

    @property
    def needs_level(self) -> bool:
        """Whether it names the least value of the tick."""
        return "{level}" in self.of_events


@dataclass(frozen=True)
class WindowAggregate:
    """A statistic of one measure over a trailing window.

    Attributes:
        name: What is written in `as:`, and the first word of the feature's name.
        description: What it says, for people.
        parts: What it is made of.
        value: Expression of Spark SQL over the merged parts, `{name}` each; a part is null where the window holds no
            event. What it gives there is the value of an emptied window.
        takes: What the measure may be: `number` (a boolean counts as 0 and 1), or `any` type.
        gives: Type of the value; `own` is that of the measure.

    >>> spread = WindowAggregate(
    ...     name="spread",
    ...     description="greatest less least value",
    ...     parts=(Part("lo", "min({value})", "min"), Part("hi", "max({value})", "max")),
    ...     value="{hi} - {lo}",
    ... )
    >>> spread.value_of({"lo": "`_lo_delay`", "hi": "`_hi_delay`"})
    '`_hi_delay` - `_lo_delay`'
    """

    name: str
    description: str
    parts: tuple[Part, ...]
    value: str
    takes: Literal["number", "any"] = "number"
    gives: Literal["double", "long", "own"] = "double"

    def __post_init__(self) -> None:
        """Check that the value is made of the parts."""
        named = set(re.findall(r"\{(\w+)\}", self.value))
        if named != {part.name for part in self.parts}:
            raise ValueError(f"aggregate {self.name}: the value names {sorted(named)}, other than its parts")

    def value_of(self, columns: dict[str, str]) -> str:
        """Write the value over columns that hold the merged parts.

        Args:
            columns: Part -> column, quoted as SQL wants it.

        Returns:
            An expression of Spark SQL.
        """
        return self.value.format_map(columns)
