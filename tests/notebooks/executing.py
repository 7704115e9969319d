"""Notebooks executed one after the other in one kernel: a kernel of each would start Spark each time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
_TAGS = re.compile(r"<style.*?</style>|<[^>]+>", re.DOTALL)
_FORGET = "get_ipython().run_line_magic('reset', '-f')"
"""Between two notebooks, so that none lives on names of the one before."""


def execute_together(names: Sequence[str]) -> dict[str, nbformat.NotebookNode]:
    """Execute notebooks in one kernel, each with no names of another.

    Args:
        names: Files of the folder, in order.

    Returns:
        Name -> the notebook with its outputs.
    """
    notebooks = {name: nbformat.read(FOLDER / name, as_version=4) for name in names}
    together = nbformat.v4.new_notebook()
    for notebook in notebooks.values():
        together.cells += [nbformat.v4.new_code_cell(_FORGET), *notebook.cells]
    for number, cell in enumerate(together.cells):
        cell.id = f"cell-{number}"  # ids of two notebooks are alike
    client = NotebookClient(together, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    return notebooks  # their cells are those that were executed


def shown(notebook: nbformat.NotebookNode) -> str:
    """Give what a person reads below the cells: printed text, and tables without their tags."""
    return "\n".join(_text(output) for output in _outputs(notebook))


def _text(output: nbformat.NotebookNode) -> str:
    data = output.get("data", {})
    if "text/html" not in data:
        return str(output.get("text") or data.get("text/plain", ""))
    return " ".join(unescape(_TAGS.sub(" ", data["text/html"])).split())


def pictures(notebook: nbformat.NotebookNode) -> int:
    """Count the figures."""
    return sum("image/png" in output.get("data", {}) for output in _outputs(notebook))


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """Give what was printed in red: warnings, progress bars."""
    return [output["text"] for output in _outputs(notebook) if output.get("name") == "stderr"]


def _outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]
