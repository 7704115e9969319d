"""Severity of what a monitoring found: the champion's importance is read from the registry once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lakeloop.drift.severity import importance_shares, with_severity
from lakeloop.errors import ConflictError
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.context import Context
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.recalibrated_version import PARENT_TAG
from lakeloop.training.evidence import IMPORTANCE_FILE


def read_importance(
    context: Context, version: ModelVersion, promotions: Sequence[Promotion]
) -> dict[str, float] | None:
    """Read what a version makes of its columns.

    Args:
        context: Project, lake and logical now.
        version: The champion. One that corrects another's scores logs no importance of its own: that of the version
            whose steps it shares is read.
        promotions: The model's ledger.

    Returns:
        Column -> share of the permutation importance; None where it was not logged, or is gone.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> ledger = read_promotions(context, "late")
    >>> version = context.registry.get_version("late", ledger[0].version, ledger[0].run_key)
    >>> max(read_importance(context, version, ledger).values()) <= 1
    True
    """
    registry, keys = context.registry, {each.version: each.run_key for each in promotions}
    try:
        while (parent := version.tags.get(PARENT_TAG)) in keys:
            version = registry.get_version(version.model, parent, keys[parent])
        return importance_shares(registry.read_document(version, IMPORTANCE_FILE))
    except ConflictError:
        return None


def weigh_findings(findings: Sequence[WindowFinding], shares: Mapping[str, float] | None) -> list[WindowFinding]:
    """Give findings with the severity of the columns that drifted.

    Args:
        findings: What was found, by window end.
        shares: Column -> share of the champion's importance; None where it is not known.

    Returns:
        The findings, in their order.

    >>> weigh_findings([], None)
    []
    """
    return [
        replace(each, columns=tuple(with_severity(verdict, shares) for verdict in each.columns)) for each in findings
    ]
