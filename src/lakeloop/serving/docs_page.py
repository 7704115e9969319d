"""The page at `/docs`: what is asked and answered, from the OpenAPI document. No script, no request elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b2330; --soft: #5b6675; --line: #dde2e9; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1a2029; --ink: #e5e9ef; --soft: #9aa6b5;
  --line: #2e3743; } }
body { margin: 0 auto; max-width: 900px; padding: 24px 20px 60px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 18px; margin: 32px 0 8px; } .soft { color: var(--soft); }
.box { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 6px 10px; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child > td { border-bottom: 0; } th { color: var(--soft); }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px; overflow-x: auto; }
"""
_EXAMPLES: Mapping[str, Any] = {"string": "...", "integer": 1, "number": 1.5, "boolean": True}


def render_docs(document: Mapping[str, Any]) -> str:
    """Write the page.

    Args:
        document: The OpenAPI document of the server.

    Returns:
        HTML.

    >>> row = {"properties": {"shop": {"type": "string"}}, "required": ["shop"]}
    >>> asked = {"content": {"application/json": {"schema": {"properties": {"rows": {"items": row}}}}}}
    >>> post = {"summary": "Score rows.", "requestBody": asked, "responses": {"200": {"description": "The answer."}}}
    >>> page = render_docs({"info": {"title": "late", "description": ""}, "paths": {"/predict": {"post": post}}})
    >>> "POST /predict" in page, "<td><code>shop</code></td>" in page, "<script" in page
    (True, True, False)
    """
    info = document["info"]
    title, parts = escape(str(info["title"])), []
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            parts.append(_route(method.upper(), str(path), route, is_guarded="security" in document))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        f'<h1>{title}</h1><p class="soft">{escape(str(info["description"]))} '
        f'The same for programs: <a href="openapi.json">openapi.json</a>.</p>{"".join(parts)}</body></html>'
    )


def _route(method: str, path: str, route: Mapping[str, Any], *, is_guarded: bool) -> str:
    needs = " Needs the token." if is_guarded and route.get("security") != [] else ""
    parts = [f"<h2>{method} {escape(path)}</h2><p>{escape(str(route['summary']))}{needs}</p>"]
    schema = _schema(route.get("requestBody", {}))
    if schema is not None:
        row = schema["properties"]["rows"]["items"]
        parts.append(f"<pre>{escape(_example(method, path, row, with_token=bool(needs)))}</pre>")
        parts.append(_table(("column of a row", "type", ""), _columns(row)))
    answers = [(_code(status), escape(str(said["description"]))) for status, said in route["responses"].items()]
    parts.append(f"<p></p>{_table(('status', 'means'), answers)}")
    return "".join(parts)


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = body.get("content", {}).get("application/json", {}).get("schema")
    return found


def _columns(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    required = row.get("required", ())
    return [
        (_code(name), escape(_kind(said)), "required" if name in required else "may be left out")
        for name, said in row["properties"].items()
    ]


def _kind(said: Mapping[str, Any]) -> str:
    """Say a type in words: `string (date-time) or null`."""
    kinds = [said, *said.get("anyOf", ())]
    words = []
    for each in kinds:
        named = each.get("type", ())
        for word in [named] if isinstance(named, str) else named:
            form = f" ({each['format']})" if "format" in each and word != "null" else ""
            words.append(f"{word}{form}")
    return " or ".join(dict.fromkeys(words))


def _example(method: str, path: str, row: Mapping[str, Any], *, with_token: bool) -> str:
    values = {name: _value(said) for name, said in row["properties"].items() if name in row.get("required", ())}
    token = " -H 'Authorization: Bearer TOKEN'" if with_token else ""
    body = json.dumps({"rows": [values]})
    return f"curl -X {method}{token} -H 'Content-Type: application/json' http://HOST:PORT{path} \\\n  -d '{body}'"


def _value(said: Mapping[str, Any]) -> Any:
    kind = _kind(said)
    if "date-time" in kind:
        return "2024-01-31T12:00:00Z"
    return _EXAMPLES.get(kind.split(" ", 1)[0])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    titles = "".join(f"<th>{escape(each)}</th>" for each in head)
    cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="box"><table><thead><tr>{titles}</tr></thead><tbody>{cells}</tbody></table></div>'


def _code(text: object) -> str:
    return f"<code>{escape(str(text))}</code>"
