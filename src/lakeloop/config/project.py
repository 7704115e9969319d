"""`conf/base/project.yml`: what holds for the whole project."""

from __future__ import annotations

from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from lakeloop.config.section import Duration, Name, Section


def _known_timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not an IANA time zone; write for example Europe/Berlin or UTC")
    return name


Timezone = Annotated[str, AfterValidator(_known_timezone)]


class Notify(Section):
    """Where flags and decisions are announced; exactly one channel.

    Attributes:
        file: A file, relative to the workspace, that gets one JSON line per message.
        command: A command that gets the message as JSON on its standard input.
    """

    file: str | None = None
    command: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _one_channel(self) -> Self:
        if (self.file is None) == (self.command is None):
            raise ValueError("declare exactly one of file and command")
        return self


class Project(Section):
    """The project as a whole.

    Attributes:
        project: Its name.
        description: What it is for.
        timezone: IANA zone in which a bare date of `as_of` is read.
        workspace: Folder of the tables, relative to the folder that holds `conf/`; or absolute.
        catalog: Catalog of the tables; without it they live on paths below the workspace.
        tracking_uri: MLflow tracking address; `{workspace}` is replaced.
        retention: How long versions of tables stay readable; training sets can be rebuilt from inputs that long.
        memory_budget_mib: Most MiB that a training read may bring to the driver.
        seed: Seed of everything random.
        notify: Where flags and decisions are announced.
        spark: Session settings, used where the session has none of its own.
    """

    project: Name
    description: str = ""
    timezone: Timezone = "UTC"
    workspace: str = "workspace"
    catalog: Name | None = None
    tracking_uri: str = "sqlite:///{workspace}/mlflow.db"
    retention: Duration
    memory_budget_mib: int = Field(default=1024, gt=0)
    seed: int = Field(default=0, ge=0)
    notify: Notify = Notify(file="notifications.jsonl")
    spark: dict[str, str | int | bool] = Field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """The declared time zone."""
        return ZoneInfo(self.timezone)
