"""`registry:` of the project: where model versions are kept, under which names, and what may be loaded from there."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from lakeloop.config.section import Section, Text

UNITY_CATALOG = "databricks-uc"
_STORE = re.compile(r"^(?:databricks(?:-uc)?$|(?!file:)[a-z][a-z0-9+.-]*://)")


def _registry_address(uri: str) -> str:
    if not _STORE.match(uri):
        raise ValueError("it is no address of a registry; write databricks-uc or https://host, or leave it out")
    return uri


class RegistrySettings(Section):
    """Where model versions are kept, under which names, and what may be loaded from there.

    Attributes:
        uri: Address of the registry where it is not the tracking store; `databricks-uc` is Unity Catalog.
        schema_: `catalog.schema` below which models are registered: `late_arrival` becomes
            `catalog.schema.late_arrival`. Unity Catalog asks for it, other registries have no levels.
        allow_pickle: Whether models stored as pickle are loaded, which runs whatever code is in them. A model whose
            types skops may not load is then stored so; without it its training is refused.
    """

    uri: Annotated[Text, AfterValidator(_registry_address)] | None = None
    schema_: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}$")] | None = Field(
        default=None, alias="schema"
    )
    allow_pickle: bool = False

    @model_validator(mode="after")
    def _levels_where_there_are_some(self) -> Self:
        if (self.uri == UNITY_CATALOG) != (self.schema_ is not None):
            raise ValueError(f"uri: {UNITY_CATALOG} and schema: <catalog>.<schema> go together")
        return self
