"""Rows as the lake's own tables record them, every column defaulted, so that a test states only what matters."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from lakeloop.reporting.recorded import AboutModel, Recorded

Row = dict[str, Any]

ABOUT = AboutModel("late_arrival", "Will this flight arrive late?", "log_loss", 0.05)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


APRIL, MAY, JUNE, JULY = (instant(f"2013-{month:02d}-01 04:00") for month in (4, 5, 6, 7))


def window(end: datetime, days: int = 7) -> Row:
    return {"start": end - timedelta(days=days), "end": end}


def metric(end: datetime, name: str = "log_loss", value: float | None = 0.375, **changes: Any) -> Row:
    row = {
        "model": "late_arrival",
        "model_version": "1",
        "window": window(end),
        "slice_key": None,
        "metric": name,
        "value": value,
        "lower": None,
        "upper": None,
        "baseline": 0.5 if name == "log_loss" else None,
        "rows": 1000,
        "rows_void": 20,
        "closed_days": 7,
        "status": "OK",
        "as_of": end,
    }
    return row | changes


def stretch(end: datetime, name: str, predicted: float, realised: float, rows: int = 400, **changes: Any) -> list[Row]:
    """What was predicted and what came true in one stretch of the score."""
    same = {"slice_key": "score", "slice_value": name, "rows": rows, "rows_void": 0, "baseline": None, **changes}
    return [metric(end, "mean_outcome", realised, **same), metric(end, "mean_score", predicted, **same)]


def drift(column: str, end: datetime, verdict: str = "STABLE", **changes: Any) -> Row:
    row = {
        "model": "late_arrival",
        "model_version": "1",
        "window": window(end),
        "slice_key": None,
        "column_name": column,
        "kind": "feature",
        "role": "regime",
        "test": "psi",
        "statistic": 0.25 if verdict == "DRIFT" else 0.02,
        "threshold": 0.125,
        "count": 6000,
        "status": "OK",
        "verdict": verdict,
        "evidence": None,
        "as_of": end,
    }
    return row | changes


def slice_metrics(
    end: datetime,
    key: str,
    value: str,
    bias: float | None,
    *,
    width: float = 0.05,
    rank: int | None = None,
    **changes: Any,
) -> list[Row]:
    """How the model did in one slice: bias with its interval, means, skill, and the rank of one of the worst."""
    same = {"slice_key": key, "slice_value": value, "rows": 400, "rows_void": 0, "baseline": None, **changes}
    ends = {} if bias is None else {"lower": bias - width, "upper": bias + width}
    outcome = None if bias is None else 0.25 - bias
    rows = [
        metric(end, "bias", bias, **same, **ends),
        metric(end, "mean_outcome", outcome, **same),
        metric(end, "mean_score", None if bias is None else 0.25, **same),
        metric(end, "skill", None if bias is None else 0.125, **same),
    ]
    return rows if rank is None else [*rows, metric(end, "worst_slice_rank", float(rank), **same)]


def estimate(end: datetime, value: float | None = 0.4, **changes: Any) -> Row:
    row = {
        "model": "late_arrival",
        "model_version": "1",
        "window": window(end),
        "metric": "none" if value is None else "log_loss",
        "value": value,
        "rows": 1000,
        "rows_open": 0,
        "scored_days": 7,
        "calibration_error": 0.02,
        "status": "ESTIMATED" if value is not None else "CALIBRATION_UNKNOWN",
        "as_of": end,
    }
    return row | changes


def notification(channel: str, status: str, number: int = 1, **changes: Any) -> Row:
    row = {"notification_id": f"n{number}", "channel": channel, "status": status, "attempts": 1, "as_of": JUNE}
    return row | changes


SHARES = json.dumps({"reference_shares": [0.5, 0.25, 0.25, 0.0], "window_shares": [0.375, 0.25, 0.375, 0.0]})


def promotion(as_of: datetime, version: str = "1", outcome: str = "promoted", **changes: Any) -> Row:
    row: Row = {
        "model": "late_arrival",
        "model_version": version,
        "outcome": outcome,
        "previous_version": None,
        "training_set_id": "0123456789abcdef",
        "trained_through": as_of - timedelta(hours=18),
        "reasons": [],
        "evidence": json.dumps(gate_evidence()),
        "as_of": as_of,
    }
    return row | changes


def gate_evidence(**changes: Any) -> Row:
    check = {"lower": None, "upper": None}
    evidence = {
        "passed": True,
        "metric": "log_loss",
        "rows": 24000,
        "days": 28,
        "comparable_rows": 12000,
        "comparable_days": 14,
        "checks": [
            {"name": "absolute_roc_auc", "status": "PASS", "value": 0.7125, "bound": 0.6, "detail": "fine", **check},
            {
                "name": "beats_baseline",
                "status": "PASS",
                "value": -0.0625,
                "bound": 0.0,
                "detail": "log_loss of challenger minus baseline",
                "lower": -0.0725,
                "upper": -0.0525,
            },
        ],
        "challenger": {"log_loss": 0.4825, "roc_auc": 0.7125},
        "baseline": {"log_loss": 0.545, "roc_auc": 0.5},
        "champion": {"log_loss": 0.4875},
        "challenger_on_comparable": {"log_loss": 0.4855},
        "slices": [
            {
                "column": "origin",
                "value": "EWR",
                "rows": 9000,
                "challenger": 0.5125,
                "champion": 0.5175,
                "comparable_rows": 4000,
                "challenger_on_comparable": 0.5135,
            }
        ],
    }
    return evidence | changes


def decision(as_of: datetime, action: str = "none", reasons: list[str] | None = None, **changes: Any) -> Row:
    row = {
        "model": "late_arrival",
        "action": action,
        "reasons": reasons if reasons is not None else ["schedule: not fired: the last training is 0d old"],
        "as_of": as_of,
    }
    return row | changes


def flag(as_of: datetime, kind: str = "bias", subject: str = "bias", **changes: Any) -> Row:
    row = {
        "kind": kind,
        "model": "late_arrival",
        "model_version": "1",
        "subject": subject,
        "window_end": as_of,
        "evidence": '{"value": 0.0725, "limit": 0.05}',
        "as_of": as_of,
    }
    return row | changes


def batch(source: str, as_of: datetime, read: int = 100, quarantined: int = 0, **changes: Any) -> Row:
    row = {
        "source": source,
        "as_of": as_of,
        "files": 1,
        "rows_read": read,
        "rows_accepted": read - quarantined,
        "rows_quarantined": quarantined,
        "rows_duplicate": 0,
        "rows_superseded": 0,
    }
    return row | changes


def verdict(source: str, as_of: datetime, check: str = "suite", passed: bool | None = True, **changes: Any) -> Row:
    row = {
        "source": source,
        "check": check,
        "severity": "fail",
        "rows": 100,
        "status": "OK",
        "passed": passed,
        "observed": '{"unexpected_rows": null, "problem": null}',
        "as_of": as_of,
    }
    return row | changes


def run(as_of: datetime, step: str, seconds: float = 1.0, job: str = "run", **changes: Any) -> Row:
    row = {
        "job": job,
        "step": step,
        "subject": None,
        "outcome": "done",
        "result": "{}",
        "started_ts": as_of,
        "seconds": seconds,
        "as_of": as_of,
    }
    return row | changes


def broken_rule(as_of: datetime, rows: int = 1, **changes: Any) -> Row:
    row = {"source": "weather", "rule": "range", "column": "wind_speed_mph", "as_of": as_of, "rows": rows}
    return row | changes


def scored(as_of: datetime, rows: int, purpose: str = "production") -> Row:
    return {"model": "late_arrival", "as_of": as_of, "purpose": purpose, "rows": rows}


def three_turns() -> Recorded:
    """April trains the first version, May rejects a second one, June promotes a third; a bias flag is open."""
    bias_reason = "bias: asks to retrain: open flag on bias"
    ends = [APRIL + timedelta(days=7 * week) for week in range(1, 9)]
    evaluated = [(end, MAY if end <= MAY else JUNE) for end in ends]
    metrics, drifts = [], []
    newest = ends[-1]
    for week, (end, as_of) in enumerate(evaluated):
        metrics += [
            metric(end, value=0.4 + 0.01 * week, as_of=as_of),
            metric(end, "roc_auc", 0.72, as_of=as_of),
            metric(end, "skill", 0.2 - 0.02 * week, lower=0.17 - 0.02 * week, upper=0.23 - 0.02 * week, as_of=as_of),
            *stretch(end, "0.1 to 0.2", 0.15, 0.125, as_of=as_of),
            *stretch(end, "0.2 to 0.3", 0.25, 0.3125, rows=600, as_of=as_of),
            metric(end, "bias", 0.01 * week, lower=0.01 * week - 0.02, upper=0.01 * week + 0.02, as_of=as_of),
        ]
        drifts += [
            drift("origin_delays.mean_is_late_3h", end, "DRIFT" if week >= 6 else "STABLE", as_of=as_of),
            drift("distance", end, role="contract", percent_null_delta=1.5, tv_distance=0.0625, as_of=as_of),
            drift("weather.wind_speed_mph", end, "RECORDED", role="seasonal", as_of=as_of),
            drift("weather.gust_mph", end, "UNKNOWN", status="ALL_NULL", statistic=None, threshold=None, as_of=as_of),
            drift("score", end, kind="prediction", evidence=SHARES, as_of=as_of),
            drift(
                "label",
                end,
                "DRIFT" if week == 7 else "STABLE",
                kind="target",
                test="difference_of_means",
                statistic=-0.0625,
                threshold=0.05,
                evidence='{"reference_rate": 0.25, "window_rate": 0.1875, "interval": {"low": -0.09, "high": -0.03}}',
                as_of=as_of,
            ),
        ]
    steps = ("ingest", "quality", "features", "score", "monitor", "decide", "training_set", "train")
    runs = [
        run(as_of, step, 5.5 + number, started_ts=as_of + timedelta(seconds=number))
        for as_of in (APRIL, MAY, JUNE)
        for number, step in enumerate(steps)
        if as_of != APRIL or step not in ("score", "monitor")
    ]
    rejected = "no_worse_than_champion FAIL: log_loss of challenger minus champion +0.00310"
    return Recorded(
        runs=runs,
        batches=[
            row
            for number, as_of in enumerate((APRIL, MAY, JUNE))
            for row in (batch("schedules", as_of, 28000 + number), batch("weather", as_of, 2100, quarantined=1))
        ],
        refused_files=[
            {"source": "weather", "file": "weather_2013-05.csv", "reason": "a column is missing: origin", "as_of": JUNE}
        ],
        quality=[
            verdict("schedules", JUNE),
            verdict("weather", JUNE, passed=False),
            verdict("weather", JUNE, "range_wind_speed_mph", False, observed='{"unexpected_rows": 3}'),
        ],
        reasons=[broken_rule(MAY), broken_rule(JUNE)],
        predictions=[scored(MAY, 28330), scored(JUNE, 28796), scored(JUNE, 12, "backtest")],
        performance=metrics,
        drift=drifts,
        drift_counts=[
            {"model": "late_arrival", "as_of": MAY, "model_version": "1", "columns": 4, "drifted": 0, "unjudged": 1},
            {"model": "late_arrival", "as_of": JUNE, "model_version": "1", "columns": 4, "drifted": 1, "unjudged": 1},
        ],
        slices=[
            *slice_metrics(newest, "origin", "JFK", -0.125, rank=1, as_of=JUNE),
            *slice_metrics(newest, "origin", "EWR", 0.0125, as_of=JUNE),
            *slice_metrics(newest, "origin", "LGA", None, rows=12, status="TOO_FEW_ROWS", as_of=JUNE),
        ],
        slice_drift=[
            drift("distance", newest, "RECORDED", slice_key="origin", slice_value="JFK", statistic=0.25, as_of=JUNE)
        ],
        estimates=[estimate(end, 0.405 + 0.01 * week) for week, end in enumerate(ends)],
        notifications=[notification("mail", "FAILED"), notification("mail", "SENT", 2)],
        raised_flags=[flag(JUNE)],
        open_flags=[flag(JUNE, model_version="1")],
        decisions=[
            decision(APRIL, "retrain", ["first_training: asks to retrain: no version serves, 89 days are closed"]),
            decision(MAY, "retrain", ["schedule: asks to retrain: the last training is 30d old, due after 28d"]),
            decision(JUNE, "retrain", ["schedule: not fired: the last training is 3d old", bias_reason]),
        ],
        promotions=[
            promotion(APRIL, "1"),
            promotion(MAY, "2", "rejected", previous_version="1", reasons=[rejected]),
            promotion(JUNE, "3", previous_version="1"),
        ],
    )
