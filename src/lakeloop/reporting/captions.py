"""One plain sentence or two for each chart and table: what it says, made from the figures it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lakeloop.reporting.calibration import Calibration
from lakeloop.reporting.charts import PROMOTED, find_comparison
from lakeloop.reporting.content import StepTimes, Turn
from lakeloop.reporting.judgements import DriftTable, Promotion
from lakeloop.reporting.quality import QualityHistory
from lakeloop.reporting.severity import last_cell
from lakeloop.reporting.windows import WindowPerformance
from lakeloop.statuses import Verdict

_FEW = 100
"""Answers below which a stretch of the score is not named as the one that is furthest off."""

_LEAST_SHARE = 0.0001
"""Share below which a percentage would read as none."""


def say_turns(turns: Sequence[Turn]) -> str:
    """Sum up the turns shown.

    Args:
        turns: Turns of one model.

    Returns:
        One sentence; nothing without turns.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.reporting.windows import Realised
    >>> may = datetime(2013, 5, 1, tzinfo=UTC)
    >>> turn = Turn(may, "1", 28330, 0, Realised(), ("1 bias",), "retrain", "v2 promoted", seconds=None)
    >>> say_turns([turn])
    '1 turn: 28,330 answers given, 1 training, 1 new champion, 1 turn that raised flags.'
    >>> say_turns([])
    ''
    """
    if not turns:
        return ""
    trained = [turn for turn in turns if turn.outcome]
    promoted = sum(PROMOTED in (turn.outcome or "") for turn in trained)
    scored = sum(turn.rows_scored for turn in turns)
    raised = sum(len(turn.flags) > 0 for turn in turns)
    return (
        f"{count_of(len(turns), 'turn')}: {scored:,} answers given, {count_of(len(trained), 'training')}, "
        f"{count_of(promoted, 'new champion')}, {count_of(raised, 'turn')} that raised flags."
    )


def say_losses(windows: Sequence[WindowPerformance], words: str) -> str:
    """Say how the realised loss compares with the constant's.

    Args:
        windows: Windows, oldest first.
        words: The loss in words.

    Returns:
        One to three sentences; nothing without windows.

    >>> from textwrap import fill
    >>> print(fill(say_losses([judged], "log loss"), 100))
    In the newest judged window (to 2013-04-08) the log loss was 0.375, 25.0% better than always giving
    the same answer (0.5). The model was better in 1 of 1 judged window.
    """
    compared = [window for window in windows if window.skill is not None]
    unjudged = sum(window.loss is None for window in windows)
    if not compared:
        return f"None of {count_of(len(windows), 'window')} could be judged." if windows else ""
    last = compared[-1]
    skill = last.skill or 0.0
    better = sum((window.skill or 0.0) > 0 for window in compared)
    span = ""
    if last.skill_lower is not None and last.skill_upper is not None:
        span = f"; interval {last.skill_lower:+.1%} to {last.skill_upper:+.1%}"
    said = (
        f"In the newest judged window (to {last.end:%Y-%m-%d}) the {words} was {last.loss:.4g}, "
        f"{abs(skill):.1%} {'better' if skill > 0 else 'worse'} than always giving the same answer "
        f"({last.baseline:.4g}{span}). The model was better in {better} of {count_of(len(compared), 'judged window')}."
    )
    return said + (f" {count_of(unjudged, 'window')} could not be judged." if unjudged else "")


def say_bias(windows: Sequence[WindowPerformance], limit: float | None) -> str:
    """Say whether the model answers too high or too low on average.

    Args:
        windows: Windows, oldest first.
        limit: Greatest absolute bias accepted; None when none is declared.

    Returns:
        Two sentences; nothing without a judged window.

    >>> from textwrap import fill
    >>> print(fill(say_bias([judged], 0.05), 100))
    In the newest judged window (to 2013-04-08) answers were 0.06 too high on average. The declared
    limit is 0.05; 1 window of 1 lay beyond it.
    """
    judged = [window for window in windows if window.bias is not None]
    if not judged:
        return ""
    last = judged[-1]
    bias = last.bias or 0.0
    side = "too high" if bias > 0 else "too low" if bias < 0 else "off"
    said = f"In the newest judged window (to {last.end:%Y-%m-%d}) answers were {abs(bias):.3g} {side} on average."
    if limit is None:
        return f"{said} No limit is declared."
    beyond = sum(abs(window.bias or 0.0) > limit for window in judged)
    return f"{said} The declared limit is {limit:g}; {count_of(beyond, 'window')} of {len(judged)} lay beyond it."


def say_comparisons(promotions: Sequence[Promotion]) -> str:
    """Say how the challengers fared.

    Args:
        promotions: Judgements of the gate, newest first.

    Returns:
        Two or three sentences; nothing without a judgement.

    >>> from datetime import UTC, datetime
    >>> may = datetime(2013, 5, 1, tzinfo=UTC)
    >>> first = Promotion(may, "1", "promoted", None, "set", None, (), "log_loss", 900, 28, 0, (), (), ())
    >>> say_comparisons([first])
    'Of 1 version judged, 1 became champion. None could be compared with a champion yet.'
    >>> say_comparisons([])
    ''
    """
    if not promotions:
        return ""
    promoted = sum(each.outcome == PROMOTED for each in promotions)
    judged = len({(each.version, each.as_of) for each in promotions})  # one that was held may have two rows
    said = f"Of {count_of(judged, 'version')} judged, {promoted} became champion."
    for each in promotions:
        check = find_comparison(each)
        if check is not None and check.value is not None:
            span = "" if check.lower is None or check.upper is None else f" ({check.lower:+.4g} to {check.upper:+.4g})"
            point = "" if check.bound == 0 else "at most 0, with "
            margin = "" if check.bound is None else f"; allowed: {point}the upper end below {check.bound:g}"
            verdict = "better" if check.value < 0 else "worse"
            return (
                f"{said} The newest compared, v{each.version}, was {verdict} than the champion by "
                f"{abs(check.value):.4g}{span}{margin}. It was {each.outcome}."
            )
    return f"{said} None could be compared with a champion yet."


def say_calibration(calibration: Calibration) -> str:
    """Say how well predicted shares came true.

    Args:
        calibration: Predicted and realised shares (0 to 1) per stretch of the score.

    Returns:
        One or two sentences; nothing without stretches.

    >>> from lakeloop.reporting.calibration import ScoreStretch
    >>> stretch = ScoreStretch("0.2 to 0.3", 400, 0.25, 0.28)
    >>> print(say_calibration(Calibration("2", windows=1, stretches=(stretch,))))
    Of the answers of version 2 around 25.0% (400 of them), 28.0% came true.
    """
    if not calibration.stretches:
        return ""
    usual = max(calibration.stretches, key=lambda each: each.rows)
    said = (
        f"Of the answers of version {calibration.version} around {usual.predicted:.1%} ({usual.rows:,} of them), "
        f"{usual.realised:.1%} came true."
    )
    solid = [each for each in calibration.stretches if each.rows >= _FEW]
    worst = max(solid, key=lambda each: abs(each.predicted - each.realised), default=None)
    if worst is None or worst == usual:
        return said
    return (
        f"{said} Furthest off, among stretches of {_FEW} answers or more: it said {worst.predicted:.1%} and "
        f"{worst.realised:.1%} came true ({worst.rows:,} answers)."
    )


def say_means(windows: Sequence[WindowPerformance]) -> str:
    """Say how the mean prediction compares with the mean outcome.

    Args:
        windows: Windows, oldest first.

    Returns:
        One sentence; nothing without a judged window.

    >>> print(say_means([judged]))
    In the newest judged window (to 2013-04-08) the mean prediction was 0.28, the mean outcome 0.22.
    """
    judged = [window for window in windows if window.mean_score is not None and window.mean_outcome is not None]
    if not judged:
        return ""
    last = judged[-1]
    return (
        f"In the newest judged window (to {last.end:%Y-%m-%d}) the mean prediction was {last.mean_score:.3g}, "
        f"the mean outcome {last.mean_outcome:.3g}."
    )


def say_drift(table: DriftTable) -> str:
    """Count the verdicts of the newest window that speaks of each column.

    Args:
        table: The columns over the last windows.

    Returns:
        One sentence; nothing without columns.

    >>> from lakeloop.reporting.judgements import DriftCell, DriftRow
    >>> drifted, unjudged = DriftCell(0.25, 0.1, "OK", "DRIFT", 100), DriftCell(None, None, "ALL_NULL", "UNKNOWN", 100)
    >>> carrier = DriftRow("carrier", "feature", "contract", "total_variation", (drifted, None))
    >>> gust = DriftRow("weather.gust_mph", "feature", "regime", "psi", (drifted, unjudged))
    >>> print(say_drift(DriftTable(rows=(carrier, gust))))
    2 columns in the newest window: 1 drifted, 0 stable, 1 not judged, 0 recorded without judgement (seasonal).
    """
    counts: Counter[str] = Counter()
    for row in table.rows:
        cell = last_cell(row)
        counts["none" if cell is None else cell.verdict] += 1
    if not counts:
        return ""
    parts = [
        f"{counts[Verdict.DRIFT]} drifted",
        f"{counts[Verdict.STABLE]} stable",
        f"{counts[Verdict.UNKNOWN] + counts['none']} not judged",
        f"{counts[Verdict.RECORDED]} recorded without judgement (seasonal)",
    ]
    return f"{count_of(len(table.rows), 'column')} in the newest window: {', '.join(parts)}."


def say_quality(history: QualityHistory) -> str:
    """Say what the gate found and what was rejected over the turns shown.

    Args:
        history: The last turns.

    Returns:
        One sentence; nothing without turns.

    >>> from datetime import UTC, datetime
    >>> from textwrap import fill
    >>> from lakeloop.reporting.quality import QualityCell, QualityRow
    >>> cell = QualityCell(status="OK", passed=False, checks=9, failed=1, read=400, quarantined=3)
    >>> history = QualityHistory((datetime(2013, 5, 1, tzinfo=UTC),), (QualityRow("weather", (cell,)),))
    >>> print(fill(say_quality(history), 100))
    Over 1 turn: 3 of 400 records went into quarantine (0.75%), 0 files refused; the gate passed 0
    times, failed 1 time, could not judge 0 times.
    """
    if not history.turns:
        return ""
    cells = [cell for row in history.sources for cell in row.cells]
    read, quarantined = sum(cell.read for cell in cells), sum(cell.quarantined for cell in cells)
    failed = sum(cell.passed is False for cell in cells)
    unjudged = sum(cell.status is not None and cell.passed is None for cell in cells)
    refused = count_of(sum(cell.files_refused for cell in cells), "file")
    share = f" ({quarantined / read:.2%})" if read and quarantined / read >= _LEAST_SHARE else ""
    return (
        f"Over {count_of(len(history.turns), 'turn')}: {quarantined:,} of {read:,} records "
        f"went into quarantine{share}, {refused} refused; the gate passed "
        f"{count_of(sum(cell.passed is True for cell in cells), 'time')}, failed {count_of(failed, 'time')}, "
        f"could not judge {count_of(unjudged, 'time')}."
    )


def say_times(times: StepTimes) -> str:
    """Say where the newest turn's time went.

    Args:
        times: Seconds per step of the last turns, newest first.

    Returns:
        One sentence; nothing where the newest turn's time is not known.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.reporting.content import StepTime
    >>> steps = (StepTime("run", "ingest", "weather", (9.0,)), StepTime("run", "train", "late_arrival", (41.0,)))
    >>> whole = StepTime("all", "all", None, (52.0,), is_whole=True)
    >>> print(say_times(StepTimes((datetime(2013, 5, 1, tzinfo=UTC),), (*steps, whole))))
    The newest turn took 52 s; the longest step was train of late_arrival (41 s).
    """
    steps = [(step, step.seconds[0]) for step in times.steps if not step.is_whole and step.seconds[0] is not None]
    whole = next((step.seconds[0] for step in times.steps if step.is_whole), None)
    if not steps or whole is None:
        return ""
    longest, seconds = max(steps, key=lambda each: each[1] or 0.0)
    subject = f" of {longest.subject}" if longest.subject else ""
    return f"The newest turn took {whole:.0f} s; the longest step was {longest.step}{subject} ({seconds:.0f} s)."


def count_of(number: int, noun: str) -> str:
    """Put a count before its noun.

    >>> count_of(1, "turn"), count_of(1200, "turn")
    ('1 turn', '1,200 turns')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
