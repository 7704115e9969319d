"""`conf/base/project.yml`: what holds for the whole project."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lakeloop.config.notify import Notify
from lakeloop.config.online_store import OnlineStoreSettings
from lakeloop.config.openlineage import OpenLineage
from lakeloop.config.registry import RegistrySettings
from lakeloop.config.section import Duration, Folder, Name, Section, Text, Timezone, Whole, Words
from lakeloop.config.workspace import Place, S3Writers

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_STORE = re.compile(r"^(?:databricks(?:-uc)?$|(?!file:)[a-z][a-z0-9+.-]*://)")


def _tracking_address(uri: str) -> str:
    unknown = [each for each in _PLACEHOLDER.findall(uri) if each != "{workspace}"]
    if unknown:
        raise ValueError(f"{unknown[0]} is no placeholder; write {{workspace}}, the only one")
    if not _STORE.match(uri):
        raise ValueError("it is no address of a tracking store; write sqlite:///{workspace}/mlflow.db or https://host")
    return uri


def _as_setting(value: Any) -> Any:
    """Spark's settings are text; a fraction is one, too."""
    return repr(value) if isinstance(value, float) and math.isfinite(value) else value


class Engine(StrEnum):
    """What does the steps that have an in-process twin: the point-in-time join and the training read."""

    AUTO = "auto"
    SPARK = "spark"
    LOCAL = "local"


class Project(Section):
    """The project as a whole.

    Attributes:
        project: Its name.
        description: What it is for.
        timezone: IANA zone in which a bare date of `as_of` is read.
        workspace: Folder of the tables, relative to the folder that holds `conf/`; or absolute; or an address of an
            object store: `s3a://`, `abfss://`, `gs://`.
        local: Folder of what cannot lie at an address: landed files, checkpoints, the lock, SQLite, reports. Declared
            where `workspace` is an address, and nowhere else.
        s3_writers: Whether `one` job at a time writes to a workspace on S3, or `several`. Without it nothing is
            written there.
        catalog: Catalog of the tables; without it they live on paths below the workspace.
        tracking_uri: MLflow tracking address; `{workspace}` is replaced.
        registry: Where model versions are kept, under which names, and what may be loaded from there.
        online_store: Where the newest gold rows of every entity are published to; it changes nothing that is made.
        retention: How long versions of tables stay readable; training sets can be rebuilt from inputs that long.
            A part of a day counts as a day. Tables that are there follow a change when they are next written to or
            vacuumed.
        memory_budget_mib: Most MiB that a training read or the in-process engine may bring to the driver.
        engine: `auto` joins in this process what fits the memory budget and lies on paths, by Spark what does not;
            `spark` or `local` forces one.
        seed: Seed of everything random: 0 to 4,294,967,295, as NumPy takes it.
        notify: Where flags, decisions and promotions are announced.
        openlineage: Where events of lineage go; it changes nothing that is made.
        spark: Session settings, used where the session has none of its own.
    """

    project: Name
    description: Words = ""
    timezone: Timezone = "UTC"
    workspace: Place = "workspace"
    local: Folder | None = Field(default=None, exclude=True)
    s3_writers: S3Writers | None = Field(default=None, exclude=True)
    catalog: Name | None = None
    tracking_uri: Annotated[Text, AfterValidator(_tracking_address)] = "sqlite:///{workspace}/mlflow.db"
    registry: RegistrySettings = RegistrySettings()
    online_store: OnlineStoreSettings = Field(default=OnlineStoreSettings(), exclude=True)
    retention: Duration
    memory_budget_mib: Whole = Field(default=1024, gt=0)
    engine: Engine = Engine.AUTO
    seed: Whole = Field(default=0, ge=0, lt=2**32)
    notify: Notify = Notify(file="notifications.jsonl")
    openlineage: OpenLineage | None = Field(default=None, exclude=True)
    spark: dict[str, Annotated[str | int | bool, BeforeValidator(_as_setting)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _engine_can_read(self) -> Self:
        if self.engine is Engine.LOCAL and self.catalog is not None:
            raise ValueError("engine: local reads tables on paths; with a catalog write engine: auto or spark")
        return self

    @property
    def folder(self) -> str:
        """The folder of what is no table, as it is declared."""
        return self.workspace if self.local is None else self.local

    @property
    def zone(self) -> ZoneInfo:
        """The declared time zone."""
        return ZoneInfo(self.timezone)
