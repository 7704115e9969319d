"""The notebooks on features, training sets, drift and replay say what is true of the small project after its turns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.notebooks.executing import complaints, execute_together, pictures, shown
from tests.shared import finished_project

pytestmark = [
    pytest.mark.slow,  # a kernel with a Spark session of its own, and five trainings of the replays
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the notebook client and its message loop
]

FIGURES = {
    "explore_the_feature_store.ipynb": 1,
    "a_training_sets_life.ipynb": 1,
    "reading_drift.ipynb": 2,
    "replay.ipynb": 1,
}


@pytest.fixture(scope="module")
def executed() -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKELOOP_PROJECT", str(finished_project().root))
        patch.delenv("LAKELOOP_ENV", raising=False)
        yield execute_together(list(FIGURES))


@pytest.mark.parametrize("name", list(FIGURES))
def test_a_notebook_draws_its_figures_and_complains_of_nothing(executed, name):
    assert pictures(executed[name]) == FIGURES[name]
    assert complaints(executed[name]) == []


def test_the_feature_store_is_explored(executed):
    text = shown(executed["explore_the_feature_store.ipynb"])
    assert "shop_delays shop windowed deliveries 1h 4 late" in text
    assert "-> gold.shop_delays.mean_is_late_6h" in text  # the lineage
    assert "label         stands on column deliveries.delay_minutes" in text  # what a change would break
    assert "shop_last 2024-02-04 00:00 694" in text  # how fresh
    by_hand, pinned = re.findall(r"(?:by hand|in the training) +([\d.]+), ", text)
    assert by_hand == pinned
    assert float(by_hand) > 0
    assert "the same: True" in text
    assert "741 rows, of which the as-of join agrees in 741" in text
    assert "737 look-ups are OK\n4 look-ups are NO_ROW" in text


def test_a_training_set_is_followed(executed):
    text = shown(executed["a_training_sets_life.ipynb"])
    assert re.search(r"[0-9a-f]{8} 2024-02-04 00:00 741 LIVE 2$", text, re.MULTILINE)
    assert "bronze.orders 2 " in text  # the manifest
    assert "train 2024-01-01 2024-01-23 23 514" in text
    assert "holdout 2024-01-29 2024-02-02 5 112" in text
    assert "REPRODUCED: 513 rows of 513" in text
    pinned, made = re.findall(r"(?:pinned|made now) +([0-9a-f]{32})", text)
    assert pinned == made
    assert "bronze.deliveries 1 2" in text  # the input has grown since
    assert "228 only in the newer\n220 rows of both differ: _split in 220\nfeatures that differ: none" in text
    assert "inputs that would break a set: 0" in text
    assert "champion: version 2 was trained on it" in text  # its set is not released
    assert re.search(r"2 gate promoted 2024-02-04 [0-9a-f]{8}", text)
    learned = re.search(r"5 features, 514 rows to learn from, 112 .*\nROC AUC of the holdout: ([\d.]+)", text)
    assert learned is not None
    assert 0.6 < float(learned[1]) < 1


def test_a_verdict_is_computed_again(executed):
    text = shown(executed["reading_drift.ipynb"])
    assert "2024-01-25 2024-01-28 1 8 1 1 0" in text  # 8 columns stable, no verdict on the score, the label drifted
    assert "INSUFFICIENT_REFERENCE 3 1" in text
    assert "items 2024-01-28 2024-01-31 contract psi 0.345 0.674 0.512 STABLE" in text
    assert "psi: by hand 0.345217, recorded 0.345217, the same: True" in text
    assert re.search(
        r"bound of new stretches +0\.673863   <- the threshold\nrecorded +0\.673863   the same: True", text
    )
    assert "by hand STABLE, recorded STABLE" in text
    assert "no severity: nothing is wrong" in text
    assert "2024-01-25 2024-01-28 1 0.403 0.512 0.926 0.145 0.602 0.457" in text  # performance beside it
    assert "2024-02-04 target_drift label 1 2024-01-28 SUPERSEDED gate, promoted" in text
    assert "2024-02-04  retrain\n            schedule: asks to retrain: the last training is 10d old" in text
    assert "does not give it again" not in text


def test_policies_are_replayed_and_compared(executed):
    text = shown(executed["replay.ipynb"])
    assert text.startswith("2 turns, ")
    for turn in ("2024-01-25", "2024-02-04"):
        assert re.search(rf"{turn} ([0-9a-f]{{8}}) \1 promoted promoted", text)  # the run key of the ledger
    assert "late: 6 turns from 2024-01-25 to 2024-02-04" in text
    assert re.search(r"^declared +1 +0 +1 +0 ", text, re.MULTILINE)  # it trained once, and that was promoted
    assert re.search(r"^drift +1 +0 +0 +1 ", text, re.MULTILINE)  # a flag asked for a training; the gate refused it
    assert re.search(
        r"2024-02-04 ([\d.]+) ([\d.]+) \2 2 1 1", text
    )  # declared has the second version, the others the first
    assert re.search(r"2024-01-29  retrain: version \S+ rejected\n +rule 1: asks to retrain: target_drift holds", text)
    assert re.search(r"2024-02-02  retrain: version 2 promoted\n +schedule: asks to retrain", text)
