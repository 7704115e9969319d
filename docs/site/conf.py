"""How Sphinx makes the site: from the pages that docs/site/pages.py lays out, and docstrings below src/lakeloop."""

from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[2] / "src" / "lakeloop"
# What a program can stand on, a page each; the rest is told by the command line and the files that it writes.
_SHOWN = {
    "lakeloop",
    "lakeloop.plugins",
    "lakeloop.plugins.aggregates",
    "lakeloop.plugins.channels",
    "lakeloop.plugins.distances",
    "lakeloop.plugins.on_demand",
    "lakeloop.plugins.online_stores",
    "lakeloop.plugins.readers",
    "lakeloop.plugins.rules",
    "lakeloop.config",
    "lakeloop.tables",
    "lakeloop.session",
    "lakeloop.schemas",
    "lakeloop.errors",
    "lakeloop.statuses",
    "lakeloop.point_in_time",
    "lakeloop.aggregates",
    "lakeloop.distances",
    "lakeloop.on_demand",
    "lakeloop.on_demand.functions",
    "lakeloop.decisions",
    "lakeloop.decisions.policy",
    "lakeloop.drift",
    "lakeloop.drift.bins",
    "lakeloop.drift.counts",
    "lakeloop.drift.reference",
    "lakeloop.drift.verdicts",
    "lakeloop.intervals",
    "lakeloop.conditions",
}

project = "lakeloop"
author = "The lakeloop authors"
root_doc = "index"
extensions = ["myst_parser", "autoapi.extension", "sphinx.ext.napoleon"]
suppress_warnings = [
    "autoapi.python_import_resolution",  # constants that are unpacked from a tuple are not followed into another module
    "ref.python",  # what plugins export has two places: each is right
]

myst_heading_anchors = 6

# Static: docstrings are read without importing Spark or MLflow.
autoapi_dirs = [str(_PACKAGE)]
autoapi_ignore = ["*/templates/*", "*/template/*"]
autoapi_root = "reference/python"
autoapi_add_toctree_entry = False
autoapi_options = ["members", "imported-members", "show-module-summary"]
default_role = "code"  # docstrings quote as Markdown does
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Returns", "Yields"]  # plain text: as sections of napoleon's a colon in them ends a type

smartquotes = False  # --as-of is no dash

html_theme = "furo"
html_title = "lakeloop"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_show_copyright = False
html_show_sphinx = False


def _is_left_out(_app: Any, what: str, name: str, _each: Any, skip: bool, _options: Any) -> bool:
    return skip or (what in ("module", "package") and name not in _SHOWN)


def setup(app: Any) -> None:
    """Leave out the pages of modules that are not shown; they are read for what others export of them."""
    app.connect("autoapi-skip-member", _is_left_out)
