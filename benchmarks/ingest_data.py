"""Landed orders with planted mistakes, their rules, and what the checks have to find."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.cached import cached, write_rows
from lakeloop.config.source import Source

START = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=31)
STATUSES = ("placed", "paid", "shipped", "returned")
CODE = "[A-Z]{2}[0-9]{4}"
MOST_ITEMS, HIGHEST_PRICE = 100, 10_000

ROW_CHECKS = (
    "not_null_shop",
    "range_items",
    "range_price",
    "allowed_status",
    "pattern_code",
    "shipped_after_placed",
    "unique_key",
)
"""Rules that rows break, each by as many."""

KEPT_CHECKS = ("key_order", "event_ts")
"""Rules that no row breaks."""

_DAY_US = 86_400_000_000
_START_US = int(START.timestamp()) * 1_000_000


@dataclass(frozen=True)
class IngestCell:
    """A size of the ingest.

    Attributes:
        rows: Landed rows; one in 200 breaks each of the rules over rows.
    """

    rows: int

    @property
    def broken(self) -> int:
        """Rows that break each rule."""
        return max(1, self.rows // 200)

    @property
    def name(self) -> str:
        """The cell in tables."""
        return f"{self.rows:,} rows"

    @property
    def slug(self) -> str:
        """The cell in names of files."""
        return f"ingest-{self.rows}"


def declare_source() -> Source:
    """Declare the landed orders with rules over rows and over the turn."""
    kinds = {"order": "long", "shop": "string", "items": "integer", "price": "double", "status": "string"}
    kinds |= {"code": "string", "placed_ts": "timestamp", "shipped_ts": "timestamp"}
    statistics = ["mean", "stddev", "min", "max"]
    rules: list[dict[str, Any]] = [
        {"rule": "not_null", "columns": ["shop"]},
        {"rule": "range", "column": "items", "min": 1, "max": MOST_ITEMS},
        {"rule": "range", "column": "price", "min": 0, "max": HIGHEST_PRICE},
        {"rule": "allowed", "column": "status", "values": list(STATUSES)},
        {"rule": "pattern", "column": "code", "matches": CODE},
        {"rule": "expression", "name": "shipped_after_placed", "that": "shipped_ts >= placed_ts"},
        {
            **{"rule": "column_statistics", "column": "price", "statistics": statistics},
            **{"within": "3 standard deviations", "over": "7 turns"},
        },
        {"rule": "freshness", "within": "2 days"},
    ]
    return Source.model_validate(
        {
            "source": "orders",
            "landing": {"path": "landing/orders"},
            "columns": {name: {"type": kind} for name, kind in kinds.items()},
            "key": ["order"],
            "event_ts": "placed_ts",
            "available_ts": "placed_ts",
            "history": {"trusted_until": "2025-01-01"},
            "rules": rules,
        }
    )


def write_data(cell: IngestCell) -> Path:
    """Write `landed.parquet` of a cell, all text as it is staged, unless it is there."""
    return cached(cell.slug, lambda folder: _write(cell, folder))


def _write(cell: IngestCell, folder: Path) -> None:
    random, rows = np.random.default_rng(13), cell.rows
    parts = np.array_split(random.permutation(rows), range(cell.broken, cell.broken * 9, cell.broken))
    broken = dict(zip((*ROW_CHECKS, "holds_the_key"), parts, strict=False))
    order, items = np.arange(rows), random.integers(1, MOST_ITEMS + 1, rows)
    price = random.integers(0, HIGHEST_PRICE * 100, rows) / 100
    placed = _START_US + random.integers(0, 30 * _DAY_US, rows)
    shipped = placed + random.integers(0, 5 * _DAY_US, rows)
    shop = np.char.add("shop ", random.integers(0, 50, rows).astype(str))
    status = np.array(STATUSES)[random.integers(0, len(STATUSES), rows)]
    letters = np.array(list("ABCDEFGH"))
    first, second = (letters[random.integers(0, len(letters), rows)] for _ in range(2))
    code = np.char.add(np.char.add(first, second), random.integers(1000, 10_000, rows).astype(str))
    items[broken["range_items"]], price[broken["range_price"]] = 0, -1.0
    shipped[broken["shipped_after_placed"]] = placed[broken["shipped_after_placed"]] - _DAY_US
    status[broken["allowed_status"]], code[broken["pattern_code"]] = "lost", "A1"
    order[broken["unique_key"]] = order[broken["holds_the_key"]]
    no_shop = np.zeros(rows, dtype=bool)
    no_shop[broken["not_null_shop"]] = True
    text = pa.string()
    landed = {
        "order": pa.array(order).cast(text),
        "shop": pa.array(shop, text, mask=no_shop),
        "items": pa.array(items).cast(text),
        "price": pa.array(price).cast(text),
        "status": pa.array(status, text),
        "code": pa.array(code, text),
        "placed_ts": _as_text(placed),
        "shipped_ts": _as_text(shipped),
        "_malformed": pa.nulls(rows, text),
        "_source_file": pa.array(["orders.csv"] * rows),
        "_content_hash": pa.array(["0"] * rows),
        "_source_row": pa.array(np.arange(1, rows + 1)),
    }
    write_rows(pa.table(landed), folder / "landed.parquet")
    write_rows(_expected(cell, price, placed), folder / "expected.parquet")


def _as_text(micros: Any) -> pa.Array:
    return pc.strftime(pa.array(micros).cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%SZ")


def _expected(cell: IngestCell, price: Any, placed: Any) -> pa.Table:
    found = dict.fromkeys(ROW_CHECKS, float(cell.broken)) | dict.fromkeys(KEPT_CHECKS, 0.0)
    found |= {"row_count": float(cell.rows), "price_mean": price.mean(), "price_stddev": price.std(ddof=1)}
    found |= {"price_min": price.min(), "price_max": price.max(), "newest_us": float(placed.max())}
    return found_table(found)


def found_table(found: dict[str, float]) -> pa.Table:
    """Write what checks found as a table: one row per check."""
    return pa.table({"check": list(found), "value": pa.array(found.values(), pa.float64())})


def expected_checks(data: Path) -> pa.Table:
    """Read what the checks have to find: rows that break each rule over rows, and the measures of the turn."""
    return pq.read_table(data / "expected.parquet")


def expected_verdicts() -> pa.Table:
    """Give the verdicts on the rules over rows: whether any row breaks them."""
    checks = [*ROW_CHECKS, *KEPT_CHECKS]
    return pa.table({"check": checks, "is_broken": [each in ROW_CHECKS for each in checks]})
