"""What the tables say of features: how fresh, how many rows, how much is missing, how values are spread, drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

_BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Share:
    """Rows with one value.

    Attributes:
        value: The value.
        rows: How many rows have it.
    """

    value: str
    rows: int


@dataclass(frozen=True)
class Spread:
    """How the values of a feature are spread.

    Attributes:
        lower: Least value; None for words.
        upper: Greatest value.
        counts: Rows in stretches of equal length from the least to the greatest value.
        values: Of words the most frequent ones.
        others: Rows with any other word.
    """

    lower: float | None = None
    upper: float | None = None
    counts: tuple[int, ...] = ()
    values: tuple[Share, ...] = ()
    others: int = 0


@dataclass(frozen=True)
class DriftState:
    """What monitoring said last of a feature, for one model.

    Attributes:
        model: The model.
        verdict: STABLE, DRIFT, RECORDED or UNKNOWN.
        status: OK, or why it could not be judged.
        window_end: End of the newest window that was judged.
        as_of: When it was judged.
    """

    model: str
    verdict: str
    status: str
    window_end: datetime
    as_of: datetime


@dataclass(frozen=True)
class FeatureFacts:
    """What a table says of one of its features.

    Attributes:
        feature: The feature.
        type: Type of its column.
        nulls: Rows without a value.
        null_share: Their share of all rows, 0 to 1; None without rows.
        spread: How its values are spread; None where it is hidden, has no value, or too many different words.
        drift: What monitoring said last, model by model.
    """

    feature: str
    type: str
    nulls: int
    null_share: float | None
    spread: Spread | None
    drift: tuple[DriftState, ...] = ()


@dataclass(frozen=True)
class TableFacts:
    """What a gold table says, as of an instant.

    Attributes:
        table: The feature table.
        built_through: Instant up to which it is complete; None where it was not built by then.
        rows: Rows known by then.
        features: Its features, in order; those that the table does not have are left out.

    >>> wind = FeatureFacts("wind_mph", "double", nulls=1, null_share=0.25, spread=None)
    >>> facts = TableFacts("weather", None, 4, (wind,))
    >>> facts.of("wind_mph").null_share, facts.of("gust_mph")
    (0.25, None)
    """

    table: str
    built_through: datetime | None
    rows: int
    features: tuple[FeatureFacts, ...] = ()

    def of(self, feature: str) -> FeatureFacts | None:
        """Give what is said of a feature; None where nothing is."""
        return next((each for each in self.features if each.feature == feature), None)


def draw_blocks(counts: Sequence[int]) -> str:
    """Draw counts as a line of blocks; nothing is a space, anything at least the lowest block.

    Args:
        counts: Counts, >= 0.

    Returns:
        A letter for each.

    >>> draw_blocks([0, 1, 40, 80])
    ' ▁▄█'
    """
    most = max(counts, default=0)
    return "".join(_BLOCKS[max(0, -(-count * len(_BLOCKS) // most) - 1)] if count else " " for count in counts)
