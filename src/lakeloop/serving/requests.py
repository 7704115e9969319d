"""What a request has to be, made from the bundle: strict types, all columns and no others; and what is said else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from lakeloop.serving.columns import Kind, kind_of
from lakeloop.serving.predictor import PREDICTION_TS, Plan
from lakeloop.serving.problems import MAX_ISSUES, Issue, Problem, ProblemError

_INSTANT = kind_of("timestamp")
_MAX_NAME = 60
_JSON_TYPES = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "an array"}
_ANNOTATED: Any = Annotated
_NOT_REQUIRED: Any = NotRequired
_STRICT = ConfigDict(extra="forbid", strict=True)


class RequestShape:
    """Checks the rows of one kind of request.

    Args:
        kinds: Column -> its type.
        required: Columns that every row gives, null where there is no value; the others may be left out.
        max_rows: Rows of a request.

    Example:
    >>> shape = RequestShape({"shop": kind_of("string")}, ["shop"], max_rows=2)
    >>> shape.read(b'{"rows": [{"shop": "A"}]}')
    [{'shop': 'A'}]
    >>> try:
    ...     shape.read(b'{"rows": [{"shoop": "A", "shop": 1}]}')
    ... except ProblemError as error:
    ...     for issue in error.problem.issues:
    ...         print(issue.where, "|", issue.got, "|", issue.remedy)
    rows[0].shop | a number | give the value as the type says, or null
    rows[0].shoop | a column that is not asked for | did you mean shop?
    """

    def __init__(self, kinds: Mapping[str, Kind], required: Sequence[str], max_rows: int) -> None:
        self._kinds = {**kinds, PREDICTION_TS: _INSTANT}
        self._max_rows = max_rows
        fields: dict[str, Any] = {}
        for name, kind in self._kinds.items():
            described = _ANNOTATED[kind.annotation | None, Field(description=f"{kind.allowed}, or null")]
            fields[name] = described if name in required and name != PREDICTION_TS else _NOT_REQUIRED[described]
        row = TypedDict("Row", fields)  # type: ignore[misc]  # made from the bundle
        row.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]  # pydantic reads it
        rows = _ANNOTATED[list[row], Field(min_length=1, max_length=max_rows)]
        fields_of_body: dict[str, Any] = {"rows": rows}
        body = TypedDict("Rows", fields_of_body)  # type: ignore[misc]  # made from the bundle
        body.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]  # pydantic reads it
        self._adapter: TypeAdapter[Any] = TypeAdapter(body)

    def json_schema(self) -> dict[str, Any]:
        """Give the schema of a request's body, without references."""
        schema = self._adapter.json_schema()
        row = schema.pop("$defs")["Row"]
        schema["properties"]["rows"]["items"] = row
        return schema

    def read(self, body: bytes) -> list[dict[str, Any]]:
        """Read and check the rows of a request's body.

        Raises:
            ProblemError: If it is no JSON, or not what the bundle asks for.
        """
        try:
            rows: list[dict[str, Any]] = self._adapter.validate_json(body)["rows"]
        except ValidationError as failure:
            raise ProblemError(self._problem(failure)) from None
        return rows

    def _problem(self, failure: ValidationError) -> Problem:
        errors = failure.errors(include_url=False, include_context=False)
        if errors[0]["type"] == "json_invalid":
            issue = Issue("the body", "no JSON", 'an object, {"rows": [...]}', "send JSON of RFC 8259 in UTF-8")
            return Problem(400, "no_json", "the body is no JSON", "it could not be read", [issue])
        found = [self._issue(each) for each in errors[:MAX_ISSUES]]
        more = f", the first {MAX_ISSUES} of them here" if len(errors) > MAX_ISSUES else ""
        detail = f"{len(errors)} thing{'' if len(errors) == 1 else 's'} to mend{more}"
        return Problem(422, "wrong_rows", "the rows are not what the model asks for", detail, found)

    def _issue(self, error: Any) -> Issue:
        loc, kind = error["loc"], error["type"]
        where = _place(loc)
        if kind == "too_long":
            allowed = f"at most {self._max_rows} rows"
            return Issue(where, "more rows", allowed, "send them in several requests, or raise --max-rows")
        if kind == "too_short":
            return Issue(where, "no row", "at least 1 row", "send a row")
        name = str(loc[-1]) if loc else ""
        if kind == "missing":
            allowed = self._kinds[name].allowed if name in self._kinds else "an array of rows"
            return Issue(where, "nothing", f"{allowed}, or null", "give the column, null where there is no value")
        if kind == "extra_forbidden":
            known = list(self._kinds) if len(loc) > 1 else ["rows"]
            close = get_close_matches(name, known, n=1)
            shown = ", ".join(known)
            remedy = f"did you mean {close[0]}?" if close else "leave it out"
            return Issue(where, "a column that is not asked for", shown, remedy)
        got = _type_of(error.get("input"))
        if kind in ("finite_number", "float_parsing"):
            got = "a number that is not finite"
        if name in self._kinds:
            is_number = got == "a number" and not kind.endswith("_type")
            got = "a number out of range" if is_number else got
            remedy = "give the value as the type says, or null"
            return Issue(where, got, f"{self._kinds[name].allowed}, or null", remedy)
        allowed = 'an object, {"rows": [...]}' if not loc else "an array of rows" if len(loc) == 1 else "an object"
        return Issue(where, got, allowed, "see the example in the documentation")


def _place(loc: Sequence[str | int]) -> str:
    text = ""
    for part in loc:
        shown = part if isinstance(part, int) else part[:_MAX_NAME]
        text += f"[{shown}]" if isinstance(part, int) else f".{shown}" if text else str(shown)
    return text or "the body"


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    return _JSON_TYPES.get(type(value), "an object")


def predict_shape(plan: Plan, max_rows: int) -> RequestShape:
    """Make the shape of a request for predictions.

    >>> from tests.serving.factories import make_bundle
    >>> from lakeloop.serving.predictor import plan_of
    >>> schema = predict_shape(plan_of(make_bundle()), 10).json_schema()["properties"]["rows"]["items"]
    >>> schema["required"], schema["additionalProperties"]
    (['shop', 'items', 'order_ts'], False)
    """
    return RequestShape(plan.kinds, plan.bundle.required, max_rows)


def features_shape(plan: Plan, max_rows: int) -> RequestShape:
    """Make the shape of a request for features: the keys of the tables.

    >>> from tests.serving.factories import make_bundle
    >>> from lakeloop.serving.predictor import plan_of
    >>> features_shape(plan_of(make_bundle()), 10).read(b'{"rows": [{"shop": null}]}')
    [{'shop': None}]
    """
    keys = {name: plan.kinds[name] for table in plan.bundle.tables for name in table.entity}
    return RequestShape(keys, list(keys), max_rows)
