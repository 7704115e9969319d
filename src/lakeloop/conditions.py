"""Conditions over the columns of a row, evaluated by Arrow: the same answer in this process and inside Spark.

A condition is the part of SQL that compares, combines and computes: `distance > 1000 and origin in ('EWR', 'JFK')`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

ALLOWED = "comparisons, and, or, not, in, between, is null, + - * / over columns, numbers, texts, true and false"

_COMPARISONS: Mapping[type[exp.Expr], Callable[..., Any]] = {
    exp.EQ: pc.equal,
    exp.NEQ: pc.not_equal,
    exp.GT: pc.greater,
    exp.GTE: pc.greater_equal,
    exp.LT: pc.less,
    exp.LTE: pc.less_equal,
}
_ARITHMETIC: Mapping[type[exp.Expr], Callable[..., Any]] = {
    exp.Add: pc.add,
    exp.Sub: pc.subtract,
    exp.Mul: pc.multiply,
    exp.Div: pc.divide,
}
_LOGIC: Mapping[type[exp.Expr], Callable[..., Any]] = {exp.And: pc.and_kleene, exp.Or: pc.or_kleene}
_LEAVES = (exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Neg, exp.Paren)
_OTHERS = (exp.Not, exp.In, exp.Between, exp.Is)


@dataclass(frozen=True)
class Condition:
    """A condition over one row.

    Attributes:
        text: As it is written.

    Raises:
        ValueError: If it is not a condition, or says more than is allowed.

    >>> condition = Condition("distance > 1000 and origin in ('EWR', 'JFK')")
    >>> condition.columns
    ('distance', 'origin')
    >>> Condition("weather.gust > 20").columns
    ('weather__gust',)
    >>> rows = pa.table({"distance": [1200, 1200, 80, None], "origin": ["JFK", "LGA", "JFK", "JFK"]})
    >>> condition.holds(rows).to_pylist()
    [True, False, False, None]
    """

    text: str

    def __post_init__(self) -> None:
        _ = self._tree

    @cached_property
    def _tree(self) -> exp.Expr:
        try:
            tree = sqlglot.parse_one(self.text, dialect="spark")
        except SqlglotError as error:
            raise ValueError(f"{self.text!r} is not a condition; write {ALLOWED}") from error
        for node in tree.walk():
            if not isinstance(node, (*_COMPARISONS, *_ARITHMETIC, *_LOGIC, *_LEAVES, *_OTHERS)):
                told = node.sql(dialect="spark")
                raise ValueError(f"{told!r} is not allowed in a condition; write {ALLOWED}")  # noqa: TRY004 - of a text
        if not isinstance(tree.unnest(), (*_COMPARISONS, *_LOGIC, *_OTHERS, exp.Column)):
            raise ValueError(f"{self.text!r} is no condition: it is neither true nor false; write {ALLOWED}")  # noqa: TRY004 - of a text
        return tree

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns it names, each once, in the order of the text."""
        return tuple(dict.fromkeys(_name(each) for each in self._tree.find_all(exp.Column, bfs=False)))

    def holds(self, rows: pa.RecordBatch | pa.Table) -> pa.Array:
        """Tell for which rows it is true.

        Args:
            rows: Rows; a column that they lack is null in each.

        Returns:
            One truth per row; null where a value that decides is missing, or cannot be compared.
        """
        found = _as_truth(_evaluate(self._tree, rows))
        if isinstance(found, pa.Scalar):
            return pa.repeat(found, rows.num_rows)
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _name(column: exp.Column) -> str:
    """Give a column's name; a feature may be named by its table, as elsewhere in the configuration."""
    return "__".join(part.name for part in column.parts)


def _evaluate(node: exp.Expr, rows: pa.RecordBatch | pa.Table) -> Any:
    of = {kind: call for table in (_COMPARISONS, _ARITHMETIC, _LOGIC) for kind, call in table.items()}.get(type(node))
    if isinstance(node, exp.Paren):
        return _evaluate(node.this, rows)
    if isinstance(node, exp.Column):
        return _column(_name(node), rows)
    if isinstance(node, exp.Literal):
        return pa.scalar(node.this if node.is_string else float(node.this))
    if isinstance(node, exp.Boolean):
        return pa.scalar(bool(node.this))
    if isinstance(node, exp.Null):
        return pa.scalar(None)
    if isinstance(node, exp.Neg):
        return pc.negate(_as_number(_evaluate(node.this, rows)))
    if isinstance(node, exp.Not):
        return pc.invert(_as_truth(_evaluate(node.this, rows)))
    if isinstance(node, exp.Is):
        return _is(node, rows)
    if isinstance(node, exp.Between):
        value, low, high = (_evaluate(node.args[each], rows) for each in ("this", "low", "high"))
        return pc.and_kleene(_compare(pc.greater_equal, value, low), _compare(pc.less_equal, value, high))
    if isinstance(node, exp.In):
        value = _evaluate(node.this, rows)
        found: Any = pa.scalar(False)
        for each in node.expressions:
            found = pc.or_kleene(found, _compare(pc.equal, value, _evaluate(each, rows)))
        return found
    if of is None or not isinstance(node, exp.Binary):  # the constructor has refused it
        raise ValueError(f"{node.sql()!r} is not allowed in a condition")
    left, right = _evaluate(node.left, rows), _evaluate(node.right, rows)
    if type(node) in _LOGIC:
        return of(_as_truth(left), _as_truth(right))
    if type(node) in _ARITHMETIC:
        return _computed(of, _as_number(left), _as_number(right))
    return _compare(of, left, right)


def _is(node: exp.Is, rows: pa.RecordBatch | pa.Table) -> Any:
    value = _evaluate(node.this, rows)
    if isinstance(node.expression, exp.Null):
        return pc.is_null(value, nan_is_null=pa.types.is_floating(value.type))
    return pc.fill_null(pc.equal(_as_truth(value), _as_truth(_evaluate(node.expression, rows))), False)


def _column(name: str, rows: pa.RecordBatch | pa.Table) -> Any:
    if name not in rows.schema.names:
        return pa.nulls(rows.num_rows)
    values = rows.column(name)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_floating(values.type):  # a NaN is no value
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def _computed(call: Callable[..., Any], left: Any, right: Any) -> Any:
    found = call(left, right)
    return pc.if_else(pc.is_finite(found), found, pa.scalar(None, pa.float64()))  # a division by zero has no value


def _compare(call: Callable[..., Any], left: Any, right: Any) -> Any:
    if _is_text(left) and _is_text(right):
        return call(left.cast(pa.string()), right.cast(pa.string()))
    if pa.types.is_boolean(left.type) and pa.types.is_boolean(right.type):
        return call(left, right)
    return call(_as_number(left), _as_number(right))


def _is_text(value: Any) -> bool:
    return bool(pa.types.is_string(value.type) or pa.types.is_large_string(value.type))


def _as_number(value: Any) -> Any:
    kind = value.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pc.cast(value, pa.float64(), safe=False)
    return _nothing(value, pa.float64())


def _as_truth(value: Any) -> Any:
    return value if pa.types.is_boolean(value.type) else _nothing(value, pa.bool_())


def _nothing(value: Any, kind: pa.DataType) -> Any:
    """What has another type can't be compared, which is not known rather than false."""
    return pa.scalar(None, kind) if isinstance(value, pa.Scalar) else pa.nulls(len(value), kind)
