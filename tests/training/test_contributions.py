"""Shapley values by permutation sampling: what holds exactly, and what up to the orders drawn."""

from __future__ import annotations

from itertools import permutations as orders_of

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from lakeloop.config.metric import Task
from lakeloop.errors import DistributionError
from lakeloop.training.contributions import Contributions, shapley_contributions
from lakeloop.training.fitting import predict_scores


def draw_frame(count, seed=0, columns=("a", "b", "c")):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: rng.normal(size=count) for name in columns})


def explain(score, rows, background, *, permutations=2, seed=7, ids=None, **more):
    names = [f"id-{place}" for place in range(len(rows))] if ids is None else ids
    return shapley_contributions(score, rows, background, names, permutations=permutations, seed=seed, **more)


def pairwise(frame):
    """No more than two inputs act together."""
    a, b, c = (frame[name].to_numpy(float) for name in "abc")
    return a * b + np.sin(3 * b * c) + np.where(a > 0.2, c**2, -1.0)


def crooked(frame):
    """All three inputs act together, too."""
    a, b, c = (frame[name].to_numpy(float) for name in "abc")
    return pairwise(frame) + a * b * c + np.where(a + b > 0.2, c**2, -b)


def exact(score, row, background):
    """Shapley values by all orders over the whole background."""
    names = list(row.columns)
    values = np.zeros(len(names))
    walks = list(orders_of(range(len(names))))
    for order in walks:
        mixed = background.copy()
        before = score(mixed).mean()
        for place in order:
            mixed[names[place]] = row[names[place]].iloc[0]
            after = score(mixed).mean()
            values[place] += after - before
            before = after
    return values / len(walks)


@given(seed=st.integers(0, 2**32), size=st.integers(1, 7), permutations=st.sampled_from([2, 4, 6]))
def test_contributions_add_up_to_the_score_minus_the_baseline(seed, size, permutations):
    rows, background = draw_frame(3, seed), draw_frame(size, seed + 1)
    found = explain(crooked, rows, background, permutations=permutations)
    assert found.values.shape == (3, 3)
    assert found.scores.tolist() == crooked(rows).tolist()
    assert found.baselines == pytest.approx([crooked(background).mean()] * 3, abs=1e-12)
    assert found.values.sum(axis=1) == pytest.approx(found.scores - found.baselines, abs=1e-9)


def test_a_linear_model_gets_its_exact_values():
    weights = np.array([2.0, -0.5, 4.0])
    rows, background = draw_frame(5), draw_frame(9, seed=1)
    found = explain(lambda frame: frame.to_numpy(float) @ weights + 3.0, rows, background)
    assert found.values == pytest.approx((rows - background.mean()).to_numpy() * weights, abs=1e-12)


def test_a_column_that_the_model_ignores_gets_nothing():
    rows, background = draw_frame(4, columns="abcd"), draw_frame(6, seed=1, columns="abcd")
    found = explain(crooked, rows, background)
    assert found.columns == ("a", "b", "c", "d")
    assert found.values[:, 3].tolist() == [0.0] * 4
    assert (np.abs(found.values[:, :3]) > 0).all()


def test_columns_that_do_the_same_get_the_same_up_to_the_orders_drawn():
    row = pd.DataFrame({"a": [1.0], "b": [1.0], "c": [0.5]})
    background = draw_frame(40, seed=1)
    background["b"] = background["a"]

    def score(frame):
        a, b, c = (frame[name].to_numpy(float) for name in "abc")
        return a * b * c + a + b

    found = explain(score, row, background, permutations=20)
    assert found.values[0, 0] == pytest.approx(found.values[0, 1], abs=0.05)
    assert found.values[0] == pytest.approx(exact(score, row, background), abs=0.05)


def test_where_two_inputs_act_together_at_most_an_order_and_its_reverse_are_exact():
    row, background = draw_frame(1), draw_frame(4, seed=1)
    assert explain(pairwise, row, background).values[0] == pytest.approx(exact(pairwise, row, background), abs=1e-12)


def test_more_orders_come_nearer_to_all_orders():
    row, background = draw_frame(1), draw_frame(10, seed=1)
    whole = exact(crooked, row, background)
    errors = [np.abs(explain(crooked, row, background, permutations=n).values[0] - whole).max() for n in (2, 200)]
    assert errors[1] < 0.05
    assert errors[1] < errors[0]


def test_a_row_gets_the_same_answer_whatever_is_explained_with_it():
    rows, background = draw_frame(6), draw_frame(8, seed=1)
    ids = [f"id-{place}" for place in range(6)]
    together = explain(crooked, rows, background)
    alone = explain(crooked, rows.iloc[[4]], background, ids=[ids[4]])
    assert alone.values[0] == pytest.approx(together.values[4], abs=1e-12)
    again = explain(crooked, rows, background)
    assert again.values.tolist() == together.values.tolist()
    other = explain(crooked, rows, background, seed=8)
    assert other.values.tolist() != together.values.tolist()


@pytest.mark.parametrize("rows_at_once", [1, 5, 37, 10**6])
def test_batches_change_nothing(rows_at_once):
    rows, background = draw_frame(3), draw_frame(5, seed=1)
    sizes = []

    def counted(frame):
        sizes.append(len(frame))
        return crooked(frame)

    found = explain(counted, rows, background, rows_at_once=rows_at_once)
    assert found.values == pytest.approx(explain(crooked, rows, background).values, abs=1e-12)
    assert sum(sizes) == 3 + 5 + 3 * 5 * 2 * 2  # rows, background, walks with two stations between their ends
    assert max(sizes[2:]) <= max(2, rows_at_once)


def test_texts_and_missing_values_are_values():
    frame = pd.DataFrame({"shop": ["A", "B", None, "A"] * 30, "items": [1.0, 2.0, np.nan, 4.0] * 30})
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["shop"]), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5),
    ).fit(frame, [True, False, False, True] * 30)
    rows = pd.DataFrame({"shop": [None, "Z", "B"], "items": [np.nan, 3.0, np.nan]})
    found = explain(lambda some: predict_scores(Task.CLASSIFICATION, model, some), rows, frame.head(7))
    assert np.isfinite(found.values).all()
    assert found.values.sum(axis=1) == pytest.approx(found.scores - found.baselines, abs=1e-9)


def test_a_row_of_several_classes_is_explained_by_its_own_class():
    weights = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]])
    rows, background = draw_frame(2, columns="ab"), draw_frame(4, seed=1, columns="ab")
    found = explain(lambda frame: frame.to_numpy(float) @ weights.T, rows, background, outputs=np.array([2, 1]))
    expected = (rows - background.mean()).to_numpy() * weights[[2, 1]]
    assert found.values == pytest.approx(expected, abs=1e-12)
    assert found.baselines == pytest.approx((background.mean().to_numpy() * weights[[2, 1]]).sum(axis=1), abs=1e-12)


def test_one_column_has_all_of_it():
    rows, background = draw_frame(2, columns="a"), draw_frame(3, seed=1, columns="a")
    found = explain(lambda frame: frame["a"].to_numpy(float) ** 2, rows, background)
    assert found.values[:, 0] == pytest.approx(found.scores - found.baselines, abs=1e-12)


def test_no_rows_are_no_contributions():
    found = explain(crooked, draw_frame(0), draw_frame(3))
    assert (found.values.shape, found.scores.size, found.baselines.size) == ((0, 3), 0, 0)


def test_the_row_that_is_the_background_differs_by_nothing():
    row = draw_frame(1)
    assert explain(crooked, row, row).values.tolist() == [[0.0, 0.0, 0.0]]


def test_the_largest_come_first_whichever_way_and_ties_as_the_columns_stand():
    found = Contributions(("a", "b", "c", "d"), np.array([[0.1, -0.4, 0.4, 0.0]]), np.array([0.6]), np.array([0.5]))
    assert found.top(0, 3) == [("b", -0.4), ("c", 0.4), ("a", 0.1)]
    assert [name for name, _ in found.top(0, 20)] == ["b", "c", "a", "d"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"background": draw_frame(0)}, "background"),
        ({"background": draw_frame(3, columns="abd")}, "background"),
        ({"permutations": 3}, "permutations"),
        ({"permutations": 0}, "permutations"),
        ({"ids": ["one"]}, "ids"),
        ({"outputs": np.array([0])}, "ids"),
    ],
)
def test_what_does_not_fit_is_refused(changes, name):
    given = {"rows": draw_frame(2), "background": draw_frame(3)} | changes
    with pytest.raises(DistributionError) as refused:
        explain(crooked, **given)
    assert refused.value.name == name
