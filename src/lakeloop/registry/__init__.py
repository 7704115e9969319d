"""The only package that imports mlflow: runs, model versions, aliases, loading models.

A model version is found or made by its run key, the hash of everything it is made from, so that a training that is run
again gives the version that is there. Aliases are a cache of the promotions ledger.
"""

from __future__ import annotations

import logging
import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
for _noisy in ("mlflow", "alembic"):
    logging.getLogger(_noisy).setLevel(logging.ERROR)

from lakeloop.registry.names import CHALLENGER, CHAMPION, PREVIOUS  # noqa: E402 - mlflow reads the settings above on import
from lakeloop.registry.registry import Registry  # noqa: E402
from lakeloop.registry.training_run import Training  # noqa: E402
from lakeloop.registry.training_runs import LoggedTraining  # noqa: E402
from lakeloop.registry.trial_runs import LoggedTrial  # noqa: E402

__all__ = ["CHALLENGER", "CHAMPION", "PREVIOUS", "LoggedTraining", "LoggedTrial", "Registry", "Training"]
