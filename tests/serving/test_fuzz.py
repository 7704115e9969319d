"""Requests made from the OpenAPI document, right and wrong: none breaks the server, none gets past the token."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lakeloop.serving.app import make_serving
from lakeloop.serving.guard import OPEN_PATHS
from lakeloop.serving.settings import ServeSettings
from tests.serving.factories import BUILT, fit_pipeline, make_store, publish

TOKEN = "a-token-nobody-knows"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
COLUMNS = {
    **{"shop": "string", "items": "int", "order_ts": "timestamp", "order": "bigint", "price": "decimal(10,2)"},
    **{"weight": "double", "size": "float", "is_new": "boolean", "day": "date", "clock": "timestamp_ntz"},
}
REQUIRED = ("shop", "items", "order_ts", "price", "weight", "size", "is_new", "day", "clock")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str | None, str]]:
    """Token -> address of a server that asks for it."""
    place = tmp_path_factory.mktemp("fuzz")
    publish(place, fit_pipeline(), columns=COLUMNS, required=REQUIRED, id_columns=tuple(COLUMNS))
    with ExitStack() as running:
        yield {token: running.enter_context(serving_at(place / "late", token)) for token in (None, TOKEN)}


@contextmanager
def serving_at(bundles: Path, token: str | None) -> Iterator[str]:
    """A server in a thread."""
    settings = ServeSettings(token=token)
    made = make_serving(bundles, make_store(), clock=lambda: BUILT, settings=settings, is_remote=False)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(made.app, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def fuzz(servers: dict[str | None, str], examples: int) -> None:
    for token, address in servers.items():
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        document = httpx.get(f"{address}/openapi.json", headers=headers).json()
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            operation = found.ok()
            for mode in schemathesis.GenerationMode:
                if (
                    operation.method == "post" or mode is schemathesis.GenerationMode.POSITIVE
                ):  # a GET has no wrong body
                    _ask(address, token, headers, operation.as_strategy(generation_mode=mode), examples)


def _ask(address: str, token: str | None, headers: dict[str, str], cases: Any, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=cases)
    def ask(case: Any) -> None:
        answer = case.call(base_url=address, headers=headers)
        case.validate_response(answer, checks=CHECKS)
        if token is not None:
            case.headers = {name: value for name, value in case.headers.items() if name.lower() != "authorization"}
            bare = case.call(base_url=address)
            assert (bare.status_code == 401) == (case.path not in OPEN_PATHS)

    ask()


def test_no_request_breaks_the_server_or_gets_past_the_token(servers):
    fuzz(servers, examples=20)


@pytest.mark.slow
def test_many_requests_break_nothing(servers):
    fuzz(servers, examples=300)


def test_the_document_is_one_of_openapi(servers):
    document = httpx.get(f"{servers[None]}/openapi.json").json()
    schemathesis.openapi.from_dict(document).validate()
