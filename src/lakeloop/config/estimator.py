"""`estimator:` of a model: what is fitted, and what is searched over."""

from __future__ import annotations

from pydantic import Field

from lakeloop.config.section import Section

MAX_CANDIDATES = 4
"""Most combinations of a search: each is a whole fit in every turn that trains."""


Parameter = bool | int | float | str | None


class Estimator(Section):
    """What is fitted.

    Attributes:
        class_: Import path of a class with scikit-learn's interface.
        params: Its fixed parameters.
        search: Parameter -> values to try; every combination is a candidate.
    """

    class_: str = Field(alias="class", pattern=r"^[A-Za-z_][\w]*(\.[A-Za-z_]\w*)+$")
    params: dict[str, Parameter] = Field(default_factory=dict)
    search: dict[str, tuple[Parameter, ...]] = Field(default_factory=dict)
