"""What a server answers: the model's own scores, a status per table, and what is logged of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lakeloop.serving.settings import ServeSettings
from tests.serving.asking import ask
from tests.serving.factories import (
    BUILT,
    HOUR,
    ROW,
    MemoryStore,
    micros,
)


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
