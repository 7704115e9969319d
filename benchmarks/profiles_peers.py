"""The sides of profiles that need an environment of their own: Evidently, NannyML and whylogs, on pandas frames."""

from __future__ import annotations

import importlib
import logging
import os
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from benchmarks.profiles_agreement import DRIFT, figures_table
from benchmarks.profiles_data import AT, CURRENT, QUANTILES, REFERENCE, ProfilesCell
from benchmarks.side import Task, Work, serve

EVIDENTLY, EVIDENTLY_SUMMARY, NANNYML, WHYLOGS = "evidently", "evidently-summary", "nannyml", "whylogs"

Found = dict[str, dict[str, float | None]]

_MODULES = {
    EVIDENTLY: ("evidently", "evidently.presets"),
    EVIDENTLY_SUMMARY: ("evidently", "evidently.presets"),
    NANNYML: ("nannyml",),
    WHYLOGS: ("whylogs", "whylogs.viz.drift.column_drift_algorithms"),
}
_SENDS_NOTHING = {"NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "True"}


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    return pd.read_parquet(path, columns=columns)


def by_evidently(data: Path, cell: ProfilesCell, *, with_summary: bool) -> Callable[[], Found]:
    """Report by `DataDriftPreset`, and if asked by `DataSummaryPreset`; there is nothing to keep of the reference."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    columns = [*cell.numbers, *cell.texts]
    definition = DataDefinition(numerical_columns=cell.numbers, categorical_columns=cell.texts)

    def report() -> Found:
        week, before = (
            Dataset.from_pandas(_read(data / each, columns), data_definition=definition)
            for each in (CURRENT, REFERENCE)
        )
        presets = [DataDriftPreset(), *([DataSummaryPreset()] if with_summary else [])]
        told = Report(presets).run(week, before).dict()
        found: Found = {name: {} for name in columns}
        for metric in told["metrics"]:
            _read_evidently(metric, found)
        return found

    return report


_EVIDENTLY = {
    "MeanValue": "mean",
    "StdValue": "stddev",
    "MinValue": "min",
    "MaxValue": "max",
    "UniqueValueCount": "distinct",
}


def _read_evidently(metric: dict[str, Any], found: Found) -> None:
    config, value = metric.get("config", {}), metric["value"]
    kind, column = str(config.get("type", "")).rsplit(":", 1)[-1], config.get("column")
    if kind == "ValueDrift":
        is_p = "p_value" in str(config.get("method"))
        drifted = float(value) < config["threshold"] if is_p else float(value) >= config["threshold"]
        found[column][DRIFT] = float(drifted)
    elif kind == "MissingValueCount":
        found[column]["nulls"] = value["count"]
    elif kind == "QuantileValue":
        name = f"q{round(config['quantile'] * 100):02d}"
        if name in QUANTILES:
            found[column][name] = value
    elif kind == "UniqueValueCount":
        counts = value.get("counts", {}) if isinstance(value, dict) else {}
        found[column]["distinct"] = len([each for each in counts if each not in ("nan", "None")]) or None
    elif kind in _EVIDENTLY:
        found[column][_EVIDENTLY[kind]] = value


def by_nannyml(data: Path, cell: ProfilesCell) -> Callable[[], Found]:
    """Fit on the weeks of the reference, then calculate the week's Jensen-Shannon distances."""
    import nannyml

    logging.disable(logging.WARNING)
    columns = [*cell.numbers, *cell.texts]
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=columns,
        timestamp_column_name=AT,
        treat_as_categorical=cell.texts,
        continuous_methods=["jensen_shannon"],
        categorical_methods=["jensen_shannon"],
        chunk_period="W",
    )
    calculator.fit(_read(data / REFERENCE, [*columns, AT]))

    def calculate() -> Found:
        week = calculator.calculate(_read(data / CURRENT, [*columns, AT])).filter(period="analysis").to_df()
        return {name: {DRIFT: float(bool(week[name, "jensen_shannon", "alert"].any()))} for name in columns}

    return calculate


def by_whylogs(data: Path, cell: ProfilesCell) -> Callable[[], Found]:
    """Profile the week, and compare the profile with that of the reference."""
    import whylogs
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    columns = [*cell.numbers, *cell.texts]

    def profile(name: str) -> Any:
        return whylogs.log(pandas=_read(data / name, columns)).profile().view()

    before = profile(REFERENCE)

    def compare() -> Found:
        week = profile(CURRENT)
        scores = calculate_drift_scores(target_view=week, reference_view=before, with_thresholds=True)
        found: Found = {}
        for name in columns:
            told = week.get_column(name).to_summary_dict()
            figures = {
                "count": told["counts/n"],
                "nulls": told["counts/null"],
                "distinct": told["cardinality/est"],
            }
            if name in cell.numbers:
                kll = week.get_column(name).get_metric("distribution").kll.value
                figures |= {each: told[f"distribution/{each}"] for each in ("mean", "stddev", "min", "max")}
                figures |= {key: kll.get_quantile(rank) for key, rank in QUANTILES.items()}
            score = scores.get(name)
            verdict = None if score is None else float(score["drift_category"] == "DRIFT")
            found[name] = figures | {DRIFT: verdict}
        return found

    return compare


def make_work(task: Task) -> Work:
    """Make the work of a task; what a side keeps of the reference is made beforehand, and told apart."""
    warnings.filterwarnings("ignore")
    os.environ.update(_SENDS_NOTHING)
    data, cell = Path(task.data), ProfilesCell(**task.cell)
    for module in _MODULES[task.side]:  # imported before the reference is timed
        importlib.import_module(module)
    started = time.process_time()
    told: dict[str, float] = {}
    if task.side in (NANNYML, WHYLOGS):
        work = by_nannyml(data, cell) if task.side == NANNYML else by_whylogs(data, cell)
        told["reference_cpu_seconds"] = time.process_time() - started
    else:
        work = by_evidently(data, cell, with_summary=task.side == EVIDENTLY_SUMMARY)
    versions = {name: version(name) for name in (_MODULES[task.side][0], "pandas")}
    return Work(lambda path: pq.write_table(figures_table(work(), told), path), work, versions)


if __name__ == "__main__":
    serve(make_work)
