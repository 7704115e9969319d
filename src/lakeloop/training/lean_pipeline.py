"""A fitted pipeline for single rows: the same numbers from the same fitted steps, without frames between them.

To select columns, to check and to wrap what each step gives costs milliseconds, for one row as for a thousand; the
arithmetic costs microseconds. What is here does the arithmetic alone. It stands in for a pipeline only where
`make_lean` has seen it answer the same bits for rows that try every branch, and never where a step is unknown to it.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline

from lakeloop.on_demand.calls import bind_calls
from lakeloop.on_demand.transformer import OnDemandColumns
from lakeloop.training.category_steps import CategoryColumns, CategoryNumbers
from lakeloop.training.number_steps import (
    IqrClipper,
    NullSafeScaler,
    QuantileBinner,
    QuantileClipper,
    SignedLog,
    UniformBinner,
)

Columns = Mapping[str, NDArray[Any]]
"""Column -> its values, shape (n_rows,): doubles, or objects for texts; missing is NaN."""

_Matrix = NDArray[Any]
_Step = Callable[[_Matrix], _Matrix]
_Branch = tuple[tuple[str, ...], tuple[_Step, ...]]
_UNSEEN = "\x00unseen"
_PROBES = (0.0, 1.0, -1.0, 0.5, 40.0, -3e3, 1e9)


class _UnknownStepError(Exception):
    """A step that is not known here: the pipeline itself answers."""


class LeanPipeline:
    """What a fitted pipeline answers, from plain columns.

    Args:
        pipeline: On-demand columns, preprocessing, estimator; fitted.
        named: Whether the estimator is given a frame with names, which some ask for.
        by_column: Whether what it is given lies in memory by column, as frames do: sums of a linear model differ by it.

    Attributes:
        classes_: Those of the pipeline; None of a regression.

    Example:
    >>> from sklearn.linear_model import LogisticRegression
    >>> rows = pd.DataFrame({"miles": [1.0, 2.0, 30.0, 40.0]})
    >>> first = OnDemandColumns({}, "UTC", ["miles"])
    >>> middle = ColumnTransformer([("group_0", NullSafeScaler(), ["miles"])], verbose_feature_names_out=False)
    >>> fitted = Pipeline([("a", first), ("b", middle), ("c", LogisticRegression())]).fit(rows, [0, 0, 1, 1])
    >>> lean, one = LeanPipeline(fitted), np.array([5.0])
    >>> np.array_equal(lean.predict_proba({"miles": one}), fitted.predict_proba(pd.DataFrame({"miles": one})))
    True
    """

    def __init__(self, pipeline: Pipeline, *, named: bool = False, by_column: bool = False) -> None:
        on_demand, preprocessing, self._estimator = (step for _, step in pipeline.steps)
        self.classes_ = getattr(pipeline, "classes_", None)
        self._calls = bind_calls(on_demand.calls, on_demand.timezone)
        self._columns, self._by_column = tuple(on_demand.columns), by_column
        self._numbers = frozenset(on_demand.numeric_columns_)
        self._empty = frozenset(getattr(on_demand, "empty_columns_", ()))
        self._branches = _branches(preprocessing)
        self._names = [str(name) for name in preprocessing.get_feature_names_out()] if named else None
        if not named:
            self._estimator = copy.copy(self._estimator)
            vars(self._estimator).pop("feature_names_in_", None)

    def predict_proba(self, columns: Columns) -> NDArray[np.float64]:
        """Give the probabilities of rows, shape (n_rows, n_classes)."""
        return np.asarray(self._estimator.predict_proba(self._prepare(columns)), dtype=np.float64)

    def predict(self, columns: Columns) -> NDArray[Any]:
        """Give the predictions of rows, shape (n_rows,)."""
        return np.asarray(self._estimator.predict(self._prepare(columns)))

    def _prepare(self, columns: Columns) -> Any:
        selected = self._select(columns)
        made: list[_Matrix] = []
        for names, steps in self._branches:
            taken = [selected[name] for name in names]
            is_text = any(each.dtype == object for each in taken)
            matrix = np.empty((len(taken[0]), len(taken)), dtype=object if is_text else np.float64)
            for place, each in enumerate(taken):
                matrix[:, place] = each
            for step in steps:
                matrix = step(matrix)
            made.append(matrix)
        values = np.concatenate(made, axis=1) if len(made) > 1 else made[0]
        values = np.asfortranarray(values) if self._by_column else values
        return values if self._names is None else pd.DataFrame(values, columns=self._names)

    def _select(self, columns: Columns) -> dict[str, NDArray[Any]]:
        on_demand = {call.name: call(columns) for call in self._calls}
        selected = {}
        for name in self._columns:
            values = on_demand[name] if name in on_demand else columns[name]
            is_number = name in self._numbers
            if name in self._empty:
                values = np.full(len(values), np.nan, dtype=np.float64 if is_number else object)
            elif is_number != (values.dtype == np.float64):
                values = values.astype(np.float64 if is_number else object)
            selected[name] = values
        return selected


def _branches(preprocessing: ColumnTransformer) -> tuple[_Branch, ...]:
    found = []
    for name, step, columns in preprocessing.transformers_:
        if name == "remainder":
            if step != "drop":
                raise _UnknownStepError(name)
            continue
        chain = [each for _, each in step.steps] if isinstance(step, Pipeline) else [step]
        found.append((tuple(columns), tuple(made for each in chain if (made := _lean_step(each)) is not None)))
    if not found:
        raise _UnknownStepError("no columns")
    return tuple(found)


def _lean_step(step: Any) -> _Step | None:
    kind = type(step)
    if kind in (QuantileClipper, IqrClipper):
        return lambda rows: np.where(np.isnan(rows), np.nan, np.fmax(np.fmin(rows, step.upper_), step.lower_))
    if kind in (QuantileBinner, UniformBinner):
        return lambda rows: _bins(rows, step.edges_)
    if kind is SignedLog:
        return lambda rows: np.asarray(np.sign(rows) * np.log1p(np.abs(rows)))
    if kind is NullSafeScaler:
        return lambda rows: (rows - step.mean_) / step.scale_
    if kind is SimpleImputer:
        return _imputer(step)
    if kind is MissingIndicator:
        return lambda rows: pd.isna(rows)[:, step.features_].astype(np.float64)
    if kind is CategoryColumns:
        return _looked_up(_column_codes(step))
    if kind is CategoryNumbers:
        return _looked_up(_number_codes(step))
    if kind.__name__ == "FunctionTransformer" and step.func is None:  # a fitted "passthrough"
        return None
    raise _UnknownStepError(kind.__name__)


def _bins(rows: _Matrix, edges: Sequence[NDArray[np.float64]]) -> _Matrix:
    ranks = [np.searchsorted(of, column, side="right") for of, column in zip(edges, rows.T, strict=True)]
    return np.where(np.isnan(rows), np.nan, np.column_stack(ranks).astype(np.float64))


def _imputer(step: SimpleImputer) -> _Step:
    filled = step.statistics_

    def impute(rows: _Matrix) -> _Matrix:
        return np.where(pd.isna(rows), filled.astype(rows.dtype), rows)

    return impute


def _looked_up(codes: Sequence[tuple[dict[Any, _Matrix], _Matrix, _Matrix]]) -> _Step:
    """Encode by tables: per column category -> its columns, those of unseen ones, and those of missing ones."""

    def encode(rows: _Matrix) -> _Matrix:
        return np.concatenate(
            [
                np.stack([missing if value != value else known.get(value, unseen) for value in column])
                for column, (known, unseen, missing) in zip(rows.T.tolist(), codes, strict=True)
            ],
            axis=1,
        )

    return encode


def _column_codes(step: CategoryColumns) -> list[tuple[dict[Any, _Matrix], _Matrix, _Matrix]]:
    if step.handle_unknown == "error":  # it refuses rows, and tells how many
        raise _UnknownStepError("a step that refuses unseen categories")
    names = [str(name) for name in getattr(step, "feature_names_in_", range(step.n_features_in_))]
    codes, start = [], 0
    for place, (known, width) in enumerate(zip(step.categories_, step._n_features_outs, strict=True)):
        is_number = known.dtype != object
        asked = [*known.tolist(), -1.5e300 if is_number else _UNSEEN, np.nan]
        rows = {
            name: asked if each == place else [step.categories_[each][0]] * len(asked)
            for each, name in enumerate(names)
        }
        typed = {
            name: np.array(values, dtype=np.float64 if step.categories_[each].dtype != object else object)
            for each, (name, values) in enumerate(rows.items())
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unseen categories, which are asked for on purpose
            encoded = np.asarray(step.transform(pd.DataFrame(typed)), dtype=np.float64)
        own = encoded[:, start : start + width]
        codes.append((dict(zip(known.tolist(), own, strict=False)), own[-2], own[-1]))
        start += width
    return codes


def _number_codes(step: CategoryNumbers) -> list[tuple[dict[Any, _Matrix], _Matrix, _Matrix]]:
    missing = np.array([np.nan if step.missing is None else float(step.missing)])
    unseen = np.array([float(step.unseen)])
    return [
        (
            {name: np.array([float(place)]) for place, name in enumerate(frequent)}
            | {name: np.array([float(step.rare)]) for name in rare},
            unseen,
            missing,
        )
        for frequent, rare in zip(step.frequent_, step.rare_, strict=True)
    ]


def make_lean(
    pipeline: Any, inputs: Sequence[str], texts: Sequence[str], instants: Sequence[str]
) -> LeanPipeline | None:
    """Make the lean form of a fitted pipeline, and hold it to the pipeline's own answers.

    Args:
        pipeline: The fitted pipeline.
        inputs: Columns that it is given.
        texts: Those of them that hold texts.
        instants: Those of them that hold seconds since the epoch.

    Returns:
        The lean form; None where a step is unknown, or one answer differs in one bit.

    >>> make_lean(Pipeline([("estimator", None)]), ["miles"], [], []) is None
    True
    """
    if not isinstance(pipeline, Pipeline) or [type(step) for _, step in pipeline.steps[:-1]] != [
        OnDemandColumns,
        ColumnTransformer,
    ]:
        return None
    texts = text_inputs(pipeline, inputs, texts)
    for named, by_column in product((False, True), repeat=2):
        try:
            lean = LeanPipeline(pipeline, named=named, by_column=by_column)
            found = {_agree(lean, pipeline, rows) for rows in _probe_rows(pipeline, inputs, texts, instants)}
        except Exception:  # noqa: BLE001, S112 - whatever it is, the pipeline itself answers instead
            continue
        if True in found and False not in found:
            return lean
    return None


def text_inputs(pipeline: Any, inputs: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Tell which columns that a pipeline is given hold texts: those known to, and those that it took for no numbers.

    Args:
        pipeline: The fitted pipeline.
        inputs: Columns that it is given.
        texts: Those that are known to hold texts.

    Returns:
        Their names, in the order of `inputs`.

    >>> step = OnDemandColumns({}, "UTC", ["miles", "tail"]).fit(pd.DataFrame({"miles": [1.0], "tail": ["N1"]}))
    >>> text_inputs(Pipeline([("on_demand", step)]), ["miles", "tail", "shop"], ["shop"])
    ['tail', 'shop']
    """
    first = pipeline.steps[0][1] if isinstance(pipeline, Pipeline) else None
    named = set(texts)
    if isinstance(first, OnDemandColumns):
        named |= set(first.columns) - set(first.numeric_columns_)
    return [name for name in inputs if name in named]


def _probe_rows(
    pipeline: Pipeline, inputs: Sequence[str], texts: Sequence[str], instants: Sequence[str]
) -> list[dict[str, NDArray[Any]]]:
    """Make rows that try every branch: missing, usual and extreme numbers, every category, an unseen one."""
    known: dict[str, list[Any]] = {}
    for _, step, columns in pipeline.steps[1][1].transformers_:
        for each in [part for _, part in step.steps] if isinstance(step, Pipeline) else [step]:
            if isinstance(each, CategoryColumns | CategoryNumbers):
                found = each.categories_ if isinstance(each, CategoryColumns) else each.frequent_
                known |= {name: [*values] for name, values in zip(columns, found, strict=True)}
    rng = np.random.default_rng(0)
    rows = max([40, *(len(values) + 2 for values in known.values())])
    columns_of_probe: dict[str, NDArray[Any]] = {}
    for name in inputs:
        if name in texts:
            values = [*known.get(name, []), _UNSEEN, np.nan]
            columns_of_probe[name] = np.array([values[row % len(values)] for row in range(rows)], dtype=object)
        elif name in instants:
            columns_of_probe[name] = np.where(rng.random(rows) < 0.1, np.nan, rng.uniform(0, 4e9, rows))
        else:
            drawn = rng.choice(_PROBES, rows) * rng.choice([1.0, rng.random()], rows)
            columns_of_probe[name] = np.where(rng.random(rows) < 0.2, np.nan, drawn)
    whole = {
        name: np.where(pd.isna(values), _UNSEEN if values.dtype == object else 1.0, values)
        for name, values in columns_of_probe.items()
    }
    first = {name: values[:1] for name, values in whole.items()}
    nothing = {name: np.array([np.nan], dtype=values.dtype) for name, values in whole.items()}
    return [columns_of_probe, whole, first, nothing]


def _agree(lean: LeanPipeline, pipeline: Pipeline, rows: dict[str, NDArray[Any]]) -> bool | None:
    """Tell whether both answer the same bits; None where both refuse the rows."""
    method = "predict_proba" if hasattr(pipeline, "predict_proba") else "predict"

    def answer(model: Any, given: Any) -> tuple[NDArray[Any] | None, int]:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                return np.asarray(getattr(model, method)(given)), len(said)
            except ValueError:  # missing values, by an estimator that takes none
                return None, len(said)

    mine, warned = answer(lean, rows)
    theirs, their_warnings = answer(pipeline, pd.DataFrame(rows))
    if mine is None or theirs is None:
        return None if mine is theirs else False
    is_equal = np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f")
    return bool(is_equal and mine.dtype == theirs.dtype and warned <= their_warnings)
