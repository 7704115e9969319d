"""From requests that wait together to their answers: one look-up and one prediction for all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import to_json

from lakeloop.errors import DataContractError, EnvironmentProblemError, NotReadyError
from lakeloop.online_store.store import Found, OnlineStore, PublishedTable
from lakeloop.serving.columns import instant_text, micros_of
from lakeloop.serving.metrics import ServeMetrics
from lakeloop.serving.prediction_id import prediction_id_of
from lakeloop.serving.predictor import (
    PREDICTION_TS,
    Layout,
    Row,
    TableFeatures,
    asked_of,
    keys_of,
    lay_out,
    model_columns,
    resolve,
)
from lakeloop.serving.problems import Issue, Problem, ProblemError, unavailable
from lakeloop.serving.request_log import Answered, RequestLog
from lakeloop.serving.served import Scores, Served
from lakeloop.serving.settings import ServeSettings

PREDICT, FEATURES = "/predict", "/features"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Asked:
    """A request whose rows were checked.

    Attributes:
        route: `/predict` or `/features`.
        served: What is to answer; a reload does not change it.
        rows: Its rows.
        request_id: Its id.
        received_micros: When it came, by the server's clock.
    """

    route: str
    served: Served
    rows: Sequence[Row]
    request_id: str
    received_micros: int


class _LookedUp(NamedTuple):
    layout: Layout
    instants: list[int]
    features: tuple[TableFeatures, ...]
    notes: tuple[str, ...]


@dataclass
class Answerer:
    """Answers requests.

    Attributes:
        store: Where states are looked up.
        clock: Gives the server's now.
        settings: Its limits.
        metrics: What counts.
        log: Where what was predicted is logged; None for nowhere.
        on_drift: Called when the store serves other tables than the bundle knows: a newer bundle may be there.

    Example:
    >>> from tests.serving.factories import BUILT, answer_one, make_store
    >>> answerer = Answerer(make_store(), lambda: BUILT, ServeSettings(), ServeMetrics())
    >>> row = {"shop": "A", "items": 3, "order_ts": 0}
    >>> asked = Asked(PREDICT, answer_one().served, [row], "r-1", 0)
    >>> answerer.answer([asked])[0][-51:]
    b'"statuses":{"shop_delays":"OK","shop_last":"OK"}}]}'
    """

    store: OnlineStore
    clock: Callable[[], datetime]
    settings: ServeSettings
    metrics: ServeMetrics
    log: RequestLog | None = None
    on_drift: Callable[[], None] = field(default=lambda: None)

    def __post_init__(self) -> None:
        self._known: tuple[Any, Layout] | None = None

    def answer(self, asked: Sequence[Asked]) -> list[bytes | ProblemError]:
        """Answer requests of one bundle and one route: each gets its body, or why there is none."""
        try:
            return self._answer_all(asked)
        except ProblemError as problem:
            if len(asked) == 1 or problem.problem.status >= 500:
                return [problem] * len(asked)
        # One of them is refused: the others are not to be.
        return [self.answer([each])[0] for each in asked]

    def _answer_all(self, asked: Sequence[Asked]) -> list[bytes | ProblemError]:
        served = asked[0].served
        rows = [row for each in asked for row in each.rows]
        found = self._look_up(served, rows)
        scores = None
        if asked[0].route == PREDICT:
            scores = self._score(served, rows, found)
            self._note(asked, rows, found, scores)
        answers: list[bytes | ProblemError] = []
        start = 0
        for each in asked:
            answers.append(to_json(self._body(each, found, start, scores), inf_nan_mode="null"))
            start += len(each.rows)
            self.metrics.count_rows(each.route, len(each.rows))
        return answers

    def _look_up(self, served: Served, rows: Sequence[Row]) -> _LookedUp:
        keys = keys_of(served.plan, rows)
        now = micros_of(self.clock())
        try:
            found = self.store.look_up(asked_of(served.plan, keys)) if served.bundle.tables else Found({}, {})
        except EnvironmentProblemError as failure:
            issues = [
                Issue(each.name, each.detail, "a store that answers", failure.remedy) for each in failure.failures
            ]
            raise unavailable("store_down", "the online store does not answer", failure.subject, issues) from None
        layout = self.layout_of(served, found.tables)
        built = max((table.built_micros for table in layout), default=now)
        notes: tuple[str, ...] = ()
        if built > now:
            self.refuse_skew(built, now)
            notes = ("the server's clock is behind the newest features: prediction_ts was lifted to their instant",)
        lifted = max(built, now)
        instants = [lifted if (given := row.get(PREDICTION_TS)) is None else given for row in rows]
        notes = notes if any(row.get(PREDICTION_TS) is None for row in rows) else ()
        features = resolve(layout, keys, instants, found)
        self.metrics.count_lookups(features)
        return _LookedUp(layout, instants, features, notes)

    def layout_of(self, served: Served, published: Mapping[str, PublishedTable]) -> Layout:
        """Hold what the store serves to the bundle; the same tables are held to it once.

        Raises:
            ProblemError: If it is not what the model learned from.
        """
        tables = [published.get(each.table) for each in served.bundle.tables]
        key = (
            served,
            *((each.generation, each.spec_hash, each.built_through, len(each.features)) for each in tables if each),
        )
        if self._known is not None and self._known[0] == key and None not in tables:
            return self._known[1]
        try:
            layout = lay_out(served.plan, published)
        except NotReadyError as failure:
            self.on_drift()
            issues = [
                Issue(each.name, each.detail, "the table that the model learned from", failure.remedy)
                for each in failure.failures
            ]
            raise unavailable("not_published", "the online store lacks what the model needs", "", issues) from None
        self._known = key, layout
        self.metrics.note_tables(layout)
        return layout

    def refuse_skew(self, built: int, now: int) -> None:
        """Refuse to answer while the server's clock is too far behind the publisher's.

        Raises:
            ProblemError: If it is.
        """
        behind = (built - now) / 1_000_000
        if behind > self.settings.clock_skew.total_seconds():
            allowed = f"at most {self.settings.clock_skew.total_seconds():g} s behind"
            remedy = "set the server's clock, or raise --clock-skew"
            issue = Issue("the server's clock", f"{behind:.0f} s behind the newest features", allowed, remedy)
            raise unavailable("clock_skew", "the server's clock is wrong", "", [issue])

    def _score(self, served: Served, rows: Sequence[Row], found: _LookedUp) -> Scores:
        columns = model_columns(served.plan, rows, found.instants, found.features)
        try:
            return served.score(columns)
        except (ValueError, DataContractError) as failure:
            # What it says may show a value.
            shown = f"refused ({type(failure).__name__})"
            remedy = "check the row: missing values, instants and categories that the model never saw"
            issue = Issue("rows", shown, "rows that the model's own steps take", remedy)
            problem = Problem(422, "model_refused", "the model refuses a row", "its steps do not take it", [issue])
            raise ProblemError(problem) from None

    def _note(self, asked: Sequence[Asked], rows: Sequence[Row], found: _LookedUp, scores: Scores) -> None:
        if self.log is None:
            return
        ids = [each.request_id for each in asked for _ in each.rows]
        received = [each.received_micros for each in asked for _ in each.rows]
        self.log.offer(Answered(asked[0].served, ids, received, rows, found.instants, found.features, scores))

    def _body(self, asked: Asked, found: _LookedUp, start: int, scores: Scores | None) -> dict[str, Any]:
        bundle = asked.served.bundle
        said: dict[str, Any] = {
            "model": bundle.model,
            "version": bundle.version,
            "bundle_id": bundle.bundle_id,
            "request_id": asked.request_id,
            "built_through": {each.declared.table: instant_text(each.built_micros) for each in found.layout},
            "notes": found.notes,
        }
        places = enumerate(asked.rows, start)
        if scores is None:
            said["rows"] = [self._features(found, place) for place, _ in places]
        else:
            said["predictions"] = [self._prediction(asked, row, found, place, scores) for place, row in places]
        return said

    def _prediction(self, asked: Asked, row: Row, found: _LookedUp, place: int, scores: Scores) -> dict[str, Any]:
        bundle, instant = asked.served.bundle, found.instants[place]
        said: dict[str, Any] = {
            "prediction_id": prediction_id_of({**row, PREDICTION_TS: instant}, bundle.id_columns, bundle.columns),
            PREDICTION_TS: instant_text(instant),
            "score": float(scores.score[place]),
        }
        if scores.predicted_class is not None and scores.class_scores is not None:
            said["predicted_class"] = scores.predicted_class[place]
            said["class_scores"] = dict(zip(bundle.classes, scores.class_scores[place].tolist(), strict=True))
        said["statuses"] = {each.layout.declared.table: each.statuses[place].value for each in found.features}
        return said

    def _features(self, found: _LookedUp, place: int) -> dict[str, Any]:
        values = {}
        for table in found.features:
            declared, of_row = table.layout.declared, table.values[place]
            for feature, (name, kind) in enumerate(zip(declared.features, table.layout.kinds, strict=True)):
                value: Any = None if of_row is None else of_row[feature]
                is_instant = value is not None and kind.name == "timestamp"
                values[f"{declared.table}__{name}"] = instant_text(value) if is_instant else value
        return {
            PREDICTION_TS: instant_text(found.instants[place]),
            "features": values,
            "statuses": {each.layout.declared.table: each.statuses[place].value for each in found.features},
        }


def refuse_future(asked: Asked, now: datetime, settings: ServeSettings) -> None:
    """Refuse rows of the future: nobody knows the features of then.

    Args:
        asked: The request.
        now: The server's now.
        settings: How far a client's clock may be ahead.

    Raises:
        ProblemError: If a `prediction_ts` is after the server's now by more than that.

    >>> from datetime import UTC, timedelta
    >>> now = datetime(2024, 2, 4, tzinfo=UTC)
    >>> row = {"prediction_ts": micros_of(now + timedelta(hours=1))}
    >>> try:
    ...     refuse_future(Asked(PREDICT, None, [row], "r-1", 0), now, ServeSettings())
    ... except ProblemError as error:
    ...     print(error.problem.issues[0].where, error.problem.issues[0].got)
    rows[0].prediction_ts an instant in the future
    """
    latest = micros_of(now + settings.clock_skew)
    wrong = [
        place for place, row in enumerate(asked.rows) if (at := row.get(PREDICTION_TS)) is not None and at > latest
    ]
    if wrong:
        allowed = f"up to {instant_text(latest)}: the server's clock and {settings.clock_skew.total_seconds():g} s"
        remedy = "set the client's clock, or leave prediction_ts out: it is then the server's now"
        issues = [
            Issue(f"rows[{place}].{PREDICTION_TS}", "an instant in the future", allowed, remedy) for place in wrong
        ]
        raise ProblemError(Problem(422, "future", "a row lies in the future", f"{len(wrong)} of them", issues))
