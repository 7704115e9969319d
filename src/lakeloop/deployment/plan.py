"""The deploy plan: the calls of a turn, their order, instant, retries and time limits, and what they need."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from lakeloop import errors
from lakeloop.config.feature_function import FOLDER, function_file
from lakeloop.config.registry import UNITY_CATALOG
from lakeloop.config.tree import Config
from lakeloop.config.variables import names_in
from lakeloop.deployment.schedule import Schedule, make_schedule
from lakeloop.errors import EXIT_CODES, LakeloopError, UsageError

RETRIES = 3
"""Times a call is tried again that may succeed when repeated."""

RETRY_SECONDS = 60
TIMEOUT_SECONDS = 4 * 60 * 60

LAYERS = (
    *("bronze", "quarantine", "gold", "training_sets", "predictions"),
    *("explanations", "requests", "monitoring", "ops"),
)
"""Layers of the lake: schemas of a catalog."""

_EXTRAS = {"lightgbm": ("lightgbm>=4.5,<5",), "xgboost": ("xgboost>=3,<4",)}
"""First part of an estimator's path -> what it needs beside the wheel's own dependencies."""


class Turns(StrEnum):
    """What one call of the scheduler does."""

    WHOLE = "turn"
    BY_STEP = "step"


@dataclass(frozen=True)
class Task:
    """A call of the command line, as of the instant of the scheduled run.

    Attributes:
        name: Its name in the scheduler; letters, digits and underscores.
        arguments: The verb and its own arguments; without `--as-of`, `--project`, `--env` and `--json`.
        after: Names of the tasks that have to be done before.
        does: What it does, in a line.
    """

    name: str
    arguments: tuple[str, ...]
    after: tuple[str, ...]
    does: str


@dataclass(frozen=True)
class GoldKey:
    """The primary key of a gold table.

    Attributes:
        table: The gold table.
        entity: Columns of its entity; may be none.
        time: Column that tells from when a row counts.
    """

    table: str
    entity: tuple[str, ...]
    time: str = "available_ts"


@dataclass(frozen=True)
class DeployPlan:
    """What a scheduler is to run.

    Attributes:
        project: Name of the project.
        env: Environment laid over the base; None for the base alone.
        version: Version of lakeloop that planned it, and that runs it.
        schedule: When a turn is begun.
        turns: Whether a turn is one call or a call for each step.
        tasks: The calls, each after those it depends on.
        retries: Times a call is tried again.
        retry_seconds: Wait before it is tried again.
        timeout_seconds: Longest time of a call, with its repeats.
        final_codes: Exit codes after which the same call fails again, so that it is not tried again.
        published: Models that are published after a turn.
        variables: Variables of the environment that `conf/` names.
        secrets: Secrets that it names by scope and key, `scope/key`.
        packages: Requirements beside the wheel's own.
        catalog: Catalog of the tables; None where they lie on paths.
        workspace: Folder of the workspace, relative to the project; or absolute.
        landing: Folder below which files land, relative to the project; None where none land, or not below one.
        folders: Folders of the project that a turn reads.
        tracks_on_databricks: Whether runs and versions are kept by Databricks and Unity Catalog.
        model_schema: `catalog.schema` that model versions are registered in; None outside Unity Catalog.
        stores_in_a_file: Whether the online store is a file.
        keys: Primary keys of the gold tables.
    """

    project: str
    env: str | None
    version: str
    schedule: Schedule
    turns: Turns
    tasks: tuple[Task, ...]
    retries: int
    retry_seconds: int
    timeout_seconds: int
    final_codes: tuple[int, ...]
    published: tuple[str, ...]
    variables: tuple[str, ...]
    secrets: tuple[str, ...]
    packages: tuple[str, ...]
    catalog: str | None
    workspace: str
    landing: str | None
    folders: tuple[str, ...]
    tracks_on_databricks: bool
    model_schema: str | None
    stores_in_a_file: bool
    keys: tuple[GoldKey, ...]


def make_deploy_plan(
    config: Config,
    version: str,
    *,
    turns: Turns = Turns.WHOLE,
    at: str | None = None,
    publish: Sequence[str] = (),
) -> DeployPlan:
    """Plan what a scheduler is to run.

    Args:
        config: The project.
        version: Version of lakeloop.
        turns: Whether a turn is one call or a call for each step.
        at: Time of day of a turn, `06:30`; None for half an hour after the last closing of labels.
        publish: Models to publish after a turn.

    Returns:
        The plan; the same for the same project and options. No value of a variable or a secret is in it.

    Raises:
        UsageError: If a model is not declared, or the time is none.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> plan = make_deploy_plan(load_config(Path()), "1.0", turns=Turns.BY_STEP, publish=["late_arrival"])
    >>> [each.name for each in plan.tasks]
    ['ingest', 'features', 'score', 'monitor', 'decide', 'answer', 'publish']
    >>> plan.final_codes, plan.tasks[-1].arguments, plan.tasks[-1].after
    ((2, 3, 4), ('publish', 'late_arrival'), ('answer',))
    """
    published = _choose(tuple(config.models), publish)
    project, named = config.project, _named(config)
    classes = {model.estimator.class_.partition(".")[0] for model in config.models.values()}
    return DeployPlan(
        project=project.project,
        env=config.env,
        version=version,
        schedule=make_schedule(config, at),
        turns=turns,
        tasks=tuple(_tasks(turns, published)),
        retries=RETRIES,
        retry_seconds=RETRY_SECONDS,
        timeout_seconds=TIMEOUT_SECONDS,
        final_codes=final_codes(),
        published=published,
        variables=tuple(each for each in named if not each.startswith("secret:")),
        secrets=tuple(each.removeprefix("secret:") for each in named if each.startswith("secret:")),
        packages=tuple(each for name in sorted(classes) for each in _EXTRAS.get(name, ())),
        catalog=project.catalog,
        workspace=project.workspace,
        landing=_landing(config),
        folders=tuple(_folders(config)),
        tracks_on_databricks=project.tracking_uri == "databricks" and project.registry.uri == UNITY_CATALOG,
        model_schema=project.registry.schema_,
        stores_in_a_file=config.online_store_address.startswith("sqlite:"),
        keys=tuple(GoldKey(name, table.entity) for name, table in config.feature_tables.items()),
    )


def final_codes() -> tuple[int, ...]:
    """Give the exit codes after which the same call fails again.

    Returns:
        Codes that no error has which a repeat may mend; an unexpected error (1) may pass.

    >>> final_codes()
    (2, 3, 4)
    """
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, LakeloopError)]
    mended = {each.exit_code for each in classes if each.retryable}
    return tuple(code for code in EXIT_CODES if code > 1 and code not in mended)


def dashed(name: str) -> str:
    """Write a name as Kubernetes and addresses have it.

    >>> dashed("late_arrival")
    'late-arrival'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _tasks(turns: Turns, published: Sequence[str]) -> Iterator[Task]:
    if turns is Turns.WHOLE:
        steps = [Task("turn", ("run",), (), "all steps of a turn, in order")]
    else:
        # The last one finds all before it done: it recalibrates or trains where the decision says so.
        said = (
            ("ingest", "landed files to bronze and quarantine"),
            ("features", "the gate, then the gold tables"),
            ("score", "answers of the champion"),
            ("monitor", "drift and performance, flags"),
            ("decide", "none, notify, recalibrate or retrain"),
            ("answer", "what was decided; of the turn what is not done yet"),
        )
        steps = []
        for name, does in said:
            after = (steps[-1].name,) if steps else ()
            steps.append(Task(name, ("run" if name == "answer" else name,), after, does))
    yield from steps
    if published:
        yield Task(
            "publish", ("publish", *published), (steps[-1].name,), "champions and newest rows for online answers"
        )


def _landing(config: Config) -> str | None:
    """Find the folder below which the folders of all sources lie; it is not the project's own."""
    places = [config.landing_path(each).parent for each in config.sources.values() if each.landing is not None]
    if not places or any(config.root not in (each, *each.parents) for each in places):
        return None
    below = os.path.relpath(os.path.commonpath(places), config.root)
    return None if below == "." else below


def _folders(config: Config) -> Iterator[str]:
    yield "conf"
    functions = [each.python for each in config.feature_tables.values() if each.python is not None]
    own = config.root / FOLDER
    if any(
        file is not None and own in file.parents for file in (function_file(config.root, each) for each in functions)
    ):
        yield FOLDER


def _choose(known: tuple[str, ...], names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, 1)
            remedy = f"did you mean {close[0]!r}?" if close else "name one of these, or leave the option out"
            raise UsageError("--publish", repr(name), ", ".join(known) or "none is declared", remedy)
    return tuple(dict.fromkeys(names))


def _named(config: Config) -> list[str]:
    """List the variables and secrets that the project's files name, sorted."""
    texts = [text for paths in config.written.values() for text in paths.values()]
    return sorted({name for text in texts for name in names_in(text)})
