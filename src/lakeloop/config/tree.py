"""The whole configuration, parsed and checked."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lakeloop.aggregates import AGGREGATES, find_aggregate
from lakeloop.config.addresses import without_password
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.located_yaml import KeyPath
from lakeloop.config.model import Model
from lakeloop.config.project import Project
from lakeloop.config.section import Section
from lakeloop.config.source import Source

_PLACES: dict[str, tuple[KeyPath, ...]] = {
    "project": (("workspace",), ("local",), ("tracking_uri",), ("notify",), ("spark",)),
    "source": (("landing", "path"), ("read",)),
}
"""Keys that say where something is and may hold a secret; a variable in them is no part of what is declared."""


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
        code: Feature table -> hash of the file its function is written in.
        secrets: Name of a secret of a scope -> its value; in no message.
        hidden: Value that nothing may show -> the variable that stands for it.
        written: Kind and name -> path of each value that is written with an environment variable -> as it is written.

    >>> from dataclasses import replace
    >>> from lakeloop.config.loading import load_config
    >>> config = load_config(Path())
    >>> config.landing_path(config.sources["weather"]).relative_to(config.root).as_posix()
    'workspace/landing/weather'
    >>> weather = config.sources["weather"].model_copy(update={"key": ("origin",)})
    >>> changed = replace(config, sources={"weather": weather})
    >>> changed.spec_hash("source", "weather") == config.spec_hash("source", "weather")
    False
    """

    root: Path
    env: str | None
    project: Project
    sources: dict[str, Source]
    feature_tables: dict[str, FeatureTable]
    models: dict[str, Model]
    files: dict[str, str]
    written: dict[str, dict[KeyPath, str]] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    hidden: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def workspace(self) -> Path:
        """Absolute folder of everything the project writes but its tables, which may be at an address."""
        return self.root / self.project.folder

    @property
    def tables(self) -> str:
        """Where tables lie that are in no catalog: the workspace, or the address that is declared in its place."""
        return str(self.workspace) if self.project.local is None else self.project.workspace

    @property
    def tracking_uri(self) -> str:
        """MLflow tracking address with the workspace filled in."""
        return self.project.tracking_uri.replace("{workspace}", str(self.workspace))

    @property
    def shown_tracking_uri(self) -> str:
        """MLflow tracking address as it may be shown: variables as they are written, no user and no password."""
        written = self._written("project", self.project.project).get(("tracking_uri",), self.project.tracking_uri)
        return without_password(written.replace("{workspace}", str(self.workspace)))

    @property
    def online_store_address(self) -> str:
        """Address of the online store with the workspace filled in; it may hold a password."""
        return self.project.online_store.address.replace("{workspace}", str(self.workspace))

    @property
    def shown_notify(self) -> str:
        """The declared channels of notifications as they may be shown: variables as they are written."""
        notify, written = self.project.notify, self._written("project", self.project.project)
        if notify.channels:
            return ", ".join(f"{name} ({self._shown_channel(name)})" for name in notify.channels)
        if notify.command is not None:
            parts = [written.get(("notify", "command", i), part) for i, part in enumerate(notify.command)]
            return " ".join(parts)
        return written.get(("notify", "file"), str(self.workspace / (notify.file or "")))

    def _shown_channel(self, name: str) -> str:
        """Say what a channel is: where a file is, and of others the kind alone."""
        channel, path = self.project.notify.channels[name], ("notify", "channels", name, "file")
        if channel.file is None:
            return channel.word
        return self._written("project", self.project.project).get(path, str(self.workspace / channel.file))

    def hidden_arguments(self, name: str) -> tuple[str, ...]:
        """List the arguments of a channel's command that no message may show: those written with a variable.

        Args:
            name: The channel's name.

        Returns:
            Their values; none of a channel that is no command.
        """
        notify, written = self.project.notify, self._written("project", self.project.project)
        above: KeyPath = ("notify", "channels", name) if notify.channels else ("notify",)
        command = notify.named[name].command or ()
        return tuple(each for i, each in enumerate(command) if (*above, "command", i) in written)

    def landing_path(self, source: Source) -> Path:
        """Find where a source's files arrive.

        Args:
            source: A source of this project.

        Returns:
            The absolute folder.
        """
        return Path(os.path.normpath(self.workspace / source.files.path))  # `..` may come before there is a workspace

    def read_place(self, source: Source) -> str:
        """Find the Delta table a source reads.

        Args:
            source: A source of this project that reads one.

        Returns:
            An absolute path or an address, or the name of a table in a catalog.
        """
        read = source.read
        if read is None or read.delta is None:
            raise ValueError(f"source {source.source} reads no Delta table")
        if read.delta_path is None or "://" in read.delta:
            return read.delta
        return os.path.normpath(self.workspace / read.delta)

    def written_read(self, source: Source) -> dict[str, str]:
        """Give what a `read` section is written with where environment variables stand in it.

        Args:
            source: A source of this project.

        Returns:
            Dotted key below `read` -> the text as it is written.
        """
        written = self._written("source", source.source)
        return {".".join(map(str, path[1:])): text for path, text in written.items() if path[:1] == ("read",)}

    def spec_hash(self, kind: str, name: str) -> str:
        """Fingerprint one object's declaration, with every default filled in.

        Environment variables count by their values, because these change what is made. In keys that only say where
        something is (`landing.path`, `read`, `tracking_uri`, ...) they count as they are written: the same declaration
        has one hash everywhere, and no secret is hashed.

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
        for path, written in self._written(kind, name).items():
            if any(path[: len(each)] == each for each in _PLACES.get(kind, ())):
                _put(content, path, written)
        if kind == "feature_table" and name in self.code:
            content["python_code"] = self.code[name]
        if kind == "feature_table":
            content |= _brought_aggregates(self.feature_tables[name])
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _written(self, kind: str, name: str) -> dict[KeyPath, str]:
        return self.written.get(f"{kind}:{name}", {})


def _brought_aggregates(table: FeatureTable) -> dict[str, Any]:
    """Tell what the aggregates of packages are made of: another meaning of a word is another table."""
    words = sorted({each.computed_as for each in table.window_features} - set(AGGREGATES))
    brought = {word: asdict(find_aggregate(word)) for word in words}
    for each in brought.values():
        each.pop("description")
    return {"brought_aggregates": brought} if brought else {}


def _put(content: Any, path: KeyPath, text: str) -> None:
    for part in path[:-1]:
        content = content[part]
    content[path[-1]] = text
