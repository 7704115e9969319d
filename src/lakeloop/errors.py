"""Every exception lakeloop raises on purpose.

An error holds data and renders its message from it, bounded: how many, the first few, the rest counted. Each class maps
to one stable exit code of the command line and knows whether the same call can succeed when repeated (`retryable`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

MAX_MISTAKES = 50
"""Mistakes of the configuration shown in one message: they are mended in one go."""

_WIDTH = 80

MAX_SHOWN = 10
"""Details shown in one message; further ones are counted."""


class LakeloopError(Exception):
    """The root of all errors raised on purpose.

    Attributes:
        exit_code: Exit code of the command line for this class of errors.
        retryable: Whether the same call can succeed later without a change by a person.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


@dataclass(frozen=True)
class ConfigIssue:
    """One mistake in the project's files.

    Attributes:
        file: Path of the file, as the user would type it; never wrapped.
        line: 1-based line of the offending key or value; None when the file itself is the matter.
        where: Dotted path of the key inside the file, `aggregate[0].over`.
        got: What was found, as text.
        allowed: What would have been accepted.
        remedy: What to change.
    """

    file: str
    line: int | None
    where: str
    got: str
    allowed: str
    remedy: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        told = (("got", self.got), ("allowed", self.allowed), ("remedy", self.remedy))
        return "\n".join([f"{place}: {self.where}", *(_hanging(f"    {name + ':':<9}", text) for name, text in told)])


def _hanging(label: str, text: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


class ConfigError(LakeloopError):
    """The project's files are wrong; all mistakes that could be found in one go. Do not retry.

    >>> print(ConfigError([ConfigIssue("conf/base/project.yml", 3, "timezone", "'Mars'", "an IANA name", "use UTC")]))
    1 mistake in the project's configuration
    conf/base/project.yml:3: timezone
        got:     'Mars'
        allowed: an IANA name
        remedy:  use UTC
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, issues: Sequence[ConfigIssue]) -> None:
        super().__init__(issues)  # the arguments rebuild the error after pickling
        self.issues = tuple(issues)

    def __str__(self) -> str:
        count = len(self.issues)
        lines = [f"{count} mistake{'s' if count != 1 else ''} in the project's configuration"]
        lines += [str(issue) for issue in self.issues[:MAX_MISTAKES]]
        if count > MAX_MISTAKES:
            lines.append(f"... and {count - MAX_MISTAKES} more")
        return "\n".join(lines)


class UsageError(LakeloopError):
    """A command was called with something it cannot use. Do not retry.

    Args:
        where: The argument or option.
        got: What was given.
        allowed: What would have been accepted.
        remedy: What to do.

    >>> print(UsageError("--as-of", "yesterday", "a date or an instant with offset", "write 2013-05-01"))
    --as-of: got yesterday; allowed: a date or an instant with offset; remedy: write 2013-05-01
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, where: str, got: str, allowed: str, remedy: str) -> None:
        super().__init__(where, got, allowed, remedy)
        self.where, self.got, self.allowed, self.remedy = where, got, allowed, remedy

    def __str__(self) -> str:
        return f"{self.where}: got {self.got}; allowed: {self.allowed}; remedy: {self.remedy}"


@dataclass(frozen=True)
class Failure:
    """One rule, check or law that did not hold.

    Attributes:
        name: The rule's or check's name.
        detail: What was found: counts and keys, never values of the data.
    """

    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


class _ListedError(LakeloopError):
    """An error about one thing, with a bounded list of failures and a remedy."""

    headline: ClassVar[str] = "failed"

    def __init__(self, subject: str, failures: Sequence[Failure], remedy: str) -> None:
        super().__init__(subject, failures, remedy)
        self.subject, self.failures, self.remedy = subject, tuple(failures), remedy

    def __str__(self) -> str:
        lines = [f"{self.subject}: {self.headline}"]
        lines += [f"  - {failure}" for failure in self.failures[:MAX_SHOWN]]
        if len(self.failures) > MAX_SHOWN:
            lines.append(f"  ... and {len(self.failures) - MAX_SHOWN} more")
        lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)


class DataContractError(_ListedError):
    """Data broke a declared contract of severity `fail`. The same input fails again: do not retry."""

    exit_code: ClassVar[int] = 4
    headline: ClassVar[str] = "the data broke its contract"


class LeakageError(_ListedError):
    """A training set knows what could not be known at the instants of its rows. Do not retry."""

    exit_code: ClassVar[int] = 4
    headline: ClassVar[str] = "leaks were found"


class SkewError(_ListedError):
    """Values that were served as right are not those of the offline tables. Do not retry."""

    exit_code: ClassVar[int] = 4
    headline: ClassVar[str] = "served values are not those of the offline tables"


class QualityGateError(_ListedError):
    """The quality gate refused a turn's bronze rows; nothing is built on them. The same rows would fail again."""

    exit_code: ClassVar[int] = 4
    headline: ClassVar[str] = "the quality gate failed"


class AccountingError(_ListedError):
    """Rows read and rows accounted for differ (law 5). Do not retry."""

    exit_code: ClassVar[int] = 4
    headline: ClassVar[str] = "rows are missing from the accounting"


class NotDeployableError(_ListedError):
    """The project, as it is declared, cannot run where it is to be deployed. Do not retry."""

    exit_code: ClassVar[int] = 3
    headline: ClassVar[str] = "the project cannot run there as it is declared"


class NotReadyError(_ListedError):
    """Something this step stands on is not there yet. Retry after doing what the remedy says."""

    exit_code: ClassVar[int] = 5
    retryable: ClassVar[bool] = True
    headline: ClassVar[str] = "not ready"


class ConflictError(_ListedError):
    """The step would contradict what is already recorded. Do not retry."""

    exit_code: ClassVar[int] = 6
    headline: ClassVar[str] = "conflicts with what is recorded"


class NewerFormatError(_ListedError):
    """A table was written by a newer lakeloop, in a format that this one would read wrongly. Do not retry."""

    exit_code: ClassVar[int] = 6
    headline: ClassVar[str] = "written by a newer lakeloop"


class BusyError(_ListedError):
    """Another job holds the workspace. Retry later."""

    exit_code: ClassVar[int] = 6
    retryable: ClassVar[bool] = True
    headline: ClassVar[str] = "busy"


class EnvironmentProblemError(_ListedError):
    """Java, Spark, the Delta jars, the tracking store or memory are not as needed."""

    exit_code: ClassVar[int] = 7
    headline: ClassVar[str] = "the environment is not ready"


class PluginError(EnvironmentProblemError):
    """What another package brings cannot be used: it is broken, made for another lakeloop, or named twice."""

    headline: ClassVar[str] = "cannot be used"


class LostProcessError(_ListedError):
    """A process that a step needs (Java, a worker of Spark) ended on its own. A retry may help."""

    exit_code: ClassVar[int] = 7
    retryable: ClassVar[bool] = True
    headline: ClassVar[str] = "a process was lost"


class UnansweredError(_ListedError):
    """A storage did not answer, at several attempts. A retry may help."""

    exit_code: ClassVar[int] = 7
    retryable: ClassVar[bool] = True
    headline: ClassVar[str] = "the storage does not answer"


class BudgetError(_ListedError):
    """A step would bring more bytes to the driver than declared (law 8). Do not retry."""

    exit_code: ClassVar[int] = 7
    headline: ClassVar[str] = "over the memory budget"


class DistributionError(LakeloopError):
    """Counts or shares given to a statistic do not form what it needs. Do not retry.

    Args:
        name: The argument.
        problem: What is wrong with it.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name, self.problem = name, problem

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}"


EXIT_CODES: dict[int, str] = {
    0: "done (a model that fails its gate is an outcome, not an error)",
    1: "unexpected error",
    2: "wrong use of the command line",
    3: "the project's configuration is wrong",
    4: "data broke a contract, the quality gate or the accounting",
    5: "not ready: an earlier step has to run first",
    6: "conflict with what is recorded, or the workspace is busy",
    7: "environment: Java, Spark, jars, tracking store or memory",
}
"""The stable exit codes of the command line and of the jobs."""
