"""A real tracking server that ends amid a training, and is started again: told in time, nothing lost or done twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lakeloop.errors import EnvironmentProblemError
from lakeloop.registry import registry as registries
from lakeloop.runs import search as searches
from lakeloop.runs.context import Context
from tests.laws.small_loop import TURNS
from tests.registry.servers import running_server
from tests.runs.searches import client_of, declare, fit_and_register, make_data, told
from tests.shared import copy_store

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
SEARCH: dict[str, Any] = {"search": {"C": [0.1, 1.0, 10.0]}, "tuning": {"batch": 1}}


@pytest.mark.slow
def test_a_server_that_ends_amid_a_training_is_told_in_time_and_the_next_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (RETRIES, "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    whole = declare(tmp_path / "whole", **SEARCH)
    data = make_data(whole)
    fit_and_register(whole, data)
    store = tmp_path / "server.db"
    copy_store(store)
    true_fit, true_hash = searches.fit_trial, registries.hash_model_files
    fitted = list[int]()

    with running_server(tmp_path, f"sqlite:///{store}") as server:
        config = declare(tmp_path / "project", tracking_uri=server.address, **SEARCH)

        def fit(rows: Any, trial: Any, **named: Any) -> Any:
            fitted.append(trial.number)
            if fitted == [0, 1]:
                server.stop()
            return true_fit(rows, trial, **named)

        def hash_files(folder: Path) -> str:
            server.stop()  # the model is logged, and not registered
            return true_hash(folder)

        monkeypatch.setattr(searches, "fit_trial", fit)
        with pytest.raises(EnvironmentProblemError, match=r"no answer: \[Errno 111\] Connection refused") as raised:
            fit_and_register(config, data)
        assert (raised.value.exit_code, fitted) == (7, [0, 1])
        assert f"tracking_uri '{server.address}'" in str(raised.value)
        assert raised.value.remedy.endswith("or start the tracking server; then call the same again")

        server.start()
        assert Context(config, TURNS[0]).registry.list_versions("late") == ()
        with monkeypatch.context() as patched:
            patched.setattr(registries, "hash_model_files", hash_files)
            patched.setenv(RETRIES, "1")  # what a person has set holds
            with pytest.raises(EnvironmentProblemError, match="start the tracking server"):
                fit_and_register(config, data)
        assert fitted == [0, 1, 1, 2]  # the trial that was recorded is not fitted again

        server.start()
        registry = Context(config, TURNS[0]).registry
        assert registry.list_versions("late") == ()
        version, candidates = fit_and_register(config, data)
        assert (version.version, candidates, fitted) == ("1", 3, [0, 1, 1, 2])
        assert told(config) == told(whole)
        (experiment,) = {each.experiment_id for each in client_of(config).search_experiments()} - {"0"}
        (logged,) = client_of(config).search_logged_models([experiment])
        assert (logged.model_uri, registry.list_versions("late")) == (version.source, (version,))

        server.stop()
        with monkeypatch.context() as patched:
            patched.setenv(RETRIES, "0")
            for ask in (lambda: registry.read_document(version, "declaration.json"), lambda: registry.verify(version)):
                with pytest.raises(EnvironmentProblemError, match="start the tracking server"):  # it has lost nothing
                    ask()
    assert RETRIES not in os.environ
