from __future__ import annotations

import dataclasses
import json
import re
from datetime import date

import numpy as np
import pandas as pd
import pytest

from lakeloop.config.metric import Task
from lakeloop.training.environment import CodeVersion, Environment
from lakeloop.training.evidence import HoldoutRows, measure_evidence
from lakeloop.training.markdown import as_code, escape_markdown, lay_out_table
from lakeloop.training.model_card import SHOWN_COLUMNS, ModelCard, PartOfData, TrainedOn, render_card
from tests.training.declarations import declare_model

DAYS = np.repeat(np.arange("2013-05-01", "2013-05-21", dtype="datetime64[D]"), 10)
Y = np.tile([0.0, 1.0], 100)
PARTS = ["Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data"]
PARTS += ["Quantitative analyses", "Ethical considerations", "Caveats", "Environment"]


def describe(model=None, *, frame=None, y=Y, days=DAYS, slices=None, hidden=frozenset(), **changes) -> ModelCard:
    """Describe a version that always answers with the rate, on 20 days of 10 rows."""
    model = model if model is not None else declare_model(description="Will it be late?", owner="operations")
    frame = pd.DataFrame({"carrier": ["UA", "AA"] * (len(y) // 2)}) if frame is None else frame
    evidence = measure_evidence(
        model,
        tuple(frame.columns),
        HoldoutRows(frame, y, np.full(len(y), 0.5), days, slices or {}),
        np.array([0.0, 1.0]),
        lambda rows: np.full(len(rows), 0.5),
        hidden=hidden,
    )
    told = {
        "model": model,
        "as_of": "2013-06-01T04:00:00Z",
        "params": {"C": 0.1},
        "columns": tuple(frame.columns),
        "private": tuple(hidden),
        "trained_on": TrainedOn(
            "5e71d",
            "training_sets.late_arrival",
            3,
            "c0ffee",
            "2013-05-31T10:00:00Z",
            (PartOfData("train", date(2013, 1, 1), date(2013, 4, 1), 90, 1000, 0.25),),
        ),
        "spec_hash": "5bec",
        "seed": 42,
        "environment": Environment("0.1.0", CodeVersion("f00d", False), "3.11.7", "Linux x86_64", {"numpy": "2.3"}),
        "evidence": evidence,
    }
    return ModelCard(**(told | changes))


def section(card: str, name: str) -> str:
    return card.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_the_parts_stand_in_their_order():
    card = render_card(describe())
    assert re.findall(r"^## (.*)$", card, re.MULTILINE) == PARTS
    assert card.startswith("# Model card: `late_arrival`\n")
    assert card.endswith("|\n")
    assert "\n\n\n" not in card


def test_it_says_what_it_is_made_from_and_how_to_make_it_again():
    card = render_card(describe())
    details, data = section(card, "Model details"), section(card, "Training data")
    for said in ("Will it be late?", "operations", "`5bec`", "`f00d`", "`42`", "`C=0.1`, `max_iter=1000`"):
        assert said in details
    assert "    lakeloop train late_arrival --training-set 5e71d --seed 42\n" in details
    for said in ("`5e71d`", "version 3 of the Delta table `training_sets.late_arrival`", "`c0ffee`"):
        assert said in data
    assert "| train | 2013-01-01 to 2013-04-01 | 90   | 1000 | 0.25       |" in data


def test_it_says_after_how_many_rounds_it_was_stopped_early_and_nothing_where_it_was_not():
    said = "- Rounds: `37`, stopped when the loss on the validation part no longer fell\n- Inputs: 1 model columns\n"
    assert said in section(render_card(describe(iterations=37)), "Model details")
    assert "Rounds" not in render_card(describe())


def test_metrics_stand_with_interval_constant_and_status():
    lines = section(render_card(describe()), "Quantitative analyses").splitlines()
    assert "| brier             | 0.25   | 0.25 to 0.25     | 0.25     | OK     |" in lines
    (area,) = [line for line in lines if line.startswith("| roc_auc")]
    assert [cell.strip() for cell in area.split("|")[2:6]] == ["0.5", "0.5 to 0.5", "0.5", "OK"]


def test_what_is_not_known_is_said_and_is_no_number():
    card = describe(
        y=np.ones(4), days=DAYS[:4], environment=Environment("0", CodeVersion(None, None), "3", "Linux", {})
    )
    text = render_card(card)
    (area,) = [line for line in text.splitlines() if line.startswith("| roc_auc")]
    assert [cell.strip() for cell in area.split("|")[2:6]] == ["not known", "not known", "not known", "ONE_OUTCOME"]
    caveats = section(text, "Caveats")
    assert "roc\\_auc" not in caveats
    assert "Not known: log_loss, brier, calibration_error: no interval, the holdout has fewer than 10 days" in caveats
    assert "Not known: the code version" in caveats
    assert "nan" not in text.lower().replace("quantitative analyses", "")


def test_a_commit_with_changes_is_a_caveat_and_a_clean_one_is_none():
    dirty = Environment("0", CodeVersion("f00d", True), "3", "Linux", {})
    assert "may differ from the commit" in section(render_card(describe(environment=dirty)), "Caveats")
    assert "code version" not in section(render_card(describe()), "Caveats")


def test_no_value_of_a_private_column_and_of_no_row_is_in_it():
    names = [f"PERSON-{number % 8}" for number in range(200)]
    frame = pd.DataFrame({"carrier": names, "distance": np.arange(200) + 31337.0})
    model = declare_model(gate={"metric": "log_loss", "non_inferior_by": 0.005, "slices": ["carrier", "origin"]})
    told = {"carrier": np.array(names, dtype=object), "origin": np.array(["JFK"] * 195 + ["XNA"] * 5, dtype=object)}
    card = describe(model, frame=frame, slices=told, hidden={"carrier"})
    everything = render_card(card) + json.dumps(card.evidence.documents)
    assert "PERSON" not in everything
    assert "31337" not in everything
    assert "JFK" in everything
    assert "hidden (pii)" in render_card(card)
    assert "(tag `pii`): `carrier`. Their values are not shown here." in render_card(card)
    (small,) = [line for line in render_card(card).splitlines() if "XNA" in line]
    assert small.count("not known") == 3


def test_a_regression_has_no_calibration_curve():
    changes = {"task": "regression", "gate": {"metric": "mean_absolute_error", "non_inferior_by": 0.1}}
    card = describe(declare_model(**changes))
    text = render_card(card)
    assert card.evidence.task is Task.REGRESSION
    assert "### Calibration" not in text
    assert "calibration.json" not in card.evidence.documents
    assert "as a probability" not in text
    assert "always answers the median" in text


def test_nothing_declared_is_said_so():
    text = render_card(describe(declare_model()))
    assert "- Owner: not declared" in text
    assert "- Model: `late_arrival`\n" in text
    assert "No slice is declared" in section(text, "Factors")


def test_words_of_a_person_cannot_break_the_page():
    model = declare_model(description="<script>\n# Big | [x](y) `z` *b*", owner="a|b")
    details = section(render_card(describe(model)), "Model details")
    assert "&lt;script&gt; # Big \\| \\[x\\](y) \\`z\\` \\*b\\*" in details
    assert "a\\|b" in details


def test_beyond_the_most_important_inputs_the_rest_is_counted():
    frame = pd.DataFrame({f"c{number:02d}": np.arange(200.0) for number in range(SHOWN_COLUMNS + 3)})
    text = render_card(describe(frame=frame))
    assert "And 3 more, in `importance.json`." in text
    assert f"c{SHOWN_COLUMNS - 1:02d}" in text
    assert f"c{SHOWN_COLUMNS:02d}" not in text


def test_every_table_has_as_many_cells_in_each_line():
    model = declare_model(gate={"metric": "log_loss", "non_inferior_by": 0.005, "slices": ["carrier"]})
    values = np.array([f"v{number % 40}|x" for number in range(200)], dtype=object)
    text = render_card(describe(model, slices={"carrier": values}))
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        lines = block.splitlines()
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
        assert len({len(line) for line in lines}) == 1
        assert set(lines[1]) == {"|", " ", "-"}
    assert "and 20 more" in text


def test_documents_are_json_without_nan():
    card = describe(y=np.ones(4), days=DAYS[:4])
    for content in card.evidence.documents.values():
        json.dumps(content, allow_nan=False)
    json.dumps(dataclasses.asdict(card.environment), allow_nan=False)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("late_arrival", "late_arrival"),
        ("_b_", "\\_b\\_"),
        ("# no heading", "\\# no heading"),
        ("- no list", "\\- no list"),
        ("a - b", "a - b"),
        ("R&D <b>", "R&amp;D &lt;b&gt;"),
        ("two\nlines", "two lines"),
        ("a\\b", "a\\\\b"),
        (3, "3"),
        ("", ""),
    ],
)
def test_texts_are_shown_as_they_are(text, written):
    assert escape_markdown(text) == written


def test_code_and_tables():
    assert as_code("a `b`\n c") == "`a 'b' c`"
    assert lay_out_table(["a"], []) == ""
    assert lay_out_table(["a", "b"], [["1|2", ""]]) == "| a    | b   |\n| ---- | --- |\n| 1\\|2 |     |"
