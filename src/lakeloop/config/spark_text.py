"""What of a failure of Spark may be shown: its condition and its class. Its text quotes values of the data."""

from __future__ import annotations

import re

_ROOTS = frozenset({"pyspark", "py4j"})
_WITHOUT_ROWS = frozenset({"AnalysisException", "ParseException"})
"""What Spark raises before it reads a row."""

_CONDITION = re.compile(r"(?:^|: )\[([A-Z][A-Z0-9]*(?:[_.][A-Z0-9_]+)*)\]", re.MULTILINE)
_SPARK = re.compile(
    r"\bSQLSTATE: \w{5}|An error occurred while calling [\w.:]+|\borg\.apache\.spark\.|\bpy4j\.|JVM stacktrace"
    r"|Python worker|\[[A-Z][A-Z0-9]*_[A-Z0-9_.]+\]"
)
_CLASS = re.compile(r"((?:[A-Za-z_$][\w$]*\.)*[\w$]*(?:Exception|Error))(?=:|$)")
_DATA = "22"
"""Class of SQL states that say that a value is not what a function takes."""

_TOLD = re.compile(rf"\[([A-Z][A-Z0-9_.]*)\](?:(?!\[[A-Z]).)*?SQLSTATE: {_DATA}", re.DOTALL)
"""How the text of a Java exception tells such a condition, also as the cause of another one."""


def quotes_data(failure: BaseException | None, text: str) -> bool:
    """Tell whether the text of a failure is Spark's, of a time at which rows were read: it quotes their values.

    Args:
        failure: What was raised; None where only its text is known.
        text: Its text.

    Returns:
        True for what PySpark or Py4J raised, and for what carries their text on; False for what Spark's analyzer says.

    >>> quotes_data(RuntimeError(), "[CAST_INVALID_INPUT] The value 'Ada' ... SQLSTATE: 22018")
    True
    >>> quotes_data(ValueError(), "delta is not a number")
    False
    """
    if type(failure).__name__ in _WITHOUT_ROWS:
        return False
    return type(failure).__module__.partition(".")[0] in _ROOTS or _SPARK.search(text) is not None


def shorten_spark(text: str) -> str:
    r"""Leave of Spark's text the condition and the class.

    Of a chain of Java exceptions that is the last cause; of an exception in a Python worker, its own class.

    Args:
        text: The text of a failure.

    Returns:
        A short line without any value of the data.

    >>> shorten_spark("[CAST_INVALID_INPUT] The value 'Ada' of the type \"STRING\" cannot be cast. SQLSTATE: 22018")
    '[CAST_INVALID_INPUT]'
    >>> shorten_spark("An error occurred while calling o9.save.\n: org.XException: [A_B] 'Ada'.\n\tat org.Y")
    'org.XException: [A_B]'
    """
    lines = [line.rstrip() for line in text.strip().splitlines() if line.strip()]
    chosen = lines[0] if lines else ""
    traces = [number for number, line in enumerate(lines) if line.lstrip().startswith("Traceback (most recent call")]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    if traces:  # of a Python worker
        raised = (line for line in lines[traces[-1] + 1 :] if not line.startswith((" ", "\t")))
        chosen = next(raised, chosen)
    elif chosen.startswith("An error occurred while calling") and len(lines) > 1:
        chosen = causes[-1] if causes else lines[1].removeprefix(": ")
    elif "terminated with exception: " in chosen:  # of a stream
        chosen = chosen.partition("terminated with exception: ")[2]
    kind = _CLASS.match(chosen)
    condition = _CONDITION.search(chosen) or _CONDITION.search(text)
    parts = [kind[1] if kind else "", f"[{condition[1]}]" if condition else ""]
    return ": ".join(part for part in parts if part) or "a failure of Spark without a condition"


def data_condition(text: str, sql_state: str | None = None, condition: str | None = None) -> str | None:
    """Name the condition by which a value was not what a function takes.

    Args:
        text: The text of a failure.
        sql_state: Its SQL state, where it tells one.
        condition: Its condition, where it tells one.

    Returns:
        The condition; None where something else failed.

    >>> data_condition("Caused by: [DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012")
    'DIVIDE_BY_ZERO'
    >>> data_condition("[OUT_OF_MEMORY] No space. SQLSTATE: 53200")
    """
    if (sql_state or "").startswith(_DATA) and condition is not None:
        return condition
    told = _TOLD.search(text)
    return None if told is None else told[1]
