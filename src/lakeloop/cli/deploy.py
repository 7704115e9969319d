"""The verbs that write what a scheduler is given."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakeloop import __version__
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.errors import ConfigError, Failure, NotDeployableError, UsageError

if TYPE_CHECKING:
    from lakeloop.config.tree import Config
    from lakeloop.deployment.plan import DeployPlan

_To = Annotated[Path, typer.Option("--to", metavar="DIR", help="Where to write; made where it is missing.")]
_At = Annotated[
    str | None,
    typer.Option("--at", metavar="HH:MM", help="Time of a turn; half an hour after labels close by default."),
]
_Publish = Annotated[
    list[str] | None,
    typer.Option("--publish", metavar="MODEL", help="Publish this model after a turn; may be repeated."),
]
_By = Annotated[str, typer.Option("--by", metavar="turn|step", help="One task for a turn, or one for each step.")]
_Force = Annotated[bool, typer.Option("--force", help="Replace files that were changed, or are not lakeloop's.")]
_Source = Annotated[
    str | None, typer.Option("--source", metavar="DIR", help="Build the wheel from this folder, not from an index.")
]
_Targets = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="ENV", help="Environment to deploy to; may be repeated; dev and prod by default."),
]
_DEFAULT_TARGETS = ("dev", "prod")
_SCOPED = "LAKELOOP_SECRET_"


def add_deploy(app: typer.Typer) -> None:
    """Add the verbs.

    Args:
        app: The command line; its own module is loaded up to its options.

    >>> app = typer.Typer()
    >>> add_deploy(app)
    >>> [each.name for each in app.registered_groups[0].typer_instance.registered_commands]
    ['databricks', 'airflow', 'kubernetes']
    """
    group = typer.Typer(
        name="deploy",
        help="Write what a scheduler is given: Databricks, Airflow, Kubernetes.",
        rich_markup_mode=None,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @verb(group, "databricks", "Write an asset bundle: jobs, wheel, keys, dashboard.", without=["env"])
    def _databricks(
        options: Options,
        to: _To,
        target: _Targets = None,
        at: _At = None,
        publish: _Publish = None,
        by: _By = "turn",
        source: _Source = None,
        force: _Force = False,
    ) -> None:
        def render() -> tuple[Mapping[str, str], tuple[str, ...]]:
            from lakeloop.deployment.databricks import PRODUCTION, render_databricks

            root = _root(options)
            up = _up(to, root)
            requirement = f"lakeloop=={__version__}" if source is None else _relative(Path(source), to)
            plans = {
                name: _plan_of(_load_without_environment(replace(options, env=name)), at, publish, by)
                for name in _targets_of(root, target)
            }
            files = render_databricks(plans, up=up, requirement=requirement)
            needs = [f"cd {_shown(to)}", "export BUNDLE_VAR_warehouse_id=<id of a SQL warehouse>"]
            if any(each in PRODUCTION for each in plans):
                needs.append("export BUNDLE_VAR_service_principal=<its application id>   # for production")
            secrets = sorted({each for plan in plans.values() for each in plan.secrets})
            needs += [f"databricks secrets put-secret {each.replace('/', ' ')}" for each in secrets]
            calls = ("validate", "deploy", "run schemas", "run turn", "run keys")
            needs += [f"databricks bundle {each}" for each in calls]
            return files, tuple(needs)

        _write("databricks", options, to, render, force=force)

    @verb(group, "airflow", "Write a DAG for Airflow 3.")
    def _airflow(
        options: Options,
        to: _To,
        at: _At = None,
        publish: _Publish = None,
        by: _By = "turn",
        force: _Force = False,
    ) -> None:
        def render() -> tuple[Mapping[str, str], tuple[str, ...]]:
            from lakeloop.deployment.airflow import render_airflow

            plan = _plan(options, at, publish, by)
            needs = ("in the workers' environment: LAKELOOP_PROJECT_FOLDER, LAKELOOP_PROGRAM", *_variables(plan))
            return render_airflow(plan), needs

        _write("airflow", options, to, render, force=force)

    @verb(group, "kubernetes", "Write a CronJob with its volumes and account.")
    def _kubernetes(
        options: Options,
        to: _To,
        at: _At = None,
        publish: _Publish = None,
        by: _By = "turn",
        force: _Force = False,
    ) -> None:
        def render() -> tuple[Mapping[str, str], tuple[str, ...]]:
            from lakeloop.deployment.kubernetes import render_kubernetes

            plan = _plan(options, at, publish, by)
            return render_kubernetes(plan), (f"kubectl apply -k {_shown(to)}", *_variables(plan))

        _write("kubernetes", options, to, render, force=force)

    app.add_typer(group)


def _write(
    target: str,
    options: Options,
    to: Path,
    render: Callable[[], tuple[Mapping[str, str], tuple[str, ...]]],
    *,
    force: bool,
) -> None:
    def work(report: Report) -> None:
        from lakeloop.runs.deploy import describe_deployment, write_deployment

        files, needs = render()
        done = write_deployment(target, to, files, __version__, needs, force=force)
        report.result, report.text = done, describe_deployment(done)

    finish(f"deploy {target}", options, work)


def _plan(options: Options, at: str | None, publish: list[str] | None, by: str) -> DeployPlan:
    from lakeloop.cli import verbs

    return _plan_of(verbs._load_project(options), at, publish, by)


def _plan_of(config: Config, at: str | None, publish: list[str] | None, by: str) -> DeployPlan:
    from lakeloop.deployment.plan import Turns, make_deploy_plan

    known = [each.value for each in Turns]
    if by not in known:
        raise UsageError("--by", repr(by), ", ".join(known), "name one of these, or leave the option out")
    return make_deploy_plan(config, __version__, turns=Turns(by), at=at, publish=publish or ())


def _load_without_environment(options: Options) -> Config:
    """Load the project as a serverless job does; what it cannot do without variables is refused."""
    from lakeloop.cli import verbs
    from lakeloop.config.loading import load_config

    config = verbs._load_project(options)  # a mistake of another kind is told as ever
    secrets = {name: value for name, value in os.environ.items() if name.startswith(_SCOPED)}
    try:
        return load_config(config.root, options.env, variables=secrets)
    except ConfigError as error:
        found = [Failure(f"{each.file}:{each.line}: {each.where}", each.got) for each in error.issues]
        remedy = "a serverless job has no variables: write ${secret:scope/key}, or a default; nothing was written"
        raise NotDeployableError(f"databricks, target {options.env}", found, remedy) from None


def _root(options: Options) -> Path:
    root = (options.project or Path.cwd()).resolve()
    if not (root / "conf").is_dir():
        from lakeloop.cli import verbs

        verbs._load_project(options)  # says what is missing
    return root


def _targets_of(root: Path, named: list[str] | None) -> list[str]:
    """Name the environments to deploy to: those asked for, or those of the usual names that are there."""
    there = sorted(each.name for each in (root / "conf").iterdir() if each.is_dir() and each.name != "base")
    for name in named or ():
        if name not in there:
            remedy = f"make conf/{name}/project.yml with catalog, workspace and tracking_uri (docs/databricks.md)"
            raise UsageError("--target", repr(name), ", ".join(there) or "no environment is there", remedy)
    found = list(dict.fromkeys(named or (each for each in _DEFAULT_TARGETS if each in there)))
    if not found:
        remedy = "make conf/dev/project.yml with catalog, workspace and tracking_uri (docs/databricks.md)"
        allowed = "conf/dev, conf/prod, or environments named by --target"
        raise UsageError("--target", "no environment", allowed, remedy)
    return found


def _up(to: Path, root: Path) -> str:
    """Tell the way from a bundle to the project that it uploads."""
    place = to.resolve()
    if root not in (place, *place.parents):
        allowed = f"{root}, or a folder in it: what is uploaded with a bundle lies beside or above it"
        raise UsageError("--to", str(to), allowed, "name a folder of the project, such as deploy/databricks")
    return Path(os.path.relpath(root, place)).as_posix()


def _relative(path: Path, to: Path) -> str:
    return Path(os.path.relpath(path.resolve(), to.resolve())).as_posix()


def _shown(path: Path) -> str:
    return path.as_posix()


def _variables(plan: DeployPlan) -> list[str]:
    """Say what `conf/` names of the environment, by name."""
    from lakeloop.config.variables import variable_of

    names = [*plan.variables, *(variable_of(f"secret:{each}") for each in plan.secrets)]
    return [f"variables that conf/ names: {', '.join(names)}"] if names else []
