"""Every bad input and the answer that the docs name: rows, bodies, times, and a store that cannot answer."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lakeloop.serving.app import make_serving
from lakeloop.serving.settings import ServeSettings
from tests.serving.asking import JSON, ask, issue_of, problem_of
from tests.serving.factories import (
    BUILT,
    ROW,
    TABLES,
    publish,
    published,
)

ROOT = Path(__file__).resolve().parents[2]


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


def test_the_page_names_every_answer():
    sources = [path.read_text() for path in (ROOT / "src/lakeloop/serving").glob("*.py")]
    kinds = {kind for text in sources for kind in re.findall(r'(?:Problem\(\d+, |unavailable\()"(\w+)"', text)}
    page = (ROOT / "docs/serving.md").read_text()
    assert len(kinds) > 10
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()
