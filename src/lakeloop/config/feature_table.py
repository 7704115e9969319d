"""`conf/base/features/*.yml`: gold feature tables."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from lakeloop.config.aggregate import Aggregate, WindowFeature
from lakeloop.config.durations import short_name
from lakeloop.config.section import Duration, Lag, Name, Section, Tags, Text, Unit, Words
from lakeloop.config.source import ColumnType
from lakeloop.config.sql_statement import read_statement

_OPTIONAL = frozenset({"delay", "from", "sql", "python", "needs", "features"})


class Kind(StrEnum):
    """How a feature table says what was."""

    WINDOWED = "windowed"
    ATTRIBUTES = "attributes"
    SQL = "sql"
    PYTHON = "python"


class FeatureType(StrEnum):
    """Types of a computed feature."""

    DOUBLE = "double"
    LONG = "long"
    STRING = "string"

    @property
    def column_type(self) -> ColumnType:
        """The same type of a source's column."""
        return ColumnType(self.value)


class Attribute(Section):
    """A feature that is the newest known value of an expression over the source's row.

    Attributes:
        as_: Spark SQL expression; a number, a string, true or false, or an instant.
        description: What it means.
        unit: Its unit, where it has one.
        tags: Words to find it by.
    """

    as_: str = Field(alias="as", min_length=1)
    description: Words = ""
    unit: Unit = None
    tags: Tags = ()


class ComputedFeature(Section):
    """A feature that a statement or a function gives.

    Attributes:
        type: Its type.
        description: What it means.
        unit: Its unit, where it has one.
        tags: Words to find it by.
    """

    type: FeatureType
    description: Annotated[str, Field(exclude=True)] = ""
    unit: Annotated[str | None, Field(exclude=True)] = None
    tags: Tags = ()


class FeatureTable(Section):
    """A gold feature table of one kind: `aggregate`, `attributes`, `sql` or `python`.

    Attributes:
        feature_table: Name; the table is `gold.<feature_table>`.
        description: What a row says.
        owner: Who answers for it.
        tags: Words to find its features by.
        entity: Key columns, from the source; of a table of `sql`, from the statement.
        from_: The source; none with `sql`, whose statement names its tables.
        every: Tick of a table of any kind but `attributes`.
        delay: How much later than it became available an event counts in a windowed table: from the first tick at or
            after `available_ts` + `delay`.
        aggregate: Windowed features.
        attributes: Features of an attribute table.
        sql: One SELECT that gives the entity and the features at the tick `:tick`, from sources and `gold.<name>`.
        python: Import path of a function that gives the features of one entity at a tick.
        needs: How far before a tick rows became available that `sql` or `python` is given.
        features: What `sql` or `python` gives.
        ttl: Age (from `event_ts`) after which an attribute row is EXPIRED.
    """

    feature_table: Name
    description: Words = ""
    owner: Words = ""
    tags: Tags = ()
    entity: tuple[Name, ...] = Field(min_length=1)
    from_: Name | None = Field(default=None, alias="from")
    every: Duration | None = None
    delay: Lag = timedelta(0)
    aggregate: tuple[Aggregate, ...] = ()
    attributes: dict[Name, Attribute] = Field(default_factory=dict)
    sql: Text | None = None
    python: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")] | None = None
    needs: Duration | None = None
    features: dict[Name, ComputedFeature] = Field(default_factory=dict)
    ttl: Duration | None = None

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the keys that are not used, so that a declaration without them keeps its hash."""
        return {key: each for key, each in write(self).items() if key not in _OPTIONAL or self._uses(key)}

    def _uses(self, key: str) -> bool:
        return bool(getattr(self, "from_" if key == "from" else key))

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [key for key in ("aggregate", "attributes", "sql", "python") if self._uses(key)]
        if len(kinds) != 1:
            raise ValueError("declare one of aggregate (with every), attributes, sql and python")
        if self.sql is None and self.from_ is None:
            raise ValidationError.from_exception_data("", [{"type": "missing", "loc": ("from",), "input": None}])
        if self.sql is not None and self.from_ is not None:
            raise ValueError("from: the statement names its tables; write no from beside sql")
        if self.aggregate and self.every is None:
            raise ValueError("a windowed table needs its tick: every: 1 hour")
        if self.attributes and self.every is not None:
            raise ValueError("an attribute table has no tick: remove every")
        if not self.attributes and self.ttl is not None:
            raise ValueError(f"ttl does not apply to a {self._named}: remove it")
        if not self.aggregate and self.delay:
            raise ValueError(f"delay does not apply to {'an' if self.attributes else 'a'} {self._named}: remove it")
        return self

    @model_validator(mode="after")
    def _computed(self) -> Self:
        if self.sql is None and self.python is None:
            for key in ("needs", "features"):
                if self._uses(key):
                    raise ValueError(f"{key}: it goes with sql or python; write no {key} in a {self._named}")
            return self
        absent = [key for key in ("every", "needs", "features") if not self._uses(key)]
        if absent:
            problem = "a table of sql or python needs every, needs and features"
            raise ValueError(f"{self.kind}: {', '.join(absent)} is absent; write it beside it: {problem}")
        if self.needs is not None and self.every is not None and self.needs < self.every:
            tick = short_name(self.every)
            problem = f"{short_name(self.needs)} is shorter than every: {tick}, so that rows would count at no tick"
            raise ValueError(f"needs: {problem}; write at least {tick}")
        return self

    @model_validator(mode="after")
    def _on_ticks(self) -> Self:
        if self.every is None:
            return self
        tick = short_name(self.every)
        form = f"write whole multiples of {tick}"
        for index, aggregate in enumerate(self.aggregate):
            at = f"aggregate[{index}]"
            if aggregate.offset % self.every:
                problem = f"offset {short_name(aggregate.offset)} is not a multiple of every: {tick}"
                raise ValueError(f"{at}.offset: {problem}; {form}")
            for position, window in enumerate(aggregate.over):
                if window % self.every:
                    fault = "shorter than" if window < self.every else "not a multiple of"
                    problem = f"window {short_name(window)} is {fault} every: {tick}"
                    raise ValueError(f"{at}.over[{position}]: {problem}; {form}")
        return self

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        earlier: dict[str, int] = {}
        for index, aggregate in enumerate(self.aggregate):
            for feature in aggregate.features():
                if feature.name in earlier:
                    position = max(at for at, window in enumerate(aggregate.over) if window == feature.window)
                    at = f"aggregate[{index}].over[{position}]"
                    problem = f"it makes the feature {feature.name} of aggregate[{earlier[feature.name]}] again"
                    raise ValueError(f"{at}: {problem}; write each window once, and a name: where measures are alike")
                earlier[feature.name] = index
        return self

    @property
    def kind(self) -> Kind:
        """Its kind."""
        if self.sql is not None:
            return Kind.SQL
        if self.python is not None:
            return Kind.PYTHON
        return Kind.WINDOWED if self.aggregate else Kind.ATTRIBUTES

    @property
    def _named(self) -> str:
        names = {Kind.WINDOWED: "windowed table", Kind.ATTRIBUTES: "attribute table"}
        return names.get(self.kind, f"table of {self.kind}")

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources it is made from directly; none where its statement cannot be read.

        >>> FeatureTable.model_validate({
        ...     "feature_table": "busy", "entity": ["shop"], "every": "1 day", "needs": "7 days",
        ...     "sql": "select shop, count(*) as n from orders group by shop", "features": {"n": {"type": "long"}},
        ... }).sources
        ('orders',)
        """
        if self.sql is None:
            return (self.from_,) if self.from_ is not None else ()
        try:
            return read_statement(self.sql).sources
        except ValueError:
            return ()

    @property
    def feature_tables(self) -> tuple[str, ...]:
        """Feature tables its statement reads; none where it cannot be read."""
        try:
            return read_statement(self.sql).feature_tables if self.sql is not None else ()
        except ValueError:
            return ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it is made from directly, as a statement names it: `outcomes`, `gold.weather`."""
        return (*self.sources, *(f"gold.{name}" for name in self.feature_tables))

    @property
    def window_features(self) -> tuple[WindowFeature, ...]:
        """Windowed features in order."""
        return tuple(feature for aggregate in self.aggregate for feature in aggregate.features())

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Feature columns in order."""
        return (*(feature.name for feature in self.window_features), *self.attributes, *self.features)
