"""The truth that labels are made of: rows of the label's source as they were known."""

from __future__ import annotations

from pyspark.sql import DataFrame

from lakeloop.config.label import Conflict, Label
from lakeloop.config.model import Model
from lakeloop.errors import DataContractError, Failure
from lakeloop.labels.found import SUPERSEDED_TS
from lakeloop.quality.versions import newest_versions, versions_with_ends
from lakeloop.runs.context import Context


def read_truth(context: Context, model: Model, *, version: int | None = None) -> DataFrame:
    """Read the rows of the label's source that were known at the logical now.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: Delta version of the bronze table to read; the newest without it.

    Returns:
        By id the newest version of every key; of a label that looks ahead all versions, each with the instant at which
        a newer one took its place: what is taken back was believed until then.

    >>> read_truth(context, context.config.models["late"]).columns[:2]
    ['order', 'shop']
    """
    label = model.label
    source = context.config.sources[label.from_]
    rows = context.lake.read(context.lake.address("bronze", label.from_), context.as_of, version=version)
    return newest_versions(rows, source) if label.is_by_id else versions_with_ends(rows, source, SUPERSEDED_TS)


def refuse_conflicts(model: str, label: Label, conflicts: int) -> None:
    """Refuse labels whose source tells different things of one row, where no policy says what counts.

    Args:
        model: The model.
        label: The declaration of its label.
        conflicts: Closed spine rows of which rows of the source disagree.

    Raises:
        DataContractError: If there are any, and the policy is to fail or none is declared.

    >>> label = context.config.models["late"].label
    >>> refuse_conflicts("late", label, 0)
    >>> try:
    ...     refuse_conflicts("late", label.model_copy(update={"conflict": Conflict.FAIL}), 2)
    ... except DataContractError as error:
    ...     print(error.failures[0])
    label: rows of bronze.deliveries disagree on 2 closed rows of the spine
    """
    if conflicts and label.conflict in (None, Conflict.FAIL):
        raise DataContractError(
            f"labels of model {model}",
            [Failure("label", f"rows of bronze.{label.from_} disagree on {conflicts} closed rows of the spine")],
            "mend the rows, or declare which of them counts: label.conflict: newest, first or void",
        )
