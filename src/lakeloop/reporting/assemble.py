"""From recorded rows to what the report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from lakeloop.reporting.calibration import pool_calibration
from lakeloop.reporting.content import (
    Champion,
    Decision,
    FailedStep,
    Flag,
    ModelReport,
    SourceHealth,
    StepTime,
    StepTimes,
    Turn,
)
from lakeloop.reporting.details import read_details
from lakeloop.reporting.distributions import read_distributions, read_rates
from lakeloop.reporting.drift import FEATURE, tabulate
from lakeloop.reporting.estimates import read_estimates
from lakeloop.reporting.evidence import (
    describe_numbers,
    read_checks,
    read_count,
    read_metrics,
    read_object,
    read_slices,
)
from lakeloop.reporting.headline import write_headline
from lakeloop.reporting.judgements import Promotion
from lakeloop.reporting.quality import SUITE
from lakeloop.reporting.realised import keep_newest, read_windows, summarise
from lakeloop.reporting.recorded import MAX_EVENTS, MAX_STRIP_WINDOWS, MAX_TURNS, AboutModel, Recorded, Row
from lakeloop.reporting.served import assemble_served
from lakeloop.reporting.slices import assemble_slices
from lakeloop.statuses import Purpose

GATE, PROMOTED, HELD = "gate", "promoted", "held"
FAILED = "failed"
_MAX_REFUSALS = 5
_NOT_FIRED = ": not fired: "


def assemble_model(about: AboutModel, recorded: Recorded) -> ModelReport:
    """Assemble what is shown of one model.

    Args:
        about: What its declaration says.
        recorded: What was recorded, of any model.

    Returns:
        The model's part of the report.

    >>> from datetime import UTC
    >>> april, may = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 5, 1, tzinfo=UTC)
    >>> judged = {"model": "late_arrival", "model_version": "1", "outcome": "promoted", "previous_version": None,
    ...           "training_set_id": "set", "trained_through": april, "reasons": (), "evidence": None, "as_of": april}
    >>> decided = {"model": "late_arrival", "action": "none", "reasons": ("schedule: not fired: new",), "as_of": may}
    >>> about = AboutModel("late_arrival", "Will this flight arrive late?", "log_loss", bias_limit=0.05)
    >>> part = assemble_model(about, Recorded(promotions=[judged], decisions=[decided]))
    >>> part.champion.version, part.headline.state.value, part.headline.done
    ('1', 'unknown', 'None: no rule asked for anything.')
    """
    own = recorded.of_model(about.model)
    events = sorted(own.promotions, key=_by_place, reverse=True)
    every_promotion = [_promotion(row, about.hidden) for row in events]
    judgements = [each for row, each in zip(events, every_promotion, strict=True) if row.get("event", GATE) == GATE]
    decisions = tuple(sorted((_decision(row) for row in own.decisions), key=lambda each: each.as_of, reverse=True))
    evaluated = read_windows(own.performance, about.loss_name)
    windows = keep_newest(evaluated)
    turns = _turns(own, about.loss_name, every_promotion)
    flags = tuple(sorted((_flag(row) for row in own.open_flags), key=lambda each: each.raised, reverse=True))
    features = tabulate(own.drift, features=True, importances=about.importances)
    outputs = tabulate(own.drift, features=False)
    champion = _champion(every_promotion)
    promotions = tuple(judgements[:MAX_EVENTS])
    return ModelReport(
        model=about.model,
        description=about.description,
        loss_name=about.loss_name,
        bias_limit=about.bias_limit,
        champion=champion,
        headline=write_headline(
            champion,
            flags,
            turns,
            windows,
            features,
            outputs,
            decisions,
            promotions,
            about.bias_limit,
            about.loss_name,
        ),
        flags=flags,
        turns=turns,
        windows=windows,
        promotions=promotions,
        features=features,
        outputs=outputs,
        decisions=decisions[:MAX_EVENTS],
        strip=tabulate(own.drift, features=None, max_windows=MAX_STRIP_WINDOWS, importances=about.importances),
        calibration=pool_calibration(own.performance),
        label=about.label,
        served=assemble_served(own.consistency),
        slices=assemble_slices(own.slices, own.slice_drift, _thresholds(own.drift), about.hidden),
        estimates=read_estimates(own.estimates, windows, about.loss_name),
        distributions=read_distributions(own.drift, about.bins, about.classes),
        rates=read_rates(own.drift),
        details=read_details(own.drift, about.hidden),
    )


def _thresholds(drift: Iterable[Row]) -> dict[str, float]:
    """Find each feature's threshold in the newest window that has one."""
    ordered = sorted(drift, key=lambda row: (row["window"]["end"], row["as_of"]))
    return {row["column_name"]: row["threshold"] for row in ordered if row["threshold"] and row["kind"] == FEATURE}


def _by_place(row: Row) -> tuple[datetime, int, int, str, bool]:
    """Order by instant, then by place in the ledger: a person's event may name an older version."""
    version = row["model_version"] or ""
    number = int(version) if version.isdigit() else 0
    return (row["as_of"], row.get("ledger_seq") or 0, number, version, row["outcome"] != HELD)


def _champion(newest_first: Sequence[Promotion]) -> Champion | None:
    found = next((each for each in newest_first if each.outcome == PROMOTED), None)
    if found is None or found.version is None:
        return None
    return Champion(found.version, found.as_of, found.previous, found.trained_through)


def _promotion(row: Row, hidden: frozenset[str]) -> Promotion:
    evidence = read_object(row["evidence"])
    metric = evidence.get("metric")
    return Promotion(
        as_of=row["as_of"],
        version=row["model_version"],
        outcome=row["outcome"],
        previous=row["previous_version"],
        training_set_id=row["training_set_id"],
        trained_through=row["trained_through"],
        reasons=tuple(row["reasons"] or ()),
        metric=None if metric is None else str(metric),
        rows=read_count(evidence, "rows"),
        days=read_count(evidence, "days"),
        comparable_rows=read_count(evidence, "comparable_rows"),
        checks=read_checks(evidence),
        metrics=read_metrics(evidence),
        slices=read_slices(evidence, hidden),
    )


def _decision(row: Row) -> Decision:
    reasons = tuple(row["reasons"] or ())
    return Decision(
        as_of=row["as_of"],
        action=row["action"],
        fired=tuple(reason for reason in reasons if _NOT_FIRED not in reason),
        silent=tuple(reason.replace(_NOT_FIRED, ": ") for reason in reasons if _NOT_FIRED in reason),
        inputs=describe_numbers(read_object(row.get("inputs"))),
        policy=describe_numbers(read_object(row.get("policy"))),
    )


def _flag(row: Row) -> Flag:
    evidence = row["evidence"]
    return Flag(
        kind=row["kind"],
        subject=row["subject"],
        version=row["model_version"],
        window_end=row["window_end"],
        raised=row["as_of"],
        evidence=describe_numbers(evidence if isinstance(evidence, Mapping) else read_object(evidence)),
    )


def _turns(own: Recorded, loss_name: str, newest_first: Sequence[Promotion]) -> tuple[Turn, ...]:
    about_model = (own.decisions, own.predictions, own.performance, own.promotions, own.raised_flags)
    known = {row["as_of"] for rows in about_model for row in rows}
    instants = sorted((each for each in known if own.since is None or each >= own.since), reverse=True)[:MAX_TURNS]
    windows = read_windows(own.performance, loss_name)
    seconds = _turn_seconds(own.runs)
    found = []
    for as_of in instants:
        scored: Counter[str] = Counter()
        for row in _at(own.predictions, as_of):
            scored[row["purpose"]] += row["rows"]
        raised = Counter(str(row["kind"]) for row in _at(own.raised_flags, as_of))
        judged = [each for each in newest_first if each.as_of == as_of]
        serving = next((each for each in newest_first if each.outcome == PROMOTED and each.as_of < as_of), None)
        landed = _at(own.batches, as_of)
        version = serving.version if serving is not None else None  # what is late of earlier champions is not its
        compared = next((each for each in _at(own.drift_counts, as_of) if each["model_version"] == version), None)
        actions = [str(row["action"]) for row in _at(own.decisions, as_of)]
        found.append(
            Turn(
                as_of=as_of,
                champion=version,
                rows_scored=scored[Purpose.PRODUCTION],
                rows_backtest=scored[Purpose.BACKTEST],
                realised=summarise([each for each in windows if (each.as_of, each.version) == (as_of, version)]),
                flags=tuple(f"{count} {kind}" for kind, count in sorted(raised.items())),
                action=actions[0] if actions else None,
                outcome=", ".join(f"v{each.version} {each.outcome}" for each in judged) or None,
                seconds=seconds.get(as_of),
                rows_landed=sum(row["rows_read"] for row in landed),
                rows_quarantined=sum(row["rows_quarantined"] for row in landed),
                compared=None if compared is None else compared["columns"],
                drifted=0 if compared is None else compared["drifted"],
                unjudged=0 if compared is None else compared["unjudged"],
            )
        )
    return tuple(found)


def _at(rows: Iterable[Row], as_of: datetime) -> list[Row]:
    return [row for row in rows if row["as_of"] == as_of]


def _turn_seconds(runs: Iterable[Row]) -> dict[datetime, float]:
    """Sum a turn's time over its jobs: the row of the job as a whole where there is one, else its steps."""
    wholes: dict[tuple[datetime, str], float] = {}
    parts: dict[tuple[datetime, str], float] = {}
    for row in runs:
        sums, key = wholes if row["step"] == row["job"] else parts, (row["as_of"], row["job"])
        sums[key] = sums.get(key, 0.0) + float(row["seconds"] or 0.0)
    seconds: dict[datetime, float] = {}
    for (as_of, _), of_job in {**parts, **wholes}.items():
        seconds[as_of] = seconds.get(as_of, 0.0) + of_job
    return seconds


def assemble_sources(names: Iterable[str], recorded: Recorded) -> tuple[SourceHealth, ...]:
    """Sum up what arrived from each source and what the quality gate said last.

    Args:
        names: The declared sources.
        recorded: What was recorded.

    Returns:
        One entry per source, those whose gate failed or could not judge first, then by name.

    >>> from datetime import UTC
    >>> may = datetime(2013, 5, 1, tzinfo=UTC)
    >>> batch = {"source": "weather", "as_of": may, "rows_read": 2100, "rows_accepted": 2098, "rows_quarantined": 2,
    ...          "rows_duplicate": 0, "rows_superseded": 0}
    >>> (weather,) = assemble_sources(["weather"], Recorded(batches=[batch]))
    >>> weather.read, weather.quarantined, weather.gate_passed
    (2100, 2, None)
    """
    found = [_source(name, recorded) for name in dict.fromkeys(names)]
    return tuple(sorted(found, key=lambda each: (each.gate_passed is True, each.gate_passed is None, each.source)))


def _source(name: str, recorded: Recorded) -> SourceHealth:
    batches = [row for row in recorded.batches if row["source"] == name]
    refused = sorted((row for row in recorded.refused_files if row["source"] == name), key=lambda row: row["as_of"])
    quality = [row for row in recorded.quality if row["source"] == name]
    last = max((row["as_of"] for row in batches if row["rows_read"]), default=None)
    judged = max((row["as_of"] for row in quality), default=None)
    checks = [row for row in quality if row["as_of"] == judged]
    whole = next((row for row in checks if row["check"] == SUITE), None)

    def total(column: str, at: datetime | None = None) -> int:
        return sum(int(row[column] or 0) for row in batches if at is None or row["as_of"] == at)

    return SourceHealth(
        source=name,
        last_as_of=last,
        last_read=total("rows_read", last) if last is not None else 0,
        last_quarantined=total("rows_quarantined", last) if last is not None else 0,
        read=total("rows_read"),
        accepted=total("rows_accepted"),
        quarantined=total("rows_quarantined"),
        duplicates=total("rows_duplicate"),
        superseded=total("rows_superseded"),
        files_refused=len(refused),
        refusals=tuple(f"{row['file']}: {row['reason'] or 'no reason given'}" for row in refused[-_MAX_REFUSALS:]),
        gate_as_of=judged,
        gate_status=None if whole is None else whole["status"],
        gate_passed=None if whole is None else whole["passed"],
        gate_rows=0 if whole is None else whole["rows"],
        failed_checks=tuple(
            _failed_check(row) for row in checks if row["check"] != SUITE and row["passed"] is not True
        ),
    )


def _failed_check(row: Row) -> str:
    observed = read_object(row["observed"])
    rows = observed.get("unexpected_rows")
    found = f"{rows} rows" if rows is not None else str(observed.get("problem") or "no count")
    said = "failed" if row["passed"] is False else f"not judged ({row['status']})"
    return f"{row['check']} ({row['severity']}) {said}: {found}"


def assemble_times(recorded: Recorded) -> StepTimes:
    """Lay out the time of each step per turn.

    Args:
        recorded: What was recorded.

    Returns:
        The last turns, newest first; steps in the order in which they ran in the newest turn that has them; last, the
        whole of every turn.

    >>> from datetime import UTC
    >>> may = datetime(2013, 5, 1, tzinfo=UTC)
    >>> score = {"job": "run", "step": "score", "subject": "late", "as_of": may, "started_ts": may, "seconds": 7.0}
    >>> train = score | {"step": "train", "started_ts": may.replace(minute=1), "seconds": 41.0}
    >>> [(each.step, each.seconds) for each in assemble_times(Recorded(runs=[train, score])).steps]
    [('score', (7.0,)), ('train', (41.0,)), ('all', (48.0,))]
    """
    turns = tuple(sorted({row["as_of"] for row in recorded.runs}, reverse=True)[:MAX_TURNS])
    if not turns:
        return StepTimes()
    sums: dict[tuple[str, str, str | None], dict[datetime, float]] = {}
    for row in sorted(recorded.runs, key=lambda each: (-each["as_of"].timestamp(), each["started_ts"])):
        of_step = sums.setdefault((row["job"], row["step"], row["subject"]), {})
        of_step[row["as_of"]] = of_step.get(row["as_of"], 0.0) + float(row["seconds"] or 0.0)
    steps = [StepTime(*key, tuple(map(of_step.get, turns))) for key, of_step in sums.items()]
    whole = StepTime("all", "all", None, tuple(map(_turn_seconds(recorded.runs).get, turns)), is_whole=True)
    return StepTimes(turns, (*steps, whole))


def find_failures(recorded: Recorded) -> tuple[FailedStep, ...]:
    """Find the steps whose last attempt at a logical now ended in an error.

    Args:
        recorded: What was recorded.

    Returns:
        Newest first; a verb as a whole is left out where one of its steps is named.

    >>> from datetime import UTC
    >>> may = datetime(2013, 5, 1, tzinfo=UTC)
    >>> failed = {"job": "run", "step": "score", "subject": "late_arrival", "as_of": may, "started_ts": may,
    ...           "outcome": "failed", "result": '{"error": {"message": "gold.weather is not built far enough"}}'}
    >>> done = failed | {"outcome": "done", "started_ts": may.replace(hour=1)}
    >>> [each.message for each in find_failures(Recorded(runs=[failed]))]
    ['gold.weather is not built far enough']
    >>> find_failures(Recorded(runs=[failed, done]))
    ()
    """
    last: dict[tuple[datetime, str, str, str], Row] = {}
    for row in sorted(recorded.runs, key=lambda each: each["started_ts"]):
        last[row["as_of"], row["job"], row["step"], row["subject"] or ""] = row
    failed = [row for row in last.values() if row["outcome"] == FAILED]
    named = {(row["as_of"], row["job"]) for row in failed if row["step"] != row["job"]}
    kept = [row for row in failed if row["step"] != row["job"] or (row["as_of"], row["job"]) not in named]
    newest_first = sorted(kept, key=lambda each: each["started_ts"], reverse=True)
    return tuple(
        FailedStep(row["as_of"], row["job"], row["step"], row["subject"], _message(row["result"]))
        for row in newest_first[:MAX_EVENTS]
    )


def _message(result: Any) -> str:
    content = read_object(result)
    nested = content.get("error")
    if isinstance(nested, Mapping):
        content = nested
    said = content.get("message") or nested
    return str(said) if said else str(result or "no message was recorded")
