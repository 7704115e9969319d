"""The OpenAPI document, made from the bundle that is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lakeloop import __version__
from lakeloop.serving.problems import MEDIA_TYPE
from lakeloop.serving.served import Served
from lakeloop.statuses import LookupStatus

_TEXT, _NUMBER = {"type": "string"}, {"type": "number"}
_INSTANT = {"type": "string", "format": "date-time"}
_PROBLEMS = {
    400: "The body is no JSON.",
    401: "The token is missing or wrong.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    422: "A row is not what the model asks for; every issue says where, what was got, what is allowed, what to do.",
    503: "The online store or the clock does not allow an answer; ask again.",
    504: "There was no answer in time.",
}


def openapi_of(served: Served, *, with_token: bool) -> dict[str, Any]:
    """Describe the routes.

    Args:
        served: The bundle that is served.
        with_token: Whether a token is asked for.

    Returns:
        A document of OpenAPI 3.1.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from lakeloop.serving.served import load_served
    >>> from tests.serving.factories import fit_pipeline, publish
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = publish(Path(place), fit_pipeline())
    ...     served = load_served(Path(place) / "late", max_rows=10)
    >>> sorted(openapi_of(served, with_token=True)["paths"])
    ['/features', '/health', '/metrics', '/predict', '/ready']
    """
    bundle = served.bundle
    tables = [each.table for each in bundle.tables]
    statuses = _object({name: {"enum": [each.value for each in LookupStatus]} for name in tables})
    said = {
        **dict.fromkeys(("model", "version", "bundle_id", "request_id"), _TEXT),
        "built_through": _object(dict.fromkeys(tables, _INSTANT)),
        "notes": {"type": "array", "items": _TEXT},
    }
    prediction: dict[str, Any] = {
        "prediction_id": {"type": ["string", "null"]},
        "prediction_ts": _INSTANT,
        "score": _NUMBER,
        "statuses": statuses,
    }
    if bundle.classes:
        prediction["predicted_class"] = {"enum": list(bundle.classes)}
        prediction["class_scores"] = _object(dict.fromkeys(bundle.classes, _NUMBER))
    names = [f"{each.table}__{name}" for each in bundle.tables for name in each.features]
    value = {"type": ["string", "number", "boolean", "null"]}
    features = {
        "prediction_ts": _INSTANT,
        "features": _object(dict.fromkeys(names, value)),
        "statuses": statuses,
    }
    answers = {
        "/predict": _object({**said, "predictions": _array(_object(prediction))}),
        "/features": _object({**said, "rows": _array(_object(features))}),
    }
    asked = {"/predict": served.predict_shape.json_schema(), "/features": served.features_shape.json_schema()}
    summaries = {"/predict": "Score rows, with features looked up.", "/features": "Look features up."}
    paths: dict[str, Any] = {
        path: {
            "post": {
                "operationId": path[1:],
                "summary": summaries[path],
                "requestBody": {"required": True, "content": {"application/json": {"schema": asked[path]}}},
                "responses": {"200": _answer("The answer.", answers[path]), **_problems(*_PROBLEMS)},
            }
        }
        for path in asked
    }
    check = _object({"name": _TEXT, "status": _TEXT, "detail": _TEXT})
    ready = _object({**dict.fromkeys(("status", "model", "version", "bundle_id"), _TEXT), "checks": _array(check)})
    paths["/health"] = _read("health", "Whether the process is alive.", _object({"status": _TEXT}), is_open=True)
    paths["/ready"] = _read("ready", "Whether it can answer.", ready, is_open=True)
    paths["/ready"]["get"]["responses"]["503"] = _answer("It cannot answer; the checks say why.", ready)
    paths["/metrics"] = _read("metrics", "What is counted, for Prometheus.", None)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": f"lakeloop: {bundle.model}",
            "version": __version__,
            "description": f"Version {bundle.version}, bundle {bundle.bundle_id}.",
        },
        "paths": paths,
    }
    if with_token:
        document["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
        document["security"] = [{"token": []}]
    return document


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


def _answer(description: str, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    kind = {"text/plain": {}} if schema is None else {"application/json": {"schema": dict(schema)}}
    return {"description": description, "content": kind}


def _problems(*statuses: int) -> dict[str, Any]:
    issue = _object(dict.fromkeys(("where", "got", "allowed", "remedy"), _TEXT))
    named = dict.fromkeys(("type", "title", "detail", "request_id"), _TEXT)
    problem = _object({**named, "status": {"type": "integer"}, "issues": _array(issue)})
    return {
        str(status): {"description": _PROBLEMS[status], "content": {MEDIA_TYPE: {"schema": problem}}}
        for status in statuses
    }


def _read(name: str, summary: str, schema: Mapping[str, Any] | None, *, is_open: bool = False) -> dict[str, Any]:
    responses = {"200": _answer("The answer.", schema), **({} if is_open else _problems(401))}
    found: dict[str, Any] = {"operationId": name, "summary": summary, "responses": responses}
    return {"get": {**found, "security": []} if is_open else found}
