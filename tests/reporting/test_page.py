from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from lakeloop.reporting.assemble import assemble_model, assemble_sources, assemble_times, find_failures
from lakeloop.reporting.channels import assemble_channels
from lakeloop.reporting.content import FailedStep, Place, Report
from lakeloop.reporting.page import render_report
from lakeloop.reporting.quality import assemble_quality
from lakeloop.reporting.recorded import AboutModel, Recorded
from lakeloop.reporting.served import Served, ServedColumn
from tests.reporting.recordings import (
    ABOUT,
    APRIL,
    JUNE,
    MAY,
    decision,
    drift,
    flag,
    gate_evidence,
    metric,
    promotion,
    run,
    three_turns,
    verdict,
)

VOID = {"meta", "br", "input"}
SCRIPT = "<script>alert(1)</script>"


class Reader(HTMLParser):
    """Collects the text and checks that every tag is closed where it has to be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words += data.split()


def read(page: str) -> tuple[str, list[str]]:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return " ".join(reader.words), reader.tags


def make_report(recorded: Recorded, about: AboutModel = ABOUT) -> Report:
    return Report(
        project="flights",
        description="Tells which flights will arrive late.",
        timezone="America/New_York",
        as_of=JUNE,
        models=(assemble_model(about, recorded),),
        sources=assemble_sources(["schedules", "weather", "planes"], recorded),
        failed_steps=find_failures(recorded),
        times=assemble_times(recorded),
        quality=assemble_quality(["schedules", "weather", "planes"], recorded),
        places=(Place("MLflow store", "sqlite:////data/workspace/mlflow.db"),),
        idle_models=("arrival_delay",),
        channels=assemble_channels(recorded.notifications),
    )


def test_page_shows_what_was_recorded() -> None:
    words, tags = read(render_report(make_report(three_turns())))
    for piece in (
        "As of 2013-06-01 04:00 UTC (2013-06-01 00:00 in America/New_York)",
        "version 3 since 2013-06-01 04:00, replacing version 1",
        "Version 3 was promoted.",
        "Declared, not run yet: arrival_delay.",
        "The quality gate passed on 1 of 3 sources. It failed on weather. Not judged last: planes (never).",
        "2013-06-01 04:00 retrain v3 promoted v1 0.4550 constant 0.5000 9.0% AUC 0.720 +0.055 4 1 of 4 1 not judged "
        "1 bias 28,796 12 backtest 30,102 landed 1 quarantined 1 min 12 s",
        "In the newest judged window (to 2013-05-27) the log loss was 0.47, 6.0% better than always giving the same "
        "answer (0.5; interval +3.0% to +9.0%).",
        "2013-05-20 to 2013-05-27 1 OK 0.4700 0.5000 6.0% 3.0% to 9.0% 0.720 +0.070",
        "Of 3 versions judged, 2 became champion.",
        "Of the answers of version 1 around 25.0% (4,800 of them), 31.2% came true.",
        "0.1 to 0.2 3,200 15.0% 12.5% +0.025",
        "0 of 1 checks 1 failed 2,100 read 1 quarantined 1 refused",
        "weather range wind_speed_mph 2 1 1",
        "4 columns in the newest window: 1 drifted, 1 stable, 1 not judged, 1 recorded without judgement (seasonal).",
        "How much the model leans on these columns is not known",
        "Worst is origin = JFK: its answers were 0.125 too low on average (interval -0.175 to -0.075, 400 answers).",
        "The other is not beyond doubt. 1 had too few answers to say anything.",
        "origin = JFK OK 400 0.2500 0.3750 -0.125 -0.175 to -0.075 12.5%",
        "origin = LGA TOO_FEW_ROWS 12 - - - - -",
        "Within slices distance moved most, where origin = JFK: psi 0.25, 2 times its threshold over all rows.",
        "Estimate, not a measurement: from the scores alone, the log loss of the newest window (to 2013-05-27) is",
        "In the newest window (to 2013-05-27) score did not drift: psi 0.02, threshold 0.125.",
        "Furthest apart at stretch 1 of 3, from the lowest: 50.0% of the reference, 37.5% of the window.",
        "In the newest closed window (to 2013-05-27) the mean label was 0.188, the reference had 0.25: it drifted.",
        "Missing values rose most in distance, by 1.5 points.",
        "notifications, mail: of 2 messages 1 could not be sent yet and will be tried again.",
        "beats_baseline PASS -0.06250 0.000 -0.07250 to -0.05250 log_loss of challenger minus baseline",
        "no_worse_than_champion FAIL: log_loss of challenger minus champion +0.00310",
        "origin = EWR 4,000 0.5135 0.5175",
        "origin_delays.mean_is_late_3h regime - - psi",
        "DRIFT 0.250 / 0.125",
        "newest window: reference rate 0.25, window rate 0.1875, interval low -0.09, interval high -0.03",
        "range_wind_speed_mph (fail) failed: 3 rows",
        "refused file weather_2013-05.csv: a column is missing: origin",
        "MLflow store sqlite:////data/workspace/mlflow.db",
        "value 0.0725, limit 0.05",
    ):
        assert piece in words, piece
    assert "svg" in tags


def test_page_shows_a_warning_that_holds_a_version_and_one_that_was_let_pass() -> None:
    slow = {"name": "latency", "status": "WARN", "value": 80.0, "bound": 50.0, "detail": "slow", "blocking": True}
    good = slow | {"name": "too_good_roc_auc", "acknowledged": True}
    held = promotion(JUNE, "4", "held", reasons=["latency WARN: slow"], evidence=evidence_of([slow, good]))
    words, _ = read(render_report(make_report(replace(three_turns(), promotions=[held]))))
    assert "latency WARN blocks 80" in words
    assert "too_good_roc_auc WARN acknowledged 80" in words
    assert "Version 4 was held: latency WARN: slow." in words


def evidence_of(checks: list[dict[str, object]]) -> str:
    return json.dumps(gate_evidence(checks=checks))


def test_page_names_no_value_of_a_person_s_column() -> None:
    page = render_report(make_report(three_turns(), replace(ABOUT, hidden=frozenset({"origin"}))))
    words, _ = read(page)
    assert "origin = hidden (pii) - - -" in words
    assert "EWR" not in page
    assert "EWR" in render_report(make_report(three_turns())), "it is there for anybody else"


def test_page_links_the_catalogue_of_features_where_there_is_one() -> None:
    report = make_report(three_turns())
    assert 'href="features.html"' not in render_report(report)
    assert 'href="features.html"' in render_report(replace(report, features_page="features.html"))


def test_page_shows_what_the_last_audit_of_served_values_found() -> None:
    report = make_report(three_turns())
    wind = ServedColumn("online", "weather__wind", 100, 2, 0, 1, 0, 3.5, "SKEWED")
    audited = replace(report.models[0], served=Served(report.as_of, (wind,)))
    words, _ = read(render_report(replace(report, models=(audited, *report.models[1:]))))
    assert "Of 100 online and 0 offline answers, 1 of 1 column was served otherwise" in words
    assert "online weather__wind SKEWED 100 2 0 1 0 3.5" in words
    assert "Served values against" not in render_report(report)


def test_page_needs_nothing_else() -> None:
    page = render_report(make_report(three_turns()))
    assert "http" not in page
    assert not {"script", "link", "img", "iframe", "object"} & set(read(page)[1])
    assert set(re.findall(r"url\((.)", page)) <= {"#"}, "an address may only lead into the page"
    assert "@import" not in page
    assert "prefers-color-scheme: dark" in page


def test_an_empty_report_says_so_in_words() -> None:
    words, tags = read(render_report(make_report(Recorded())))
    for piece in (
        "no champion yet",
        "No turn has been run for this model yet.",
        "No flag is open.",
        "No closed window was measured yet.",
        "No version has been judged by the gate yet.",
        "No feature has been compared with a reference yet.",
        "No prediction has been compared with a reference yet.",
        "Nothing was decided yet.",
        "The quality gate has not judged anything yet.",
        "No step is in the run ledger yet.",
        "never judged",
    ):
        assert piece in words, piece
    assert "svg" not in tags
    bare, _ = read(render_report(Report("flights", "", "UTC", JUNE)))
    for piece in ("no model is declared", "No source is declared.", "No place was given."):
        assert piece in bare, piece
    idle, _ = read(render_report(Report("flights", "", "UTC", JUNE, idle_models=("late_arrival",))))
    assert "No model has been run yet: no champion yet. Declared, not run yet: late_arrival." in idle


def test_recorded_texts_are_escaped() -> None:
    about = replace(ABOUT, description=SCRIPT)
    recorded = Recorded(
        open_flags=[flag(MAY, subject=SCRIPT, evidence={"said": SCRIPT})],
        decisions=[decision(MAY, "notify", [SCRIPT, f"{SCRIPT}: not fired: {SCRIPT}"])],
        promotions=[promotion(MAY, outcome="rejected", reasons=[SCRIPT])],
        drift=[drift(SCRIPT, MAY, "DRIFT")],
        runs=[run(MAY, SCRIPT, outcome="failed", result=SCRIPT, subject=SCRIPT)],
        quality=[verdict("weather", MAY), verdict("weather", MAY, SCRIPT, False)],
        refused_files=[{"source": "weather", "file": SCRIPT, "reason": SCRIPT, "as_of": MAY}],
        performance=[metric(MAY, model_version=SCRIPT), metric(JUNE)],
    )
    report = make_report(recorded, about)
    failed = (*report.failed_steps, FailedStep(MAY, SCRIPT, SCRIPT, SCRIPT, SCRIPT))
    places = (Place(SCRIPT, SCRIPT),)
    page = render_report(replace(report, project=SCRIPT, description=SCRIPT, failed_steps=failed, places=places))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 20
    read(page)


@pytest.mark.parametrize("loss_name", ["log_loss", "mean_absolute_error"])
def test_areas_are_shown_for_classifiers_only(loss_name: str) -> None:
    recorded = Recorded(performance=[metric(MAY, loss_name, baseline=0.5), metric(MAY, "roc_auc", 0.75)])
    words, _ = read(render_report(make_report(recorded, replace(ABOUT, loss_name=loss_name))))
    assert ("AUC" in words) is (loss_name == "log_loss")
    assert ("0.750" in words) is (loss_name == "log_loss")
    assert f"Realised {loss_name.replace('_', ' ')} per window" in words


def test_page_stays_small_whatever_was_recorded() -> None:
    days = [MAY + timedelta(days=day) for day in range(400)]
    long = "x" * 20_000
    recorded = Recorded(
        decisions=[decision(day, "notify", [long] * 40) for day in days],
        promotions=[promotion(day, str(number), "rejected", reasons=[long] * 40) for number, day in enumerate(days)],
        drift=[drift(f"column_{number}", days[week]) for number in range(400) for week in range(4)],
        performance=[metric(day) for day in days[::7]],
        open_flags=[flag(day, subject=long) for day in days],
        runs=[run(day, step) for day in days for step in ("ingest", "train")],
    )
    assert len(render_report(make_report(recorded)).encode()) < 2_000_000


def test_page_of_the_same_report_is_the_same() -> None:
    assert render_report(make_report(three_turns())) == render_report(make_report(three_turns()))


def test_ids_are_unique_and_every_reference_has_its_target() -> None:
    report = make_report(three_turns())
    page = render_report(replace(report, models=(report.models[0], replace(report.models[0], model="again"))))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    pointed = {*re.findall(r'href="#([^"]+)"', page), *re.findall(r"url\(#([^)]+)\)", page)}
    labelled = {each for found in re.findall(r'aria-labelledby="([^"]+)"', page) for each in found.split()}
    assert pointed | labelled <= set(ids)


def test_what_could_not_be_judged_is_never_shown_as_ok() -> None:
    words = ("ABSENT_COLUMN", "ALL_NULL", "EMPTY_WINDOW", "TOO_FEW_ROWS", "TOO_FEW_BLOCKS", "INSUFFICIENT_REFERENCE")
    recorded = Recorded(
        drift=[drift(f"f_{word}", MAY, "UNKNOWN", status=word, statistic=None, threshold=None) for word in words],
        performance=[metric(MAY, "none", None, status="NOT_MATURED", baseline=None)],
        decisions=[decision(MAY)],
        promotions=[promotion(APRIL)],
        drift_counts=[
            {"model": "late_arrival", "as_of": MAY, "model_version": "1", "columns": 6, "drifted": 0, "unjudged": 6}
        ],
    )
    page = render_report(make_report(recorded))
    assert "heat stable" not in page.partition('class="box strips"')[2]
    assert page.count('class="heat missing" title=') == len(words)
    found, _ = read(page)
    assert "none of 6 judged" in found
    assert "Not known: no feature was judged in the last window. 6 could not be judged." in found
    assert "6 columns in the newest window: 0 drifted, 0 stable, 6 not judged, 0 recorded" in found
    for word in words:
        assert f"{word} - / -" in found
    assert "No window could be judged yet." in found
    assert "None of 1 window could be judged." in found


@pytest.mark.parametrize("turns", [1, 14])
def test_one_turn_and_many_are_shown(turns: int) -> None:
    days = [MAY + timedelta(days=7 * week) for week in range(turns)]
    recorded = Recorded(
        decisions=[decision(day) for day in days],
        performance=[metric(day) for day in days],
        drift=[drift(f"feature_{number}", day) for number in range(80) for day in days],
        promotions=[promotion(day, str(number)) for number, day in enumerate(days)],
    )
    page = render_report(make_report(recorded))
    assert page.count('<div class="strip">') == 80
    assert page.count('class="heat stable" title=') == 80 * min(turns, 12)
    assert len(page.encode()) < 2_000_000


def test_very_long_names_do_not_lose_the_page() -> None:
    name = "a_very_long_name_" * 12
    recorded = Recorded(
        drift=[drift(name, MAY, "DRIFT")],
        decisions=[decision(MAY, "notify", [f"regime_drift: asks to notify: open flag on {name}"])],
        open_flags=[flag(MAY, "regime_drift", name)],
        promotions=[promotion(MAY, version=name)],
        performance=[metric(MAY), metric(JUNE)],
    )
    assert name in render_report(make_report(recorded))
