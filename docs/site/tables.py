"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def write_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; its cells are Markdown that is ready, on one line each.

    >>> print(write_table(("word", "meaning"), [("`OK`", "judged")]))
    | word | meaning |
    |---|---|
    | `OK` | judged |
    """
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def one_line(text: str) -> str:
    r"""Make a cell of text that was written in lines.

    >>> one_line("one of\n    a | b")
    'one of a \\| b'
    """
    return " ".join(text.split()).replace("|", "\\|")


def summary(docstring: str | None) -> str:
    r"""Give what stands before the sections and examples of a Google docstring, as one line.

    >>> summary("Judge a row.\n\n    A null passes.\n\n    Args:\n        row: The row.")
    'Judge a row. A null passes.'
    """
    kept: list[str] = []
    for line in (docstring or "").splitlines():
        if line.strip().startswith(">>>") or line.strip() in _SECTIONS:
            break
        kept.append(line)
    return one_line("\n".join(kept))


_SECTIONS = {"Args:", "Attributes:", "Returns:", "Yields:", "Raises:", "Source:"}
