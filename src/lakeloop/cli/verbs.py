"""The verbs of the command line.

What takes seconds to import (Spark, MLflow, the configuration's parsers) is imported by the verb that needs it.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from lakeloop import __version__
from lakeloop.cli.audit import add_audit
from lakeloop.cli.backfill import add_backfill
from lakeloop.cli.compare import add_compare
from lakeloop.cli.decisions import add_decide, add_decisions
from lakeloop.cli.deploy import add_deploy
from lakeloop.cli.display import Display
from lakeloop.cli.features import add_features
from lakeloop.cli.impact import add_impact
from lakeloop.cli.models import add_models
from lakeloop.cli.monitor import add_monitor
from lakeloop.cli.notify import add_notify
from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.cli.plugins import add_plugins
from lakeloop.cli.publish import add_publish
from lakeloop.cli.quarantine import add_quarantine
from lakeloop.cli.rebuild import add_rebuild
from lakeloop.cli.replay import add_replay
from lakeloop.cli.score import add_score
from lakeloop.cli.serve import add_serve
from lakeloop.cli.train import add_recalibrate, add_train
from lakeloop.cli.training_sets import add_training_sets, add_vacuum
from lakeloop.errors import EXIT_CODES, BusyError, LakeloopError, UsageError
from lakeloop.run_log import hide, note_run

if TYPE_CHECKING:
    from lakeloop.config.tree import Config
    from lakeloop.runs.context import Context

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code}  {meaning}" for code, meaning in EXIT_CODES.items())


_READ = (("decisions", "decide"), ("flags", "decide"))


class _InOrder(typer.core.TyperGroup):
    """The verbs in the order in which they are used; typer puts those with verbs below them first."""

    def list_commands(self, ctx: Any) -> list[str]:
        names: list[str] = super().list_commands(ctx)
        for name, before in (
            ("features", "ingest"),
            ("monitor", "score"),
            ("training-set", "decide"),
            ("models", "train"),
            *_READ,
        ):
            names.remove(name)
            names.insert(names.index(before) + 1, name)
        return names


app = typer.Typer(
    name="lakeloop",
    cls=_InOrder,
    help="Closes the loop of machine learning on a lakehouse: features, training, scoring, drift, decisions.",
    epilog=_EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass(frozen=True)
class Step:
    """A step with a verb of its own.

    Attributes:
        verb: What is typed.
        help: What it does, in a line.
        module: Module that holds its function.
        function: The function: of the context, or of the context and a model's name.
        per_model: Whether it is called for each model.

    >>> STEPS[0].verb, STEPS[0].load().__name__, STEPS[0].per_model
    ('ingest', 'ingest', False)
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
    Step(
        "decide",
        "Decide: none, notify, recalibrate or retrain.",
        "lakeloop.runs.decide",
        "decide_action",
        per_model=True,
    ),
    Step(
        "training-set",
        "Pin a training set with its manifest.",
        "lakeloop.runs.training_set",
        "make_training_set",
        per_model=True,
    ),
    Step("train", "Fit candidates, gate the best, record it.", "lakeloop.runs.train", "train", per_model=True),
    Step(
        "recalibrate",
        "Correct the champion's scores, gate the result.",
        "lakeloop.runs.recalibrate",
        "recalibrate",
        per_model=True,
    ),
)
"""The steps with a verb, in the order of a run."""


def _load_project(options: Options, *, import_estimators: bool = False) -> Config:
    root = (options.project or Path.cwd()).resolve()
    if not (root / "conf").is_dir():
        remedy = "change into the project's folder, or name it with --project"
        raise UsageError("--project", f"{root}, without conf/", "a folder that holds conf/", remedy)
    from lakeloop.config.loading import load_config
    from lakeloop.secret_scopes import known_variables

    config = load_config(root, options.env, variables=known_variables(), import_estimators=import_estimators)
    hide(config.hidden)
    return config


def _choose_models(config: Config, names: Sequence[str] | None, where: str = "--model") -> tuple[str, ...]:
    known = tuple(config.models)
    for name in names or ():
        if name not in known:
            allowed = ", ".join(known) or "none is declared"
            close = get_close_matches(name, known, 1)
            remedy = "name one of these, or leave the option out for all"
            remedy = f"did you mean {close[0]!r}?" if close else remedy
            raise UsageError(where, repr(name), allowed, remedy)
    return tuple(dict.fromkeys(names)) if names else known


def _refuse_future(text: str, as_of: datetime) -> None:
    """Refuse what nobody can know yet: a turn of the future would stand before every turn until then."""
    now = datetime.now(UTC)
    if as_of > now:
        remedy = "name the instant of the turn; a bare date is its first instant in the project's time zone"
        raise UsageError(
            "--as-of", f"{text!r}, in the future", f"an instant up to now, {now:%Y-%m-%dT%H:%M:%SZ}", remedy
        )


def _open_context(options: Options, as_of: str, report: Report, show: Display, *, trains: bool = False) -> Context:
    from lakeloop.config.as_of import parse_as_of

    config = _load_project(options, import_estimators=trains)
    report.as_of = parse_as_of(as_of, config.project.zone)
    _refuse_future(as_of, report.as_of)
    show("loading Spark")
    from lakeloop.runs.context import Context

    context = Context(config, report.as_of, show, show.finished)
    report.run_id = context.run_id
    note_run(run_id=context.run_id, as_of=context.turn)
    return context


def _open_now(options: Options, report: Report, show: Display, *, trains: bool = False) -> Context:
    """Open what is recorded up to this moment, for a verb that belongs to no turn."""
    return _open_context(options, datetime.now(UTC).isoformat(), report, show, trains=trains)


def _width() -> int:
    return min(shutil.get_terminal_size().columns, 120)


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


@verb(app, "init", "Write a small project with sample data, to start from.", without=["project", "env"])
def _init(
    options: Options,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; a new folder, or one that is empty.")],
) -> None:
    def work(report: Report) -> None:
        from lakeloop.starter.write import describe_project, write_project

        new = write_project(folder)
        is_here = new.folder == Path.cwd()
        report.result = new
        report.text = describe_project(new, "" if is_here else shlex.quote(str(folder)), _program())

    finish("init", options, work)


def _program() -> str:
    """Name this program so that it can be typed from any folder."""
    if shutil.which("lakeloop") is not None:
        return "lakeloop"
    beside = Path(sys.executable).with_name("lakeloop")
    return shlex.quote(str(beside)) if beside.exists() else "lakeloop"


@verb(app, "plan", "Check conf/ and print what a run would do; starts no Spark.")
def _plan(options: Options) -> None:
    def work(report: Report) -> None:
        from lakeloop.runs.plan import describe_plan, make_plan

        plan = make_plan(_load_project(options, import_estimators=True))
        report.result, report.text = plan, describe_plan(plan)

    finish("plan", options, work)


def _run_step(
    step: Step,
    options: Options,
    as_of: str,
    models: Sequence[str] | None,
    load: Callable[[], Callable[..., Any]] | None = None,
    recorded: str | None = None,
    where: str = "--model",
) -> NoReturn:
    def work(report: Report) -> None:
        with Display(verbose=options.verbose) as show:
            context = _open_context(options, as_of, report, show, trains=step.verb == "train")
            chosen = _choose_models(context.config, models, where)
            from lakeloop.runs.ledger import run_step

            function, name = (load or step.load)(), recorded or step.verb.replace("-", "_")  # the ledger's spelling
            if not step.per_model:
                report.result = run_step(context, name, function)
                return
            report.result = results = {}
            for model in chosen:
                try:
                    results[model] = run_step(context, name, function, model)
                except LakeloopError as failure:  # one model that is not ready does not stop the others
                    report.failures = (*report.failures, failure)
                    if isinstance(failure, BusyError):  # the others would wait as long, and be told the same
                        break

    finish(step.verb, options, work)


def _add_step(step: Step) -> None:
    @verb(app, step.verb, step.help, "as_of")
    def _step(options: Options, *, as_of: str) -> None:
        _run_step(step, options, as_of, None)


for _each in STEPS:
    if _each.verb == "features":
        add_features(app, _each)
    elif _each.verb == "score":
        add_score(app, _each)
    elif _each.verb == "monitor":
        add_monitor(app, _each)
    elif _each.verb == "decide":
        add_decide(app, _each)
    elif _each.verb == "training-set":
        add_training_sets(app, _each)
    elif _each.verb == "recalibrate":
        add_recalibrate(app, _each)
    elif _each.verb == "train":
        add_train(app, _each)
    else:
        _add_step(_each)


@verb(app, "run", "Do one turn: all steps in order.", "as_of", "model")
def _run(options: Options, *, as_of: str, model: Sequence[str] | None) -> None:
    def work(report: Report) -> None:
        with Display(verbose=options.verbose) as show:
            context = _open_context(options, as_of, report, show, trains=True)
            chosen = _choose_models(context.config, model)
            from lakeloop.runs.turn import run_turn
            from lakeloop.runs.turn_text import describe_turn

            report.result = result = run_turn(context, chosen)
            report.text = describe_turn(result, width=_width())

    finish("run", options, work)


@verb(app, "report", "Write the report of what was known at an instant.", "as_of")
def _write_report(options: Options, *, as_of: str) -> None:
    def work(report: Report) -> None:
        with Display(verbose=options.verbose) as show:
            context = _open_context(options, as_of, report, show)
            from lakeloop.runs.ledger import run_step
            from lakeloop.runs.report import write_report

            report.result = {"report": run_step(context, "report", write_report)}

    finish("report", options, work)


@verb(app, "data-docs", "Write what the quality gate recorded as Data Docs of Great Expectations.", "as_of")
def _write_data_docs(options: Options, *, as_of: str) -> None:
    def work(report: Report) -> None:
        with Display(verbose=options.verbose) as show:
            context = _open_context(options, as_of, report, show)
            from lakeloop.runs.data_docs import build_data_docs
            from lakeloop.runs.ledger import run_step

            report.result = {"data_docs": run_step(context, "data_docs", build_data_docs)}

    finish("data-docs", options, work)


add_plugins(app)


@verb(app, "doctor", "Tell what this machine has and lacks for the loop.")
def _doctor(
    options: Options, quick: Annotated[bool, typer.Option("--quick", help="Leave Spark unstarted.")] = False
) -> None:
    def work(report: Report) -> None:
        from lakeloop.cli.doctor import report_machine

        is_outside = options.project is None and options.env is None and not (Path.cwd() / "conf").is_dir()
        with Display() as show:
            load = None if is_outside else partial(_load_project, options)
            report_machine(report, load, quick=quick, progress=show)

    finish("doctor", options, work)


@verb(app, "demo", "Run the loop on the flights of 2013, turn by turn.", without=["env"])
def _demo(
    options: Options,
    year: Annotated[bool, typer.Option("--year", help="Go on to 31 December, with a second model.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it stopped instead of starting clean.")] = False,
) -> None:
    def work(report: Report) -> None:
        from lakeloop.demo.loop import run_demo
        from lakeloop.demo.results import describe_demo

        config = _load_project(options)
        with Display(verbose=options.verbose) as show:
            turns: Literal["demo", "year"] = "year" if year else "demo"
            result = run_demo(config.root, turns=turns, resume=resume, progress=show, finished=show.finished)
        report.as_of, report.result, report.text = result.as_of, result, describe_demo(result)

    finish("demo", options, work)


add_models(app)
add_decisions(app)
add_publish(app)
add_serve(app)
add_quarantine(app)
add_backfill(app)
add_rebuild(app)
add_vacuum(app)
add_impact(app)
add_compare(app)
add_replay(app)
add_audit(app)
add_notify(app)
add_deploy(app)
