"""What the registry says of a version that no table holds: importances of columns, and names of the score's bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.severity import importance_shares
from lakeloop.errors import ConflictError, EnvironmentProblemError
from lakeloop.reporting.evidence import read_object
from lakeloop.reporting.recorded import Recorded, Row
from lakeloop.runs.context import Context
from lakeloop.runs.recalibrated_version import PARENT_TAG
from lakeloop.runs.references import PREDICTION_REFERENCE_FILE
from lakeloop.statuses import PromotionOutcome
from lakeloop.tracking_store import local_database
from lakeloop.training.evidence import IMPORTANCE_FILE


@dataclass(frozen=True)
class VersionFacts:
    """What is known of a version; empty where the registry does not say it.

    Attributes:
        importances: Column -> its share of the permutation importance on the holdout.
        bins: Column of the answers -> names of its bins.
    """

    importances: Mapping[str, float] = field(default_factory=dict)
    bins: Mapping[str, Sequence[str]] = field(default_factory=dict)


def read_version_facts(context: Context, recorded: Recorded) -> dict[str, VersionFacts]:
    """Read what the registry says of the versions that the newest drift speaks of.

    A report never fails over it: a store that is missing, does not answer or lost a document leaves it unknown.

    Args:
        context: Project, lake and logical now.
        recorded: What the tables say by then.

    Returns:
        Model -> what is known; models without drift are left out.

    >>> from lakeloop.runs.report import read_recorded
    >>> found = read_version_facts(context, read_recorded(context))["late"]
    >>> max(found.importances.values()) <= 1, found.bins["score"][-1]
    (True, 'NULL')
    >>> read_version_facts(context, Recorded())
    {}
    """
    database = local_database(context.config.tracking_uri)
    if database is not None and not database.exists():  # a report makes no store
        return {}
    found = {}
    for model in context.config.models:
        own = recorded.of_model(model)
        newest = max(own.drift, key=lambda row: (row["window"]["end"], row["as_of"]), default=None)
        if newest is not None:
            try:
                found[model] = _read(context, model, newest["model_version"], own.promotions)
            except EnvironmentProblemError:  # the next question would take as long
                break
    return found


def _read(context: Context, model: str, number: str, promotions: Sequence[Row]) -> VersionFacts:
    bins = _document(context, model, number, promotions, PREDICTION_REFERENCE_FILE).get("bins") or ()
    named = {each.name: each.labels() for each in map(ColumnBins.from_dict, bins)}
    return VersionFacts(importance_shares(_document(context, model, number, promotions, IMPORTANCE_FILE)), named)


def _document(context: Context, model: str, number: str, promotions: Sequence[Row], name: str) -> Mapping[str, Any]:
    """Read a document of a version, or of the one it was recalibrated from; empty where neither has it."""
    keys = {row["model_version"]: row["run_key"] for row in promotions if row["outcome"] == PromotionOutcome.PROMOTED}
    seen: set[str] = set()
    while number in keys and number not in seen:
        seen.add(number)
        try:
            version = context.registry.get_version(model, number, keys[number])
        except ConflictError:
            return {}
        try:
            document = context.registry.read_document(version, name)
        except ConflictError:
            number = version.tags.get(PARENT_TAG, "")
        else:
            return document if isinstance(document, Mapping) else read_object(document)
    return {}
