"""A tracking store that does not answer, a disk that is full: told as what they are, whoever asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException

from lakeloop.model_versions import ModelVersion, lost_version
from lakeloop.registry.store import answer_in_time, answer_quickly
from lakeloop.tracking_store import unreachable
from lakeloop.transient import call_again

_ANSWERS = frozenset({"RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE", "NOT_FOUND"})
"""What the store says of what it was asked for: it has answered."""

_REPEATABLE = ("get_", "search_", "set_")
"""How calls begin that give and leave the same however often they are made."""

_ASKS_ONCE = "search_experiments"
"""By this call it is found out whether a store answers: before the work that is told at once."""

_UNTRUSTED = "untrusted types"  # said of a model before the store is asked


@contextmanager
def explaining(tracking_uri: str, *, with_files: bool = True) -> Iterator[None]:
    """Turn what MLflow raises without its store, or without room for artifacts, into an error with a remedy.

    Args:
        tracking_uri: Address of the store.
        with_files: Whether files may go along.

    Yields:
        Nothing; the store is asked for about a minute meanwhile.

    Raises:
        EnvironmentProblemError: If the store does not answer, or artifacts cannot be written.

    >>> from lakeloop.errors import EnvironmentProblemError
    >>> try:
    ...     with explaining("https://mlflow.example"):
    ...         raise MlflowException("API request failed: [Errno 111] Connection refused'))")
    ... except EnvironmentProblemError as error:
    ...     print(error.failures[0])
    tracking store: tracking_uri 'https://mlflow.example': no answer: [Errno 111] Connection refused
    """
    try:
        with answer_in_time(with_files=with_files):
            yield
    except MlflowException as failure:
        if failure.error_code in _ANSWERS or _UNTRUSTED in str(failure).lower():
            raise
        raise unreachable(tracking_uri, str(failure)) from failure
    except OSError as failure:  # the artifacts' folder, or the server that takes them
        raise unreachable(tracking_uri, str(failure) or type(failure).__name__) from failure


@contextmanager
def explaining_loss(client: Any, version: ModelVersion, found: str) -> Iterator[None]:
    """Turn what MLflow raises of files that cannot be read into an error that says that the version lost them.

    Args:
        client: An `ExplainingClient`: a store that does not answer has lost nothing, and is told as what it is.
        version: The version whose files are read.
        found: What is said of it.

    Yields:
        Nothing; the store is asked for about a minute meanwhile.

    Raises:
        ConflictError: If they are gone.
        EnvironmentProblemError: If the store does not answer.

    >>> from lakeloop.errors import ConflictError
    >>> client, version = ExplainingClient(context.config.tracking_uri), ModelVersion("late", "1", "r", "k", {}, "s")
    >>> try:
    ...     with explaining_loss(client, version, "its files are gone"):
    ...         raise FileNotFoundError("model.skops")
    ... except ConflictError as error:
    ...     print(error.failures[0].detail)
    its files are gone
    """
    try:
        with answer_in_time(with_files=True):
            yield
    except (MlflowException, OSError, ValueError) as gone:
        with answer_quickly():
            client.search_experiments(max_results=1)
        raise lost_version(version.model, version.version, found) from gone


class ExplainingClient:
    """MLflow's client; a store that does not answer is told with a remedy.

    Args:
        tracking_uri: Address of the store.
        registry_uri: Address of the registry; the same without it.

    >>> client = ExplainingClient(context.config.tracking_uri)
    >>> client.get_model_version("late", "1").run_id == client.get_model_version("late", "2").run_id
    False
    """

    def __init__(self, tracking_uri: str, registry_uri: str | None = None) -> None:
        self._client, self._tracking_uri = mlflow.MlflowClient(tracking_uri, registry_uri or tracking_uri), tracking_uri

    def _repeats(self, name: str) -> bool:
        """Whether a call is made again by us: MLflow itself asks a server again, and a database not at all."""
        is_repeatable = name.startswith(_REPEATABLE) and name != _ASKS_ONCE
        return is_repeatable and not self._tracking_uri.startswith(("http", "databricks"))

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        @wraps(call)
        def explained(*given: Any, **named: Any) -> Any:
            with explaining(self._tracking_uri, with_files=False):
                if not self._repeats(name):
                    return call(*given, **named)
                return call_again(partial(call, *given, **named), "MLflow", explains=False)

        return explained
