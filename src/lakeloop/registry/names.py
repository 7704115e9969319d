"""Names under which things are found again in MLflow: aliases, tags, the folder of artifacts."""

from __future__ import annotations

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"

RUN_KEY_TAG = "lakeloop.run_key"
"""Tag of runs and versions: hash of what the version is made from."""

CONTENT_HASH_TAG = "lakeloop.content_hash"
"""Tag of versions: hash of the files that were registered."""

ARTIFACTS = "lakeloop"
"""Folder of a run's artifacts that lakeloop writes."""
