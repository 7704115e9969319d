"""Texts and tables as Markdown, for GitHub and for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_READ_BY_MARKDOWN = re.compile(r"([\\`*|\[\]]|^[#+-](?=\s)|(?<!\w)_|_(?!\w))")
"""Signs that Markdown reads; an underscore inside a word is none."""


def escape_markdown(text: object) -> str:
    r"""Write a text so that Markdown shows it as it is, on one line.

    Args:
        text: The text, or what is written as one.

    Returns:
        The text with what Markdown or HTML would read escaped.

    >>> escape_markdown("a|b <i>\n[c](d)")
    'a\\|b &lt;i&gt; \\[c\\](d)'
    """
    told = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _READ_BY_MARKDOWN.sub(r"\\\1", told)


def as_code(text: object) -> str:
    """Write a text as code, on one line; backticks in it become apostrophes.

    Args:
        text: The text, or what is written as one.

    Returns:
        The text between backticks.

    >>> as_code("delay > 10")
    '`delay > 10`'
    """
    return "`" + " ".join(str(text).replace("`", "'").split()) + "`"


def lay_out_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out a table whose columns line up in a terminal, too.

    Args:
        header: Names of the columns.
        rows: Cells, as many in each row as there are names.

    Returns:
        The table; an empty text without rows.

    >>> print(lay_out_table(["what", "version"], [["numpy", "2.0"]]))
    | what  | version |
    | ----- | ------- |
    | numpy | 2.0     |
    """
    told = [[escape_markdown(cell) for cell in row] for row in rows]
    if not told:
        return ""
    cells = [list(header), *told]
    widths = [max(3, *(len(row[place]) for row in cells)) for place in range(len(header))]
    cells.insert(1, ["-" * width for width in widths])
    lines = (" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(f"| {line} |" for line in lines)
