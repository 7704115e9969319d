"""Secrets of the configuration: written as environment variables or references to a scope, and kept out of messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel, SecretStr

from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.read import PASSWORD
from lakeloop.config.read import SECRET_NAME as OPTION_NAME
from lakeloop.config.read_issues import is_elsewhere
from lakeloop.config.variables import OF_A_SCOPE, names_in
from lakeloop.errors import ConfigIssue
from lakeloop.run_log import is_secret_name

_NO_SECRET = re.compile(
    r"provider|class|file$|path$|enabled$|type$|kubernetes\.(?:driver|executor)\.secret", re.IGNORECASE
)
"""Settings that say where a secret is, or of which kind."""

_SCOPE = re.compile(r"\{\{secrets/[^/{}]+/[^/{}]+\}\}")
"""How Databricks names a secret of a scope; the cluster fills it."""

_PASSWORD_OF_ADDRESS = re.compile(rf"//[^/\s@:]*:\$\{{(\w+|{OF_A_SCOPE})[^}}]*\}}@")
_VARIABLE = re.compile(rf"(?<!\$)\$\{{(?:\w+|{OF_A_SCOPE})\}}")
_CLEAR = re.compile(r"//[^/\s@]*:[^/\s@]+@|[?&;](?:password|passwd|pwd|token|secret)=[^&;]")
_IN_ADDRESS = re.compile(r"//[^/\s@:]*:([^/\s@]+)@")
_WHOLE_ADDRESSES = frozenset({"slack", "url"})
"""Keys below `notify` whose address is a secret: who knows it can post there."""

_URI: KeyPath = ("tracking_uri",)
_ALLOWED = "an environment variable without a default"


def secret_issues(document: LocatedYaml) -> Iterator[ConfigIssue]:
    """Refuse secrets that stand in the project's file itself: in settings of Spark, lineage, or the tracking address.

    Args:
        document: The project's file.

    Yields:
        The mistakes; none shows the secret.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = "spark: {spark.hadoop.fs.s3a.secret.key: hunter22, spark.executor.cores: 2}"
    >>> [(each.where, each.got, each.remedy) for each in secret_issues(parse_yaml(text, "project.yml"))]
    [('spark.spark.hadoop.fs.s3a.secret.key', '(hidden), in the file itself', 'write spark.hadoop.fs.s3a.secret.key: \
${NAME} or ${secret:scope/key}, or on Databricks {{secrets/SCOPE/KEY}}')]
    """
    settings = document.value_at(("spark",))
    for name, value in settings.items() if isinstance(settings, Mapping) else ():
        path: KeyPath = ("spark", name)
        is_secret = isinstance(value, str) and (is_secret_setting(name) or PASSWORD.search(value) is not None)
        if is_secret and not is_elsewhere(document, path, whole=False) and not _SCOPE.fullmatch(value.strip()):
            remedy = f"write {name}: ${{NAME}} or ${{secret:scope/key}}, or on Databricks {{{{secrets/SCOPE/KEY}}}}"
            yield document.issue(path, "(hidden), in the file itself", _ALLOWED, remedy)
    lineage = document.value_at(("openlineage",))
    is_given = isinstance(lineage, Mapping) and lineage.get("api_key") is not None
    if is_given and not is_elsewhere(document, ("openlineage", "api_key"), whole=True):
        issue = ("(hidden), in the file itself", _ALLOWED, "write api_key: ${NAME}")
        yield document.issue(("openlineage", "api_key"), *issue)
    place, uri = document.places.get(_URI), document.value_at(_URI)
    written = place.written if place is not None and place.written is not None else uri
    if isinstance(written, str) and _CLEAR.search(_VARIABLE.sub("", written)):
        got, remedy = "(hidden), a password in the file itself", "write ${NAME} in its place"
        yield document.issue(_URI, got, "a password in a variable of the environment", remedy)


def is_secret_setting(name: str) -> bool:
    """Tell whether a setting of Spark or Hadoop holds a secret, by its name.

    >>> [is_secret_setting(f"spark.hadoop.fs.{each}") for each in ("s3a.secret.key", "s3a.aws.credentials.provider")]
    [True, False]
    >>> is_secret_setting("spark.hadoop.fs.azure.account.key.lake.dfs.core.windows.net")
    True
    """
    return is_secret_name(name) and _NO_SECRET.search(name) is None


def secrets_of(documents: Iterable[LocatedYaml]) -> dict[str, str]:
    r"""Find the values of variables that are secrets, by the name of the variable or of the key, or as a password.

    Args:
        documents: The project's files.

    Returns:
        Value -> the reference that stands for it.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = "workspace: ${LAKE}\nonline_store: {address: '${STORE}'}\nspark: {a.secret.key: '${KEY}'}"
    >>> known = {"LAKE": "/lake", "STORE": "redis://:hunter22@cache", "KEY": "tiger99"}
    >>> sorted(secrets_of([parse_yaml(text, "project.yml", known)]).items())
    [('hunter22', '${STORE}'), ('redis://:hunter22@cache', '${STORE}'), ('tiger99', '${KEY}')]
    """
    found: dict[str, str] = {}
    for document in documents:
        secret_names = {
            name
            for path, written in document.variables.items()
            for name in names_in(written)
            if _is_named_secret(name) or _is_secret_place(path) or name in _PASSWORD_OF_ADDRESS.findall(written)
        }
        for value, reference in document.values.items():
            password = _IN_ADDRESS.search(value)
            if reference[2:-1] in secret_names or password is not None:
                found[value] = reference
            if password is not None:
                found[password[1]] = reference
    return found


def _is_named_secret(name: str) -> bool:
    return name.startswith("secret:") or is_secret_name(name)


def _is_secret_place(path: KeyPath) -> bool:
    if path[:1] == ("notify",) and path[-1] in _WHOLE_ADDRESSES:
        return True
    names = [part for part in path if isinstance(part, str)]
    return any(is_secret_name(name) for name in names) or (
        path[0] == "read" and OPTION_NAME.search(names[-1]) is not None
    )


def declared_secrets(sections: Iterable[BaseModel]) -> Iterator[str]:
    """Find the values that are secrets by their type, also in sections that packages bring.

    Args:
        sections: Sections of the configuration.

    Yields:
        The values.

    >>> from lakeloop.config.notify import Channel
    >>> list(declared_secrets([Channel(slack="https://hooks.example.com/services/T0/B0/x")]))
    ['https://hooks.example.com/services/T0/B0/x']
    """
    for section in sections:
        yield from _secret_values(section)


def _secret_values(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secret_values(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secret_values(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _secret_values(each)
