"""A training done again on a pinned set: the same seed has to give the metrics that were recorded."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lakeloop.config.model import Model
from lakeloop.discovery.text import count_of
from lakeloop.errors import ConflictError, Failure, NotReadyError
from lakeloop.model_versions import ModelVersion
from lakeloop.registry import LoggedTrial
from lakeloop.runs.context import Context
from lakeloop.runs.declared import PACKAGES_TAG
from lakeloop.runs.environment import changed_packages
from lakeloop.runs.manifests import Manifest, find_manifest
from lakeloop.runs.pinned_model import pinned_model
from lakeloop.runs.search import search_model
from lakeloop.runs.train import (
    DECLARATION_FILE,
    SPEC_HASHES_FILE,
    fit_and_register,
    measure,
    training_run_key,
)
from lakeloop.runs.training_data import TrainingData, read_training_data
from lakeloop.runs.training_set import name_spec_hashes, pinned_set
from lakeloop.statuses import RepeatStatus

_RELATIVE, _ABSOLUTE = 1e-9, 1e-12
_JUDGED = ("validation_", "holdout_", "cv_")


@dataclass(frozen=True)
class RepeatedMetric:
    """A metric of a training that was done again.

    Attributes:
        metric: Its name.
        recorded: What was recorded; None where nothing was.
        now: What it is now; None where it cannot be computed.
        is_same: Whether the two are the same within 1e-9 of their size.
    """

    metric: str
    recorded: float | None
    now: float | None
    is_same: bool


@dataclass(frozen=True)
class RepeatResult:
    """What a training on a pinned set gave.

    Attributes:
        model: The model.
        training_set_id: The set.
        seed: The seed.
        status: REPRODUCED or DIFFERENT from what was recorded; NEW where nothing was: it is a version now.
        version: The version that it was compared with, or that it made. No gate judges it.
        metrics: Metrics beside those that were recorded; empty when it is new.
        packages: Packages, and figures of a sample, that are not those of the recorded training:
            `numpy 2.1.0, was 2.0.0`.
        candidates: Trials of the search.
    """

    model: str
    training_set_id: str
    seed: int
    status: RepeatStatus
    version: str
    metrics: tuple[RepeatedMetric, ...]
    packages: tuple[str, ...]
    candidates: int

    @property
    def summary(self) -> str:
        """How it compares."""
        same = sum(each.is_same for each in self.metrics)
        compared = f": {same} of {count_of(len(self.metrics), 'metric')} as recorded" if self.metrics else ""
        return f"version {self.version} {self.status}{compared}"

    def failure(self) -> ConflictError | None:
        """Give the error this result stands for.

        Returns:
            The error, with the metrics that differ; None unless the status is DIFFERENT.

        >>> one = RepeatedMetric("holdout_log_loss", 0.5, 0.25, is_same=False)
        >>> changed = ("numpy 2.1.0, was 2.0.0",)
        >>> print(RepeatResult("late", "set-1", 7, RepeatStatus.DIFFERENT, "2", (one,), changed, 4).failure())
        training set set-1 of model late, seed 7: conflicts with what is recorded
          - holdout_log_loss: 0.5 was recorded with version 2, it is 0.25 now
          - packages: numpy 2.1.0, was 2.0.0
          remedy: install the packages that were recorded, and repeat the call
        """
        if self.status is not RepeatStatus.DIFFERENT:
            return None
        failures = [
            Failure(each.metric, f"{each.recorded} was recorded with version {self.version}, it is {each.now} now")
            for each in self.metrics
            if not each.is_same
        ]
        failures += [Failure("packages", ", ".join(self.packages))] if self.packages else []
        remedy = "install the packages that were recorded, and repeat the call"
        if not self.packages:
            remedy = "rows, code or the machine's arithmetic differ: `lakeloop training-set rebuild` tells of the rows"
        of = f"training set {self.training_set_id} of model {self.model}, seed {self.seed}"
        return ConflictError(of, failures, remedy)


def repeat_training(context: Context, set_id: str, seed: int | None = None) -> RepeatResult:
    """Train on a pinned set, whenever it was pinned, and compare with what was recorded.

    Where a version was made from the same set, declaration and seed, nothing is recorded or registered. Otherwise the
    training is logged and becomes a version; no gate judges it, and no alias names it.

    Args:
        context: Project and lake; its logical now does not count.
        set_id: The set, or the beginning of its id.
        seed: Seed of everything random; the one the set was pinned with, without it.

    Returns:
        The metrics beside those that were recorded.

    Raises:
        NotReadyError: If there is no such set; of one that a version was trained on, with what it takes to pin it here.
        ConflictError: If the declarations are not those by which the set, or its version, was made.
        BudgetError: If the set does not fit the declared memory budget.

    >>> newest = context.registry.list_versions("late")[-1]
    >>> repeated = repeat_training(context, newest.tags["training_set_id"])
    >>> repeated.status.value, repeated.version, all(each.is_same for each in repeated.metrics)
    ('REPRODUCED', '2', True)
    """
    manifest = _find_manifest(context, set_id)
    pinned = context.at(manifest.as_of)
    model = pinned_model(pinned, manifest)
    chosen = manifest.seed if seed is None else seed
    with context.lake.writing():
        training_set = pinned_set(manifest)
        run_key = training_run_key(pinned, model, training_set, chosen)
        found = context.registry.find_version(model.model, run_key)
        if found is None:
            _refuse_other_declaration(pinned, model, manifest, chosen)
        context.progress(f"train {model.model}: reading {training_set.rows} rows")
        data = read_training_data(pinned, model, training_set, seed=chosen)
        if found is None:
            version, candidates = fit_and_register(pinned, model, data, run_key, chosen)
            return RepeatResult(
                model.model, manifest.training_set_id, chosen, RepeatStatus.NEW, version.version, (), (), candidates
            )
    return _compare(pinned, model, data, found, chosen)


def _find_manifest(context: Context, set_id: str) -> Manifest:
    """Find a set; of one that is not in this workspace, tell what the registry knows of it."""
    try:
        return find_manifest(context, set_id)
    except NotReadyError as absent:
        versions = (each for name in context.config.models for each in context.registry.list_versions(name))
        known = [each for each in versions if each.tags.get("training_set_id", "").startswith(set_id)]
        if not known:
            raise
        raise _not_here(context, known[0], absent) from absent


def _not_here(context: Context, version: ModelVersion, absent: NotReadyError) -> NotReadyError:
    as_of, seed = version.tags.get("as_of"), version.tags.get("seed")
    told = [*absent.failures, Failure("recorded", f"version {version.version} was trained on it, as of {as_of}")]
    with suppress(ConflictError):  # trained before they were recorded
        now = name_spec_hashes(context, context.config.models[version.model])
        different = changed_keys(context.registry.read_document(version, SPEC_HASHES_FILE), now)
        told += [Failure("declarations", f"not as they were: {', '.join(different)}")] if different else []
    remedy = f"`lakeloop ingest`, `features` and `training-set`, each with --as-of {as_of}, pin it in this workspace"
    return NotReadyError(
        f"model {version.model}", told, f"{remedy}, by the conf/ and the seed of then (the version's is {seed})"
    )


class _Unlogged:
    """Takes the place of a training run where nothing is recorded."""

    def __init__(self) -> None:
        self.known: dict[int, LoggedTrial] = {}

    def log_trial(self, trial: LoggedTrial) -> None:
        """Forget a trial."""


def _compare(context: Context, model: Model, data: TrainingData, recorded: ModelVersion, seed: int) -> RepeatResult:
    run = context.registry.training_of(recorded)
    tried = run.params.get("candidates")
    limit = None if tried is None else int(tried)  # a search that was cut by its time is cut there again
    chosen = search_model(context, model, data, _Unlogged(), seed, limit=limit)
    now, _ = measure(model, data, chosen)
    ends = tuple(f"_{each}" for each in ("lower", "upper"))  # of intervals, which are not measured again
    then = {name: value for name, value in run.metrics.items() if name.startswith(_JUDGED) and not name.endswith(ends)}
    finite = {name: value for name, value in now.items() if math.isfinite(value)}
    metrics = tuple(
        RepeatedMetric(name, then.get(name), finite.get(name), _is_same(then.get(name), finite.get(name)))
        for name in sorted({*then, *finite})
    )
    same = all(each.is_same for each in metrics)
    return RepeatResult(
        model.model,
        data.training_set.training_set_id,
        seed,
        RepeatStatus.REPRODUCED if same and metrics else RepeatStatus.DIFFERENT,
        recorded.version,
        metrics,
        (*changed_packages(json.loads(run.tags.get(PACKAGES_TAG, "{}"))), *_changed_sample(data, run.params)),
        chosen.trials,
    )


def _changed_sample(data: TrainingData, recorded: Mapping[str, str]) -> tuple[str, ...]:
    """Tell what of a sample, or of a fit on Spark, is not as it was recorded: memory and workers may be others."""
    return tuple(
        f"{name} {value}, was {recorded.get(name)}"
        for name, value in data.sampling.items()
        if recorded.get(name) != str(value)
    )


def _is_same(recorded: float | None, now: float | None) -> bool:
    if recorded is None or now is None:
        return False
    return math.isclose(recorded, now, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def _refuse_other_declaration(context: Context, model: Model, manifest: Manifest, seed: int) -> None:
    """Refuse to call it a repetition, when the set was trained on by another declaration with the same seed."""
    same = [
        each
        for each in context.registry.list_versions(model.model)
        if each.tags.get("training_set_id") == manifest.training_set_id and each.tags.get("seed") == str(seed)
    ]
    if not same:
        return
    version = same[0]
    different = []
    with suppress(ConflictError):  # trained before declarations were recorded
        recorded = context.registry.read_document(version, DECLARATION_FILE)
        different = changed_keys(recorded, model.model_dump(mode="json", by_alias=True))
    shown = ", ".join(different) or f"spec_hash was {version.tags.get('spec_hash')}"
    raise ConflictError(
        f"training set {manifest.training_set_id} of model {model.model}, seed {seed}",
        [Failure("declaration", f"version {version.version} was trained by another one: {shown}")],
        "use the conf/ it was trained by; for another declaration give another --seed, or pin a new set",
    )


def changed_keys(recorded: Mapping[str, Any], now: Mapping[str, Any], above: str = "") -> list[str]:
    """Name the keys in which two declarations differ.

    Args:
        recorded: One, as JSON.
        now: The other.
        above: Dotted path of both.

    Returns:
        Dotted paths, in alphabetical order.

    >>> changed_keys({"split": {"gap": 1, "holdout": 5}, "task": "a"}, {"split": {"gap": 2, "holdout": 5}})
    ['split.gap', 'task']
    """
    found: list[str] = []
    for name in sorted({*recorded, *now}):
        one, other = recorded.get(name), now.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += changed_keys(one, other, f"{above}{name}.")
        elif one != other:
            found.append(f"{above}{name}")
    return found
