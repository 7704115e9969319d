"""The rows that each turn of history would have scored, and what was known of their labels by each turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import functions as F

from lakeloop.arrow_frame import frame_of
from lakeloop.config.columns import input_columns
from lakeloop.config.model import Model
from lakeloop.config.score import LateRows
from lakeloop.errors import BudgetError, Failure
from lakeloop.labels.closing import attach_labels
from lakeloop.labels.found import CONFLICT, KNOWN_TS
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.runs.context import Context
from lakeloop.runs.history.kept import Kept
from lakeloop.runs.model_inputs import add_in_process, add_on_spark, gold_inputs, held_by_join
from lakeloop.runs.spine import spine_as_of
from lakeloop.runs.training_set import rows_spec_hash
from lakeloop.runs.truth import read_truth
from lakeloop.statuses import LabelStatus
from lakeloop.tables import identity_hash

_COPIES = 3
_LABEL_COLUMNS = ("label", "label_status", "block_date", "label_available_ts", KNOWN_TS, CONFLICT)


@dataclass(frozen=True)
class TurnRows:
    """The rows that one turn scores.

    Attributes:
        first: Place of the first of them among all scored rows of the history.
        table: One row per spine row, as a prediction table has them, without scores.
        frame: Model inputs, as a pipeline is given them.
        seconds: `prediction_ts` as seconds since the epoch, shape [n_rows].
    """

    first: int
    table: pa.Table
    frame: pd.DataFrame
    seconds: NDArray[np.float64]


@dataclass(frozen=True)
class KnownLabels:
    """What a turn knows of the labels of all rows that were scored up to it, in the order of the history.

    Attributes:
        label: Labels; NaN unless matured, shape [n_rows].
        status: `LabelStatus` values, shape [n_rows].
        block: Local day of `prediction_ts`, datetime64[D], shape [n_rows].
        closed_day: The period's local day, datetime64[D], shape [n_rows].
        available_seconds: `label_available_ts` as seconds since the epoch, shape [n_rows].
        delay_seconds: From the prediction to when the truth was known; NaN unless matured, shape [n_rows].
        conflict: Whether rows of the label's source disagree, shape [n_rows].
        never: Whether the row never closes, shape [n_rows].
    """

    label: NDArray[np.float64]
    status: NDArray[np.str_]
    block: NDArray[np.datetime64]
    closed_day: NDArray[np.datetime64]
    available_seconds: NDArray[np.float64]
    delay_seconds: NDArray[np.float64]
    conflict: NDArray[np.bool_]
    never: NDArray[np.bool_]

    @property
    def matured(self) -> NDArray[np.bool_]:
        """Rows whose label is known and final."""
        return np.asarray(self.status == LabelStatus.MATURED.value)


class ScoredHistory:
    """Rows and labels turn by turn, read when they are first asked for and kept.

    A turn scores the spine rows that have landed by it and that no turn before has scored, as `lakeloop score` does;
    labels are those of the sources as of the turn, so that what was corrected later is seen later.

    Args:
        context: Project, lake and logical now; nothing is written to its tables.
        model: The model's declaration.
        turns: The turns, in order.
        after: `trained_through` of the first champion: up to then nothing could have answered.
        first: The turn that made the first champion; those after it score.
        kept: Where what is read is kept.

    >>> from tempfile import mkdtemp
    >>> from pathlib import Path
    >>> from lakeloop.runs.promotions import read_promotions
    >>> first, newest = read_promotions(context, "late")
    >>> turns, model = [first.as_of, newest.as_of], context.config.models["late"]
    >>> history = ScoredHistory(context, model, turns, first.trained_through, first.as_of, Kept(Path(mkdtemp())))
    >>> history.rows(context.as_of).table.num_rows, int(history.labels(context.as_of).matured.sum())
    (246, 209)
    >>> len(history.turns_up_to(context.as_of))
    1
    """

    def __init__(
        self,
        context: Context,
        model: Model,
        turns: Sequence[datetime],
        after: datetime,
        first: datetime,
        kept: Kept,
    ) -> None:
        self._context, self._model, self._kept, self._after = context, model, kept, after
        self._turns = [each for each in turns if each > first]
        self._places = {each: place for place, each in enumerate(self._turns)}
        self._rows: list[TurnRows] = []
        self._keys = [identity_hash(rows_spec_hash(context, model), after.isoformat(), *self._versions())]
        self._labels: dict[datetime, KnownLabels] = {}
        self._ids: pa.Array = pa.array([], pa.string())

    def turns_up_to(self, as_of: datetime) -> list[datetime]:
        """List the turns that score, up to one of them."""
        return self._turns[: self._places[as_of] + 1]

    def rows(self, as_of: datetime) -> TurnRows:
        """Give the rows that a turn scores.

        Args:
            as_of: The turn.

        Returns:
            Its rows.

        Raises:
            NotReadyError: If a gold table is not built far enough.
            BudgetError: If the rows of the history do not fit the declared memory budget.
        """
        while len(self._rows) <= self._places[as_of]:
            self._add(self._turns[len(self._rows)])
        return self._rows[self._places[as_of]]

    def labels(self, as_of: datetime) -> KnownLabels:
        """Give what a turn knows of the labels of all rows scored up to it.

        Args:
            as_of: The turn.

        Returns:
            The labels, in the order in which the rows were scored.
        """
        if as_of not in self._labels:
            self.rows(as_of)
            self._labels[as_of] = self._read_labels(as_of)
        return self._labels[as_of]

    def _versions(self) -> list[tuple[str, int]]:
        lake, model = self._context.lake, self._model
        bronze = [lake.address("bronze", each) for each in dict.fromkeys((model.predict.from_, model.label.from_))]
        gold = [lake.address("gold", each) for each in sorted({each.split(".")[0] for each in model.features})]
        return [(str(each), lake.version(each)) for each in (*bronze, *gold) if lake.exists(each)]

    def _add(self, as_of: datetime) -> None:
        context = self._context.at(as_of)
        key = identity_hash(self._keys[-1], context.turn)
        table = self._kept.read_rows("scored", key)
        if table is None:
            context.progress(f"replay {self._model.model}: rows scored as of {context.turn}")
            table = self._read_rows(context)
            self._kept.write_rows("scored", key, table)
        first = self._rows[-1].first + self._rows[-1].table.num_rows if self._rows else 0
        inputs = input_columns(context.config, self._model)
        typed = pa.table({name: as_model_input(table[name]) for name in inputs})
        frame = typed.to_pandas()  # bounded: refused beyond the budget
        seconds = np.asarray(as_model_input(table["prediction_ts"]).to_numpy(), dtype=np.float64)
        self._rows.append(TurnRows(first, table, frame, seconds))
        self._keys.append(key)
        self._ids = pa.concat_arrays([self._ids, _one(table["prediction_id"])])

    def _read_rows(self, context: Context) -> pa.Table:
        model = self._model
        inputs = gold_inputs(context, model)
        spine = spine_as_of(context, model, after=self._after)
        place = self._places[context.as_of]
        if model.score.late is LateRows.LEAVE_OUT and place:
            spine = spine.where(F.col("prediction_ts") > F.lit(self._turns[place - 1]))
        counted = spine.count()
        held = held_by_join(context, model, inputs, spine.schema, counted, copies=_COPIES)
        budget = context.config.project.memory_budget_mib
        needed = held[0].mib  # of the joined rows
        if needed is not None and needed > budget:
            found = Failure("memory", f"{counted} scored rows need about {needed} MiB, declared are {budget}")
            raise BudgetError(
                f"replay of model {model.model}",
                [found],
                "replay a shorter stretch, or raise memory_budget_mib in project.yml",
            )
        if context.config.project.catalog is None:
            rows: pa.Table = spine.toArrow()  # bounded: refused above
            new = rows.filter(pc.invert(pc.is_in(rows["prediction_id"], self._ids)))
            return add_in_process(context, model, new, inputs).sort_by("prediction_id")
        joined: pa.Table = add_on_spark(context, model, spine, inputs).toArrow()  # bounded: refused above
        return joined.filter(pc.invert(pc.is_in(joined["prediction_id"], self._ids))).sort_by("prediction_id")

    def _read_labels(self, as_of: datetime) -> KnownLabels:
        context, model, label = self._context.at(as_of), self._model, self._model.label
        place = self._places[as_of]
        columns = list(dict.fromkeys(("prediction_id", "prediction_ts", *model.predict.id, *label.on, label.closes.of)))
        scored = pa.concat_tables([each.table.select(columns) for each in self._rows[: place + 1]])
        found = self._kept.read_rows("labels", self._keys[place + 1])
        if found is None:
            context.progress(f"replay {model.model}: labels as of {context.turn}")
            rows = frame_of(context.spark, scored)
            labelled = attach_labels(rows, read_truth(context, model), model.predict, label, as_of)
            found = labelled.select("prediction_id", *_LABEL_COLUMNS).toArrow()  # bounded: rows that are here
            order = pc.index_in(scored["prediction_id"], found["prediction_id"])
            found = found.take(order).drop_columns(["prediction_id"])  # bounded: rows that are here
            self._kept.write_rows("labels", self._keys[place + 1], found)
        return _known(scored, found, label.closes.of, label.closes.timezone)


def _known(scored: pa.Table, found: pa.Table, closes_of: str, timezone: str) -> KnownLabels:
    predicted = _seconds(scored["prediction_ts"])
    return KnownLabels(
        found["label"].to_numpy().astype(np.float64),
        np.array(found["label_status"].to_pylist(), dtype=np.str_),
        _local_days(scored["prediction_ts"], timezone),
        found["block_date"].to_numpy().astype("datetime64[D]"),
        _seconds(found["label_available_ts"]),
        _seconds(found[KNOWN_TS]) - predicted,
        np.asarray(pc.fill_null(found[CONFLICT], False).to_numpy(), dtype=np.bool_),
        np.asarray(scored[closes_of].is_null().to_numpy(), dtype=np.bool_),
    )


def _seconds(instants: pa.ChunkedArray) -> NDArray[np.float64]:
    """Seconds since the epoch; NaN of null."""
    micros = instants.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).cast(pa.float64())
    return np.asarray(micros.to_numpy(), dtype=np.float64) / 1e6


def _local_days(instants: pa.ChunkedArray, timezone: str) -> NDArray[np.datetime64]:
    local = pc.local_timestamp(instants.cast(pa.timestamp("us", timezone)))
    return np.asarray(local.to_numpy()).astype("datetime64[D]")


def _one(column: pa.ChunkedArray) -> pa.Array:
    found = column.cast(pa.string()).combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found
