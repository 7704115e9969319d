"""Where a job is killed: before each of its effects, amid each of Spark's, and after the last one, each once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.laws.effects import Effect, Effects, listening, spark_ends

END = "end"
"""The place after a job's last effect, before its process ends."""

_AMID_SECONDS = (0.02, 0.5)
_OF_SPARK = {f"{writer.__name__}.{name}" for writer, name in spark_ends()} | {"SparkSession.sql"}
_WRITES = frozenset({"insert", "update", "delete", "create", "drop", "commit", "alter", "replace"})


@dataclass(frozen=True)
class Journal:
    """The places at which a job was killed, in a file that the killed processes leave behind.

    Attributes:
        path: The file, outside of what the job writes to.
    """

    path: Path

    def places(self) -> list[str]:
        """List them in order."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        return [str(json.loads(line)) for line in lines]

    def note(self, place: str) -> None:
        """Add one; what was handed to the system stays when the process is killed."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(place)}\n")

    @property
    def java_is_killed(self) -> Path:
        """File that is there once Java was killed too: it ends a moment after who killed it."""
        return self.path.with_suffix(".java")


class Kills:
    """Kills its own process with SIGKILL at the first place that is not in the journal.

    Nothing happens between one effect and the next: before the one is after the other.

    Args:
        journal: Places at which a process of this job was killed.
        java: Process group of Java, killed too where Spark takes part.
        one_in: Of how many places one is tried.
    """

    def __init__(self, journal: Journal, java: int, *, one_in: int = 1) -> None:
        self._journal, self._java, self._one_in = journal, java, one_in
        self._tried = set(journal.places())
        self._seen = Counter[Effect]()
        self._passed = 0
        self._one = threading.Lock()

    def __call__(self, effect: Effect) -> None:
        """Kill before an effect, or amid it."""
        with self._one:
            place = f"{self._seen[effect]} {effect}"
            self._seen[effect] += 1
            is_main = threading.current_thread() is threading.main_thread()
            with_java = effect.what in _OF_SPARK or not is_main
            if self._is_new(place):
                self._kill(with_java=with_java)
            if effect.what in _OF_SPARK and self._is_new(f"amid {place}"):
                seconds = random.Random(place).uniform(*_AMID_SECONDS)
                threading.Timer(seconds, self._kill, kwargs={"with_java": True}).start()

    def at_end(self) -> None:
        """Kill after the last effect."""
        if END not in self._tried:
            self._journal.note(END)
            self._kill(with_java=False)

    def _is_new(self, place: str) -> bool:
        if place in self._tried or place.endswith(".part"):
            return False
        self._passed += 1
        if self._passed % self._one_in:
            return False
        self._journal.note(place)
        return True

    def _kill(self, *, with_java: bool) -> NoReturn:
        if with_java:
            self._journal.java_is_killed.touch()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._java, signal.SIGKILL)
        os.killpg(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")


# --- the online store, which speaks to SQLite without a library between ----------------------------------------------

_watched: list[Effects] = []


@contextlib.contextmanager
def watching(effects: Effects) -> Iterator[None]:
    """Tell of effects meanwhile, those on an online store in a file included."""
    connect = sqlite3.connect

    def watched(database: Any, *given: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(database, *given, **named)
        if "online.db" in str(database):
            connection.set_trace_callback(_told)
        return connection

    _watched.append(effects)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", watched)
        try:
            with listening(effects):
                yield
        finally:
            _watched.remove(effects)


def _told(statement: str) -> None:
    words = statement.split()
    if words and words[0].lower() in _WRITES:
        for each in _watched:
            each.told("online store", " ".join(words[:3]))
