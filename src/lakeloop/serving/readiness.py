"""Whether a server can answer now, check by check."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lakeloop.errors import EnvironmentProblemError
from lakeloop.serving.answering import Answerer
from lakeloop.serving.batching import describe_failure
from lakeloop.serving.champion import Champion
from lakeloop.serving.columns import instant_text, micros_of
from lakeloop.serving.problems import ProblemError
from lakeloop.serving.served import Served
from lakeloop.statuses import CheckStatus

_KEPT_SECONDS = 1.0


@dataclass(frozen=True)
class Check:
    """What a check found.

    Attributes:
        name: What is checked.
        status: What was found.
        detail: What it is; what to do about it, where something is wrong.
    """

    name: str
    status: CheckStatus
    detail: str


@dataclass(frozen=True)
class Readiness:
    """What all checks found.

    Attributes:
        served: The bundle.
        checks: The checks.

    >>> Readiness(None, (Check("store", CheckStatus.FAIL, "it does not answer"),)).word
    'not ready'
    """

    served: Served
    checks: tuple[Check, ...]

    @property
    def word(self) -> str:
        """`ready`, `degraded`, which answers all the same, or `not ready`."""
        found = {each.status for each in self.checks}
        return "not ready" if CheckStatus.FAIL in found else "degraded" if CheckStatus.WARN in found else "ready"

    def said(self) -> dict[str, Any]:
        """What is answered."""
        return {
            "status": self.word,
            "model": self.served.bundle.model,
            "version": self.served.bundle.version,
            "bundle_id": self.served.bundle.bundle_id,
            "checks": [{"name": each.name, "status": each.status.value, "detail": each.detail} for each in self.checks],
        }


class ReadinessChecks:
    """Checks bundle, store, tables and clock; what was found is kept for a second: anybody may ask, and often."""

    def __init__(self, champion: Champion, answerer: Answerer, time_limit_seconds: float) -> None:
        self._champion, self._answerer, self._limit = champion, answerer, time_limit_seconds
        self._kept: tuple[float, Readiness] | None = None
        self._asking: asyncio.Task[Readiness] | None = None

    async def look(self) -> Readiness:
        """Check, or give what was found within the last second."""
        if self._kept is not None and time.monotonic() - self._kept[0] < _KEPT_SECONDS:
            return self._kept[1]
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Readiness:
        served = self._champion.served
        try:
            checks = await asyncio.wait_for(asyncio.to_thread(self._checks, served), self._limit)
        except TimeoutError:
            detail = f"it does not answer within {self._limit:g} s"
            checks = (_bundle_check(self._champion), Check("store", CheckStatus.FAIL, detail))
        found = Readiness(served, checks)
        self._kept = time.monotonic(), found
        return found

    def _checks(self, served: Served) -> tuple[Check, ...]:
        bundle = _bundle_check(self._champion)
        if not served.bundle.tables:
            return (bundle, Check("store", CheckStatus.OK, "the model looks nothing up"))
        try:
            published = self._answerer.store.manifest()
        except EnvironmentProblemError as failure:
            return (bundle, Check("store", CheckStatus.FAIL, " ".join(str(failure).split())))
        except Exception as failure:  # noqa: BLE001 - whatever a client of a store raises, it does not answer
            return (bundle, Check("store", CheckStatus.FAIL, f"it does not answer: {describe_failure(failure)}"))
        store = Check("store", CheckStatus.OK, "it answers")
        try:
            layout = self._answerer.layout_of(served, published)
        except ProblemError as refused:
            detail = "; ".join(f"{each.where}: {each.got}; {each.remedy}" for each in refused.problem.issues)
            return (bundle, store, Check("tables", CheckStatus.FAIL, detail))
        through = ", ".join(f"{each.declared.table} through {instant_text(each.built_micros)}" for each in layout)
        tables = Check("tables", CheckStatus.OK, through)
        built = max(table.built_micros for table in layout)
        return (
            bundle,
            store,
            tables,
            _clock_check(built, micros_of(self._answerer.clock()), self._answerer.refuse_skew),
        )


def _bundle_check(champion: Champion) -> Check:
    if champion.trouble is not None:
        return Check("bundle", CheckStatus.WARN, f"the newest is not served, the one before is: {champion.trouble}")
    return Check("bundle", CheckStatus.OK, f"version {champion.served.bundle.version}")


def _clock_check(built: int, now: int, refuse_skew: Callable[[int, int], None]) -> Check:
    try:
        refuse_skew(built, now)
    except ProblemError as refused:
        (issue,) = refused.problem.issues
        return Check("clock", CheckStatus.FAIL, f"clock skew: {issue.got}; {issue.remedy}")
    if built > now:
        return Check("clock", CheckStatus.WARN, "the server's clock is behind the newest features, within the skew")
    return Check("clock", CheckStatus.OK, instant_text(now))
