from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lakeloop.reporting.page import render_report
from lakeloop.reporting.recorded import Recorded
from lakeloop.reporting.twin import plain, render_twin
from tests.reporting.recordings import ABOUT, JUNE, drift, slice_metrics, three_turns
from tests.reporting.test_page import make_report, read

PLANTED = "ada.lovelace"


def told(report: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render_twin(report))
    return found


def test_what_the_page_says_is_in_the_twin() -> None:
    report = make_report(three_turns())
    words, _ = read(render_report(report))
    twin = told(report)
    (model,) = twin["models"]
    assert (twin["lakeloop_report"], twin["project"], twin["as_of"]) == (1, "flights", "2013-06-01T04:00:00Z")
    assert (model["headline"]["state"], twin["data"]["state"]) == ("watch", "act")
    assert model["champion"]["version"] == "3"
    assert [each["action"] for each in model["decisions"]] == ["retrain", "retrain", "retrain"]
    assert [each["outcome"] for each in model["promotions"]] == ["promoted", "rejected", "promoted"]
    assert model["decisions"][0]["fired"] == ["bias: asks to retrain: open flag on bias"]
    verdicts = {row["column"]: row["cells"][-1]["verdict"] for row in model["strip"]["rows"]}
    assert verdicts == {
        "label": "DRIFT",
        "score": "STABLE",
        "origin_delays.mean_is_late_3h": "DRIFT",
        "distance": "STABLE",
        "weather.gust_mph": "UNKNOWN",
        "weather.wind_speed_mph": "RECORDED",
    }
    assert [(each["value"], each["bias"], each["rank"]) for each in model["slices"]["measured"]] == [
        ("JFK", -0.125, 1),
        ("EWR", 0.0125, None),
        ("LGA", None, None),
    ]
    assert [round(model["windows"][-1][name], 6) for name in ("loss", "skill")] == [0.47, 0.06]
    assert model["estimates"]["compared"] == 8
    sentences = [*model["says"].values(), *twin["says"].values(), twin["data"]["line"]]
    flat = [each for said in sentences for each in (said if isinstance(said, list) else [said]) if each]
    assert len(flat) > 12
    for sentence in (*flat, *(model["headline"][name] for name in ("drifted", "hurt", "done"))):
        assert " ".join(sentence.split()) in words, sentence
    assert twin["channels"] == ["mail: of 2 messages 1 could not be sent yet and will be tried again"]
    assert "<svg" not in render_twin(report)


def test_the_twin_of_the_same_report_is_the_same() -> None:
    assert render_twin(make_report(three_turns())) == render_twin(make_report(three_turns()))
    assert told(make_report(Recorded()))["models"][0]["headline"]["state"] == "unknown"


@pytest.mark.parametrize("render", [render_twin, render_report])
def test_no_value_of_a_person_is_told(render: Any) -> None:
    recorded = replace(
        three_turns(),
        slices=slice_metrics(JUNE, "passenger", PLANTED, -0.25, rank=1),
        slice_drift=[drift("distance", JUNE, "RECORDED", slice_key="passenger", slice_value=PLANTED)],
        drift=[drift("passenger", JUNE, "DRIFT", vanished_categories=[PLANTED], tv_distance=0.5)],
    )
    about = replace(ABOUT, hidden=frozenset({"passenger"}))
    assert PLANTED in render(make_report(recorded)), "it is there for anybody else"
    text = render(make_report(recorded, about))
    assert PLANTED not in text
    assert "passenger" in text


def test_long_texts_are_cut_and_what_is_no_number_is_missing() -> None:
    assert plain({"a": float("inf"), "b": (float("nan"), 1.5)}) == {"a": None, "b": [None, 1.5]}
    assert plain("x" * 700).endswith("... (100 more letters)")
    with pytest.raises(TypeError, match="set has no place in the report"):
        plain({1})
