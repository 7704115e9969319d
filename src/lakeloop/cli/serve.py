"""The verb that answers online: which bundle, which store, where to listen, and within what limits."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from lakeloop.cli.options import verb
from lakeloop.cli.outcome import Options, Report, finish
from lakeloop.errors import EnvironmentProblemError, Failure, UsageError

TOKEN = "LAKELOOP_TOKEN"  # noqa: S105 - the name of a variable
"""Variable that holds the token: what stands on a command line can be read by others."""

STORE = "LAKELOOP_STORE"
"""Variable that may hold the store's address beside `--bundle`, because a password may stand in it."""

MIN_TOKEN = 16
_PACKAGES = ("fastapi", "httptools", "prometheus_client", "uvicorn", *(("uvloop",) if sys.platform != "win32" else ()))
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model; it was published by `lakeloop publish`.")]
_Host = Annotated[str, typer.Option("--host", metavar="HOST", help=f"Where to listen; elsewhere needs {TOKEN}.")]
_Port = Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="Port; 0 for any that is free.")]
_AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="INSTANT", help="A clock that stands still, for replays.")
]
_Bundle = Annotated[
    Path | None, typer.Option("--bundle", metavar="DIR", help="Folder of bundles; by default the workspace's.")
]
_Store = Annotated[
    str | None, typer.Option("--store", metavar="ADDRESS", help=f"Online store; else {STORE} beside --bundle.")
]
_StoreOf = Annotated[
    str | None, typer.Option("--store-project", metavar="NAME", help="Whose rows of the store; with its address.")
]
_Log = Annotated[
    Path | None, typer.Option("--log", metavar="DIR", help="Where requests are logged; by default the workspace.")
]
_Skew = Annotated[float, typer.Option("--clock-skew", metavar="S", min=0, help="How far clocks may differ.")]
_Reload = Annotated[float, typer.Option("--reload-every", metavar="S", min=0.1, help="How often to look for a bundle.")]
_MaxRows = Annotated[int, typer.Option("--max-rows", metavar="N", min=1, max=100_000, help="Rows of a request.")]
_MaxBody = Annotated[int, typer.Option("--max-body", metavar="BYTES", min=1, help="Bytes of a request's body.")]
_Limit = Annotated[float, typer.Option("--time-limit", metavar="S", min=0.01, help="Time for a request.")]
_LogRows = Annotated[int, typer.Option("--log-rows", metavar="N", min=1, help="Rows that may wait to be logged.")]
_LogEvery = Annotated[float, typer.Option("--log-every", metavar="S", min=0.1, help="How often the log is written.")]
_Grace = Annotated[int, typer.Option("--grace", metavar="S", min=0, help="How long a stop waits for what runs.")]
_Timeout = Annotated[
    float | None, typer.Option("--store-timeout", metavar="S", min=0.01, help="Longest wait for the store's answer.")
]


@dataclass(frozen=True)
class Places:
    """Where a server finds what it serves.

    Attributes:
        bundles: Folder of the model's bundles.
        store: Address of the online store.
        project: Name of the project whose rows of the store are meant.
        store_timeout: Longest wait for the store, in seconds.
        log: Folder of the request log; None for none.
        zone: Zone of a bare date.
    """

    bundles: Path
    store: str
    project: str
    store_timeout: float
    log: Path | None
    zone: ZoneInfo


def read_token(environment: Mapping[str, str]) -> str | None:
    """Read the token.

    Args:
        environment: Variables.

    Returns:
        The token; None without one.

    Raises:
        UsageError: If it can be guessed, or no header can hold it.

    >>> read_token({}) is None, read_token({"LAKELOOP_TOKEN": "0123456789abcdef"})
    (True, '0123456789abcdef')
    """
    token = environment.get(TOKEN)
    if token is None:
        return None
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        allowed = f"at least {MIN_TOKEN} characters of ASCII without a space"
        remedy = "make one: python -c 'import secrets; print(secrets.token_urlsafe())'"
        raise UsageError(TOKEN, "a text that is no token (not shown)", allowed, remedy)
    return token


def read_store(environment: Mapping[str, str]) -> str | None:
    """Read the address of the online store.

    Args:
        environment: Variables.

    Returns:
        The address; None without one.

    Raises:
        UsageError: If it is no address: then nothing of it is shown, because a password may stand anywhere in it.

    >>> read_store({}) is None, read_store({"LAKELOOP_STORE": "redis://:secret@cache:6379/0"})
    (True, 'redis://:secret@cache:6379/0')
    >>> read_store({"LAKELOOP_STORE": "redis://:se/cret@cache:6379/0"})
    Traceback (most recent call last):
    lakeloop.errors.UsageError: LAKELOOP_STORE: got a text that is no address (not shown); allowed: ...
    """
    from lakeloop.online_store.opening import ALLOWED, is_address

    address = environment.get(STORE)
    if address is not None and not is_address(address):
        remedy = "correct it; in a password write %2F for a slash, as in every address"
        raise UsageError(STORE, "a text that is no address (not shown)", ALLOWED, remedy)
    return address


def find_places(
    options: Options,
    model: str,
    bundle: Path | None,
    store: str | None,
    store_project: str | None,
    log: Path | None,
    timeout_seconds: float | None,
) -> Places:
    """Find bundle and store: as the options say, else as the project does.

    Args:
        options: The project's folder and environment.
        model: The model.
        bundle: Folder of bundles; with a store no project is asked.
        store: Address of the online store.
        store_project: Name of the project whose rows are meant.
        log: Folder of the request log.
        timeout_seconds: Longest wait for the store.

    Returns:
        The places.

    Raises:
        UsageError: If there is no project where one is needed, or it does not know the model.

    >>> alone = Options(None, None, as_json=False, verbose=False)
    >>> find_places(alone, "late", Path("/bundle"), "redis://cache:6379/0", "shops", None, None).log is None
    True
    """
    if bundle is not None and store is not None:
        if store_project is None:
            allowed, remedy = "the name of the project whose rows are meant", "add --store-project NAME"
            raise UsageError(f"--store or {STORE}", "no --store-project", allowed, remedy)
        return Places(bundle, store, store_project, timeout_seconds or 1.0, log, ZoneInfo("UTC"))
    from lakeloop.cli import verbs

    config = verbs._load_project(options)
    verbs._choose_models(config, [model], "MODEL")
    declared = config.project.online_store.timeout.total_seconds()
    return Places(
        bundle or config.workspace / "serving" / model,
        store or config.online_store_address,
        store_project or config.project.project,
        timeout_seconds or declared,
        log or config.workspace / "request_log" / model,
        config.project.zone,
    )


def _assert_installed() -> None:
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        failures = [Failure(name, "the package is not installed") for name in missing]
        raise EnvironmentProblemError("lakeloop serve", failures, "pip install 'lakeloop[serve]'")


def _clock(as_of: str | None, zone: ZoneInfo) -> tuple[Callable[[], datetime], datetime | None]:
    if as_of is None:
        return lambda: datetime.now(UTC), None
    from lakeloop.config.as_of import parse_as_of

    fixed = parse_as_of(as_of, zone)
    from lakeloop.cli import verbs

    verbs._refuse_future(as_of, fixed)
    return lambda: fixed, fixed


def add_serve(app: typer.Typer) -> None:
    """Add the verb.

    Args:
        app: The command line.

    >>> from typer.testing import CliRunner
    >>> app = typer.Typer(rich_markup_mode=None)
    >>> add_serve(app)
    >>> "MODEL" in CliRunner().invoke(app, ["--help"]).output
    True
    """

    @verb(app, "serve", "Answer online: features looked up, scored by the published champion.")
    def _serve(
        options: Options,
        model: _Model,
        host: _Host = "127.0.0.1",
        port: _Port = 8000,
        as_of: _AsOf = None,
        bundle: _Bundle = None,
        store: _Store = None,
        store_project: _StoreOf = None,
        store_timeout: _Timeout = None,
        clock_skew: _Skew = 60.0,
        reload_every: _Reload = 5.0,
        max_rows: _MaxRows = 1000,
        max_body: _MaxBody = 2 * 1024 * 1024,
        time_limit: _Limit = 10.0,
        log: _Log = None,
        log_rows: _LogRows = 10_000,
        log_every: _LogEvery = 10.0,
        grace: _Grace = 30,
    ) -> None:
        def work(report: Report) -> None:
            for name in _THREADS:  # rows come one by one: threads of a library cost more than they do
                os.environ.setdefault(name, "1")
            _assert_installed()
            from lakeloop.serving.server import assert_may_bind

            token = read_token(os.environ)
            assert_may_bind(host, has_token=token is not None)
            address = read_store(os.environ) if store is None and bundle is not None else store
            places = find_places(options, model, bundle, address, store_project, log, store_timeout)
            clock, report.as_of = _clock(as_of, places.zone)
            from lakeloop.online_store.opening import open_store
            from lakeloop.serving.app import make_serving
            from lakeloop.serving.server import run_server
            from lakeloop.serving.settings import ServeSettings

            settings = ServeSettings(
                max_rows=max_rows,
                max_body_bytes=max_body,
                time_limit_seconds=time_limit,
                clock_skew=timedelta(seconds=clock_skew),
                reload_every_seconds=reload_every,
                log_rows=log_rows,
                log_every_seconds=log_every,
                token=token,
            )
            opened = open_store(places.store, places.project, read_only=True, timeout_seconds=places.store_timeout)
            try:
                serving = make_serving(
                    places.bundles,
                    opened,
                    clock=clock,
                    settings=settings,
                    log_folder=places.log,
                    is_remote=not places.store.startswith("sqlite:"),
                )
                served = serving.champion.served.bundle
                if served.model != model:
                    remedy = "name that model, or another folder with --bundle"
                    raise UsageError("MODEL", repr(model), f"{served.model!r}, whose bundle it is", remedy)

                def tell(address: str) -> None:
                    sys.stderr.write(f"serves {served.model} version {served.version} at {address}\n")
                    sys.stderr.flush()

                run_server(serving, host, port, grace_seconds=grace, started=tell)
            finally:
                opened.close()
            report.result = {"model": model, "stopped": True}

        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        finish("serve", options, work)
