"""Checks of `spark:` in project.yml that need the file: secrets are written as environment variables only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lakeloop.config.located_yaml import LocatedYaml
from lakeloop.config.read_issues import is_elsewhere
from lakeloop.errors import ConfigIssue

_SECRET = re.compile(
    r"secret|password|passphrase|credential(?!s?[._-]?provider)|session[._-]?token|account[._-]?key|access[._-]?key"
    r"|private[._-]?key|sas[._-]?(fixed[._-]?)?token|fs\.azure\.sas\.",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"provider|class|\bfile$|keyfile$|path$|enabled$|type$", re.IGNORECASE)


def spark_issues(document: LocatedYaml) -> Iterator[ConfigIssue]:
    """Refuse settings of Spark that hold a secret in the file itself.

    Args:
        document: The project's file.

    Yields:
        The mistakes; none shows the secret.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = "spark: {spark.hadoop.fs.s3a.secret.key: hunter22, spark.hadoop.fs.s3a.endpoint: http://s3}"
    >>> [(each.got, each.remedy) for each in spark_issues(parse_yaml(text, "project.yml"))]
    [('(hidden), in the file itself', 'write spark.hadoop.fs.s3a.secret.key: ${NAME}')]
    """
    settings = document.value_at(("spark",))
    for name in settings if isinstance(settings, Mapping) else ():
        if (
            isinstance(name, str)
            and is_secret_setting(name)
            and not is_elsewhere(document, ("spark", name), whole=True)
        ):
            allowed = "an environment variable, without a default"
            yield document.issue(("spark", name), "(hidden), in the file itself", allowed, f"write {name}: ${{NAME}}")


def is_secret_setting(name: str) -> bool:
    """Tell whether a setting of Spark or Hadoop holds a secret, by its name.

    >>> [is_secret_setting(f"spark.hadoop.fs.{each}") for each in ("s3a.secret.key", "s3a.aws.credentials.provider")]
    [True, False]
    >>> is_secret_setting("spark.hadoop.fs.azure.account.key.lake.dfs.core.windows.net")
    True
    """
    return bool(_SECRET.search(name)) and not _NO_SECRET.search(name)
