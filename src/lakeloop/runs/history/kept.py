"""What a replay keeps beside the workspace's tables, so that another policy or another replay finds it made."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import skops.io
from sklearn.pipeline import Pipeline

from lakeloop.runs.history.candidate import Fit
from lakeloop.runs.holdout_judgement import HoldoutRows
from lakeloop.training.preprocessing import TRUSTED_TYPES
from lakeloop.training.storable import find_unstorable

FOLDER = "replay"
"""Folder of the workspace that a replay writes; it may be deleted at any time."""

_FACTS, _PIPELINE, _JUDGED, _HOLDOUT, _ROWS = "facts.json", "serves.skops", "judged.skops", "holdout.parquet", "rows"


class Kept:
    """Parts under keys; a part is there whole or not at all.

    Args:
        folder: Where they are kept.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kept = Kept(Path(folder))
    ...     kept.write_facts("identity", "a1", {"rows": 3})
    ...     kept.read_facts("identity", "a1"), kept.read_facts("identity", "b2")
    ({'rows': 3}, None)
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read_facts(self, kind: str, key: str) -> dict[str, Any] | None:
        """Read plain values.

        Args:
            kind: What they are.
            key: Under which they are kept.

        Returns:
            The values; None where they are not kept.
        """
        path = self._folder / kind / f"{key}.json"
        if not path.exists():
            return None
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def write_facts(self, kind: str, key: str, facts: Mapping[str, Any]) -> None:
        """Keep plain values."""
        with _whole(self._folder / kind / f"{key}.json") as part:
            part.write_text(json.dumps(facts, sort_keys=True), encoding="utf-8")

    def read_rows(self, kind: str, key: str) -> pa.Table | None:
        """Read rows.

        Args:
            kind: What they are.
            key: Under which they are kept.

        Returns:
            The rows; None where they are not kept.
        """
        path = self._folder / kind / f"{key}.parquet"
        return pq.read_table(path) if path.exists() else None

    def write_rows(self, kind: str, key: str, rows: pa.Table) -> None:
        """Keep rows."""
        with _whole(self._folder / kind / f"{key}.parquet") as part:
            pq.write_table(rows, part, compression="zstd")

    def read_fit(self, key: str) -> Fit | None:
        """Read what was fitted at a cut; None where it is not kept."""
        folder = self._folder / "fits" / key
        if not (folder / _FACTS).exists():
            return None
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        serves = _load(folder / _PIPELINE)
        judged = _load(folder / _JUDGED) if (folder / _JUDGED).exists() else serves
        holdout = _holdout_from(pq.read_table(folder / _HOLDOUT))
        return Fit(serves, judged, holdout, **facts, was_kept=True)

    def write_fit(self, key: str, fit: Fit) -> None:
        """Keep what was fitted at a cut; a pipeline that skops cannot write is not kept, and is fitted again."""
        if find_unstorable(fit.serves) or find_unstorable(fit.judged):
            return
        with _whole(self._folder / "fits" / key) as part:
            part.mkdir()
            skops.io.dump(fit.serves, part / _PIPELINE)
            if fit.judged is not fit.serves:
                skops.io.dump(fit.judged, part / _JUDGED)
            pq.write_table(_holdout_to(fit.holdout), part / _HOLDOUT, compression="zstd")
            (part / _FACTS).write_text(json.dumps(fit.facts, sort_keys=True), encoding="utf-8")


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a place to write to, and put it where it belongs when all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".part-", dir=path.parent))
    try:
        yield beside / path.name
        if not path.is_dir():  # another replay may have been faster
            (beside / path.name).replace(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _load(path: Path) -> Pipeline:
    found: Pipeline = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    return found


_OWN = ("_label", "_day", "_seconds", "_constant")
_SLICE = "_slice_"


def _holdout_to(rows: HoldoutRows) -> pa.Table:
    table = pa.Table.from_pandas(rows.frame, preserve_index=False)
    values = (rows.label, rows.days, rows.prediction_seconds, rows.constant)
    for name, each in zip(_OWN, values, strict=True):
        table = table.append_column(name, pa.array(each))
    for name, each in rows.slices.items():
        table = table.append_column(f"{_SLICE}{name}", pa.array(each.tolist(), from_pandas=True))
    return table


def _holdout_from(table: pa.Table) -> HoldoutRows:
    slices = [name for name in table.column_names if name.startswith(_SLICE)]
    frame = table.drop_columns([*_OWN, *slices]).to_pandas()  # bounded: a holdout that was kept
    label, days, seconds, constant = (table[name].to_numpy() for name in _OWN)
    return HoldoutRows(
        frame,
        label,
        days.astype("datetime64[D]"),
        seconds,
        constant,
        {name.removeprefix(_SLICE): np.array(table[name].to_pylist(), dtype=object) for name in slices},
    )
