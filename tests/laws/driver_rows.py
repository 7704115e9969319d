"""Rows that reach the driver, counted where Spark and delta-rs hand them over."""

from __future__ import annotations

import inspect
import linecache
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import deltalake
import pytest
from pyarrow.dataset import Dataset
from pyspark.sql.classic.dataframe import DataFrame

from lakeloop.tables import in_process
from tests.lint.collects import BRINGING


@dataclass(frozen=True)
class Brought:
    """A call that brought rows to the driver.

    Attributes:
        by: The project's function that made it, or asked `tables` or a library for it: `runs.train.train`.
        method: The method that was called.
        line: The project's line, as it is written.
        rows: Rows it brought.
    """

    by: str
    method: str
    line: str
    rows: int


@contextmanager
def counting() -> Iterator[list[Brought]]:
    """Count meanwhile; a method that calls another counts once."""
    found: list[Brought] = []
    inside, one = threading.local(), threading.Lock()

    def watch(owner: Any, name: str) -> None:
        call = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            if getattr(inside, "is_inside", False):
                return call(*args, **kwargs)
            inside.is_inside = True
            try:
                answer = call(*args, **kwargs)
            finally:
                inside.is_inside = False
            function, line = _caller()
            with one:
                found.append(Brought(function, name, line, _count(answer)))
            return answer

        patch.setattr(owner, name, watched)

    with pytest.MonkeyPatch.context() as patch:
        for owner in (DataFrame, deltalake.DeltaTable):
            for name in sorted(BRINGING):
                if inspect.getattr_static(owner, name, None) is not None:
                    watch(owner, name)
        watch(in_process, "bring")
        yield found


def _count(answer: Any) -> int:
    if answer is None:
        return 0
    if isinstance(answer, tuple):  # a Row
        return 1
    if isinstance(answer, Dataset):  # opened only: its rows go by in batches
        return 0
    return int(answer.num_rows) if hasattr(answer, "num_rows") else len(answer)


def _caller() -> tuple[str, str]:
    frame = sys._getframe(2)
    while frame.f_back is not None and not frame.f_globals.get("__name__", "").startswith("lakeloop."):
        frame = frame.f_back
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    while frame.f_back is not None and not _asks(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    module = frame.f_globals.get("__name__", "").removeprefix("lakeloop.")
    return f"{module}.{frame.f_code.co_name}", line


def _asks(module: str) -> bool:
    """Whether a module is the project's and more than the reader of tables, or what has it read again."""
    return module.startswith("lakeloop.") and not module.startswith(("lakeloop.tables", "lakeloop.transient"))
