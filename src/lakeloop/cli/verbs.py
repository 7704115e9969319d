"""The verbs of the command line.

What takes seconds to import (Spark, MLflow, the configuration's parsers) is imported by the verb that needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from lakeloop import __version__
from lakeloop.cli.display import Display
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.errors import EXIT_CODES, LakeloopError, UsageError

if TYPE_CHECKING:
    from lakeloop.config.tree import Config
    from lakeloop.runs.context import Context

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code}  {meaning}" for code, meaning in EXIT_CODES.items())

app = typer.Typer(
    name="lakeloop",
    help="Closes the loop of machine learning on a lakehouse: features, training, scoring, drift, decisions.",
    epilog=_EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsOf = Annotated[
    str,
    typer.Option("--as-of", metavar="INSTANT", help="The logical now: 2013-05-01, or 2013-05-01T06:00:00Z."),
]
ProjectFolder = Annotated[
    Path | None,
    typer.Option("--project", metavar="DIR", help="Folder that holds conf/; by default the current one."),
]
Environment = Annotated[
    str | None, typer.Option("--env", metavar="NAME", help="Lay conf/NAME over conf/base; by default the base alone.")
]
ModelNames = Annotated[
    list[str] | None, typer.Option("--model", metavar="NAME", help="Only this model; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of standard output.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show logs, warnings, and the trace of an error.")]


@dataclass(frozen=True)
class Step:
    """A step with a verb of its own.

    Attributes:
        verb: What is typed.
        help: What it does, in a line.
        module: Module that holds its function.
        function: The function: of the context, or of the context and a model's name.
        per_model: Whether it is called for each model.
    """

    verb: str
    help: str
    module: str
    function: str
    per_model: bool = False

    def load(self) -> Callable[..., Any]:
        """Import the function."""
        found: Callable[..., Any] = getattr(import_module(self.module), self.function)
        return found


STEPS: tuple[Step, ...] = (
    Step("ingest", "Take in what has landed: bronze and quarantine.", "lakeloop.runs.ingest", "ingest"),
    Step("features", "Gate the bronze rows, then build the gold tables.", "lakeloop.runs.features", "build_features"),
    Step("score", "Score with the champion of the turn before.", "lakeloop.runs.score", "score", per_model=True),
    Step("monitor", "Judge drift and performance; raise flags.", "lakeloop.runs.monitor", "monitor", per_model=True),
    Step("decide", "Decide: none, notify or retrain.", "lakeloop.runs.decide", "decide_action", per_model=True),
    Step(
        "training-set",
        "Pin a training set with its manifest.",
        "lakeloop.runs.training_set",
        "make_training_set",
        per_model=True,
    ),
    Step("train", "Fit candidates, gate the best, record it.", "lakeloop.runs.train", "train", per_model=True),
)
"""The steps with a verb, in the order of a run."""


def _load_project(options: Options) -> Config:
    root = (options.project or Path.cwd()).resolve()
    if not (root / "conf").is_dir():
        remedy = "change into the project's folder, or name it with --project"
        raise UsageError("--project", f"{root}, without conf/", "a folder that holds conf/", remedy)
    from lakeloop.config.loading import load_config

    return load_config(root, options.env)


def _choose_models(config: Config, names: Sequence[str] | None) -> tuple[str, ...]:
    known = tuple(config.models)
    for name in names or ():
        if name not in known:
            allowed = ", ".join(known) or "none is declared"
            raise UsageError("--model", repr(name), allowed, "name one of these, or leave the option out for all")
    return tuple(dict.fromkeys(names)) if names else known


def _open_context(options: Options, as_of: str, report: Report, progress: Callable[[str], None]) -> Context:
    from lakeloop.config.as_of import parse_as_of

    config = _load_project(options)
    report.as_of = parse_as_of(as_of, config.project.zone)
    progress("loading Spark")
    from lakeloop.runs.context import Context

    return Context(config, report.as_of, progress)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"lakeloop {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    _ = version


@app.command("plan", help="Check conf/ and print what a run would do; starts no Spark.")
def _plan(
    project: ProjectFolder = None, env: Environment = None, as_json: AsJson = False, verbose: Verbose = False
) -> None:
    options = Options(project, env, as_json, verbose)

    def work(report: Report) -> None:
        from lakeloop.runs.plan import describe_plan, make_plan

        plan = make_plan(_load_project(options))
        report.result, report.text = plan, describe_plan(plan)

    finish("plan", options, work)


def _run_step(step: Step, options: Options, as_of: str, models: Sequence[str] | None) -> NoReturn:
    def work(report: Report) -> None:
        with Display() as show:
            context = _open_context(options, as_of, report, show)
            chosen = _choose_models(context.config, models)
            from lakeloop.runs.ledger import run_step

            function, name = step.load(), step.verb.replace("-", "_")  # the ledger's spelling
            if not step.per_model:
                report.result = run_step(context, name, function)
                return
            report.result = results = {}
            for model in chosen:
                try:
                    results[model] = run_step(context, name, function, model)
                except LakeloopError as failure:  # one model that is not ready does not stop the others
                    report.failures = (*report.failures, failure)

    finish(step.verb, options, work)


def _add_verb(step: Step) -> None:
    def plain(
        as_of: AsOf,
        project: ProjectFolder = None,
        env: Environment = None,
        as_json: AsJson = False,
        verbose: Verbose = False,
    ) -> None:
        _run_step(step, Options(project, env, as_json, verbose), as_of, None)

    def per_model(
        as_of: AsOf,
        model: ModelNames = None,
        project: ProjectFolder = None,
        env: Environment = None,
        as_json: AsJson = False,
        verbose: Verbose = False,
    ) -> None:
        _run_step(step, Options(project, env, as_json, verbose), as_of, model)

    app.command(step.verb, help=step.help)(per_model if step.per_model else plain)


for _each in STEPS:
    _add_verb(_each)


@app.command("run", help="Do one turn: all steps in order.")
def _run(
    as_of: AsOf,
    model: ModelNames = None,
    project: ProjectFolder = None,
    env: Environment = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    options = Options(project, env, as_json, verbose)

    def work(report: Report) -> None:
        with Display() as show:
            context = _open_context(options, as_of, report, show)
            chosen = _choose_models(context.config, model)
            from lakeloop.runs.turn import run_turn

            report.result = run_turn(context, chosen)

    finish("run", options, work)


@app.command("report", help="Write the report of what was known at an instant.")
def _write_report(
    as_of: AsOf,
    project: ProjectFolder = None,
    env: Environment = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    options = Options(project, env, as_json, verbose)

    def work(report: Report) -> None:
        with Display() as show:
            context = _open_context(options, as_of, report, show)
            from lakeloop.runs.ledger import run_step
            from lakeloop.runs.report import write_report

            report.result = {"report": run_step(context, "report", write_report)}

    finish("report", options, work)


@app.command("demo", help="Run the loop on the flights of 2013, turn by turn.")
def _demo(
    year: Annotated[bool, typer.Option("--year", help="Go on to 31 December, with a second model.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it stopped instead of starting clean.")] = False,
    project: ProjectFolder = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    options = Options(project, None, as_json, verbose)

    def work(report: Report) -> None:
        from lakeloop.demo.loop import run_demo
        from lakeloop.demo.results import describe_demo

        config = _load_project(options)
        with Display() as show:
            result = run_demo(config.root, turns="year" if year else "demo", resume=resume, progress=show)
        report.as_of, report.result, report.text = result.as_of, result, describe_demo(result)

    finish("demo", options, work)
