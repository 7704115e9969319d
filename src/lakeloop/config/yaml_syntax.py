"""Says what is wrong with a file that is not YAML: the line, and what to change there."""

from __future__ import annotations

import re

import yaml

from lakeloop.errors import ConfigIssue

ALLOWED = "one valid YAML document"

_QUOTE = "put the whole value in quotes"
_STARTS_BADLY = re.compile(r"found character '(.)' that cannot start any token")
_COLON_WITHOUT_SPACE = re.compile(r"^\s*(?:- )?[A-Za-z_]\w*:[^\s/]")


def syntax_issue(text: str, file: str, error: yaml.MarkedYAMLError) -> ConfigIssue:
    """Translate an error of the YAML parser.

    Args:
        text: Content of the file.
        file: Path of the file, for messages.
        error: What the parser says.

    Returns:
        The mistake with its line.

    >>> text = "landing: {path: landing/orders"
    >>> try:
    ...     yaml.safe_load(text)
    ... except yaml.MarkedYAMLError as error:
    ...     print(syntax_issue(text, "sources/orders.yml", error).remedy)
    close the bracket, the brace or the quote that opens here
    """
    context, problem = error.context or "", error.problem or error.context or "not YAML"
    unclosed = context.startswith(("while parsing a flow", "while scanning a quoted"))
    braced = unclosed and error.problem_mark is not None and _is_variable(error.problem_mark)
    keyless = context.startswith("while scanning a simple key")
    mark = error.context_mark if (unclosed or keyless) and not braced else error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else None
    row = text.splitlines()[mark.line] if mark is not None and mark.line < len(text.splitlines()) else ""
    starts_badly = _STARTS_BADLY.search(problem)
    remedy = "mend the YAML here or in the line above"
    if "'\\t'" in problem or row.lstrip(" ").startswith("\t"):
        remedy = "indent with spaces, never with tabs"
    elif braced:
        problem, remedy = "${...} inside { } or [ ]", "put it in quotes: inside { } and [ ] a brace ends the value"
    elif starts_badly is not None:
        remedy = f"{_QUOTE}: {starts_badly[1]} means something else to YAML"
    elif "alias" in f"{context}{problem}" or "anchor" in f"{context}{problem}":
        remedy = f"mend the name, or {_QUOTE}: * and & mean something else to YAML"
    elif "tag" in context:
        remedy = f"{_QUOTE}: ! means something else to YAML"
    elif unclosed:
        remedy = "close the bracket, the brace or the quote that opens here"
    elif "single document" in context:
        remedy = "keep one document per file: remove the line ---"
    elif "mapping values" in problem:
        remedy = f"{_QUOTE} where it holds a colon, or mend the indentation here or above"
    elif "expected ':'" in problem and _COLON_WITHOUT_SPACE.search(row):
        remedy = "put a space after the colon"
    return ConfigIssue(file, line, "the file", problem, ALLOWED, remedy)


def character_issue(text: str, file: str, position: int) -> ConfigIssue:
    r"""Say which character a file must not hold.

    Args:
        text: Content of the file.
        file: Path of the file, for messages.
        position: Where in the text the character stands, from 0.

    Returns:
        The mistake with its line.

    >>> issue = character_issue("source: orders\nowner: \x07", "sources/orders.yml", 22)
    >>> issue.line, issue.got
    (2, 'the character U+0007')
    """
    line = text.count("\n", 0, position) + 1
    got = f"the character U+{ord(text[position]):04X}"
    return ConfigIssue(file, line, "the file", got, "printable text", "remove the character")


def _is_variable(mark: yaml.Mark) -> bool:
    buffer = mark.buffer or ""
    return buffer[max(mark.pointer - 1, 0) : mark.pointer + 1] == "${"
