"""Parent of the Python workers of a local session: it has loaded what they need before it forks them.

Spark ends workers that were idle for a minute, and a scoring worker takes ten seconds to load MLflow and scikit-learn
again. Started by `spark.python.daemon.module`; only where lakeloop starts the session itself.
"""

from __future__ import annotations

import importlib
import os

from pyspark.daemon import manager

_NEEDED = ("pandas", "pyarrow", "sklearn.ensemble", "skops.io", "mlflow.pyfunc", "mlflow.sklearn")


def preload() -> None:
    """Load the libraries that workers use; one that is not installed is left to the worker that asks for it."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for name in _NEEDED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


if __name__ == "__main__":
    preload()
    manager()
