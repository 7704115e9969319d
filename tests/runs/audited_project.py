"""A finished project whose tables are changed by hand, so that an audit has something to find."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakeloop.config import load_config
from lakeloop.config.audit import Audit
from lakeloop.runs.audit import AuditResult
from lakeloop.runs.context import Context
from lakeloop.runs.manifests import read_manifests
from lakeloop.statuses import GateStatus, LeakCheck
from tests.laws.small_loop import TURNS
from tests.shared import finished_project


def copy_project(folder: Path) -> Context:
    """A copy of a finished project, to be changed."""
    root = folder / "copy"
    shutil.copytree(finished_project().root, root)
    return auditing(Context(load_config(root), TURNS[-1]))


def auditing(context: Context, **changes: Any) -> Context:
    """Audit in another way; the shops of the small project tell much of the label by themselves."""
    audit = Audit(**({"suspicious_score": 0.99} | changes))
    models = {"late": context.config.models["late"].model_copy(update={"audit": audit})}
    return Context(replace(context.config, models=models), context.as_of)


def rewrite(context: Context, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the rows of a table in their files, so that every version that has them has the changed ones."""
    folder = context.config.workspace / table
    for log in sorted((folder / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        for action in (each for each in actions if "add" in each):
            path = folder / action["add"]["path"]
            pq.write_table(change(pq.read_table(path)), path, use_deprecated_int96_timestamps=True)
            path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
            action["add"].pop("stats", None)
            action["add"]["size"] = path.stat().st_size
        log.write_text("\n".join(map(json.dumps, actions)) + "\n", encoding="utf-8")
        for checksum in (log.with_suffix(".crc"), log.with_name(f".{log.name}.crc")):
            checksum.unlink(missing_ok=True)


def put(name: str, make: Callable[[pa.Table], pa.ChunkedArray | pa.Array]) -> Callable[[pa.Table], pa.Table]:
    """Put new values in the place of a column."""

    def change(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index(name)
        return rows.set_column(place, rows.schema.field(place), make(rows).cast(rows.schema.field(place).type))

    return change


def newest_set(context: Context) -> str:
    return read_manifests(context)[-1].training_set_id


def failed(result: AuditResult) -> set[tuple[LeakCheck, str]]:
    return {(each.check, each.subject) for each in result.findings if each.status is GateStatus.FAIL}
