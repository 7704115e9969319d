"""The notebook runs on the tables of a real loop."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.loop

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "first_look.ipynb"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook client and its message loop
def test_the_notebook_queries_gold_and_predictions(flights_loop, monkeypatch):
    config = flights_loop.config
    monkeypatch.setenv("LAKELOOP_PROJECT", str(config.root))
    monkeypatch.setenv("LAKELOOP_ENV", "slice")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    printed = "\n".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "gold/carrier_delays" in printed
    assert "mean of is_late over the trailing 3 hours" in printed
    assert "late_arrival  retrain  first_training: asks to retrain: no version serves" in printed
