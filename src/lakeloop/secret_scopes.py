"""Secrets by scope and key, `${secret:scope/key}`: asked of Databricks where lakeloop runs there.

A serverless job takes no variables of the environment. Elsewhere a secret is a variable, named in `config.variables`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from lakeloop.config.variables import variable_of
from lakeloop.errors import EnvironmentProblemError, Failure

RUNTIME = "DATABRICKS_RUNTIME_VERSION"
"""Variable that Databricks sets in its own processes."""

_PREFIX = "secret:"

Reader = Callable[[str, str], str]
"""Scope and key -> the secret."""


class Variables(Mapping[str, str]):
    """Variables of the environment, and secrets by `secret:scope/key`, each asked for once and only when named.

    Args:
        environment: Variables of the process.
        reader: Asks a scope; None where there is none to ask.

    >>> variables = Variables({"HOST": "cache"}, lambda scope, key: f"{key} of {scope}")
    >>> variables["secret:flights/redis"], list(variables)
    ('redis of flights', ['HOST'])
    """

    def __init__(self, environment: Mapping[str, str], reader: Reader | None) -> None:
        self._environment, self._reader = environment, reader
        self._asked: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if not name.startswith(_PREFIX) or self._reader is None or variable_of(name) in self._environment:
            return self._environment[name]
        if name not in self._asked:
            scope, _, key = name.removeprefix(_PREFIX).partition("/")
            self._asked[name] = _ask(self._reader, scope, key)
        return self._asked[name]

    def __iter__(self) -> Iterator[str]:
        """Name what the environment holds: a scope's secrets are not listed."""
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)


def known_variables(environment: Mapping[str, str] = os.environ) -> Variables:
    """Give what `conf/` may refer to in this process.

    Args:
        environment: Variables of the process.

    Returns:
        Its variables; on Databricks the secrets of its scopes too.

    >>> known_variables({"HOST": "cache"}).get("secret:flights/redis") is None
    True
    """
    return Variables(environment, _databricks_reader if RUNTIME in environment else None)


def _databricks_reader(scope: str, key: str) -> str:
    from databricks.sdk.runtime import dbutils

    return str(dbutils.secrets.get(scope=scope, key=key))


def _ask(reader: Reader, scope: str, key: str) -> str:
    try:
        return reader(scope, key)
    except Exception as failure:
        told = Failure(f"{scope}/{key}", f"the scope did not give it ({type(failure).__name__})")
        remedy = "put it into the scope (`databricks secrets put-secret`), and let the job's user read the scope"
        raise EnvironmentProblemError("secrets", [told], remedy) from failure
