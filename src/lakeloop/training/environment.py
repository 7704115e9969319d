"""What a version was made with: code, interpreter, machine, packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN = "unknown"


@dataclass(frozen=True)
class CodeVersion:
    """State of the project folder's git work tree.

    Attributes:
        commit: Commit that is checked out; None where there is no git, no work tree or no commit.
        is_dirty: Whether files of the project folder differ from the commit; None when it is not known.

    >>> CodeVersion("f00d", True).words, CodeVersion(None, None).words
    ('f00d, with changes that are not committed', 'unknown')
    """

    commit: str | None
    is_dirty: bool | None

    @property
    def words(self) -> str:
        """The commit, and whether it tells everything."""
        if self.commit is None:
            return UNKNOWN
        return {
            True: f"{self.commit}, with changes that are not committed",
            False: self.commit,
            None: f"{self.commit}, changes unknown",
        }[self.is_dirty]


@dataclass(frozen=True)
class Environment:
    """What a version was made with.

    Attributes:
        lakeloop: Version of lakeloop.
        code: State of the project folder.
        python: Version of Python.
        platform: Operating system and architecture, without the machine's name.
        packages: Package -> installed version, of those that take part in a training.
    """

    lakeloop: str
    code: CodeVersion
    python: str
    platform: str
    packages: Mapping[str, str]

    @property
    def tags(self) -> dict[str, str]:
        """The code version as tags of a run."""
        told = self.to_dict()
        return {name: str(told[name]).lower() for name in ("git_commit", "git_is_dirty")}

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values for JSON.

        >>> Environment("0.1.0", CodeVersion(None, None), "3.11.7", "Linux", {"numpy": "2.0"}).to_dict()["git_commit"]
        'unknown'
        """
        return {
            "lakeloop": self.lakeloop,
            "git_commit": UNKNOWN if self.code.commit is None else self.code.commit,
            "git_is_dirty": UNKNOWN if self.code.is_dirty is None else self.code.is_dirty,
            "python": self.python,
            "platform": self.platform,
            "packages": dict(sorted(self.packages.items())),
        }
