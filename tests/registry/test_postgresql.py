"""The registry on a real tracking server over PostgreSQL: trained, promoted, rolled back over HTTP."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lakeloop import schemas
from lakeloop.config import load_config
from lakeloop.errors import ConflictError
from lakeloop.runs.context import Context
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import promote_version, roll_back
from lakeloop.runs.models.show import show_model
from lakeloop.runs.promotions import read_whole_ledger
from tests.laws.small_loop import write_project
from tests.registry.servers import postgresql, tracking_server
from tests.runs.models.ledgers import MODEL, aliases, day, judge, register

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
