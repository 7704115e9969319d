"""One row per request: `lakeloop serve` beside `mlflow models serve` and `feast serve`, one worker each.

python -m benchmarks.serving                      # 30 seconds per side and number of connections
python -m benchmarks.serving --seconds 5 --sides lakeloop mlflow

lakeloop looks up 30 features of an entity and scores them by 100 boosted trees; MLflow is given the 30 numbers and
scores them by the very same files; Feast looks the same numbers up and scores nothing. Both stores are SQLite. Needs
wrk, and for Feast `make bench-peers`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import serving_data as data
from benchmarks.http_load import Load, ask_for, find_wrk, post, serving
from benchmarks.sides import FOLDER, VENVS

SIDES = ("lakeloop", "lakeloop-features", "mlflow", "feast")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
_BODIES = 2_000


class Served:
    """The rows, the model and where it is published, made once for all sides."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.features = data.make_features()
        self.pipeline = data.fit_pipeline(self.features)
        self.files = data.write_model(self.pipeline, self.features, folder / "model")
        self.bundles, self.store = data.publish(self.features, self.files, folder)
        self.entities = self.features.sample(_BODIES, random_state=1).index.tolist()

    def score(self, entity: int) -> float:
        """What the pipeline says of an entity's row."""
        return float(self.pipeline.predict_proba(self.features.loc[[entity]])[0, 1])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _run(
    served: Served,
    options: argparse.Namespace,
    command: Callable[[int], list[str]],
    health: str,
    path: str,
    bodies: Sequence[str],
    check: Callable[[Any], bool],
) -> list[Load]:
    port = _free_port()
    base = f"http://127.0.0.1:{port}"
    own = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"  # MLflow looks for its server on the PATH
    with serving(command(port), base + health, served.folder / f"{port}.log", {**_ONE_THREAD, "PATH": own}) as process:
        if not check(post(base + path, bodies[0])):
            raise RuntimeError("the answer is not that of the model or of the rows")
        return [
            ask_for(
                base + path,
                bodies,
                connections=connections,
                seconds=options.seconds,
                server=process,
                folder=served.folder,
            )
            for connections in options.connections
        ]


def _lakeloop(served: Served, options: argparse.Namespace, path: str = "/predict") -> list[Load]:
    def command(port: int) -> list[str]:
        places = ["--bundle", str(served.bundles), "--store", served.store, "--store-project", data.PROJECT]
        called = [sys.executable, "-c", "from lakeloop.cli import main; main()", "serve", data.MODEL]
        log = ["--log", str(served.folder / "request_log")]
        return [*called, "--port", str(port), "--as-of", data.AS_OF.isoformat(), *places, *log]

    bodies = [json.dumps({"rows": [{"entity_id": entity}]}) for entity in served.entities]
    first = served.entities[0]

    def check(answer: Any) -> bool:
        found = answer["predictions"][0] if path == "/predict" else answer["rows"][0]
        if path == "/predict":
            return math.isclose(found["score"], served.score(first), rel_tol=1e-12)
        return bool(found["features"][data.COLUMNS[0]] == served.features.at[first, data.COLUMNS[0]])

    return _run(served, options, command, "/ready", path, bodies, check)


def _mlflow(served: Served, options: argparse.Namespace) -> list[Load]:
    def command(port: int) -> list[str]:
        called = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(served.files)]
        return [*called, "--host", "127.0.0.1", "--port", str(port), "--env-manager", "local", "--workers", "1"]

    rows = served.features.loc[served.entities].to_numpy().tolist()
    bodies = [json.dumps({"dataframe_split": {"columns": list(data.COLUMNS), "data": [row]}}) for row in rows]

    def check(answer: Any) -> bool:
        return math.isclose(answer["predictions"][0][1], served.score(served.entities[0]), rel_tol=1e-12)

    return _run(served, options, command, "/ping", "/invocations", bodies, check)


def _feast(served: Served, options: argparse.Namespace) -> list[Load]:
    python = VENVS / "feast" / "bin" / "python"
    if not python.exists():
        raise RuntimeError("its environment is not there: make bench-peers")
    repository = served.folder / "feast"
    repository.mkdir(exist_ok=True)
    frame = served.features.rename(columns=dict(zip(data.COLUMNS, data.NAMES, strict=True)))
    frame = frame.assign(entity_id=frame.index, event_timestamp=pd.Timestamp(data.AS_OF))
    frame.to_parquet(repository / "rows.parquet", index=False)
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent)}
    written = [str(python), "-m", "benchmarks.feast_online", str(repository), str(repository / "rows.parquet")]
    subprocess.run(written, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def command(port: int) -> list[str]:
        called = [str(python.with_name("feast")), "-c", str(repository), "serve", "-h", "127.0.0.1"]
        return [*called, "-p", str(port), "--workers", "1", "--no-access-log"]

    bodies = [json.dumps({"feature_service": "all", "entities": {"entity_id": [entity]}}) for entity in served.entities]

    def check(answer: Any) -> bool:
        values = [each["values"][0] for each in answer["results"]]
        found = dict(zip(answer["metadata"]["feature_names"], values, strict=True))
        return bool(found[data.NAMES[0]] == served.features.at[served.entities[0], data.COLUMNS[0]])

    return _run(served, options, command, "/health", "/get-online-features", bodies, check)


def format_loads(found: dict[str, list[Load] | str]) -> str:
    """Format what was measured as a table of at most 100 columns."""
    head = f"{'side':<20}{'conn.':>6}{'requests':>10}{'per s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'failed':>8}"
    lines = [head, "-" * len(head)]
    for side, loads in found.items():
        if isinstance(loads, str):
            lines.append(f"{side:<20}{loads}"[:100])
            continue
        for each in loads:
            cpu = "-" if each.cpu_ms is None else f"{each.cpu_ms:.2f}"
            lines.append(
                f"{side:<20}{each.connections:>6}{each.requests:>10}{each.per_second:>9.0f}{each.p50_ms:>9.2f}"
                f"{each.p99_ms:>9.2f}{cpu:>9}{each.failed:>8}"
            )
    lines += ["", "CPU ms: of the server's process tree per request. wrk, one thread, asks from the same machine."]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when a side failed."""
    parser = argparse.ArgumentParser(description="one row per request")
    parser.add_argument("--seconds", type=int, default=30, help="how long each side is asked (30)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8], help="connections at once (1 8)")
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES, metavar="SIDE")
    parser.add_argument("--json", type=Path, default=FOLDER / "results" / "serving.json")
    options = parser.parse_args(arguments)
    if find_wrk() is None:
        print("wrk is not on the PATH; Debian: apt-get install wrk")
        return 1
    run = {
        "lakeloop": _lakeloop,
        "lakeloop-features": lambda served, options: _lakeloop(served, options, "/features"),
        "mlflow": _mlflow,
        "feast": _feast,
    }
    found: dict[str, list[Load] | str] = {}
    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        served = Served(Path(folder))
        for side in options.sides:
            try:
                found[side] = run[side](served, options)
            except (RuntimeError, subprocess.CalledProcessError) as failure:
                found[side] = f"FAILED: {failure}"
    print(format_loads(found))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    plain = {side: each if isinstance(each, str) else [asdict(load) for load in each] for side, each in found.items()}
    options.json.write_text(json.dumps({"load": os.getloadavg()[0], "sides": plain}, indent=1), encoding="utf-8")
    return int(any(isinstance(each, str) for each in found.values()))


if __name__ == "__main__":
    sys.exit(main())
