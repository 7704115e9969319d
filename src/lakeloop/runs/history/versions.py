"""The versions that a policy makes in a replay: numbered as a registry numbers them, and held in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sklearn.pipeline import Pipeline

from lakeloop.drift.reference import Reference
from lakeloop.errors import ConflictError
from lakeloop.model_versions import ModelVersion, lost_version


@dataclass(frozen=True)
class ReplayedVersion:
    """A version of a replay.

    Attributes:
        number: Its number, as text.
        run_key: Hash of what it is made from: that of the version that the real jobs make of the same.
        training_set_id: The training set its fitted steps learned from.
        pipeline: What serves.
        features: Reference of its features.
        predictions: Reference of its scores.
        trained_through: Greatest `available_ts` that touched it; aware, UTC.
    """

    number: str
    run_key: str
    training_set_id: str
    pipeline: Pipeline
    features: Reference
    predictions: Reference
    trained_through: datetime


class ReplayRegistry:
    """Stands where steps ask for versions by number and set aliases; aliases follow the ledger, which tells them.

    Args:
        model: The model.

    >>> registry = ReplayRegistry("late")
    >>> registry.find_version("late", "a-run-key") is None
    True
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._versions: dict[str, ReplayedVersion] = {}

    @property
    def next_number(self) -> str:
        """Number of the next version."""
        return str(len(self._versions) + 1)

    def add(self, version: ReplayedVersion) -> ModelVersion:
        """Register a version.

        Args:
            version: The version, of the next number.

        Returns:
            What steps are given of it.
        """
        self._versions[version.number] = version
        return self._entry(version)

    def replayed(self, number: str) -> ReplayedVersion:
        """Give a version by its number."""
        return self._versions[number]

    def get_version(self, model: str, version: str, run_key: str) -> ModelVersion:
        """Give what steps are given of a version.

        Raises:
            ConflictError: If there is none of that number and key.
        """
        found = self._versions.get(version)
        if found is None or found.run_key != run_key:
            raise self._lost(model, version)
        return self._entry(found)

    def find_version(self, model: str, run_key: str) -> ModelVersion | None:
        """Find a version by its key.

        Args:
            model: The model.
            run_key: The key.

        Returns:
            What steps are given of it; None without one.
        """
        found = [each for each in self._versions.values() if each.run_key == run_key and model == self._model]
        return self._entry(found[0]) if found else None

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        """Do nothing: the ledger tells who is champion."""

    def _entry(self, version: ReplayedVersion) -> ModelVersion:
        through = {"trained_through": version.trained_through.isoformat()}
        return ModelVersion(self._model, version.number, "", version.run_key, through)

    @staticmethod
    def _lost(model: str, version: str) -> ConflictError:
        return lost_version(model, version, "the replay made none of that number")
