"""Which expression of a model could not be computed: an error a person can act on in place of Spark's trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lakeloop.config import Config
from lakeloop.config.located_yaml import KeyPath
from lakeloop.config.model import Model
from lakeloop.errors import DataContractError
from lakeloop.runs.failed_tables import GUARD, condition_of, suspect


@contextmanager
def explaining_model(config: Config, model: Model) -> Iterator[None]:
    """Explain what fails meanwhile by the model's declaration, where a value is what failed.

    Args:
        config: The project.
        model: The model whose spine or labels are computed.

    Raises:
        DataContractError: If `predict.at`, `label.as`, `label.event` or a condition of `label.void` could not be
            computed for a row.

    >>> late = shops.models["late"]
    >>> label = late.label.model_copy(update={"as_": "cast(shop as int) > 10"})
    >>> try:
    ...     with explaining_model(shops, late.model_copy(update={"label": label})):
    ...         raise RuntimeError("[CAST_INVALID_INPUT] The value 'Ada' ... SQLSTATE: 22018")
    ... except DataContractError as error:
    ...     print(error)
    model late: the data broke its contract
      - conf/base/models/late.yml:5: label.as: can't be computed for some row: CAST_INVALID_INPUT, in \
`cast(shop as int) > 10`
      remedy: guard it against such values (try_cast, try_divide, nullif)
    """
    try:
        yield
    except Exception as failure:  # what fails while a task writes is none of PySpark's own classes
        condition = condition_of(failure)
        if condition is None:
            raise
        failures = suspect(config, f"model:{model.model}", _expressions(model), condition)
        raise DataContractError(f"model {model.model}", failures, GUARD) from None  # Spark's text quotes the value


def _expressions(model: Model) -> dict[KeyPath, str]:
    """List what of a model is computed for rows; the instant of a grid is counted, from no value."""
    declared: dict[KeyPath, str] = {} if model.predict.every is not None else {("predict", "at"): model.predict.at}
    for key, text in (("as", model.label.as_), ("event", model.label.event)):
        if text is not None:
            declared[("label", key)] = text
    return declared | {("label", "void", reason): text for reason, text in model.label.void.items()}
