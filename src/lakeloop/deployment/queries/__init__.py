"""Questions about the loop, as SQL over the tables of `monitoring` and `ops`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

NAMES = (
    *("drifted", "not_judged", "performance", "open_flags", "decisions"),
    *("versions", "quality", "volumes", "runs"),
)
"""The questions in the order in which they are asked."""


@dataclass(frozen=True)
class Query:
    """A question and its answer in SQL.

    Attributes:
        name: Its name, which is that of its file.
        question: What it answers, in a line.
        sql: A query of Spark SQL; tables are named by layer and name, so that the session's catalog counts.
        columns: Columns of the answer, in their order.
    """

    name: str
    question: str
    sql: str
    columns: tuple[str, ...]

    @property
    def commented(self) -> str:
        """The question as a comment, and the query."""
        return f"-- {self.question}\n{self.sql};"


def read_query(name: str) -> Query:
    """Read a question.

    Args:
        name: One of `NAMES`.

    Returns:
        The question with its query.

    >>> read_query("drifted").question, read_query("drifted").columns[:3]
    ('What drifted, in which window, and how much it weighs?', ('model', 'model_version', 'window_start'))
    """
    first, _, sql = files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8").partition("\n")
    outer = sql[sql.rindex("\nSELECT\n") :]
    listed = outer.partition("\nSELECT\n")[2].partition("\nFROM ")[0]
    columns = (re.split(r"\bAS\b", line)[-1].strip(" ,") for line in listed.splitlines())
    return Query(name, first.removeprefix("-- "), sql.strip(), tuple(each.rpartition(".")[2] for each in columns))


QUERIES: tuple[Query, ...] = tuple(read_query(name) for name in NAMES)
