"""The page at `/docs` shows what the model is asked by, and needs nothing from elsewhere."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from lakeloop.serving.app import make_serving
from lakeloop.serving.docs_page import render_docs
from lakeloop.serving.settings import ServeSettings
from tests.serving.factories import BUILT, fit_pipeline, make_store, publish


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> tuple[str, str]:
    """The page without a token, and with one."""
    place = tmp_path_factory.mktemp("docs")
    publish(place, fit_pipeline())
    token = "0123456789abcdef"
    found = []
    for settings in (ServeSettings(), ServeSettings(token=token)):
        serving = make_serving(place / "late", make_store(), clock=lambda: BUILT, settings=settings)
        with TestClient(serving.app) as client:
            answer = client.get("/docs", headers={"Authorization": f"Bearer {token}"})
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            found.append(answer.text)
    return found[0], found[1]


def test_the_page_shows_every_column_with_its_type_and_a_call_that_can_be_copied(pages):
    page = pages[0]
    for cells in (
        "<code>shop</code></td><td>string or null</td><td>required",
        "<code>order_ts</code></td><td>string (date-time) or null</td><td>required",
        "<code>order</code></td><td>integer or null</td><td>may be left out",
    ):
        assert cells in page
    assert "http://HOST:PORT/predict" in page
    for route in ("POST /predict", "POST /features", "GET /health", "GET /ready", "GET /metrics"):
        assert route in page


def test_the_page_says_what_needs_the_token(pages):
    assert "Needs the token." not in pages[0]
    assert pages[1].count("Needs the token.") == 3  # predict, features, metrics
    assert "Authorization: Bearer TOKEN" in pages[1]


def test_the_page_asks_nobody(pages):
    assert "<script" not in pages[0]
    assert re.findall(r'(?:src|href)="([^"]*)"', pages[0]) == ["openapi.json"]
    assert "url(" not in pages[0]


def test_names_of_columns_are_no_markup():
    row = {"properties": {"<b>": {"type": "string"}}, "required": []}
    asked = {"content": {"application/json": {"schema": {"properties": {"rows": {"items": row}}}}}}
    post = {"summary": "<i>", "requestBody": asked, "responses": {"200": {"description": "<u>"}}}
    page = render_docs({"info": {"title": "<h1>", "description": ""}, "paths": {"/predict": {"post": post}}})
    assert not re.search(r"<(b|i|u)>", page)
