"""What a server counts, for Prometheus; each server has a registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lakeloop.serving.columns import micros_of
from lakeloop.serving.predictor import Layout, TableFeatures
from lakeloop.serving.served import Served

ROUTES = frozenset({"/predict", "/features", "/health", "/ready", "/metrics", "/docs", "/openapi.json"})
_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


class ServeMetrics(Collector):
    """Counters of one server.

    Args:
        clock: Gives the server's now, by which a table has an age; without it none is told.

    Example:
    >>> metrics = ServeMetrics()
    >>> metrics.count_request("/predict", 200, 0.002)
    >>> b'lakeloop_requests_total{route="/predict",status="200"} 1.0' in metrics.text()
    True
    """

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        self._clock = clock
        self._registry = CollectorRegistry()
        new = self._registry
        self._requests = Counter("lakeloop_requests", "Requests by route and status", ["route", "status"], registry=new)
        self._seconds = Histogram(
            "lakeloop_request_seconds", "Time per request", ["route"], buckets=_BUCKETS, registry=new
        )
        self.running = Gauge("lakeloop_requests_running", "Requests that run", registry=new)
        self._rows = Counter("lakeloop_rows", "Rows that were answered", ["route"], registry=new)
        self._statuses = Counter("lakeloop_lookups", "Look-ups by table and status", ["table", "status"], registry=new)
        self._batches = Counter("lakeloop_batches", "Look-ups that were done together, whoever asked", registry=new)
        self._reloads = Counter(
            "lakeloop_reloads", "Bundles that were loaded, or could not be", ["outcome"], registry=new
        )
        self.log_depth = Gauge("lakeloop_log_queue_rows", "Rows that wait to be logged", registry=new)
        self.log_written = Counter("lakeloop_log_rows_written", "Rows that were logged", registry=new)
        self.log_dropped = Counter("lakeloop_log_rows_dropped", "Rows that were not logged", ["reason"], registry=new)
        self._requests_of: dict[tuple[str, int], Counter] = {}
        self._seconds_of: dict[str, Histogram] = {}
        self._statuses_of: dict[tuple[str, str], Counter] = {}
        self._served: Served | None = None
        self._layout: Layout = ()
        self._registry.register(self)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request; paths that are none of ours share a name, so that nobody can fill the registry."""
        route = path if path in ROUTES else "other"
        found = self._requests_of.get((route, status))
        if found is None:
            found = self._requests_of[route, status] = self._requests.labels(route, str(status))
            self._seconds_of[route] = self._seconds.labels(route)
        found.inc()
        self._seconds_of[route].observe(seconds)

    def count_rows(self, route: str, rows: int) -> None:
        """Count rows that were answered."""
        self._rows.labels(route).inc(rows)

    def count_lookups(self, features: Iterable[TableFeatures]) -> None:
        """Count look-ups by how they ended."""
        self._batches.inc()
        for of_table in features:
            table = of_table.layout.declared.table
            for status in of_table.statuses:
                found = self._statuses_of.get((table, status))
                if found is None:
                    found = self._statuses_of[table, status] = self._statuses.labels(table, status.value)
                found.inc()

    def count_reload(self, served: Served | None) -> None:
        """Count a bundle that was loaded, None for one that could not be."""
        self._reloads.labels("failed" if served is None else "loaded").inc()
        self._served = served or self._served

    def note_tables(self, layout: Layout) -> None:
        """Note what the store served last."""
        self._layout = layout

    def collect(self) -> Iterator[Metric]:
        """Give what is only known when it is asked for."""
        model = GaugeMetricFamily(
            "lakeloop_model_info", "The model that is served", labels=["model", "version", "bundle_id", "lean"]
        )
        if self._served is not None:
            said = self._served.bundle
            model.add_metric([said.model, said.version, said.bundle_id, str(self._served.lean is not None).lower()], 1)
        yield model
        age = GaugeMetricFamily(
            "lakeloop_seconds_since_built_through", "Age of a table by the server's clock", labels=["table"]
        )
        if self._clock is not None:
            now = micros_of(self._clock())
            for table in self._layout:
                age.add_metric([table.declared.table], (now - table.built_micros) / 1e6)
        yield age

    def text(self) -> bytes:
        """Write all of it as Prometheus reads it."""
        return generate_latest(self._registry)
