"""Names under which things are found again in MLflow: aliases, tags, the folder of artifacts."""

from __future__ import annotations

CHAMPION, CHALLENGER = "champion", "challenger"

RUN_KEY_TAG = "lakeloop.run_key"
"""Tag of runs and versions: hash of what the version is made from."""

CONTENT_HASH_TAG = "lakeloop.content_hash"
"""Tag of versions: hash of the files that were registered."""

JUDGED_TAG, JUDGED_HASH_TAG = "lakeloop.judged_model", "lakeloop.judged_hash"
"""Tags of a version that was fitted through the holdout: the model that a gate may judge in its place."""

ARTIFACTS = "lakeloop"
"""Folder of a run's artifacts that lakeloop writes."""
