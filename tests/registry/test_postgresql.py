"""A real tracking server over PostgreSQL: searched, trained, compared, promoted, rolled back over HTTP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pytest

from lakeloop import schemas
from lakeloop.cli import main
from lakeloop.config import Config, load_config
from lakeloop.errors import ConflictError
from lakeloop.runs import search as searches
from lakeloop.runs import train
from lakeloop.runs.compare import compare_runs
from lakeloop.runs.context import Context
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import promote_version, roll_back
from lakeloop.runs.models.show import show_model
from lakeloop.runs.promote import GateResult
from lakeloop.runs.promotions import read_whole_ledger
from lakeloop.runs.references import PREDICTION_REFERENCE_FILE, REFERENCE_FILE
from lakeloop.statuses import Outcome
from tests.laws.small_loop import TURNS, write_project
from tests.registry.servers import postgresql, tracking_server
from tests.runs.models.ledgers import MODEL, aliases, day, judge, register
from tests.runs.searches import RUN_KEY, declare, fit_and_register, make_data, told

ADA = Asked("ada", "bias in New York")


@pytest.mark.slow
def test_versions_are_trained_promoted_and_rolled_back_over_http(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write_project(root)
    project = root / "conf" / "base" / "project.yml"
    with postgresql() as store, tracking_server(tmp_path, store) as address:
        project.write_text(f"{project.read_text()}tracking_uri: {address}\n")
        context = Context(load_config(root), day(3))
        context.lake.create_own(schemas.RUNS)
        versions = [register(context.registry, number) for number in (1, 2)]
        assert [each.version for each in versions] == ["1", "2"]
        assert context.registry.find_version(MODEL, "key-2") == versions[1]
        for version in ("1", "2"):
            judge(context.at(day(int(version))), version)
        assert aliases(context) == ("2", "1", None)

        assert roll_back(context, MODEL, ADA).champion == "1"
        assert aliases(context) == ("1", None, None)
        champion = context.registry.get_version(MODEL, "1", "key-1")
        answers = context.registry.load_pipeline(champion).predict(pd.DataFrame({"items": [1.0, 4.0]}))
        assert list(answers) == [0, 1]
        assert promote_version(context, MODEL, "2", ADA, despite_gate=True).champion == "2"
        assert (aliases(context), len(read_whole_ledger(context, MODEL))) == (("2", "1", None), 4)
        shown = show_model(context, MODEL)
        assert (shown.aliases, shown.tracking_uri) == (("champion",), address)

        (changed,) = (tmp_path / "artifacts").rglob(f"{versions[0].source.removeprefix('models:/')}/artifacts/MLmodel")
        changed.write_text(f"{changed.read_text()}\n")
        with pytest.raises(ConflictError, match="checksum: its files are not those that were registered"):
            roll_back(context, MODEL, ADA)
    assert not (root / "workspace" / "mlflow.db").exists()


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


def declare_search(root: Path, tracking_uri: str | None = None) -> Config:
    """A search of two parameters and two feature sets; what it chose is fitted through the holdout."""
    sets = {"all": ["*"], "lean": ["items"]}
    config = declare(root, tracking_uri=tracking_uri, feature_sets=sets, tuning={"folds": 3})
    late = config.models[MODEL]
    split = late.split.model_copy(update={"refit": True})
    return replace(config, models={MODEL: late.model_copy(update={"split": split})})


@pytest.mark.slow
def test_a_search_is_recorded_resumed_read_back_and_compared_over_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = declare_search(tmp_path / "here")
    data = make_data(here)
    local, _ = fit_and_register(here, data)
    true_fit, fitted = searches.fit_trial, list[int]()

    def fit(rows: Any, trial: Any, **named: Any) -> Any:
        fitted.append(trial.number)
        return true_fit(rows, trial, **named)

    def stop(*_: Any) -> NoReturn:
        raise Killed

    monkeypatch.setattr(searches, "fit_trial", fit)
    with postgresql() as store, tracking_server(tmp_path, store) as address:
        config = declare_search(tmp_path / "project", address)
        with monkeypatch.context() as patched:
            patched.setattr(searches, "assert_searched", stop)  # after the last trial
            with pytest.raises(Killed):
                fit_and_register(config, data)
        version, candidates = fit_and_register(config, data)
        assert (version.version, candidates, sorted(fitted)) == ("1", 4, [0, 1, 2, 3])
        assert told(config) == told(here)  # nested trials, the choice and its metrics; nothing of the first attempt

        contexts = Context(here, TURNS[0]), Context(config, TURNS[0])
        for name in (train.DECLARATION_FILE, REFERENCE_FILE, PREDICTION_REFERENCE_FILE):
            recorded, read = (
                each.registry.read_document(of, name) for each, of in zip(contexts, (local, version), strict=True)
            )
            assert recorded == read
        registry = contexts[1].registry
        judged, expected = registry.load_judged(version), contexts[0].registry.load_judged(local)
        assert np.array_equal(judged.predict_proba(data.frame), expected.predict_proba(data.frame))
        serves = registry.load_pipeline(version)
        assert not np.array_equal(judged.predict_proba(data.frame), serves.predict_proba(data.frame))

        with monkeypatch.context() as patched:  # what is a table's is given: the tracking server alone is asked
            patched.setattr(train, "find_training_set", lambda *_: data.training_set)
            patched.setattr(train, "training_run_key", lambda *_: RUN_KEY)
            patched.setattr(train, "judge_and_record", lambda *_: GateResult("promoted", None, ()))
            again = train.train(contexts[1], MODEL)
        assert (again.model_version, again.candidates, again.outcome) == ("1", 0, Outcome.SKIPPED)
        assert (sorted(fitted), told(config)) == ([0, 1, 2, 3], told(here))

        compared = compare_runs(contexts[1], MODEL, trials_of="1")
        (run,) = compared.runs
        assert (run.version, run.state, run.candidates, run.run_id) == ("1", "FINISHED", 4, version.run_id)
        assert [each.number for each in compared.trials] == [
            each.number for each in compare_runs(contexts[0], MODEL, trials_of="1").trials
        ]
        experiment = registry.training_of(version).experiment_id
        assert run.link == f"{address}/#/experiments/{experiment}/runs/{run.run_id}"
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["compare", MODEL, "--project", str(config.root)])
        assert ended.value.code == 0
        assert run.link in capsys.readouterr().out
