"""The rules over a turn's rows as a whole: what they measure, what is recorded, and what later turns compare with."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.rules.table_rule import Judged, Measured, PastTurn, TableRule
from lakeloop.config.source import ColumnType, Source
from lakeloop.quality.measures import ROWS, measure_turn, measures_of
from lakeloop.quality.typing import cast_text
from lakeloop.runs.context import Context
from lakeloop.runs.own_rows import read_own_rows
from lakeloop.statuses import Severity

_COMPARED = ("as_of", "attempt", "check", "passed", "rows", "observed")

SUITE = "suite"
"""The check that stands for all of a source."""


@dataclass(frozen=True)
class MeasuredTurn:
    """What was measured of a source's rows in a turn.

    Attributes:
        rows: How many there are.
        by_rule: What was measured for each rule over them, in the order of the rules.
    """

    rows: int
    by_rule: tuple[Measured, ...]


@dataclass(frozen=True)
class TableVerdict:
    """What came of a check of a rule over a turn's rows.

    Attributes:
        judged: The check.
        severity: Whether it stops the turn.
    """

    judged: Judged
    severity: Severity


def read_bronze(context: Context, source: Source, after: datetime | None = None) -> DataFrame | None:
    """Read the accepted rows of a source that are known at the logical now, as its rules see them.

    Args:
        context: Project, lake and logical now.
        source: The source's declaration.
        after: Rows available up to this instant are left out.

    Returns:
        The rows; None where the table does not exist yet.

    >>> read_bronze(context, context.config.sources["orders"]).count()
    840
    >>> read_bronze(fresh, fresh.config.sources["orders"]) is None
    True
    """
    address = context.lake.address("bronze", source.source)
    if not context.lake.exists(address):
        return None
    rows = context.lake.read(address, context.as_of, after=after)
    for name, kind in source.all_columns.items():
        if kind is ColumnType.LOCAL_TIMESTAMP:  # rules saw a local reading as the instant a clock in UTC shows it
            rows = rows.withColumn(name, cast_text(F.col(name), kind))
    return rows


def table_rules(source: Source) -> list[TableRule]:
    """List the rules of a source over a turn's rows as a whole.

    >>> table_rules(context.config.sources["orders"])
    []
    """
    return [rule for rule in source.rules if isinstance(rule, TableRule)]


def sources_referred(source: Source) -> list[str]:
    """List the sources whose values a source's rules look up.

    >>> sources_referred(context.config.sources["orders"])
    []
    """
    return sorted({rule.reference.to for rule in table_rules(source) if rule.reference is not None})


def measure_rows(context: Context, source: Source, turn: DataFrame | None, after: datetime) -> MeasuredTurn:
    """Measure a turn's rows in one query, for all rules of their source; count them where it has none.

    Args:
        context: Project, lake and logical now.
        source: The source's declaration.
        turn: The turn's rows; None where nothing ever landed.
        after: Up to this instant rows were judged in earlier turns.

    Returns:
        What was measured.

    >>> from datetime import timedelta
    >>> source, after = context.config.sources["orders"], context.as_of - timedelta(days=9999)
    >>> measure_rows(context, source, read_bronze(context, source, after), after).rows
    840
    """
    known, rules = read_bronze(context, source), table_rules(source)
    if turn is None or known is None:
        return MeasuredTurn(0, tuple(Measured(0, context.as_of) for _ in rules))
    others = {name: read_bronze(context, context.config.sources[name]) for name in sources_referred(source)}
    there = {name: rows for name, rows in others.items() if rows is not None}
    row = measure_turn(turn, known, rules, there, after=after, as_of=context.as_of).first()
    measured = {} if row is None else row.asDict()
    count = int(measured.get(ROWS, 0))
    by_rule = (Measured(count, context.as_of, measures_of(measured, number)) for number in range(len(rules)))
    return MeasuredTurn(count, tuple(by_rule))


def judge_turn(context: Context, source: Source, turn: MeasuredTurn) -> list[TableVerdict]:
    """Judge a turn by the rules over its rows as a whole.

    Args:
        context: Project, lake and logical now.
        source: The source's declaration.
        turn: What was measured.

    Returns:
        A verdict per check, in the order of the rules.

    >>> judge_turn(context, context.config.sources["orders"], MeasuredTurn(0, ()))
    []
    """
    rules = table_rules(source)
    past = read_past(context, source.source) if any(rule.turns_compared for rule in rules) else []
    return [
        TableVerdict(judged, rule.severity)
        for rule, measured in zip(rules, turn.by_rule, strict=True)
        for judged in rule.judge(measured, past)
    ]


def read_past(context: Context, source: str) -> list[PastTurn]:
    """Read what was recorded of the turns before the logical now whose rows passed the gate.

    A turn that failed is left out: its rows are judged again, with those of the next. So is one without rows.

    Args:
        context: Project, lake and logical now.
        source: The source.

    Returns:
        The turns, oldest first.

    >>> from datetime import timedelta
    >>> [each.rows for each in read_past(context.at(context.as_of + timedelta(days=1)), "orders")]
    [600, 240]
    >>> [each.rows for each in read_past(context, "orders")]  # nothing of the turn itself
    [600]
    """
    recorded = read_own_rows(context, schemas.QUALITY, {"source": source}, _COMPARED)
    turns: dict[datetime, list[dict[str, Any]]] = {}
    for row in recorded:
        if row["as_of"] < context.as_of:
            turns.setdefault(row["as_of"], []).append(row)
    past = (_past_turn(turns[as_of]) for as_of in sorted(turns))
    return [each for each in past if each is not None]


def _past_turn(rows: Sequence[dict[str, Any]]) -> PastTurn | None:
    last = max(row["attempt"] for row in rows)
    checks = {row["check"]: row for row in rows if row["attempt"] == last}
    if SUITE not in checks or checks[SUITE]["passed"] is not True:
        return None
    values = {name: json.loads(row["observed"]).get("value") for name, row in checks.items()}
    return PastTurn(checks[SUITE]["rows"], values)


def as_json(observed: dict[str, Any]) -> str:
    """Write what was found; a number that JSON does not have is missing.

    >>> as_json({"value": math.nan, "turns": 2})
    '{"value": null, "turns": 2}'
    """
    plain = {
        name: None if isinstance(each, float) and not math.isfinite(each) else each for name, each in observed.items()
    }
    return json.dumps(plain, allow_nan=False)
