"""The columns a model sees, and the patterns that name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.model import Model
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigError, ConfigIssue
from lakeloop.on_demand.calls import parse_call

_T = TypeVar("_T")


@dataclass(frozen=True)
class FeatureRef:
    """A feature of a gold table.

    Attributes:
        table: Feature table.
        feature: Its column there.

    >>> FeatureRef("weather", "wind_speed_mph").column
    'weather__wind_speed_mph'
    """

    table: str
    feature: str

    @property
    def column(self) -> str:
        """Column in training sets, predictions and models."""
        return f"{self.table}__{self.feature}"


def expand_feature(pattern: str, feature_tables: Mapping[str, FeatureTable]) -> tuple[FeatureRef, ...]:
    """Find the features a pattern names.

    Args:
        pattern: `<feature_table>.<feature>`; the feature may hold wildcards, `weather.*`.
        feature_tables: Name -> feature table.

    Returns:
        Features in the table's order; empty where the table or the feature does not exist.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> tables = load_config(Path()).feature_tables
    >>> [found.column for found in expand_feature("carrier_delays.mean_is_*", tables)]
    ['carrier_delays__mean_is_late_3h', 'carrier_delays__mean_is_late_1d']
    >>> expand_feature("carrier_delay.*", tables)
    ()
    """
    table, _, wanted = pattern.partition(".")
    names = feature_tables[table].feature_names if table in feature_tables else ()
    return tuple(FeatureRef(table, name) for name in names if fnmatchcase(name, wanted))


def resolve_features(config: Config, model: Model) -> tuple[FeatureRef, ...]:
    """List the gold features of a model.

    Args:
        config: The project.
        model: One of its models.

    Returns:
        Features in the order in which the model names them, each once.

    Raises:
        ConfigError: If the model names a feature that does not exist, which `load_config` would have refused.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> config = load_config(Path())
    >>> features = ("weather.wind_*", "weather.wind_speed_mph")
    >>> model = config.models["late_arrival"].model_copy(update={"features": features})
    >>> [found.feature for found in resolve_features(config, model)]
    ['wind_speed_mph', 'wind_gust_mph']
    """
    found: list[FeatureRef] = []
    for pattern in model.features:
        features = expand_feature(pattern, config.feature_tables)
        if not features:
            file = config.files.get(f"model:{model.model}", "conf/base")
            raise ConfigError(
                [ConfigIssue(file, None, "features", repr(pattern), "features of this project", "correct the name")]
            )
        found += features
    return _once(found)


def model_columns(config: Config, model: Model) -> tuple[str, ...]:
    """List the columns the fitted preprocessing gets: known columns, on-demand columns, gold features.

    Args:
        config: The project.
        model: One of its models.

    Returns:
        Column names in that order, each once.

    Raises:
        ConfigError: If the model names a feature that does not exist.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> config = load_config(Path())
    >>> model = config.models["late_arrival"].model_copy(update={"features": ("weather.visibility_miles",)})
    >>> model_columns(config, model)[3:]
    ('distance', 'scheduled_minutes', 'hour_of_day', 'weekday', 'weather__visibility_miles')
    """
    features = (feature.column for feature in resolve_features(config, model))
    return _once([*model.predict.known, *model.on_demand, *features])


def input_columns(config: Config, model: Model) -> tuple[str, ...]:
    """List the columns the model artifact is given: known columns, arguments of on-demand calls, gold features.

    Args:
        config: The project.
        model: One of its models.

    Returns:
        Column names in that order, arguments in the order of their first use, each once.

    Raises:
        ConfigError: If the model names a feature that does not exist.
        ValueError: If an on-demand call cannot be parsed, which `load_config` would have refused.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> config = load_config(Path())
    >>> model = config.models["late_arrival"].model_copy(update={"features": ("weather.visibility_miles",)})
    >>> model.on_demand["hour_of_day"], input_columns(config, model)[-2:]
    ('hour(scheduled_departure_ts)', ('scheduled_departure_ts', 'weather__visibility_miles'))
    """
    arguments = [column for call in model.on_demand.values() for column in parse_call(call).columns]
    features = (feature.column for feature in resolve_features(config, model))
    return _once([*model.predict.known, *arguments, *features])


def matching_columns(patterns: Iterable[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Find the model columns that any of the patterns names.

    Args:
        patterns: A column; a feature, `weather.wind_speed_mph`; a table's features, `weather.*`; or a pattern with
            wildcards, `hour_*`, `*`.
        columns: Model columns.

    Returns:
        Matching columns in the order of `columns`.

    >>> columns = ["origin", "hour_of_day", "weather__wind_speed_mph", "weather__gust_mph"]
    >>> matching_columns(["weather.*"], columns)
    ('weather__wind_speed_mph', 'weather__gust_mph')
    >>> matching_columns(["hour_*", "weather.gust_mph", "origin"], columns)
    ('origin', 'hour_of_day', 'weather__gust_mph')
    """
    names = [pattern.replace(".", "__", 1) for pattern in patterns]
    return tuple(column for column in columns if any(fnmatchcase(column, name) for name in names))


def _once(items: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(items))
