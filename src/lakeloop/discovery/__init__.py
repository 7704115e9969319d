"""What the declarations say of features: where each comes from, who uses it, what a change would break.

Nothing here reads a table: a project that was never run has its catalogue.
"""

from lakeloop.discovery.catalogue import Catalogue, FeatureEntry, TableEntry, build_catalogue
from lakeloop.discovery.impact import Impact, find_impact
from lakeloop.discovery.private import private_columns
from lakeloop.discovery.search import Found, search_catalogue

__all__ = [
    "Catalogue",
    "FeatureEntry",
    "Found",
    "Impact",
    "TableEntry",
    "build_catalogue",
    "find_impact",
    "private_columns",
    "search_catalogue",
]
