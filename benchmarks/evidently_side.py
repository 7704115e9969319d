"""Evidently's side of the monitor's rates: its default drift preset on windows, in its own environment.

Called with a Parquet file of rows and their `_day`, a JSON file of pairs (days of the reference, days of the window),
and where to write the drifted columns and their share of each pair.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path


def judge(rows_path: Path, jobs_path: Path) -> list[dict[str, object]]:
    """Run the preset for each pair."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    rows = pd.read_parquet(rows_path)
    day = rows.pop("_day")
    numbers = rows.select_dtypes("number").columns.tolist()
    categories = [name for name in rows if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    answers: list[dict[str, object]] = []
    known, reference = None, None
    for reference_days, window_days in json.loads(jobs_path.read_text(encoding="utf-8")):
        if known != reference_days:
            known, reference = (
                reference_days,
                Dataset.from_pandas(rows[day.isin(reference_days)], data_definition=definition),
            )
        window = Dataset.from_pandas(rows[day.isin(window_days)], data_definition=definition)
        found = Report([DataDriftPreset()]).run(window, reference).dict()
        drifted = [each["config"]["column"] for each in found["metrics"] if _is_drift(each)]
        answers.append({"drifted": drifted, "share": len(drifted) / len(numbers + categories)})
    return answers


def _is_drift(metric: dict[str, dict[str, object]]) -> bool:
    if "ValueDrift" not in str(metric.get("metric_name", "")):
        return False
    value, threshold = float(str(metric["value"])), float(str(metric["config"]["threshold"]))
    return value < threshold if "p_value" in str(metric["config"]["method"]) else value >= threshold


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    Path(sys.argv[3]).write_text(json.dumps(judge(Path(sys.argv[1]), Path(sys.argv[2]))), encoding="utf-8")
