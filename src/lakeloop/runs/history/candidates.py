"""The candidates of a replay: each cut is fitted once, by the functions of a training, and kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakeloop.arrow_frame import frame_of
from lakeloop.config.model import Model
from lakeloop.drift.reference import Reference
from lakeloop.errors import BudgetError, Failure, UsageError
from lakeloop.runs.content import read_content
from lakeloop.runs.context import Context
from lakeloop.runs.engine import types_of
from lakeloop.runs.environment import installed_versions
from lakeloop.runs.history.candidate import Candidate, Fit
from lakeloop.runs.history.kept import Kept
from lakeloop.runs.holdout_judgement import HoldoutRows
from lakeloop.runs.model_inputs import GoldInput, gold_inputs
from lakeloop.runs.references import make_prediction_reference, make_reference
from lakeloop.runs.search import refit_chosen, search_model
from lakeloop.runs.train import measure, training_run_key
from lakeloop.runs.training_data import arrange_rows, hold_training
from lakeloop.runs.training_rows import build_rows
from lakeloop.runs.training_set import TrainingSet, name_training_set
from lakeloop.statuses import Outcome
from lakeloop.tables import identity_hash

if TYPE_CHECKING:
    from lakeloop.registry import LoggedTrial

_PACKAGES = ("lakeloop", "numpy", "pandas", "scikit-learn", "scipy")
_NAMES_OF_A_SET = ("training_set_id", "as_of")
_NO_PART_OF_A_FIT = frozenset({"decide", "description", "owner", "score"})


class Candidates:
    """Trains as of any instant, once; rows and versions are those that the real jobs pin and make.

    Args:
        context: Project, lake and logical now; nothing is written to its tables.
        model: The model's declaration.
        kept: Where what is made is kept.

    Raises:
        UsageError: If the model's training is none that can be done here.

    >>> from tempfile import mkdtemp
    >>> from pathlib import Path
    >>> kept = Kept(Path(mkdtemp()))
    >>> candidate = Candidates(context, context.config.models["late"], kept).at(context.as_of)
    >>> candidate.run_key == context.registry.list_versions("late")[-1].run_key  # of what the turn has trained
    True
    >>> again = Candidates(context, context.config.models["late"], kept).at(context.as_of)
    >>> candidate.fit.was_kept, again.fit.was_kept
    (False, True)
    """

    def __init__(self, context: Context, model: Model, kept: Kept) -> None:
        refuse_unsupported(model)
        self._context, self._model, self._kept = context, model, kept
        self._made: dict[datetime, Candidate] = {}

    @property
    def made(self) -> tuple[Candidate, ...]:
        """The candidates that were asked for."""
        return tuple(self._made.values())

    def at(self, as_of: datetime) -> Candidate:
        """Train as of an instant, or find that it was done.

        Args:
            as_of: The instant, aware, UTC.

        Returns:
            The candidate.

        Raises:
            NotReadyError: If too few days are closed, or a gold table is not built far enough.
            BudgetError: If the rows do not fit the declared memory budget.
        """
        if as_of not in self._made:
            self._made[as_of] = self._make(self._context.at(as_of))
        return self._made[as_of]

    def _make(self, context: Context) -> Candidate:
        model, seed = self._model, context.config.project.seed
        started = time.monotonic()
        set_id = name_training_set(context, model)
        inputs = gold_inputs(context, model)
        identity = identity_hash(set_id, self._name_inputs(context, inputs))
        known = self._kept.read_facts("identities", identity)
        rows = None if known is not None else self._build(context, set_id, inputs)
        if known is None:
            known = _identify(context, rows)
            self._kept.write_facts("identities", identity, known)
        through = datetime.fromisoformat(known["through"])
        pinned = TrainingSet(set_id, model.model, known["rows"], known["hash"], through, -1, Outcome.EMPTY)
        # By what the rows hold, not by what they are called: another policy, or a later turn, finds the fit made.
        fit_key = identity_hash(_fit_spec(model), known["content"], seed, installed_versions(_PACKAGES))
        fit = self._kept.read_fit(fit_key)
        if fit is None:
            rows = self._build(context, set_id, inputs) if rows is None else rows
            fit = self._fit(context, pinned, rows, started)
            self._kept.write_fit(fit_key, fit)
        return Candidate(
            context.as_of,
            pinned,
            training_run_key(context, model, pinned, seed),
            fit,
            Reference.from_json(fit.reference),
            Reference.from_json(fit.prediction_reference),
        )

    def _name_inputs(self, context: Context, inputs: Sequence[GoldInput]) -> list[tuple[str, int]]:
        """Name the tables' versions: what was made from others is made again."""
        lake, model = context.lake, self._model
        bronze = dict.fromkeys((model.predict.from_, model.label.from_))
        found = [(f"bronze.{each}", lake.version(lake.address("bronze", each))) for each in bronze]
        return [*found, *((f"gold.{each.table}", each.version) for each in inputs)]

    def _build(self, context: Context, set_id: str, inputs: Sequence[GoldInput]) -> pa.Table:
        lake, model = context.lake, self._model
        context.progress(f"replay {model.model}: rows of a training as of {context.turn}")
        sources = dict.fromkeys((model.predict.from_, model.label.from_))
        versions = {each: lake.version(lake.address("bronze", each)) for each in sources}
        built, columns = build_rows(context, model, set_id, tuple(inputs), versions)
        held = hold_training(context.config, model, "the training set", built.matured, types_of(columns))
        budget = context.config.project.memory_budget_mib
        if held.mib is None or held.mib > budget:
            found = Failure("memory", f"{built.matured} rows need about {held.mib} MiB, declared are {budget}")
            raise BudgetError(f"replay of model {model.model}", [found], "raise memory_budget_mib in project.yml")
        if isinstance(built.rows, pa.Table):
            return built.rows
        return built.rows.toArrow()  # bounded: refused above

    def _fit(self, context: Context, pinned: TrainingSet, rows: pa.Table, started: float) -> Fit:
        model, seed = self._model, context.config.project.seed
        data = arrange_rows(context.config, model, pinned, rows)
        chosen = search_model(context, model, data, Unlogged(), seed)
        metrics, scores = measure(model, data, chosen)
        serves = refit_chosen(context, model, data, chosen, seed) if model.split.refit else chosen.pipeline
        return Fit(
            serves,
            chosen.pipeline,
            HoldoutRows.of(model, data),
            make_reference(context, model, data).to_json(),
            make_prediction_reference(model, data, scores).to_json(),
            metrics,
            chosen.params,
            time.monotonic() - started,
        )


class Unlogged:
    """A log of trials that keeps none: a replay records in no tracking store."""

    def __init__(self) -> None:
        self.known: dict[int, LoggedTrial] = {}

    def log_trial(self, trial: LoggedTrial) -> None:
        """Keep nothing.

        Args:
            trial: A trial that has ended.

        >>> Unlogged().log_trial(None)
        """


def refuse_unsupported(model: Model) -> None:
    """Refuse a model that a replay cannot train or judge.

    Args:
        model: The model's declaration.

    Raises:
        UsageError: If it is of several classes, samples its rows, or is fitted by Spark.

    >>> refuse_unsupported(shops.models["late"])
    """
    got = None
    if model.label.classes:
        got = "a label of several classes"
    elif model.split.sample is not None:
        got = "split.sample"
    elif model.estimator.distributed:
        got = "an estimator that is fitted by Spark"
    if got is not None:
        allowed = "a model of a number or of yes and no, that is trained on all its rows in one process"
        raise UsageError(f"replay {model.model}", got, allowed, "replay another model, or declare it otherwise")


def _fit_spec(model: Model) -> dict[str, object]:
    """What of a declaration a fit and its references depend on: another policy finds them made."""
    declared = model.model_dump(mode="json", by_alias=True)
    return {name: each for name, each in declared.items() if name not in _NO_PART_OF_A_FIT}


def _identify(context: Context, rows: pa.Table) -> dict[str, Any]:
    """Hash the rows as they would be pinned, and apart from the name and the instant that they are pinned by."""
    frame = frame_of(context.spark, rows)
    pinned, content = read_content(frame), read_content(frame.drop(*_NAMES_OF_A_SET))
    return {
        "rows": pinned.rows,
        "hash": pinned.digest,
        "through": pinned.data_through.isoformat(),
        "content": content.digest,
    }
