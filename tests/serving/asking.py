"""A server in this process and what is done to it, in few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from lakeloop.serving.app import Serving, make_serving
from lakeloop.serving.settings import ServeSettings
from tests.serving.factories import BUILT, make_store, publish

TOKEN = "a-token-nobody-knows"
JSON = {"content-type": "application/json"}


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = BUILT

    def __call__(self) -> Any:
        return self.now


class Place:
    """A server in this process, with all that can be done to it."""

    def __init__(self, folder: Path, pipelines: dict[str, Any]) -> None:
        self.folder, self.pipelines = folder, pipelines
        self.store, self.clock = make_store(), Clock()

    def serve(self, task: str = "classification", settings: ServeSettings | None = None, **bundle: Any) -> TestClient:
        classes = ("early", "in_time", "late") if task == "multiclass" else ()
        publish(self.folder, self.pipelines[task], **{"task": task, "classes": classes, **bundle})
        self.serving: Serving = make_serving(
            self.folder / "late",
            self.store,
            clock=self.clock,
            settings=settings or ServeSettings(time_limit_seconds=5, log_every_seconds=60, reload_every_seconds=600),
            log_folder=self.folder / "log",
            is_remote=False,
        )
        return TestClient(self.serving.app)


def ask(client: TestClient, *rows: dict[str, Any], route: str = "/predict") -> Any:
    return client.post(route, json={"rows": list(rows)})


def problem_of(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert set(said) == {"type", "title", "status", "detail", "request_id", "issues"}
    assert said["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return answer.status_code, said["type"].rpartition(":")[2]


def issue_of(answer: Any) -> dict[str, str]:
    issue: dict[str, str] = answer.json()["issues"][0]
    assert set(issue) == {"where", "got", "allowed", "remedy"}
    return issue
