"""Declared expressions that can fail on a row, rewritten so that the row can be told from the rest.

In Spark's ANSI mode a division by zero, an overflow or an unreadable text ends the whole job. A declared expression is
rewritten into two: its value, and whether it can't be computed. What raises otherwise (a text
compared with a number, a failing function not listed here) is not caught; the batch is then refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.dialects.spark import Spark


class _PlainSpark(Spark):
    """Spark SQL whose functions stay as they are written."""

    class Tokenizer(Spark.Tokenizer):
        STRING_ESCAPES = ["\\", "'", '"']  # noqa: RUF012 - a doubled quote is a quote, as in Spark 4

    class Parser(Spark.Parser):  # type: ignore[valid-type, misc]  # an attribute that sqlglot fills
        FUNCTIONS: dict[str, Callable[..., exp.Expr]] = {}  # noqa: RUF012 - what sqlglot looks for


@dataclass(frozen=True)
class Attempt:
    """An expression, rewritten.

    Attributes:
        value: Spark SQL of its value, which says nothing where it fails. The text as declared where nothing can fail.
        fails: Spark SQL, true where it can't be computed, else false; None where nothing that is caught can fail.
    """

    value: str
    fails: str | None


def attempt(text: str) -> Attempt:
    """Rewrite an expression so that it does not end the job on a row for which it can't be computed.

    Caught: `/`, `%`, `div`, `mod`, `pmod` by zero; overflow of `+`, `-`, `*`; `cast`; an index beyond the parts of
    `split`; `to_date`, `to_timestamp`, `to_number`, `make_timestamp` of what they can't read. A branch of `case`, `if`,
    `coalesce`, `nvl`, `and`, `or` counts only where it is evaluated. Nothing inside a lambda is caught.

    Args:
        text: One Spark SQL expression over a row.

    Returns:
        Its value and its failure.

    >>> attempt("delay / distance")
    Attempt(value='TRY_DIVIDE(delay, distance)', fails='delay IS NOT NULL AND distance IS NOT NULL AND \
TRY_DIVIDE(delay, distance) IS NULL')
    >>> attempt("departure_ts + interval 30 minutes")
    Attempt(value='departure_ts + interval 30 minutes', fails=None)
    """
    value, fails = _attempt(sqlglot.parse_one(text, dialect=_PlainSpark))
    return Attempt(text, None) if fails is None else Attempt(value.sql(dialect=_PlainSpark), _sql(fails))


_Tried = tuple[exp.Expr, exp.Expr | None]

_TRIED_OPERATORS: dict[type[exp.Expr], str] = {
    exp.Add: "try_add",
    exp.Sub: "try_subtract",
    exp.Mul: "try_multiply",
    exp.Div: "try_divide",
}
_TRIED_FUNCTIONS = {
    "to_timestamp": "try_to_timestamp",
    "to_number": "try_to_number",
    "make_timestamp": "try_make_timestamp",
}
_ARRAYS = frozenset({"split", "array", "sequence", "regexp_extract_all"})


def _attempt(node: exp.Expr) -> _Tried:
    if any(isinstance(child, exp.Lambda) for child in node.iter_expressions()):
        return node.copy(), None
    match node:
        case exp.Case():
            return _attempt_case(node)
        case exp.If():
            return _attempt_if(node)
        case exp.And() | exp.Or():
            return _attempt_connector(node)
        case exp.Anonymous() if _name(node) in ("coalesce", "nvl", "ifnull"):
            return _attempt_coalesce(node)
    value = node.copy()
    failures = []
    for child in list(value.iter_expressions()):
        tried, fails = _attempt(child)
        child.replace(tried)
        failures.append(fails)
    tried, own = _attempt_itself(value)
    return tried, _any([*failures, own])


def _attempt_itself(node: exp.Expr) -> _Tried:
    """Rewrite one operator or function whose arguments have been rewritten."""
    match node:
        case exp.Add() | exp.Sub() if isinstance(node.this, exp.Interval) or isinstance(node.expression, exp.Interval):
            return node, None  # a moment of the calendar and a fixed stretch: no overflow
        case exp.Div() | exp.IntDiv() | exp.Mod() if _is_number(node.expression) and not isinstance(node, exp.Div):
            return node, None
        case exp.Div() if _is_number(node.expression) and _is_whole(node.expression):
            return node, None
        case exp.IntDiv() | exp.Mod():
            return _without_zero(node, node.expression)
        case exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
            arguments = [node.this, node.expression]
            return _if_null(_call(_TRIED_OPERATORS[type(node)], *map(_bare, arguments)), arguments)
        case exp.Cast():
            return _attempt_cast(node)
        case exp.Bracket():
            return _attempt_index(node)
        case exp.Anonymous():
            return _attempt_function(node)
    return node, None


def _attempt_function(node: exp.Anonymous) -> _Tried:
    name, arguments = _name(node), node.expressions
    if name in ("mod", "pmod") and len(arguments) == 2:
        return _without_zero(node, arguments[1])
    if name in _TRIED_FUNCTIONS:
        return _if_null(_call(_TRIED_FUNCTIONS[name], *arguments), arguments)
    if name == "to_date":
        read = _call("try_to_timestamp", *arguments) if len(arguments) > 1 else arguments[0]
        return _if_null(_try_cast(read, "DATE"), arguments)
    return node, None


def _attempt_cast(node: exp.Cast) -> _Tried:
    kind = node.to.sql(dialect=_PlainSpark)
    if node.args.get("safe") or kind == "STRING" or isinstance(node.this, exp.Literal | exp.Null):
        return node, None
    return _if_null(_try_cast(node.this, kind), [node.this])


def _attempt_index(node: exp.Bracket) -> _Tried:
    array, indexes = node.this, node.expressions
    if not isinstance(array, exp.Anonymous) or _name(array) not in _ARRAYS or len(indexes) != 1:
        return node, None
    index = indexes[0]
    beyond = exp.or_(exp.LT(this=_wrapped(index), expression=exp.Literal.number(0)), _beyond(index, array))
    present = exp.and_(_is_there(array), _is_there(index))
    return _call("get", array, index), exp.and_(present, exp.paren(beyond))


def _beyond(index: exp.Expr, array: exp.Expr) -> exp.Expr:
    return exp.GTE(this=_wrapped(index), expression=_call("size", array))


# --- branches: what is not evaluated does not fail -------------------------------------------------------------------


def _attempt_case(node: exp.Case) -> _Tried:
    value = node.copy()
    operand, operand_fails = _attempt(node.this) if node.this is not None else (None, None)
    if operand is not None:
        value.set("this", operand)
    branches: list[tuple[exp.Expr, exp.Expr | None]] = []
    for branch in value.args["ifs"]:
        (condition, condition_fails), (then, then_fails) = _attempt(branch.this), _attempt(branch.args["true"])
        branch.set("this", condition)
        branch.set("true", then)
        met = condition if operand is None else exp.EQ(this=_wrapped(operand), expression=_wrapped(condition))
        branches += [(condition_fails, exp.true())] if condition_fails is not None else []
        branches.append((met, then_fails))
    default_fails = None
    if value.args.get("default") is not None:
        default, default_fails = _attempt(value.args["default"])
        value.set("default", default)
    return value, _any([operand_fails, _first_met(branches, default_fails)])


def _attempt_if(node: exp.If) -> _Tried:
    value = node.copy()
    parts = {name: _attempt(value.args[name]) for name in ("this", "true", "false") if value.args.get(name) is not None}
    for name, (tried, _) in parts.items():
        value.set(name, tried)
    condition, condition_fails = parts["this"]
    otherwise = parts["false"][1] if "false" in parts else None
    return value, _any([condition_fails, _first_met([(condition, parts["true"][1])], otherwise)])


def _attempt_coalesce(node: exp.Anonymous) -> _Tried:
    value = node.copy()
    tried = [_attempt(each) for each in node.expressions]
    value.set("expressions", [each for each, _ in tried])
    branches: list[tuple[exp.Expr, exp.Expr | None]] = []
    for each, fails in tried:
        branches += [(fails, exp.true())] if fails is not None else []
        branches.append((_is_there(each), None))
    return value, _first_met(branches, None)


def _attempt_connector(node: exp.And | exp.Or) -> _Tried:
    value = node.copy()
    (left, left_fails), (right, right_fails) = _attempt(node.this), _attempt(node.expression)
    value.set("this", left)
    value.set("expression", right)
    if right_fails is None:
        return value, left_fails
    decided = _call("coalesce", left, exp.true() if isinstance(node, exp.And) else exp.false())
    goes_on = decided if isinstance(node, exp.And) else exp.Not(this=decided)
    return value, _any([left_fails, exp.and_(goes_on, exp.paren(right_fails))])


def _first_met(branches: Iterable[tuple[exp.Expr, exp.Expr | None]], default: exp.Expr | None) -> exp.Expr | None:
    """Say whether the branch that is taken fails; the branches are conditions with what follows when they are met."""
    listed = list(branches)
    if default is None and all(fails is None for _, fails in listed):
        return None
    whole = exp.Case(ifs=[exp.If(this=met.copy(), true=(fails or exp.false()).copy()) for met, fails in listed])
    whole.set("default", (default or exp.false()).copy())
    return whole


# --- pieces of SQL ---------------------------------------------------------------------------------------------------


def _if_null(tried: exp.Expr, arguments: Iterable[exp.Expr]) -> _Tried:
    """It failed where it is null although nothing it was made of is."""
    missing = exp.Is(this=tried.copy(), expression=exp.Null())
    return tried, exp.and_(*(_is_there(each) for each in arguments), missing)


def _without_zero(node: exp.Expr, divisor: exp.Expr) -> _Tried:
    fails = exp.EQ(this=_wrapped(divisor), expression=exp.Literal.number(0))
    dividend = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    failing = exp.and_(_is_there(dividend), _is_there(divisor), fails)
    divisor.replace(_call("nullif", divisor, exp.Literal.number(0)))
    return node, failing


def _is_there(node: exp.Expr) -> exp.Expr:
    return exp.Is(this=_wrapped(node), expression=exp.Not(this=exp.Null()))


def _any(conditions: Iterable[exp.Expr | None]) -> exp.Expr | None:
    found = [each for each in conditions if each is not None]
    return None if not found else found[0] if len(found) == 1 else exp.or_(*found)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[each.copy() for each in arguments])


def _try_cast(node: exp.Expr, kind: str) -> exp.Expr:
    return exp.TryCast(this=node.copy(), to=exp.DataType.build(kind, dialect=_PlainSpark), safe=True)


def _wrapped(node: exp.Expr) -> exp.Expr:
    return node.copy() if isinstance(node, exp.Column | exp.Literal | exp.Func | exp.Paren) else exp.paren(node)


def _bare(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Paren) else node


def _name(node: exp.Anonymous) -> str:
    return str(node.name).lower()


def _is_number(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string and float(node.this) != 0


def _is_whole(node: exp.Expr) -> bool:
    return node.sql().isdigit()


def _sql(node: exp.Expr) -> str:
    return node.sql(dialect=_PlainSpark)
