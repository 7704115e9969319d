"""Who is answered, and by which bundle."""

from __future__ import annotations

import logging
import shutil

import pytest

from lakeloop.errors import ConflictError, UsageError
from lakeloop.serving.server import assert_may_bind
from lakeloop.serving.settings import ServeSettings
from tests.serving.asking import TOKEN, ask, problem_of
from tests.serving.factories import (
    ROW,
    fit_pipeline,
    publish,
)


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
