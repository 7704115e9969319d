"""The first line of a landed file, matched with the declared columns by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lakeloop.config.mistakes import closest, listed
from lakeloop.errors import MAX_SHOWN

_MAX_NAME = 60


def header_problem(declared: Sequence[str], header: Sequence[str]) -> str | None:
    """Say why a header is not the declared one.

    Args:
        declared: Declared columns.
        header: Names of the first line, without spaces around them.

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
    if missing and len(missing) == len(declared) and not meant:
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
