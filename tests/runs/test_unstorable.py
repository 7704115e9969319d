"""A training whose estimator may not be stored: refused before the costly fit, or pickled where it may be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lakeloop.config.registry import RegistrySettings
from lakeloop.errors import ConfigError, ConflictError
from lakeloop.runs.context import Context
from tests.laws.small_loop import TURNS
from tests.runs.searches import declare, fit_and_register, make_data
from tests.training.own_estimators import ShareOfTrue

OWN = {"class": "tests.training.own_estimators.ShareOfTrue", "search": {"lift": [0.0, 0.1]}}


def test_a_class_of_the_user_s_own_is_a_mistake_of_the_file_before_anything_is_fitted_on_all_rows(tmp_path):
    config = declare(tmp_path, **OWN)
    ShareOfTrue.fitted_on.clear()
    with pytest.raises(ConfigError) as error:
        fit_and_register(config, make_data(config))
    assert str(error.value).splitlines()[1] == "conf/base/models/late.yml: estimator.class"
    assert "ShareOfTrue" in error.value.issues[0].got
    assert set(ShareOfTrue.fitted_on) == {40}
    assert Context(config, TURNS[0]).registry.list_versions("late") == ()


def test_where_pickle_is_allowed_it_is_stored_as_pickle_and_loaded_only_there(tmp_path):
    strict = declare(tmp_path, **OWN)
    settings = RegistrySettings(allow_pickle=True)
    lenient = replace(strict, project=strict.project.model_copy(update={"registry": settings}))
    data = make_data(lenient)
    version, tried = fit_and_register(lenient, data)
    loaded = Context(lenient, TURNS[0]).registry.load_pipeline(version)
    assert (version.version, tried) == ("1", 2)
    share = float(np.mean(data.label[data.part("train")]))
    assert loaded.predict_proba(data.frame.head(2))[:, 1] == pytest.approx([share] * 2)
    with pytest.raises(ConflictError, match="it is stored as cloudpickle"):
        Context(strict, TURNS[0]).registry.load_pipeline(version)


def test_what_skops_may_load_is_stored_by_it_even_where_pickle_is_allowed(tmp_path):
    strict = declare(tmp_path, search={"C": [1.0]})
    settings = RegistrySettings(allow_pickle=True)
    lenient = replace(strict, project=strict.project.model_copy(update={"registry": settings}))
    version, _ = fit_and_register(lenient, make_data(lenient))
    assert Context(strict, TURNS[0]).registry.load_pipeline(version)[-1].C == 1.0


def test_what_is_found_only_when_it_is_logged_is_told_the_same_way(tmp_path, monkeypatch):
    config = declare(tmp_path, **OWN)
    monkeypatch.setattr("lakeloop.runs.search.refuse_unstorable", lambda *_, **__: {})
    with pytest.raises(ConfigError) as error:
        fit_and_register(config, make_data(config))
    assert error.value.issues[0].where == "estimator.class"
    assert "ShareOfTrue" in error.value.issues[0].got
