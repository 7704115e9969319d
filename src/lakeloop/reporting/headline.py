"""The headline: what drifted, whether it hurt, what was done; in sentences made from what was judged."""

from __future__ import annotations

from collections.abc import Sequence

from lakeloop.reporting.content import Champion, Decision, Flag, Headline, SourceHealth, State, Turn
from lakeloop.reporting.drift import count_drifts
from lakeloop.reporting.judgements import DriftRow, DriftTable, Promotion
from lakeloop.reporting.severity import last_cell
from lakeloop.reporting.windows import WindowPerformance
from lakeloop.statuses import FlagKind, Role, Status, Verdict

MAX_NAMED = 3
"""Columns named in one sentence; further ones are counted."""

MAX_REASON = 160
"""Letters of a decision's reason in the headline; the whole stands under the decisions."""

_BROKEN = frozenset({FlagKind.QUALITY, FlagKind.CONTRACT_DRIFT})


def write_headline(
    champion: Champion | None,
    flags: Sequence[Flag],
    turns: Sequence[Turn],
    windows: Sequence[WindowPerformance],
    features: DriftTable,
    outputs: DriftTable,
    decisions: Sequence[Decision],
    promotions: Sequence[Promotion],
    bias_limit: float | None,
    loss_name: str,
) -> Headline:
    """Answer the questions of the person on call.

    Args:
        champion: The serving version.
        flags: Open flags.
        turns: Turns, newest first.
        windows: Realised performance, oldest first.
        features: Drift of the features.
        outputs: Drift of prediction and target.
        decisions: Decisions, newest first.
        promotions: Judgements of the gate, newest first.
        bias_limit: Declared limit of the bias; None without one.
        loss_name: Metric that stands for the loss.

    Returns:
        The answers, with the state: ACT when something upstream broke or the model is no better than a constant; WATCH
        with any other open flag or a bias beyond its limit; UNKNOWN without a champion, without a judged window, or
        without its baseline; else OK.

    >>> from datetime import UTC, datetime
    >>> april = datetime(2013, 4, 1, tzinfo=UTC)
    >>> flag = Flag("contract_drift", "distance", "1", april, april, "psi 0.25, threshold 0.1")
    >>> empty = DriftTable()
    >>> said = write_headline(Champion("1", april, None, april), [flag], [], [], empty, empty, [], [], 0.05, "log_loss")
    >>> said.state, said.why
    (<State.ACT: 'act'>, ('open flag contract_drift on distance',))
    >>> said.drifted, said.hurt
    ('Nothing has been compared with a reference yet.', 'Not known: no closed window was judged yet.')
    """
    judged = next((window for window in reversed(windows) if window.status == Status.OK), None)
    evaluated = [window for window in windows if judged is not None and window.as_of == judged.as_of]
    off = [window for window in evaluated if _is_off(window, bias_limit)]
    bias = f"bias beyond the declared limit in {len(off)} of {len(evaluated)} windows" if off else ""
    state, why = _state(champion, flags, judged, bias)
    return Headline(
        state=state,
        why=why,
        drifted=_drifted(features, outputs),
        hurt=_hurt(champion, turns, bias, bias_limit, loss_name),
        done=_done(decisions, promotions),
    )


def summarise_data(sources: Sequence[SourceHealth]) -> tuple[State, str]:
    """Say in one line whether the data is sound.

    Args:
        sources: Every source.

    Returns:
        ACT when a gate failed, WATCH when rows or files were refused last, UNKNOWN when nothing was judged or a source
        could not be judged for another reason than that nothing new landed, else OK; and the sentences.

    >>> summarise_data([SourceHealth("weather", gate_status="OK", gate_passed=True, last_quarantined=2)])
    (<State.WATCH: 'watch'>, 'The quality gate passed on 1 of 1 sources. Rows the last ingest put into quarantine: 2.')
    """
    if all(source.gate_status is None for source in sources):
        return State.UNKNOWN, "The quality gate has not judged anything yet."
    passed = sum(source.gate_passed is True for source in sources)
    failed = [source.source for source in sources if source.gate_passed is False]
    unjudged = [f"{s.source} ({s.gate_status or 'never'})" for s in sources if s.gate_passed is None]
    last = max((source.last_as_of for source in sources if source.last_as_of is not None), default=None)
    quarantined = sum(source.last_quarantined for source in sources if source.last_as_of == last)
    refused = sum(source.files_refused for source in sources)
    sentences = [f"The quality gate passed on {passed} of {len(sources)} sources."]
    if failed:
        sentences.append(f"It failed on {', '.join(_first(failed))}.")
    if unjudged:
        sentences.append(f"Not judged last: {', '.join(_first(unjudged))}.")
    if quarantined:
        sentences.append(f"Rows the last ingest put into quarantine: {quarantined:,}.")
    if refused:
        sentences.append(f"Files refused in all: {refused:,}.")
    unclear = any(s.gate_passed is None and s.gate_status != Status.EMPTY_WINDOW for s in sources)
    state = State.OK if passed and not unclear else State.UNKNOWN
    if failed or quarantined or refused:
        state = State.ACT if failed else State.WATCH
    return state, " ".join(sentences)


def _state(
    champion: Champion | None, flags: Sequence[Flag], judged: WindowPerformance | None, bias: str
) -> tuple[State, tuple[str, ...]]:
    broken = [f"open flag {flag.kind} on {flag.subject}" for flag in flags if flag.kind in _BROKEN]
    if judged is not None and judged.skill is not None and judged.skill <= 0:
        broken.append("the model is no better than a constant")
    if broken:
        return State.ACT, _first(broken)
    if flags:
        return State.WATCH, _first([f"open flag {flag.kind} on {flag.subject}" for flag in flags])
    if bias:
        return State.WATCH, (f"{bias}; no flag is open",)
    if champion is None:
        return State.UNKNOWN, ("no champion yet",)
    if judged is None:
        return State.UNKNOWN, ("no window of the champion's answers could be judged yet",)
    if judged.skill is None:
        return State.UNKNOWN, ("the last judged window has no baseline to hold it against",)
    return State.OK, (f"no open flag, and version {judged.version} beat the constant in the last judged window",)


def _first(sentences: Sequence[str]) -> tuple[str, ...]:
    shown = tuple(sentences[:MAX_NAMED])
    return shown if len(sentences) <= MAX_NAMED else (*shown, f"and {len(sentences) - MAX_NAMED} more")


def _drifted(features: DriftTable, outputs: DriftTable) -> str:
    if not features.windows and not outputs.windows:
        return "Nothing has been compared with a reference yet."
    sentences = []
    if features.windows:
        shown = len(features.windows)
        span = f"the last {shown} windows" if shown > 1 else "the last window"
        drifted = [row for row in features.rows if count_drifts(row)]
        judged = sum(_was_judged(row) for row in features.rows)
        if drifted:
            parts = [_named(role, [row for row in drifted if row.role == role], shown) for role in Role]
            listed = "; ".join(part for part in parts if part)
            sentences.append(f"{len(drifted)} of {len(features.rows)} features drifted in {span}: {listed}.")
        elif judged:
            sentences.append(f"None of {judged} features drifted in {span}.")
        else:
            sentences.append(f"Not known: no feature was judged in {span}.")
        unknown = sum((cell := last_cell(row)) is not None and cell.verdict == Verdict.UNKNOWN for row in features.rows)
        if unknown:
            sentences.append(f"{unknown} could not be judged.")
    sentences += [_output(row) for row in outputs.rows]
    return " ".join(sentences)


def _was_judged(row: DriftRow) -> bool:
    return any(cell is not None and cell.verdict in (Verdict.DRIFT, Verdict.STABLE) for cell in row.cells)


def _named(role: Role, rows: Sequence[DriftRow], windows: int) -> str:
    if not rows:
        return ""
    names = [f"{row.column} ({count_drifts(row)} of {windows})" for row in rows[:MAX_NAMED]]
    more = f" and {len(rows) - MAX_NAMED} more" if len(rows) > MAX_NAMED else ""
    return f"{role} {', '.join(names)}{more}"


def _output(row: DriftRow) -> str:
    cell, shown = last_cell(row), sum(each is not None for each in row.cells)
    name = row.kind.capitalize()
    if count_drifts(row):
        return f"{name}: drift in {count_drifts(row)} of {shown} windows."
    if cell is None or cell.verdict == Verdict.UNKNOWN:
        return f"{name}: not judged ({cell.status if cell is not None else 'no window'})."
    return f"{name}: {cell.verdict.lower()}."


def _is_off(window: WindowPerformance, limit: float | None) -> bool:
    """Whether a window's bias is beyond the limit and its interval excludes 0: what the monitor takes for an alarm."""
    if limit is None or window.bias is None or window.bias_lower is None or window.bias_upper is None:
        return False
    return abs(window.bias) > limit and not window.bias_lower <= 0 <= window.bias_upper


def _hurt(champion: Champion | None, turns: Sequence[Turn], bias: str, bias_limit: float | None, loss_name: str) -> str:
    turn = next((each for each in turns if each.realised.loss is not None), None)
    if turn is None:
        return "Not known: no champion yet." if champion is None else "Not known: no closed window was judged yet."
    found = turn.realised
    if found.skill is None:
        verdict = "Not known"
    elif found.skill <= 0:
        verdict = "Yes"
    else:
        verdict = "Perhaps" if bias else "No"
    words = loss_name.replace("_", " ")
    sentences = [f"{verdict}: realised {words} {found.loss:.4f} over {found.rows:,} labelled rows,"]
    if found.skill is None:
        sentences.append("without a baseline to hold it against.")
    else:
        sentences.append(f"against {found.baseline:.4f} of a constant: {_compared(found.skill)}.")
    if found.bias is not None:
        limit = "no limit is declared" if bias_limit is None else f"the declared limit is {bias_limit:g}"
        sentences.append(f"Bias {found.bias:+.4f}; {limit}.")
    if bias:
        sentences.append(f"{bias.capitalize()}, and no accident (its interval excludes 0).")
    earlier = next((t.realised.skill for t in turns if t.as_of < turn.as_of and t.realised.skill is not None), None)
    if earlier is not None and found.skill is not None:
        sentences.append(f"The judged turn before it was {_compared(earlier)}.")
    return " ".join(sentences)


def _compared(skill: float) -> str:
    return f"{abs(skill):.1%} {'better' if skill > 0 else 'worse'}"


def _shorten(reason: str) -> str:
    return reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON].rpartition(' ')[0].rstrip(',;')} and more"


def _done(decisions: Sequence[Decision], promotions: Sequence[Promotion]) -> str:
    if not decisions:
        return "Nothing was decided yet."
    decision = decisions[0]
    reasons = "; ".join(_shorten(reason) for reason in decision.fired) or "no rule asked for anything"
    sentences = [f"{decision.action.capitalize()}: {reasons}."]
    judged = next((each for each in promotions if each.as_of >= decision.as_of), None)
    if judged is not None:
        sentence = f"Version {judged.version} was {judged.outcome}"
        if judged.outcome in ("rejected", "held") and judged.reasons:
            sentence += f": {judged.reasons[0]}"
        sentences.append(f"{sentence}.")
    elif decision.action in ("retrain", "recalibrate"):
        sentences.append("No judgement of a new version is recorded since.")
    return " ".join(sentences)
