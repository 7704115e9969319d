from __future__ import annotations

import json
from typing import Any

import pytest

from lakeloop.reporting.distributions import read_distributions, read_rates, say_distribution, say_rates
from tests.reporting.recordings import JUNE, MAY, SHARES, drift

MEANS: dict[str, Any] = {"kind": "target", "test": "difference_of_means"}


def of_rates(reference: float | None, window: float | None, low: float | None = None, high: float | None = None) -> str:
    interval = None if low is None else {"low": low, "high": high}
    return json.dumps({"reference_rate": reference, "window_rate": window, "interval": interval})


def test_the_newest_window_of_each_column_is_shown() -> None:
    rows = [
        drift("score", JUNE, "DRIFT", kind="prediction", evidence=SHARES),
        drift("score", MAY, kind="prediction", evidence="{}"),
        drift("distance", JUNE, evidence=SHARES),
        drift("label", JUNE, **MEANS, evidence=of_rates(0.25, 0.5)),
    ]
    (found,) = read_distributions(rows, {"score": ("<= 0.1", "<= 0.5", "> 0.5", "NULL")})
    assert (found.end, found.labels[0], found.window) == (JUNE, "<= 0.1", (0.375, 0.25, 0.375, 0.0))
    assert say_distribution(found) == (
        "In the newest window (to 2013-06-01) score drifted: psi 0.25, threshold 0.125. Furthest apart at <= 0.1: "
        "50.0% of the reference, 37.5% of the window."
    )


@pytest.mark.parametrize("labels", [{}, {"score": ("too", "few")}])
def test_bins_without_names_are_numbered(labels: dict[str, tuple[str, ...]]) -> None:
    (found,) = read_distributions([drift("score", JUNE, kind="prediction", evidence=SHARES)], labels)
    assert found.labels == ("1", "2", "3", "NULL")


@pytest.mark.parametrize(
    "evidence", [None, "{}", '{"reference_shares": [1, 0], "window_shares": [1]}', '{"reference_shares": ["x"]}']
)
def test_shares_that_were_not_recorded_are_not_drawn(evidence: str | None) -> None:
    row = drift("score", JUNE, "UNKNOWN", kind="prediction", evidence=evidence, status="EMPTY_WINDOW", statistic=None)
    (found,) = read_distributions([row], {})
    assert (found.labels, found.reference, found.window) == ((), (), ())
    assert say_distribution(found) == "In the newest window (to 2013-06-01) score could not be judged: EMPTY_WINDOW."


def test_the_classes_of_a_label_name_its_bins() -> None:
    shares = json.dumps({"reference_shares": [0.5, 0.5, 0, 0], "window_shares": [0.25, 0.75, 0, 0]})
    row = drift("label", JUNE, kind="target", test="total_variation", evidence=shares)
    (found,) = read_distributions([row], {}, ("late", "lost"))
    assert found.labels == ("late", "lost", "OTHER", "NULL")


def test_the_interval_of_the_difference_is_put_on_the_references_mean() -> None:
    rows = [
        drift("label", JUNE, "DRIFT", **MEANS, evidence=of_rates(0.25, 0.5, 0.125, 0.375)),
        drift("label", MAY, **MEANS, evidence=of_rates(0.25, 0.25)),
        drift("label", JUNE, **MEANS, evidence=of_rates(0.25, 0.375), as_of=MAY),
    ]
    may, june = read_rates(rows)
    assert (may.lower, may.rate, june.lower, june.rate, june.upper) == (None, 0.25, 0.375, 0.5, 0.625)
    assert say_rates([may, june]) == (
        "In the newest closed window (to 2013-06-01) the mean label was 0.5, the reference had 0.25: it drifted. "
        "1 of 2 windows shown drifted."
    )


def test_labels_that_are_not_known_yet_are_said_to_be_so() -> None:
    row = drift("label", JUNE, "UNKNOWN", **MEANS, status="NOT_MATURED", evidence=of_rates(0.25, None))
    assert say_rates(read_rates([row])) == "None of the windows shown could be judged: their labels are not known yet."
    assert say_rates([]) == ""
