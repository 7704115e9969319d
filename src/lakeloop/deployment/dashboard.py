"""A dashboard of Databricks: a table for each question, by the serialised form that its files have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lakeloop.deployment.queries import Query

_WIDTH, _HEIGHT = 12, 6


def render_dashboard(queries: Sequence[Query]) -> str:
    """Write a dashboard with a table below the other.

    Args:
        queries: The questions, in their order. Tables are named by layer and name: the catalog is the dashboard's.

    Returns:
        JSON, with an end of line.

    >>> from lakeloop.deployment.queries import read_query
    >>> written = json.loads(render_dashboard([read_query("runs")]))
    >>> written["pages"][0]["layout"][0]["widget"]["spec"]["frame"]["title"]
    'What ran, how long, and what failed?'
    """
    page = {
        "name": "monitoring",
        "displayName": "Monitoring",
        "pageType": "PAGE_TYPE_CANVAS",
        "layoutVersion": "GRID_V1",
        "layout": [_placed(query, number) for number, query in enumerate(queries)],
    }
    datasets = [
        {"name": each.name, "displayName": each.name, "queryLines": each.sql.splitlines(keepends=True)}
        for each in queries
    ]
    return json.dumps({"datasets": datasets, "pages": [page]}, indent=2, ensure_ascii=False) + "\n"


def _placed(query: Query, number: int) -> dict[str, Any]:
    fields = [{"name": each, "expression": f"`{each}`"} for each in query.columns]
    widget = {
        "name": query.name,
        "queries": [
            {"name": "main_query", "query": {"datasetName": query.name, "fields": fields, "disaggregated": True}}
        ],
        "spec": {
            "version": 2,
            "widgetType": "table",
            "encodings": {"columns": [{"fieldName": each, "displayName": each} for each in query.columns]},
            "frame": {"showTitle": True, "title": query.question},
        },
    }
    return {"widget": widget, "position": {"x": 0, "y": number * _HEIGHT, "width": _WIDTH, "height": _HEIGHT}}
