"""Feast's side of serving: writes the rows of a Parquet file to an online store of SQLite, in Feast's own environment.

`feast -c FOLDER serve` answers from it. Called with the folder and the file; prints Feast's version.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("FEAST_USAGE", "False")

_STORE = """\
project: benchmark
provider: local
registry: {folder}/registry.db
entity_key_serialization_version: 3
offline_store: {{type: file}}
online_store: {{type: sqlite, path: {folder}/online.db}}
"""


def write_store(folder: Path, rows: Path) -> str:
    """Declare one view over the rows and write them to the online store."""
    import feast
    import pandas as pd
    from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Float64

    frame = pd.read_parquet(rows)
    (folder / "feature_store.yaml").write_text(_STORE.format(folder=folder), encoding="utf-8")
    store = FeatureStore(repo_path=str(folder))
    entity = Entity(name="entity", join_keys=["entity_id"], value_type=ValueType.INT64)
    names = [name for name in frame.columns if name not in ("entity_id", "event_timestamp")]
    view = FeatureView(
        name="shops",
        entities=[entity],
        ttl=timedelta(days=36_500),
        schema=[Field(name=name, dtype=Float64) for name in names],
        source=FileSource(path=str(rows), timestamp_field="event_timestamp"),
    )
    store.apply([entity, view, FeatureService(name="all", features=[view])])
    store.write_to_online_store("shops", frame)
    return str(feast.__version__)


if __name__ == "__main__":
    print(write_store(Path(sys.argv[1]), Path(sys.argv[2])))
