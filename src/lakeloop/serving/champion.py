"""The bundle that is served now, and how it is replaced while requests run."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from lakeloop.errors import LakeloopError
from lakeloop.serving.batching import describe_failure
from lakeloop.serving.bundle import read_current
from lakeloop.serving.metrics import ServeMetrics
from lakeloop.serving.served import Served, load_served

_RETRY_SECONDS = 60.0
"""Until a bundle that could not be loaded is tried again: its files may have been put back."""

_log = logging.getLogger(__name__)


class Champion:
    """Serves the bundle that a folder names, and looks for another one now and then.

    A new one is loaded and answers a row before it replaces the old one; requests that run end with the one they began
    with. One that cannot be loaded leaves the old one serving, and is told.

    Args:
        folder: Folder of the model's bundles.
        max_rows: Rows of a request.
        metrics: What counts reloads.

    Attributes:
        served: The bundle that answers.
        trouble: Why the newest bundle is not served; None when it is.

    Example:
    >>> import tempfile
    >>> from tests.serving.factories import fit_pipeline, publish
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = publish(Path(place), fit_pipeline())
    ...     champion = Champion(Path(place) / "late", max_rows=10, metrics=ServeMetrics())
    ...     _ = publish(Path(place), fit_pipeline(seed=1), version="2")
    ...     champion.served.bundle.version, champion.reload(), champion.served.bundle.version
    ('1', True, '2')
    """

    def __init__(self, folder: Path, *, max_rows: int, metrics: ServeMetrics) -> None:
        self._folder, self._max_rows, self._metrics = folder, max_rows, metrics
        self.trouble: str | None = None
        self.served: Served = load_served(folder, max_rows=max_rows)
        metrics.count_reload(self.served)
        self._failed: tuple[str, float] | None = None
        self._look = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def reload(self) -> bool:
        """Look once, and serve what is new; tells whether something was."""
        try:
            named = read_current(self._folder)[0].bundle_id
            if named == self.served.bundle.bundle_id:
                self.trouble = self._failed = None
                return False
            if self._failed is not None and self._failed[0] == named and time.monotonic() < self._failed[1]:
                return False
            self._failed = named, time.monotonic() + _RETRY_SECONDS
            served = load_served(self._folder, max_rows=self._max_rows)
        except LakeloopError as failure:
            self._tell(" ".join(str(failure).split()))
            return False
        except Exception as failure:  # noqa: BLE001 - what cannot be read now may be read later; the old one serves on
            self._tell(describe_failure(failure))
            return False
        self.served, self.trouble, self._failed = served, None, None
        self._metrics.count_reload(served)
        _log.warning("serves version %s, bundle %s", served.bundle.version, served.bundle.bundle_id)
        return True

    def _tell(self, trouble: str) -> None:
        if trouble != self.trouble:
            _log.error("the newest bundle is not served, the one before is: %s", trouble)
            self._metrics.count_reload(None)
        self.trouble = trouble

    def look_soon(self) -> None:
        """Have it look now; called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._look.set)

    async def keep_looking(self, every_seconds: float) -> None:
        """Look every so many seconds, in a thread, until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            try:
                await asyncio.wait_for(self._look.wait(), every_seconds)
                await asyncio.sleep(min(0.2, every_seconds))  # many requests may ask for the same look
            except TimeoutError:
                pass
            self._look.clear()
            await asyncio.to_thread(self.reload)
