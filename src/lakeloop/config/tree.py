"""The whole configuration, parsed and checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.model import Model
from lakeloop.config.project import Project
from lakeloop.config.section import Section
from lakeloop.config.source import Source


@dataclass(frozen=True)
class Config:
    """A project's configuration. Built by `load_config` only, which checks it.

    Attributes:
        root: Absolute folder that holds `conf/`.
        env: Environment whose overrides were laid over the base; None for the base alone.
        project: What holds for the whole project.
        sources: Name -> source, in order of names.
        feature_tables: Name -> feature table, in order of names.
        models: Name -> model, in order of names.
        files: Kind and name, `source:outcomes`, -> file relative to the root.
    """

    root: Path
    env: str | None
    project: Project
    sources: dict[str, Source]
    feature_tables: dict[str, FeatureTable]
    models: dict[str, Model]
    files: dict[str, str]

    @property
    def workspace(self) -> Path:
        """Absolute folder of the tables and of everything the project writes."""
        return self.root / self.project.workspace

    @property
    def tracking_uri(self) -> str:
        """MLflow tracking address with the workspace filled in."""
        return self.project.tracking_uri.replace("{workspace}", str(self.workspace))

    def landing_path(self, source: Source) -> Path:
        """Find where a source's files arrive.

        Args:
            source: A source of this project.

        Returns:
            The absolute folder.
        """
        return self.workspace / source.landing.path

    def spec_hash(self, kind: str, name: str) -> str:
        """Fingerprint one object's declaration, with every default filled in.

        Args:
            kind: `project`, `source`, `feature_table` or `model`.
            name: The object's name.

        Returns:
            The first 16 hexadecimal digits of the SHA-256 of its canonical JSON (sorted keys, no spaces, UTF-8).

        Raises:
            KeyError: If there is no such object.
        """
        kinds: dict[str, dict[str, Section]] = {
            "project": {self.project.project: self.project},
            "source": dict(self.sources),
            "feature_table": dict(self.feature_tables),
            "model": dict(self.models),
        }
        content = kinds[kind][name].model_dump(mode="json", by_alias=True)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
