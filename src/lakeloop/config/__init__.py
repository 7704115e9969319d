"""A project's YAML files as frozen, checked objects; the only reader of `conf/`.

`load_config` reads everything and refuses with every mistake at once: file, line, what it got, what is allowed, what to
do. After it, a name or a column that the configuration mentions exists.
"""

from lakeloop.config.as_of import parse_as_of
from lakeloop.config.columns import FeatureRef, input_columns, matching_columns, model_columns, resolve_features
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.loading import load_config
from lakeloop.config.model import Model
from lakeloop.config.project import Project
from lakeloop.config.source import Source
from lakeloop.config.tree import Config

__all__ = [
    "Config",
    "FeatureRef",
    "FeatureTable",
    "Model",
    "Project",
    "Source",
    "input_columns",
    "load_config",
    "matching_columns",
    "model_columns",
    "parse_as_of",
    "resolve_features",
]
