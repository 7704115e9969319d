"""The columns of a landed file, matched with the declared ones by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lakeloop.config.landing import FileFormat, MissingColumns, NewColumns
from lakeloop.config.mistakes import closest, listed
from lakeloop.config.source import TIME_COLUMNS, Source
from lakeloop.errors import MAX_SHOWN
from lakeloop.landing.opened import RefusedError

MAX_NEW = 100
"""Most columns that are not declared and taken from one file: more are values on the place of names."""

_MAX_NAME = 60
_PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class MatchedColumns:
    """The columns of a file as the declared policy takes them.

    Attributes:
        known: Declared columns that are there.
        missing: Declared columns that are not there: null in every row.
        unknown: Columns that are not declared and are kept.
    """

    known: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]


def match_columns(source: Source, names: Sequence[str]) -> MatchedColumns:
    """Match the columns of a file with the declared ones by name.

    Args:
        source: The source's declaration.
        names: Columns of the file.

    Returns:
        What is taken from the file.

    Raises:
        RefusedError: If the declared policy does not take these columns.

    >>> declared = {"source": "orders", "landing": {"path": "orders", "new_columns": "add_nullable"}}
    >>> declared |= {"columns": {"order": {"type": "long"}}, "key": ["order"]}
    >>> declared |= {"event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> source = Source.model_validate(declared)
    >>> match_columns(source, ["tip", "order"])
    MatchedColumns(known=('order',), missing=(), unknown=('tip',))
    >>> match_columns(source, ["Tip", "order"])
    Traceback (most recent call last):
    ...
    lakeloop.landing.opened.RefusedError: columns that can't be added to bronze: 'Tip'; name them in plain letters
    """
    declared, origin = list(source.columns), source.origin
    known = tuple(name for name in declared if name in names)
    missing = tuple(name for name in declared if name not in names)
    unknown = tuple(dict.fromkeys(name for name in names if name not in source.columns))
    allows_missing = origin.missing_columns is MissingColumns.NULL and known
    is_text = source.landing is not None and source.landing.format is FileFormat.CSV
    wanted = list(known) if allows_missing else declared
    refuses_new = origin.new_columns is NewColumns.REFUSE
    shown = [name for name in names if name in source.columns or refuses_new]
    problem = header_problem(wanted, shown, is_text=is_text)
    if problem is None and len(set(names)) < len(names):
        problem = header_problem(list(dict.fromkeys(names)), names)
    if problem is None and origin.keeps_new_columns:
        problem = _unfit(source, unknown)
    if problem is not None:
        raise RefusedError(problem)
    return MatchedColumns(known, missing, unknown if origin.keeps_new_columns else ())


def _unfit(source: Source, unknown: Sequence[str]) -> str | None:
    """Say why columns that are not declared can't be kept."""
    if len(unknown) > MAX_NEW:
        return f"{len(unknown)} columns not declared, at most {MAX_NEW} are taken: is the header there?"
    taken = {*source.derive, *TIME_COLUMNS}
    if source.origin.new_columns is NewColumns.ADD_NULLABLE:
        odd = [name for name in unknown if not _PLAIN_NAME.fullmatch(name) or name in taken]
    else:
        odd = [name for name in unknown if not name]
    if odd:
        shown = listed(repr(name[:_MAX_NAME]) for name in odd)
        return f"columns that can't be added to bronze: {shown}; name them in plain letters"
    return None


def header_problem(declared: Sequence[str], header: Sequence[str], *, is_text: bool = True) -> str | None:
    """Say why a header is not the declared one.

    Args:
        declared: Declared columns.
        header: Names of the first line, without spaces around them.
        is_text: Whether they are a first line of text, which may be a row of values instead.

    Returns:
        What is missing, undeclared or repeated, bounded, with what was probably meant; None where every declared column
        is there once and nothing else. A first line that names no column at all is not shown: it may hold values.

    >>> header_problem(["origin", "wind_mph"], ["wind_mph", "origin"])
    >>> header_problem(["origin", "wind_mph"], ["Origin", "wind_mph"])
    "columns missing: origin; columns not declared: Origin; did you mean 'origin' by 'Origin'?"
    >>> header_problem(["origin", "wind_mph"], ["EWR", "5.5"])
    'columns missing: origin, wind_mph; the first line names no declared column: is the header there, and commas in it?'
    """
    missing = [name for name in declared if name not in header]
    extra = list(dict.fromkeys(name for name in header if name not in declared))
    repeated = sorted({name for name in header if header.count(name) > 1})
    meant = {name: near for name in extra if (near := _meant(name, missing)) is not None}
    problems = []
    if missing:
        problems.append(f"columns missing: {listed(missing)}")
    if is_text and missing and len(missing) == len(declared) and not meant:
        problems.append("the first line names no declared column: is the header there, and commas in it?")
        return "; ".join(problems)
    if extra:
        problems.append(f"columns not declared: {_listed(extra)}")
    if repeated:
        problems.append(f"columns repeated: {_listed(repeated)}")
    if meant:
        pairs = [f"{near!r} by {name[:_MAX_NAME]!r}" for name, near in list(meant.items())[:MAX_SHOWN]]
        problems.append(f"did you mean {', '.join(pairs)}?")
    return "; ".join(problems) or None


def _listed(names: Sequence[str]) -> str:
    return listed(name[:_MAX_NAME] or "'' (a comma too many?)" for name in names)


def _meant(name: str, missing: Sequence[str]) -> str | None:
    """Find the missing column that a name of the file probably stands for: first by its letters, then by likeness."""
    same = [each for each in missing if _letters(each) == _letters(name)]
    return same[0] if same else closest(name.casefold(), missing)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
