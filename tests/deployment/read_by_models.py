"""Reads a bundle's resources by Databricks' own models; run by an interpreter that has databricks-bundles."""

import json
import sys
from pathlib import Path

import yaml
from databricks.bundles.dashboards import Dashboard
from databricks.bundles.jobs import Job

MODELS = {"jobs": Job, "dashboards": Dashboard}


def read(kind, body):
    """Tell whether a resource is read, and written as it was."""
    try:
        return "same" if MODELS[kind].from_dict(body).as_dict() == body else "different"
    except ValueError as refused:
        return str(refused)


found = {"jobs.wrong": read("jobs", {"task": []})}
for file in sorted(Path(sys.argv[1], "resources").glob("*.yml")):
    for kind, resources in yaml.safe_load(file.read_text("utf-8"))["resources"].items():
        found |= {f"{kind}.{name}": read(kind, body) for name, body in resources.items()}
sys.stdout.write(json.dumps(found))
