"""What a server answers: the model's own scores, statuses, and for every bad input the answer that the docs name."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from lakeloop.errors import ConflictError, UsageError
from lakeloop.serving.app import Serving, make_serving
from lakeloop.serving.server import assert_may_bind
from lakeloop.serving.settings import ServeSettings
from tests.serving.factories import (
    BUILT,
    HOUR,
    ROW,
    TABLES,
    MemoryStore,
    fit_pipeline,
    make_store,
    micros,
    publish,
    published,
)

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a token nobody knows".replace(" ", "-")
JSON = {"content-type": "application/json"}


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = BUILT

    def __call__(self) -> Any:
        return self.now


@pytest.fixture(scope="module")
def pipelines() -> dict[str, Any]:
    return {task: fit_pipeline(task) for task in ("classification", "multiclass", "regression")}


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


@pytest.fixture
def place(tmp_path: Path, pipelines: dict[str, Any]) -> Place:
    return Place(tmp_path, pipelines)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, pipelines: dict[str, Any]) -> Iterator[TestClient]:
    """A server for tests that change nothing; items are a double."""
    place = Place(tmp_path_factory.mktemp("shared"), pipelines)
    columns = {"shop": "string", "items": "double", "order_ts": "timestamp", "order": "bigint", "count": "int"}
    with place.serve(columns=columns) as client:
        yield client


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, pipelines: dict[str, Any]) -> Iterator[TestClient]:
    """A server with a token."""
    place = Place(tmp_path_factory.mktemp("guarded"), pipelines)
    with place.serve(settings=ServeSettings(token=TOKEN)) as client:
        yield client


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


# --- answers ---------------------------------------------------------------------------------------------------------


def test_the_score_is_that_of_the_logged_pipeline_for_the_features_that_were_looked_up(place):
    with place.serve() as client:
        said = ask(client, {**ROW, "order": 7}).json()
    frame = pd.DataFrame(
        {
            "items": [3.0],
            "order_ts": [micros(BUILT - 2 * HOUR) / 1e6],
            "shop": ["A"],
            "shop_delays__mean_delay": [3.0],
            "shop_delays__orders": [12.0],
            "shop_last__last_delay": [7.5],
            "shop_last__region": ["north"],
        }
    )
    (prediction,) = said["predictions"]
    assert prediction["score"] == place.pipelines["classification"].predict_proba(frame)[0, 1]
    assert prediction == {
        "prediction_id": "8bcbace4a85bfd655264d50663d10000",
        "prediction_ts": "2024-02-04T00:00:00Z",
        "score": prediction["score"],
        "statuses": {"shop_delays": "OK", "shop_last": "OK"},
    }
    through = "2024-02-04T00:00:00Z"
    assert said["built_through"] == {"shop_delays": through, "shop_last": through}
    assert (said["model"], said["version"], said["notes"]) == ("late", "1", [])


@pytest.mark.parametrize(
    ("row", "statuses"),
    [
        ({"shop": "Z"}, ["NO_ROW", "NO_ROW"]),
        ({"shop": None}, ["NO_KEY", "NO_KEY"]),
        ({"shop": "B"}, ["NO_ROW", "EXPIRED"]),
        ({"shop": "C"}, ["OK", "NO_ROW"]),
        # Between the states' instants the newest one of the one table is of the future, of the other it is not.
        ({"prediction_ts": "2024-02-03T22:00:00Z"}, ["AHEAD", "OK"]),
        ({"prediction_ts": "2024-02-03T20:59:59.999999Z"}, ["AHEAD", "AHEAD"]),
        ({"prediction_ts": "2024-02-03T21:00:00Z"}, ["AHEAD", "OK"]),
        # A windowed table holds to the end of its tick, attributes to the instant itself.
        ({"prediction_ts": "2024-02-04T00:00:59Z"}, ["OK", "STALE"]),
    ],
)
def test_every_table_has_a_status(place, row, statuses):
    with place.serve() as client:
        found = ask(client, {**ROW, **row}).json()["predictions"][0]["statuses"]
    assert list(found.values()) == statuses


def test_a_stale_value_is_used_and_marked(place):
    place.clock.now = BUILT + 2 * HOUR
    with place.serve() as client:
        (found,) = ask(client, {"shop": "A"}, route="/features").json()["rows"]
    assert found == {
        "prediction_ts": "2024-02-04T02:00:00Z",
        "features": {
            "shop_delays__mean_delay": 3.0,
            "shop_delays__orders": 12,
            "shop_last__last_delay": 7.5,
            "shop_last__region": "north",
        },
        "statuses": {"shop_delays": "STALE", "shop_last": "STALE"},
    }


def test_several_classes_are_told_by_name(place):
    with place.serve("multiclass") as client:
        (found,) = ask(client, ROW).json()["predictions"]
    scores = found["class_scores"]
    assert list(scores) == ["early", "in_time", "late"]
    assert sum(scores.values()) == pytest.approx(1)
    assert found["predicted_class"] == max(scores, key=lambda name: scores[name])
    assert found["score"] == max(scores.values())


def test_rows_are_answered_in_their_order_and_large_requests_too(place):
    shops = ["A", "Z", "B", None] * 100
    with place.serve() as client:
        found = ask(client, *({**ROW, "shop": shop} for shop in shops)).json()["predictions"]
        alone = [ask(client, {**ROW, "shop": shop}).json()["predictions"][0]["score"] for shop in shops[:4]]
    assert [each["score"] for each in found] == alone * 100
    assert len(place.store.asked[0]["shop_delays"]) == 3  # every key once


def test_a_server_without_a_lean_form_answers_the_same(place, monkeypatch):
    with place.serve() as client:
        lean = ask(client, ROW).json()["predictions"][0]["score"]
    monkeypatch.setattr("lakeloop.serving.served.make_lean", lambda *_: None)
    with place.serve() as client:
        assert ask(client, ROW).json()["predictions"][0]["score"] == lean


def test_health_metrics_docs_and_schema(place):
    with place.serve() as client:
        ask(client, ROW)
        ask(client, {})
        assert client.get("/health").json() == {"status": "alive"}
        text = client.get("/metrics").text
        assert client.get("/docs").status_code == 200
        rows = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert 'lakeloop_requests_total{route="/predict",status="200"} 1.0' in text
    assert 'lakeloop_requests_total{route="/predict",status="422"} 1.0' in text
    assert 'lakeloop_lookups_total{status="OK",table="shop_delays"} 1.0' in text
    assert 'lakeloop_rows_total{route="/predict"} 1.0' in text
    assert 'model="late",version="1"} 1.0' in text
    assert "lakeloop_seconds_since_built_through{" in text
    assert rows["application/json"]["schema"]["properties"]["rows"]["maxItems"] == 1000


# --- what is wrong with a row ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "where", "got", "remedy"),
    [
        ({"count": "three"}, "rows[0].count", "a text", "give the value as the type says, or null"),
        ({"count": 3.5}, "rows[0].count", "a number", "give the value as the type says, or null"),
        ({"count": True}, "rows[0].count", "true or false", "give the value as the type says, or null"),
        ({"count": 2**31}, "rows[0].count", "a number out of range", "give the value as the type says, or null"),
        ({"count": 10**400}, "rows[0].count", "a number out of range", "give the value as the type says, or null"),
        ({"order": 2**63}, "rows[0].order", "a number out of range", "give the value as the type says, or null"),
        ({"shop": 7}, "rows[0].shop", "a number", "give the value as the type says, or null"),
        ({"shop": "x" * 4097}, "rows[0].shop", "a text", "give the value as the type says, or null"),
        ({"shop": ["A"]}, "rows[0].shop", "an array", "give the value as the type says, or null"),
        ({"order_ts": 1_367_366_400}, "rows[0].order_ts", "a number", "give the value as the type says, or null"),
        ({"order_ts": "2024-02-03T22:00:00"}, "rows[0].order_ts", "a text", "give the value as the type says, or null"),
        (
            {"order_ts": "0001-01-01T00:00:00+14:00"},
            "rows[0].order_ts",
            "a text",
            "give the value as the type says, or null",
        ),
        ({"shoop": "A"}, "rows[0].shoop", "a column that is not asked for", "did you mean shop?"),
        ({"zzz": 1}, "rows[0].zzz", "a column that is not asked for", "leave it out"),
        ({"prediction_ts": "yesterday"}, "rows[0].prediction_ts", "a text", "give the value as the type says, or null"),
    ],
)
def test_a_wrong_value_is_told_by_place_and_type_and_never_repeated(shared, row, where, got, remedy):
    answer = ask(shared, {**ROW, **row})
    assert problem_of(answer) == (422, "wrong_rows")
    issue = issue_of(answer)
    assert (issue["where"], issue["got"], issue["remedy"]) == (where, got, remedy)
    assert "three" not in answer.text
    assert "yesterday" not in answer.text


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(shared, number):
    body = json.dumps({"rows": [{**ROW, "items": "#"}]}).replace('"#"', number)
    answer = shared.post("/predict", content=body, headers=JSON)
    assert problem_of(answer) == (422, "wrong_rows")
    assert issue_of(answer)["got"] == "a number that is not finite"


def test_an_absent_column_is_asked_for_and_null_is_a_value(place):
    with place.serve() as client:
        answer = ask(client, {name: value for name, value in ROW.items() if name != "items"})
        assert issue_of(answer) == {
            "where": "rows[0].items",
            "got": "nothing",
            "allowed": "a whole number of 32 bits, or null",
            "remedy": "give the column, null where there is no value",
        }
        assert ask(client, {**ROW, "items": None}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"", 400, "no_json"),
        (b"{", 400, "no_json"),
        (b'{"rows": [{"shop": "\xff"}]}', 400, "no_json"),
        (b'{"rows": [{"shop": "\\ud800"}]}', 400, "no_json"),
        (b"[" * 100_000, 400, "no_json"),
        (b"[]", 422, "wrong_rows"),
        (b"null", 422, "wrong_rows"),
        (b"{}", 422, "wrong_rows"),
        (b'{"rows": {}}', 422, "wrong_rows"),
        (b'{"rows": []}', 422, "wrong_rows"),
        (b'{"rows": [7]}', 422, "wrong_rows"),
        (b'{"rows": [null]}', 422, "wrong_rows"),
        (b'{"row": []}', 422, "wrong_rows"),
        (b'{"rows": [{"count": ' + b"9" * 5000 + b"}]}", 400, "no_json"),
    ],
)
def test_a_body_that_is_no_request(shared, body, status, kind):
    assert problem_of(shared.post("/predict", content=body, headers=JSON)) == (status, kind)


def test_many_mistakes_are_counted_and_the_first_shown(place):
    with place.serve() as client:
        answer = ask(client, *({**ROW, "items": "x"} for _ in range(30)))
    assert answer.json()["detail"] == "30 things to mend, the first 10 of them here"
    assert len(answer.json()["issues"]) == 10


def test_too_many_rows_and_too_large_a_body_chunked_or_not(place):
    settings = ServeSettings(max_rows=3, max_body_bytes=500)
    with place.serve(settings=settings) as client:
        answer = ask(client, *[{**ROW}] * 4)
        assert problem_of(answer) == (422, "wrong_rows")
        assert issue_of(answer)["allowed"] == "at most 3 rows"
        large = b'{"rows": [{"shop": "' + b"x" * 600 + b'"}]}'
        assert problem_of(client.post("/predict", content=large, headers=JSON)) == (413, "too_large")
        pieces = (large[start : start + 50] for start in range(0, len(large), 50))  # chunked: its length is not told
        assert problem_of(client.post("/predict", content=pieces, headers=JSON)) == (413, "too_large")


def test_only_json_is_read(place):
    with place.serve() as client:
        body = json.dumps({"rows": [ROW]})
        assert problem_of(client.post("/predict", content=body)) == (415, "no_json_type")
        typed = {"content-type": "text/plain"}
        assert problem_of(client.post("/predict", content=body, headers=typed)) == (415, "no_json_type")
        typed = {"content-type": "application/json; charset=utf-8"}
        assert client.post("/predict", content=body, headers=typed).status_code == 200


def test_other_routes_and_methods(place):
    with place.serve() as client:
        assert problem_of(client.get("/nowhere")) == (404, "not_found")
        assert problem_of(client.get("/predict")) == (405, "no_such_method")
        assert problem_of(client.post("/predict/")) == (404, "not_found")


def test_a_model_that_refuses_missing_values_says_so(place):
    with place.serve("regression") as client:
        assert ask(client, ROW).status_code == 200
        answer = ask(client, {**ROW, "items": None})
        assert problem_of(answer) == (422, "model_refused")
    assert issue_of(answer)["got"] == "refused (ValueError)"


# --- time ------------------------------------------------------------------------------------------------------------


def test_a_row_of_the_future_is_refused_beyond_the_skew(place):
    with place.serve() as client:
        assert ask(client, {**ROW, "prediction_ts": "2024-02-04T00:01:00Z"}).status_code == 200
        answer = ask(client, {**ROW, "prediction_ts": "2024-02-04T00:01:00.000001Z"})
    assert problem_of(answer) == (422, "future")
    assert issue_of(answer)["where"] == "rows[0].prediction_ts"


def test_a_clock_a_little_behind_lifts_the_instant_and_says_so(place):
    place.clock.now = BUILT - timedelta(seconds=60)
    with place.serve() as client:
        said = ask(client, ROW).json()
        assert said["predictions"][0]["prediction_ts"] == "2024-02-04T00:00:00Z"
        assert said["predictions"][0]["statuses"] == {"shop_delays": "OK", "shop_last": "OK"}
        assert said["notes"] == [
            "the server's clock is behind the newest features: prediction_ts was lifted to their instant"
        ]
        ready = client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")


def test_a_clock_far_behind_answers_nothing(place):
    place.clock.now = BUILT - timedelta(seconds=61)
    with place.serve() as client:
        answer = ask(client, ROW)
        ready = client.get("/ready")
    assert problem_of(answer) == (503, "clock_skew")
    assert issue_of(answer)["got"] == "61 s behind the newest features"
    assert ready.status_code == 503
    assert ready.json()["checks"][-1] == {
        "name": "clock",
        "status": "FAIL",
        "detail": "clock skew: 61 s behind the newest features; set the server's clock, or raise --clock-skew",
    }


# --- the store -------------------------------------------------------------------------------------------------------


def test_a_store_that_is_down_is_told_and_asked_again_later(place):
    with place.serve() as client:
        place.store.is_down = True
        answer = ask(client, ROW)
        assert problem_of(answer) == (503, "store_down")
        assert answer.headers["retry-after"] == "1"
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
        assert client.get("/health").status_code == 200
        place.store.is_down = False
        assert ask(client, ROW).status_code == 200


@pytest.mark.parametrize("half", ["absent", "another declaration"])
def test_half_published_tables_are_told(place, half):
    if half == "absent":
        del place.store.tables["shop_last"]
        said = "it was never published to the online store"
    else:
        place.store.tables["shop_last"] = published(TABLES[1], spec_hash="another")
        said = "it is built by another declaration (another) than the model learned from"
    with place.serve() as client:
        answer = ask(client, ROW)
        ready = client.get("/ready")
        assert problem_of(answer) == (503, "not_published")
        assert issue_of(answer)["where"] == "shop_last"
        assert issue_of(answer)["got"] == said
        assert ready.status_code == 503
        assert said in ready.json()["checks"][-1]["detail"]
        place.store.tables["shop_last"] = published(TABLES[1])  # a publish later, nothing is to be done
        assert ask(client, ROW).status_code == 200


def test_a_store_that_raises_what_nobody_expects_answers_500_without_its_words(place, monkeypatch, caplog):
    def fail(asked: Any) -> Any:
        raise KeyError("Smith, John")

    with place.serve() as client, caplog.at_level(logging.ERROR):
        monkeypatch.setattr(place.store, "look_up", fail)
        answer = ask(client, ROW)
    assert problem_of(answer) == (500, "unexpected")
    assert "Smith" not in answer.text + caplog.text
    assert "KeyError in " in caplog.text


def test_a_slow_answer_is_given_up(place):
    place.serving = None
    settings = ServeSettings(time_limit_seconds=0.2)
    publish(place.folder, place.pipelines["classification"])
    serving = make_serving(place.folder / "late", place.store, clock=place.clock, settings=settings)
    with TestClient(serving.app) as client:
        place.store.wait.clear()
        answer = ask(client, ROW)
        assert problem_of(answer) == (504, "too_slow")
        place.store.wait.set()
        assert ask(client, ROW).status_code == 200


# --- the token -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": TOKEN},
        {"x-authorization": f"Bearer {TOKEN}"},
    ],
)
@pytest.mark.parametrize(
    "path", ["/predict", "/features", "/metrics", "/docs", "/openapi.json", "/nowhere", "/health/"]
)
def test_without_the_token_nothing_but_health_and_ready_is_answered(guarded, headers, path):
    for method in ("get", "post"):
        answer = guarded.request(method, path, headers=headers)
        assert problem_of(answer) == (401, "no_token")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.text


def test_with_the_token_all_is_answered_and_it_is_shown_nowhere(place, caplog):
    settings = ServeSettings(token=TOKEN)
    assert TOKEN not in repr(settings)
    with caplog.at_level(logging.DEBUG), place.serve(settings=settings) as client:
        assert client.get("/health").status_code == client.get("/ready").status_code == 200
        client.headers["authorization"] = f"Bearer {TOKEN}"
        answers = [ask(client, ROW), ask(client, {}), *(client.get(path) for path in ("/metrics", "/docs", "/x"))]
        document = client.get("/openapi.json")
    assert [each.status_code for each in answers] == [200, 422, 200, 200, 404]
    assert document.json()["security"] == [{"token": []}]
    assert TOKEN not in caplog.text + document.text + "".join(each.text for each in answers)


def test_two_tokens_are_none(guarded):
    both = [("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer other")]
    assert guarded.get("/metrics", headers=both).status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_needs_no_token(host):
    assert_may_bind(host, has_token=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.org", "localhost.example.org", ""])
def test_elsewhere_needs_one(host):
    with pytest.raises(UsageError, match="without a token"):
        assert_may_bind(host, has_token=False)
    assert_may_bind(host, has_token=True)


# --- reload ----------------------------------------------------------------------------------------------------------


def test_a_new_bundle_replaces_the_old_one_and_a_broken_one_does_not(place):
    with place.serve() as client:
        assert ask(client, ROW).json()["version"] == "1"
        publish(place.folder, fit_pipeline(seed=5), version="2")
        assert place.serving.champion.reload()
        assert ask(client, ROW).json()["version"] == "2"
        broken = publish(place.folder, fit_pipeline(seed=6), version="3")
        (place.folder / "late" / broken.bundle_id / "model" / "model.skops").write_bytes(b"other")
        assert not place.serving.champion.reload()
        assert ask(client, ROW).json()["version"] == "2"
        ready = client.get("/ready").json()
        assert ready["status"] == "degraded"
        assert "checksum: its files are not those that were registered" in ready["checks"][0]["detail"]
        shutil.rmtree(place.folder / "late")
        assert not place.serving.champion.reload()
        assert ask(client, ROW).status_code == 200
        text = client.get("/metrics").text
    assert 'lakeloop_reloads_total{outcome="loaded"} 2.0' in text
    assert 'lakeloop_reloads_total{outcome="failed"} 2.0' in text
    assert 'version="2"} 1.0' in text


def test_a_pickle_is_never_loaded(place):
    place.serve()
    files = place.folder / "files-1"
    (files / "MLmodel").write_text("flavors: {sklearn: {pickled_model: model.skops, serialization_format: pickle}}")
    with pytest.raises(ConflictError, match="it is stored as pickle, which runs code when it is loaded"):
        place.serve(version="1")


# --- the log ---------------------------------------------------------------------------------------------------------


def test_what_was_predicted_is_logged_with_what_it_was_predicted_from(place):
    with place.serve() as client:
        answer = ask(client, {**ROW, "order": 7}, {**ROW, "shop": None})
        ask(client, {"shop": "A"}, route="/features")
    (segment,) = (place.folder / "log").glob("*.parquet")
    first, second = pq.read_table(segment).to_pylist()
    assert first == {
        "request_id": answer.headers["x-request-id"],
        "prediction_id": "8bcbace4a85bfd655264d50663d10000",
        "prediction_ts": BUILT,
        "received_ts": BUILT,
        "model_name": "late",
        "model_version": "1",
        "bundle_id": answer.json()["bundle_id"],
        "score": answer.json()["predictions"][0]["score"],
        "predicted_class": None,
        "class_scores": None,
        "shop": "A",
        "items": 3,
        "order_ts": BUILT - 2 * HOUR,
        "order": 7,
        "shop_delays__mean_delay": 3.0,
        "shop_delays__orders": 12,
        "shop_delays__status": "OK",
        "shop_delays__built_through": BUILT,
        "shop_last__last_delay": 7.5,
        "shop_last__region": "north",
        "shop_last__status": "OK",
        "shop_last__built_through": BUILT,
    }
    assert (second["prediction_id"], second["shop"], second["shop_last__status"]) == (None, None, "NO_KEY")
    assert not list((place.folder / "log").glob(".*"))


def test_a_full_log_drops_and_counts_and_stops_no_answer(place):
    settings = ServeSettings(log_rows=3, log_every_seconds=600)
    with place.serve(settings=settings) as client:
        place.serving.log._flush = lambda: None
        assert [ask(client, *[ROW] * 2).status_code for _ in range(3)] == [200] * 3
        text = client.get("/metrics").text
    assert 'lakeloop_log_rows_dropped_total{reason="full"} 4.0' in text
    assert "lakeloop_log_queue_rows 2.0" in text


def test_a_log_that_cannot_be_written_stops_no_answer(place, caplog):
    (place.folder / "log").write_text("a file where the folder is to be")
    with place.serve() as client:
        assert ask(client, ROW).status_code == 200
    assert place.serving.log.depth() == 0
    assert b'lakeloop_log_rows_dropped_total{reason="failed"} 1.0' in place.serving.metrics.text()
    assert "rows are dropped: FileExistsError while a segment was written" in caplog.text


def test_scores_do_not_depend_on_who_asks_at_the_same_time(place):
    rows = [{**ROW, "shop": shop, "items": items} for shop in ("A", "B", "C", None) for items in range(8)]
    with place.serve() as client:
        alone = [ask(client, row).json()["predictions"][0]["score"] for row in rows]
        together = [each["score"] for each in ask(client, *rows).json()["predictions"]]
    np.testing.assert_array_equal(alone, together)


def test_the_store_is_a_protocol_that_tests_keep():
    from lakeloop.online_store.store import OnlineStore

    store: OnlineStore = MemoryStore({}, {})
    assert store.manifest() == {}


def test_the_page_names_every_answer():
    sources = [path.read_text() for path in (ROOT / "src/lakeloop/serving").glob("*.py")]
    kinds = {kind for text in sources for kind in re.findall(r'(?:Problem\(\d+, |unavailable\()"(\w+)"', text)}
    page = (ROOT / "docs/serving.md").read_text()
    assert len(kinds) > 10
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()
