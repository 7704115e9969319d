"""Roles proposed from a training set: the engines agree, bins are the champion's, and what is not there is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lakeloop.config.project import Engine
from lakeloop.errors import NotReadyError
from lakeloop.runs import calibrate_roles as module
from lakeloop.runs.calibrate_roles import calibrate_roles
from lakeloop.runs.promotions import read_promotions
from lakeloop.runs.severity import read_importance
from tests.runs.test_engine import declaring
from tests.shared import finished_context

pytestmark = pytest.mark.loop


def test_the_engines_propose_the_same(monkeypatch):
    here = calibrate_roles(finished_context(), "late")
    assert calibrate_roles(declaring(finished_context(), engine=Engine.SPARK), "late") == here
    assert (here.rows, here.bins_of) == (741, "2")
    monkeypatch.setattr(module, "_frozen_bins", lambda *_: None)
    own = [calibrate_roles(declaring(finished_context(), engine=each), "late") for each in (Engine.LOCAL, Engine.SPARK)]
    assert own[0] == own[1]
    assert (own[0].bins_of, len(own[0].proposals)) == (None, len(here.proposals))


def test_a_set_of_a_later_instant_is_not_read():
    context = finished_context()
    turns = sorted({each.as_of for each in module.read_manifests(context, "late")})
    assert calibrate_roles(context.at(turns[0]), "late").rows == 513
    with pytest.raises(NotReadyError, match="none is pinned"):
        calibrate_roles(context.at(turns[0].replace(year=2023)), "late")


def test_a_version_without_importance_is_unknown_and_a_corrected_one_has_its_parents():
    context, ledger = finished_context(), read_promotions(finished_context(), "late")
    version = context.registry.get_version("late", ledger[0].version, ledger[0].run_key)
    shares = read_importance(context, version, ledger)
    assert sum(shares.values()) >= 1
    corrected = replace(version, version="9", run_id="gone", tags={"parent_version": version.version})
    assert read_importance(context, corrected, ledger) == shares
    assert read_importance(context, replace(version, run_id="gone"), ledger) is None
