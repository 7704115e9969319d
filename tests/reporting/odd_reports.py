"""Recordings that strain the page: much of everything, and long names."""

from __future__ import annotations

import json
from datetime import timedelta

from lakeloop.reporting.recorded import Recorded
from tests.reporting.recordings import (
    APRIL,
    batch,
    broken_rule,
    decision,
    drift,
    estimate,
    flag,
    gate_evidence,
    metric,
    promotion,
    run,
    scored,
    slice_metrics,
    stretch,
    verdict,
)

LONG = "carrier_origin_departures__mean_departure_delay_minutes_over_the_last_twenty_four_hours"


def many_of_everything(turns: int = 14, columns: int = 80) -> Recorded:
    """Weekly turns with many columns, long names, every kind of verdict, rejected rows and refused files."""
    days = [APRIL + timedelta(days=7 * week) for week in range(turns)]
    edges = [number / 10 for number in range(11)]
    shares = json.dumps(
        {"reference_shares": [1 / 11] * 11 + [0.0], "window_shares": [each / 5.5 for each in edges] + [0.0]}
    )
    rate = {"reference_rate": 0.25, "window_rate": 0.2, "interval": {"low": -0.09, "high": -0.01}}
    mean = {"kind": "target", "test": "difference_of_means", "statistic": -0.05, "evidence": json.dumps(rate)}
    recorded = {
        "percent_null_delta": 2.5,
        "tv_distance": 0.125,
        "other_fraction": 0.1,
        "vanished_categories": [LONG, "B"],
    }
    names = [LONG, *(f"feature_{number}" for number in range(1, columns))]
    kinds = [("STABLE", "OK"), ("DRIFT", "OK"), ("RECORDED", "OK"), ("UNKNOWN", "INSUFFICIENT_REFERENCE")]
    drifts = [
        drift(name, day, verdict_, status=status, role=("contract", "regime", "seasonal")[number % 3], **recorded)
        for number, name in enumerate(names)
        for day in days
        for verdict_, status in [kinds[number % len(kinds)]]
    ]
    drifts += [drift("score", day, kind="prediction", evidence=shares) for day in days]
    drifts += [drift("label", day, "DRIFT", **mean) for day in days]
    slices = [
        *slice_metrics(days[-1], LONG, f"{LONG} <= 1", 0.125, rank=1),
        *(row for number in range(30) for row in slice_metrics(days[-1], "origin", f"A{number}", 0.01 * (number % 5))),
    ]
    moved = [
        drift(name, days[-1], "RECORDED", slice_key=LONG, slice_value="JFK", statistic=0.1 + number / 100)
        for number, name in enumerate(names)
    ]
    metrics = [
        row
        for week, day in enumerate(days)
        for row in (
            metric(day, value=0.4 + 0.01 * (week % 5), status="OK" if week % 6 else "NOT_MATURED"),
            metric(day, "bias", 0.01 * (week % 9 - 4), lower=-0.06, upper=0.06),
            metric(day, "mean_absolute_error", 24.5 + week % 7, baseline=30.0),
            metric(day, "mean_score", -1.5 + week % 3),
            metric(day, "mean_outcome", 12.5 - week % 4),
            *stretch(day, "0.1 to 0.2", 0.15, 0.125),
            *stretch(day, "0.2 to 0.3", 0.25, 0.3125),
        )
    ]
    checks = gate_evidence()["checks"]
    compared = {"name": "no_worse_than_champion", "status": "FAIL", "bound": 0.005, "detail": LONG}
    ledger = [
        promotion(
            day,
            str(week + 1),
            "promoted" if week % 2 else "rejected",
            previous_version=str(week) if week else None,
            reasons=[f"{LONG} FAIL: {LONG}"],
            evidence=json.dumps(
                gate_evidence(checks=[*checks, {**compared, "value": 0.001, "lower": -0.004, "upper": 0.006}])
            ),
        )
        for week, day in enumerate(days)
    ]
    sources = ("schedules", "weather", "planes")
    return Recorded(
        runs=[
            *(run(day, step, 3.5) for day in days for step in ("ingest", "quality", "features", "score", "train")),
            run(days[-1], "train", job="train", outcome="failed", result=json.dumps({"error": {"message": LONG}})),
        ],
        batches=[batch(source, day, 28000, quarantined=week) for week, day in enumerate(days) for source in sources],
        refused_files=[
            {"source": "weather", "file": f"{LONG}.csv", "reason": f"a column is missing: {LONG}", "as_of": days[-1]}
        ],
        quality=[
            verdict("schedules", days[-1]),
            verdict("weather", days[-1], passed=False),
            verdict("weather", days[-1], LONG, False),
            verdict("planes", days[-1], passed=None, status="EMPTY_WINDOW"),
            *(
                verdict("planes", day, "freshness_event_ts", week % 3 > 0, observed=f'{{"age_seconds": {week * 9000}}}')
                for week, day in enumerate(days)
            ),
        ],
        reasons=[broken_rule(day, week) for week, day in enumerate(days)] + [broken_rule(days[-1], 3, rule=LONG)],
        predictions=[scored(day, 28000) for day in days],
        performance=metrics,
        drift=drifts,
        slices=slices,
        slice_drift=moved,
        estimates=[estimate(day + timedelta(days=7), 0.4 + 0.01 * (week % 3)) for week, day in enumerate(days)],
        raised_flags=[flag(days[-1], "regime_drift", LONG)],
        open_flags=[flag(days[-1], "regime_drift", LONG)],
        decisions=[
            decision(
                day,
                "retrain",
                [f"regime_drift: asks to notify: open flag on {LONG}", "schedule: not fired: too early"],
                inputs='{"champion": "1", "closed_days_total": 89}',
                policy='{"cooldown": "604800 seconds"}',
            )
            for day in days
        ],
        promotions=ledger,
    )
