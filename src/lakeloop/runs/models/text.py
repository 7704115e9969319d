"""Models and their versions for a person: lines that fit a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from lakeloop.discovery.text import count_of
from lakeloop.runs.models.change import ChangeResult
from lakeloop.runs.models.show import VersionDetails
from lakeloop.runs.models.states import History, ModelState
from lakeloop.statuses import LedgerEvent, Outcome

_DONE = {
    LedgerEvent.PROMOTE: "promoted",
    LedgerEvent.APPROVE: "approved",
    LedgerEvent.ROLLBACK: "rolled back to",
    LedgerEvent.ARCHIVE: "archived",
}


def describe_models(models: Sequence[ModelState], *, width: int = 80) -> str:
    """Write who is champion of every model.

    Args:
        models: The models.
        width: Columns to stay within.

    Returns:
        A block per model.

    >>> print(describe_models([ModelState("late", "2", "2024-02-04T00:00:00Z", "1", "3", True, 3, None)]))
    late: champion is version 2, since 2024-02-04T00:00:00Z
      previous: version 1
      challenger: version 3, waits for approval
      3 versions judged
    """
    if not models:
        return "no model is declared: write one in conf/base/models/"
    return "\n".join(line for each in models for line in _model_lines(each, width))


def _model_lines(model: ModelState, width: int) -> Iterator[str]:
    if model.champion is None:
        yield from _wrapped(f"{model.model}: nobody is champion", width, "")
    else:
        yield from _wrapped(f"{model.model}: champion is version {model.champion}, since {model.since}", width, "")
    if model.previous is not None:
        yield f"  previous: version {model.previous}"
    if model.challenger is not None:
        state = "waits for approval" if model.waits else "was rejected"
        yield from _wrapped(f"challenger: version {model.challenger}, {state}", width)
    yield f"  {count_of(model.versions, 'version')} judged"
    if model.last_event is not None:
        yield from _wrapped(f"last: {model.last_event}", width)


def describe_history(history: History, *, width: int = 80) -> str:
    """Write the ledger of a model, oldest first.

    Args:
        history: The ledger.
        width: Columns to stay within.

    Returns:
        Two lines or more per event: what and when, by whom, and why.

    >>> from lakeloop.runs.models.states import LedgerEntry
    >>> now = "2024-02-04T00:00:00Z"
    >>> entry = LedgerEntry(3, "rollback", "1", "promoted", "2", "ada", "bias in New York", now, None)
    >>> print(describe_history(History("late", (entry,))))
    late: 1 event
      3  2024-02-04T00:00:00Z  rollback  version 1 promoted, before: 2
         ada: bias in New York
    """
    lines = [f"{history.model}: {count_of(len(history.events), 'event')}"]
    wide = max((len(str(each.seq)) for each in history.events), default=1)
    for each in history.events:
        before = f", before: {each.previous_version}" if each.previous_version is not None else ""
        what = f"{each.seq:>{wide}}  {each.as_of}  {each.event}  version {each.version} {each.outcome}{before}"
        lines += _wrapped(what, width)
        lines += _wrapped(f"{each.actor}: {each.reason}", width, " " * (wide + 4))
    return "\n".join(lines)


def describe_version(version: VersionDetails, *, width: int = 80) -> str:
    """Write all that is recorded of a version.

    Args:
        version: The version.
        width: Columns to stay within.

    Returns:
        Facts, checks with status, metrics per side, and the states of all versions.

    >>> from lakeloop.runs.models.show import CheckShown
    >>> from lakeloop.statuses import VersionState
    >>> check, champion = CheckShown("beats_baseline", "PASS", "0.10 better"), VersionState.CHAMPION
    >>> print(describe_version(VersionDetails("late", "2", champion, ("champion",), "2024-02-04T00:00:00Z",
    ...     "promoted", (), "2024-02-03T23:00:00Z", "7c0f", (check,), {"challenger": {"brier": 0.2}},
    ...     "0a1b", "http://mlflow", {"2": champion})))
    late version 2: CHAMPION
      aliases           champion
      trained through   2024-02-03T23:00:00Z
      training set      7c0f
      judged            promoted as of 2024-02-04T00:00:00Z
      run               0a1b in http://mlflow
    checks
      PASS  beats_baseline: 0.10 better
    metrics on the holdout
      brier             challenger 0.2
    versions
      2  CHAMPION
    """
    judged = f"{version.outcome} as of {version.judged}" if version.judged is not None else "not judged"
    where = f"{version.run_id} in {version.tracking_uri}" if version.run_id is not None else "not in the registry"
    facts = {
        "aliases": ", ".join(version.aliases) or "-",
        "trained through": version.trained_through or "-",
        "training set": version.training_set_id or "-",
        "judged": judged,
        "run": where,
    }
    lines = [f"{version.model} version {version.version}: {version.state.value}"]
    for name, value in facts.items():
        lines += _wrapped(f"{name:<16}  {value}", width)
    if version.checks:
        lines.append("checks")
        wide = max(len(each.status) for each in version.checks)
        for each in version.checks:
            lines += _wrapped(f"{each.status:<{wide}}  {each.name}: {each.detail}", width)
    if version.metrics:
        lines += ["metrics on the holdout", *_metric_lines(version.metrics, width)]
    lines.append("versions")
    wide = max(map(len, version.versions), default=1)
    lines += [f"  {number:>{wide}}  {state.value}" for number, state in version.versions.items()]
    return "\n".join(lines)


def _metric_lines(metrics: Mapping[str, Mapping[str, float | None]], width: int) -> Iterator[str]:
    for name in dict.fromkeys(name for side in metrics.values() for name in side):
        values = [
            f"{side} {'-' if of[name] is None else format(of[name], '.4g')}"
            for side, of in metrics.items()
            if name in of
        ]
        yield from _wrapped(f"{name:<16}  {', '.join(values)}", width)


def describe_change(change: ChangeResult, *, width: int = 80) -> str:
    """Write what a person's event did.

    Args:
        change: The event.
        width: Columns to stay within.

    Returns:
        What was done, who is champion now, and from when on.

    >>> done = ChangeResult("late", LedgerEvent.ROLLBACK, "1", "1", "2", None, "2024-02-04T00:00:00Z", "ada",
    ...     "bias in New York", Outcome.WRITTEN)
    >>> print(describe_change(done))
    late: rolled back to version 1 by ada, as of 2024-02-04T00:00:00Z
      champion: version 1 for turns after that; before: version 2
      reason: bias in New York
    """
    already = "already " if change.outcome is Outcome.SKIPPED else ""
    done = f"{already}{_DONE[change.event]} version {change.version} by {change.actor}"
    if change.outcome is Outcome.SKIPPED and change.event is LedgerEvent.PROMOTE:
        done = f"version {change.version} is champion already, by {change.actor}"
    lines = _wrapped(f"{change.model}: {done}, as of {change.as_of}", width, "")
    if change.event is not LedgerEvent.ARCHIVE:
        before = f"version {change.before}" if change.before is not None else "nobody"
        lines += _wrapped(f"champion: version {change.champion} for turns after that; before: {before}", width)
    if change.previous is not None:
        lines += _wrapped(f"previous: version {change.previous}", width)
    return "\n".join([*lines, *(_wrapped(f"reason: {change.reason}", width) if change.reason else [])])


def _wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    return textwrap.wrap(
        text, max(width, 24), initial_indent=indent, subsequent_indent=f"{indent}    ", break_on_hyphens=False
    ) or [indent]
