"""What is known of a version before a person's event names it: from the ledger, or else from the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lakeloop.errors import UsageError
from lakeloop.model_versions import ModelVersion, lost_version
from lakeloop.runs.context import Context
from lakeloop.runs.declared import SERVING_TAG, assert_same_model
from lakeloop.runs.promotions import PROMOTED, Promotion
from lakeloop.statuses import LedgerEvent


@dataclass(frozen=True)
class VersionFacts:
    """What an event records of the version it is about.

    Attributes:
        context: Project, lake and logical now.
        registered: The version in the registry.
        training_set_id: What it was trained on.
        trained_through: Greatest `available_ts` that touched it.
        judgement: Name of its judgement by the gate; None when it was not judged.
        gate_outcome: What the gate said.
        has_passed: Whether the gate promoted it, or somebody approved it.
    """

    context: Context
    registered: ModelVersion
    training_set_id: str
    trained_through: datetime
    judgement: str | None
    gate_outcome: str | None
    has_passed: bool

    @property
    def version(self) -> str:
        """Its number."""
        return self.registered.version

    @property
    def run_key(self) -> str:
        """Hash of what it is made from."""
        return self.registered.run_key

    def assert_serves(self) -> None:
        """Refuse a version that could not answer: files, checksum, types, or another declaration than today's.

        Raises:
            ConflictError: If it may not be loaded, or was trained by another declaration.

        >>> from lakeloop.runs.promotions import read_whole_ledger
        >>> read_facts(context, "late", "1", read_whole_ledger(context, "late")).assert_serves()
        """
        self.context.registry.verify(self.registered)
        model = self.context.config.models[self.registered.model]
        assert_same_model(self.context.config, model, self.registered.tags.get(SERVING_TAG))


def read_facts(context: Context, name: str, version: str, ledger: Sequence[Promotion]) -> VersionFacts:
    """Gather what is known of a version.

    Args:
        context: Project, lake and logical now.
        name: The model.
        version: The version.
        ledger: The model's whole ledger.

    Returns:
        The facts.

    Raises:
        UsageError: If neither the registry nor the ledger has the version.
        ConflictError: If the ledger names it and the registry lacks it, or has another one under its number.

    >>> from lakeloop.runs.promotions import read_whole_ledger
    >>> facts = read_facts(context, "late", "1", read_whole_ledger(context, "late"))
    >>> facts.judgement, facts.gate_outcome, facts.has_passed
    ('late-1-2024-01-25T00:00:00Z', 'promoted', True)
    """
    own = [each for each in ledger if each.version == version]
    judged = next((each for each in reversed(own) if each.event is LedgerEvent.GATE), None)
    if own:
        registered = context.registry.get_version(name, version, own[-1].run_key)
        training_set_id, trained_through = own[-1].training_set_id, own[-1].trained_through
    else:
        registered, training_set_id, trained_through = _unjudged(context, name, version, ledger)
    return VersionFacts(
        context,
        registered,
        training_set_id,
        trained_through,
        judged.promotion_id if judged is not None else None,
        judged.outcome if judged is not None else None,
        any(each.outcome == PROMOTED and each.event in (LedgerEvent.GATE, LedgerEvent.APPROVE) for each in own),
    )


def _unjudged(
    context: Context, name: str, version: str, ledger: Sequence[Promotion]
) -> tuple[ModelVersion, str, datetime]:
    """Read of the registry alone what a training noted with a version, before it was judged."""
    there = {each.version: each for each in context.registry.list_versions(name)}
    found = there.get(version)
    if found is None:
        known = sorted({*there, *(each.version for each in ledger)}, key=int)
        raise UsageError("--version", repr(version), ", ".join(known) or "none is registered", "name one of these")
    try:
        return found, found.tags["training_set_id"], datetime.fromisoformat(found.tags["trained_through"])
    except (KeyError, ValueError) as missing:
        raise lost_version(name, version, "it was not registered by a training of lakeloop") from missing
