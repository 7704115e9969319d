"""Score and target as pictures: shares per bin of the reference and of the newest window, and the label's mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakeloop.reporting.evidence import read_number, read_object
from lakeloop.reporting.recorded import Row
from lakeloop.statuses import Status

MAX_DISTRIBUTIONS = 6
PREDICTION, TARGET = "prediction", "target"
MEANS = "difference_of_means"


@dataclass(frozen=True)
class Distribution:
    """A column of the answers, or the label's classes: shares of rows per bin.

    Attributes:
        column: The column.
        kind: prediction or target.
        start: First instant of the window.
        end: First instant after it.
        verdict: STABLE, DRIFT, RECORDED or UNKNOWN.
        status: OK, or why it could not be judged.
        test: The statistic.
        statistic: Its value.
        threshold: Value from which it is DRIFT.
        labels: Name of each bin, the last is that of missing values.
        reference: Shares of the reference, 0 to 1, in the order of `labels`; empty where they were not recorded.
        window: Shares of the window.
    """

    column: str
    kind: str
    start: datetime
    end: datetime
    verdict: str
    status: str
    test: str
    statistic: float | None
    threshold: float | None
    labels: tuple[str, ...] = ()
    reference: tuple[float, ...] = ()
    window: tuple[float, ...] = ()


@dataclass(frozen=True)
class RateWindow:
    """The label's mean in a closed window beside the reference's.

    Attributes:
        version: Model version whose reference it was held against.
        start: First instant of the window.
        end: First instant after it.
        status: OK, or why it could not be judged.
        verdict: STABLE, DRIFT or UNKNOWN.
        reference: Mean label of the reference.
        rate: Mean label of the window.
        lower: The reference's mean plus the lower end of the interval of the difference.
        upper: The same with its upper end.
        rows: Labels in the window.
    """

    version: str | None
    start: datetime
    end: datetime
    status: str
    verdict: str
    reference: float | None
    rate: float | None
    lower: float | None
    upper: float | None
    rows: int


def read_distributions(
    rows: Iterable[Row], labels: Mapping[str, Sequence[str]], classes: Sequence[str] = ()
) -> tuple[Distribution, ...]:
    """Read the newest verdict on each column of the answers, and on the label's classes.

    Args:
        rows: Rows of `monitoring.drift_metrics` of one model.
        labels: Column -> names of its bins, where they are known; else bins are numbered from the lowest.
        classes: Declared classes of the label.

    Returns:
        The prediction first, then the target.

    >>> from datetime import UTC
    >>> week = {"start": datetime(2013, 4, 1, tzinfo=UTC), "end": datetime(2013, 4, 8, tzinfo=UTC)}
    >>> row = {"column_name": "score", "kind": "prediction", "test": "psi", "status": "OK", "window": week,
    ...        "as_of": week["end"], "statistic": 0.02, "threshold": 0.1, "verdict": "STABLE", "slice_key": None,
    ...        "evidence": '{"reference_shares": [0.5, 0.5, 0.0], "window_shares": [0.6, 0.4, 0.0]}'}
    >>> (found,) = read_distributions([row], {"score": ("<= 0.2", "> 0.2", "NULL")})
    >>> found.labels, found.window
    (('<= 0.2', '> 0.2', 'NULL'), (0.6, 0.4, 0.0))
    >>> read_distributions([row], {})[0].labels
    ('1', '2', 'NULL')
    """
    newest: dict[tuple[str, str], Row] = {}
    for row in sorted(rows, key=lambda each: (each["window"]["end"], each["as_of"])):
        if row.get("slice_key") is None and row["kind"] in (PREDICTION, TARGET) and row["test"] != MEANS:
            newest[row["kind"], row["column_name"]] = row
    named = {**labels, "label": (*classes, "OTHER", "NULL")} if classes else labels
    return tuple(_distribution(row, named) for _, row in sorted(newest.items()))[:MAX_DISTRIBUTIONS]


def _distribution(row: Row, labels: Mapping[str, Sequence[str]]) -> Distribution:
    evidence = read_object(row.get("evidence"))
    reference, window = (_shares(evidence.get(f"{side}_shares")) for side in ("reference", "window"))
    if len(reference) != len(window):
        reference = window = ()
    named = tuple(labels.get(row["column_name"], ()))
    if len(named) != len(window):
        named = (*(str(number) for number in range(1, len(window))), "NULL") if window else ()
    return Distribution(
        column=row["column_name"],
        kind=row["kind"],
        start=row["window"]["start"],
        end=row["window"]["end"],
        verdict=row["verdict"],
        status=row["status"],
        test=row["test"],
        statistic=row["statistic"],
        threshold=row["threshold"],
        labels=named,
        reference=reference,
        window=window,
    )


def _shares(value: Any) -> tuple[float, ...]:
    found = [read_number(each) for each in value] if isinstance(value, list) else []
    return tuple(each for each in found if each is not None) if None not in found else ()


def read_rates(rows: Iterable[Row]) -> tuple[RateWindow, ...]:
    """Read the label's mean of the last closed windows.

    Args:
        rows: Rows of `monitoring.drift_metrics` of one model.

    Returns:
        The newest evaluation of each window and version, by end, start and version.

    >>> from datetime import UTC
    >>> week = {"start": datetime(2013, 4, 1, tzinfo=UTC), "end": datetime(2013, 4, 8, tzinfo=UTC)}
    >>> row = {"column_name": "label", "kind": "target", "test": "difference_of_means", "status": "OK", "window": week,
    ...        "as_of": week["end"], "model_version": "1", "verdict": "DRIFT", "count": 900, "slice_key": None,
    ...        "evidence": '{"reference_rate": 0.25, "window_rate": 0.5, "interval": {"low": 0.125, "high": 0.375}}'}
    >>> [(each.reference, each.rate, each.lower, each.upper) for each in read_rates([row])]
    [(0.25, 0.5, 0.375, 0.625)]
    """
    newest: dict[tuple[datetime, datetime, str], Row] = {}
    for row in sorted(rows, key=lambda each: each["as_of"]):
        if row.get("slice_key") is None and row["kind"] == TARGET and row["test"] == MEANS:
            newest[row["window"]["end"], row["window"]["start"], row["model_version"] or ""] = row
    return tuple(_rate(row) for _, row in sorted(newest.items()))


def _rate(row: Row) -> RateWindow:
    evidence = read_object(row.get("evidence"))
    interval = evidence.get("interval")
    ends = interval if isinstance(interval, Mapping) else {}
    reference = read_number(evidence.get("reference_rate"))
    low, high = read_number(ends.get("low")), read_number(ends.get("high"))
    return RateWindow(
        version=row["model_version"],
        start=row["window"]["start"],
        end=row["window"]["end"],
        status=row["status"],
        verdict=row["verdict"],
        reference=reference,
        rate=read_number(evidence.get("window_rate")),
        lower=None if reference is None or low is None else reference + low,
        upper=None if reference is None or high is None else reference + high,
        rows=row["count"],
    )


def say_distribution(found: Distribution) -> str:
    """Say what was found of a column of the answers, and where the shares moved most.

    >>> from datetime import UTC
    >>> april, may = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC)
    >>> labels, shares = ("<= 0.2", "> 0.2", "NULL"), ((0.5, 0.5, 0.0), (0.8, 0.2, 0.0))
    >>> print(say_distribution(
    ...     Distribution("score", "prediction", april, may, "DRIFT", "OK", "psi", 0.4, 0.1, labels, *shares)))
    In the newest window (to 2013-04-08) score drifted: psi 0.4, threshold 0.1. Furthest apart at <= 0.2: 50.0% of the \
reference, 80.0% of the window.
    """
    where = f"In the newest window (to {found.end:%Y-%m-%d}) {found.column}"
    if found.status != Status.OK or found.statistic is None:
        said = f"{where} could not be judged: {found.status}."
    else:
        bound = "no threshold" if found.threshold is None else f"threshold {found.threshold:.3g}"
        word = {"DRIFT": "drifted", "STABLE": "did not drift"}.get(found.verdict, f"is {found.verdict}")
        said = f"{where} {word}: {found.test} {found.statistic:.3g}, {bound}."
    apart = [abs(now - before) for before, now in zip(found.reference, found.window, strict=True)]
    if not any(apart):
        return said
    place = apart.index(max(apart))
    label = found.labels[place]
    name = f"stretch {label} of {len(apart) - 1}, from the lowest" if label.isdigit() else label
    return (
        f"{said} Furthest apart at {name}: {found.reference[place]:.1%} of the reference, "
        f"{found.window[place]:.1%} of the window."
    )


def say_rates(windows: Sequence[RateWindow]) -> str:
    """Say how the label's mean of the newest closed window compares with the reference's.

    >>> from datetime import UTC
    >>> april, may = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC)
    >>> say_rates([RateWindow("1", april, may, "OK", "DRIFT", 0.25, 0.5, 0.375, 0.625, 900)])
    'In the newest closed window (to 2013-04-08) the mean label was 0.5, the reference had 0.25: it drifted. \
1 of 1 window shown drifted.'
    """
    known = [each for each in windows if each.rate is not None and each.reference is not None]
    if not known:
        return "None of the windows shown could be judged: their labels are not known yet." if windows else ""
    last = known[-1]
    word = {"DRIFT": "it drifted", "STABLE": "it did not drift"}.get(last.verdict, f"not judged ({last.status})")
    drifted = sum(each.verdict == "DRIFT" for each in windows)
    shown = f"{len(windows)} window{'' if len(windows) == 1 else 's'}"
    return (
        f"In the newest closed window (to {last.end:%Y-%m-%d}) the mean label was {last.rate:.3g}, the reference had "
        f"{last.reference:.3g}: {word}. {drifted} of {shown} shown drifted."
    )
