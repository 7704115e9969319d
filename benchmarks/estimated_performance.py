"""How far performance that was estimated by scores alone lay from what was realised, on a finished workspace.

python -m benchmarks.estimated_performance [PROJECT] [--env ENV] [--model MODEL]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lakeloop import schemas
from lakeloop.config import load_config
from lakeloop.runs.context import Context
from lakeloop.statuses import EstimateStatus, LabelStatus, Status

Row = Mapping[str, Any]
LEAST_WINDOWS = 3
"""Windows below which a correlation says nothing."""


@dataclass(frozen=True)
class Deviation:
    """How the estimates of a metric compare with what was realised.

    Attributes:
        model: The model.
        metric: The metric.
        windows: Windows with both, of all versions.
        mean: Mean of estimated minus realised.
        mean_absolute: Mean of its absolute value.
        unchanged: Mean absolute deviation from the window before: how good it is to say that nothing changes; NaN
            where no window has one before it.
        correlation: Of both over the windows; NaN with few windows, or where either does not vary.
    """

    model: str
    metric: str
    windows: int
    mean: float
    mean_absolute: float
    unchanged: float
    correlation: float


def pair_windows(estimated: Iterable[Row], realised: Iterable[Row]) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Pair what was estimated with what was realised, window by window.

    Only windows that were measured when no label waited any more count: on others the two speak of other rows. What was
    refused or could not be judged has no pair.

    Args:
        estimated: Rows of `monitoring.estimated_performance`.
        realised: Rows of `monitoring.performance`.

    Returns:
        Model and metric -> estimated and realised values, by the window's end.
    """

    def key(row: Row) -> tuple[Any, ...]:
        return (row["model"], row["model_version"], row["window"]["start"], row["window"]["end"], row["metric"])

    def at(row: Row) -> tuple[Any, ...]:
        return (*key(row)[:-1], row["as_of"])

    realised = list(realised)
    whole = {at(row) for row in realised if (row["slice_value"], row["rows"]) == (LabelStatus.PENDING.value, 0)}
    told = {
        key(row): row["value"]
        for row in sorted(realised, key=lambda row: row["as_of"])
        if row["slice_key"] is None and row["status"] == Status.OK and row["value"] is not None and at(row) in whole
    }
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in sorted(estimated, key=lambda row: (row["window"]["end"], row["as_of"])):
        if row["status"] == EstimateStatus.ESTIMATED and row["value"] is not None and key(row) in told:
            found.setdefault((row["model"], row["metric"]), []).append((row["value"], told[key(row)]))
    return found


def measure_deviation(model: str, metric: str, pairs: Sequence[tuple[float, float]]) -> Deviation:
    """Compare estimates with realised values.

    Args:
        model: The model.
        metric: The metric.
        pairs: Estimated and realised values in the order of time, at least one.

    Returns:
        The deviation.
    """
    estimated, realised = np.array(pairs, dtype=np.float64).T
    difference = estimated - realised
    varies = len(pairs) >= LEAST_WINDOWS and estimated.std() > 0 and realised.std() > 0
    return Deviation(
        model=model,
        metric=metric,
        windows=len(pairs),
        mean=float(difference.mean()),
        mean_absolute=float(np.abs(difference).mean()),
        unchanged=float(np.abs(np.diff(realised)).mean()) if len(pairs) > 1 else math.nan,
        correlation=float(np.corrcoef(estimated, realised)[0, 1]) if varies else math.nan,
    )


def render(deviations: Iterable[Deviation], refused: Mapping[str, int]) -> str:
    """Write the deviations as a Markdown table, and what was refused below it.

    Args:
        deviations: One per model and metric.
        refused: Status -> windows without an estimate.

    Returns:
        The text.
    """
    lines = [
        "| model | metric | windows | mean deviation | mean absolute | last window's instead | correlation |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.model} | {each.metric} | {each.windows} | {each.mean:+.4f} | {each.mean_absolute:.4f} "
        f"| {_number(each.unchanged)} | {_number(each.correlation)} |"
        for each in deviations
    ]
    lines += [f"\nnot estimated, {status}: {windows} windows" for status, windows in sorted(refused.items())]
    return "\n".join(lines)


def _number(value: float) -> str:
    return "not known" if math.isnan(value) else f"{value:.4f}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="?", type=Path, default=Path())
    parser.add_argument("--env")
    parser.add_argument("--model")
    asked = parser.parse_args(arguments)
    config = load_config(asked.project, asked.env)
    lake = Context(config, datetime.now(UTC)).lake
    wanted = config.models if asked.model is None else {asked.model}
    estimated, realised = (
        [row for row in lake.own_rows(table, None) if row["model"] in wanted]
        for table in (schemas.ESTIMATED_PERFORMANCE, schemas.PERFORMANCE)
    )
    if not estimated:
        print("nothing was estimated: run the loop on this workspace first")
        return 1
    pairs = pair_windows(estimated, realised)
    refused: dict[str, int] = {}
    for row in estimated:
        if row["status"] != EstimateStatus.ESTIMATED:
            refused[row["status"]] = refused.get(row["status"], 0) + 1
    print(render((measure_deviation(*named, each) for named, each in sorted(pairs.items())), refused))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
