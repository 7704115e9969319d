"""`estimator:` of a model: what is fitted, and what is searched over."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, SerializerFunctionWrapHandler, Tag, model_serializer

from lakeloop.config.section import Name, Section, Text
from lakeloop.config.tuning import Distribution, Tuning

Parameter = bool | int | float | str | None


def _kind_of_values(value: Any) -> str:
    return "distribution" if isinstance(value, dict | Distribution) else "values"


Values = Annotated[
    Annotated[tuple[Parameter, ...], Tag("values")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(_kind_of_values),
]
"""What a search tries for a parameter: a list, or a range to draw from."""


class Estimator(Section):
    """What is fitted.

    Attributes:
        class_: Import path of a class with scikit-learn's interface.
        params: Its fixed parameters.
        search: Parameter -> values to try, or a range to draw from (`{low: 0.01, high: 0.3, log: true}`).
        feature_sets: Name -> model columns, or patterns; the search tries each. Without any every column is used.
        tuning: How the search is done.
    """

    class_: str = Field(alias="class", pattern=r"^[A-Za-z_][\w]*(\.[A-Za-z_]\w*)+$")
    params: dict[str, Parameter] = Field(default_factory=dict)
    search: dict[str, Values] = Field(default_factory=dict)
    feature_sets: dict[Name, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(default_factory=dict)
    tuning: Tuning = Tuning()

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not declared: what was made before the key was known has the same fingerprint."""
        unused = {"feature_sets"} if not self.feature_sets else set()
        unused |= {"tuning"} if self.tuning == Tuning() else set()
        return {key: value for key, value in write(self).items() if key not in unused}
