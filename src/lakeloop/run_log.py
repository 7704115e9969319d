"""What a log record says of the run it belongs to, and which values no record may show.

A call has one run id: that of `ops.runs`, of the JSON line, of Spark's jobs and of lineage events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from urllib.parse import quote, quote_plus

_LEAST_HIDDEN = 6
"""Characters below which a value of the environment is hidden nowhere: half of every text would be."""

_SECRET_NAME = re.compile(
    r"secret|passw(?:or)?d|passphrase|token|credential|webhook"
    r"|(?:access|account|api|private|shared|storage|sas|signing|encryption)[._-]?key|(?:^|[._-])(?:pwd|sas)(?:$|[._-])",
    re.IGNORECASE,
)

SPARK_REDACTION = (
    "(?i)secret|passw(or)?d|passphrase|token|credential|webhook"
    "|(access|account|api|private|shared|storage|sas|signing|encryption)[._-]?key"
)
"""What `spark.redaction.regex` is set to: Spark's own misses the keys of Azure's storage accounts."""


@dataclass(frozen=True)
class RunFields:
    """The run that a record belongs to; None where it belongs to none, or that is not known.

    Attributes:
        run_id: The call.
        job: Verb that was called.
        step: Step that is being done.
        subject: Model or source it is for.
        as_of: Logical now, ISO, UTC.

    >>> RunFields(run_id="7d", job="score").as_dict()
    {'run_id': '7d', 'job': 'score', 'step': None, 'subject': None, 'as_of': None}
    """

    run_id: str | None = None
    job: str | None = None
    step: str | None = None
    subject: str | None = None
    as_of: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """Give the fields by their names."""
        return asdict(self)


_NONE = RunFields()
_here: ContextVar[RunFields | None] = ContextVar("lakeloop_run", default=None)
_latest: list[RunFields] = [_NONE]
"""For threads that were started without this context: Spark's callbacks, servers. A process does one call at a time."""


def current_run() -> RunFields:
    """Give the run that a record written now belongs to.

    >>> with run_fields(run_id="7d", job="score"), run_fields(step="score", subject="late"):
    ...     current_run()
    RunFields(run_id='7d', job='score', step='score', subject='late', as_of=None)
    """
    return _here.get() or _latest[-1]


@contextmanager
def run_fields(**given: str | None) -> Iterator[RunFields]:
    """Lay fields over those of the run, for what is done inside.

    Args:
        **given: Fields of `RunFields`.

    Yields:
        The fields.

    >>> with run_fields(job="ingest"):
    ...     current_run().job
    'ingest'
    >>> current_run().job
    """
    fields = replace(current_run(), **given)
    token, depth = _here.set(fields), len(_latest)
    _latest.append(fields)
    try:
        yield fields
    finally:
        del _latest[depth:]
        _here.reset(token)


def note_run(**given: str | None) -> None:
    """Add what has become known of the run that is under way.

    Args:
        **given: Fields of `RunFields`.

    >>> with run_fields(job="publish"):
    ...     note_run(run_id="7d")
    ...     current_run().run_id
    '7d'
    """
    fields = replace(current_run(), **given)
    _here.set(fields)
    _latest[-1:] = [fields]


def is_secret_name(name: str) -> bool:
    """Tell whether a key or a variable is named like one that holds a secret.

    >>> [is_secret_name(each) for each in ("DB_PASSWORD", "fs.azure.account.key.lake", "api_key", "primary_key", "key")]
    [True, True, True, False, False]
    """
    return _SECRET_NAME.search(name) is not None


_hidden: dict[str, str] = {}
_FOLDERS = frozenset({"PWD", "OLDPWD"})
"""Variables of the shell that are named as passwords may be, and hold where one stands."""

_LEAST_SECRET = 4
_SURE = 12
"""Characters from which a value is hidden inside of words too."""


def hide(secrets: Mapping[str, str]) -> None:
    """Keep values out of all that this process logs and prints from now on.

    Args:
        secrets: Value -> what stands for it. A short value is hidden where it is a word of its own.

    >>> hide({"hunter-twenty-two": "${DB_PASSWORD}"})
    >>> redacted("no answer from db by hunter-twenty-two")
    'no answer from db by ${DB_PASSWORD}'
    """
    for value, reference in secrets.items():
        for written in (value, repr(value)[1:-1], json.dumps(value)[1:-1], quote(value, safe=""), quote_plus(value)):
            if len(written.strip()) >= _LEAST_SECRET:
                _hidden.setdefault(written, reference)


def hide_environment(environment: Mapping[str, str]) -> None:
    """Keep the values of environment variables that are named like secrets out of what this process says.

    Args:
        environment: Name -> value; short values are left alone.

    >>> hide_environment({"MLFLOW_TRACKING_TOKEN": "tr4cking-t0ken", "HOME": "/home/ada", "PWD": "/home/ada"})
    >>> redacted("tr4cking-t0ken in /home/ada")
    '${MLFLOW_TRACKING_TOKEN} in /home/ada'
    """
    hide(
        {
            value: f"${{{name}}}"
            for name, value in environment.items()
            if is_secret_name(name) and name not in _FOLDERS and len(value) >= _LEAST_HIDDEN
        }
    )


def redacted(text: str) -> str:
    """Put what stands for them in place of values that are hidden.

    >>> redacted("nothing to hide")
    'nothing to hide'
    """
    for value in sorted(_hidden, key=len, reverse=True):
        if value not in text:
            continue
        reference = _hidden[value]
        if len(value) >= _SURE:
            text = text.replace(value, reference)
        else:  # `post` would be found in `postgresql`
            text = reference.join(re.split(rf"(?<!\w){re.escape(value)}(?!\w)", text))
    return text
