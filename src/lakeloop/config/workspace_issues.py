"""Checks of where a workspace lies that need several keys."""

from __future__ import annotations

from collections.abc import Iterator

from lakeloop.config.located_yaml import LocatedYaml
from lakeloop.config.project import Project
from lakeloop.config.workspace import is_address, is_s3
from lakeloop.errors import ConfigIssue

_NO_TABLES = "landed files, checkpoints, the lock, SQLite and reports"


def workspace_issues(document: LocatedYaml, project: Project) -> Iterator[ConfigIssue]:
    """Check that a workspace at an address has a folder beside it, and is one place of the tables.

    Args:
        document: The project's file.
        project: What it declares.

    Yields:
        The mistakes.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml("{project: shops, retention: 30 days, workspace: 's3a://lake/shops'}", "project.yml")
    >>> for issue in workspace_issues(document, Project.model_validate(document.data)):
    ...     print(issue)
    project.yml:1: workspace
        got:     's3a://lake/shops', an address, and no local
        allowed: an address with a folder beside it: landed files, checkpoints, the
                 lock, SQLite and reports cannot lie at an address
        remedy:  write local: FOLDER too
    """
    got = document.shown_at(("workspace",)) if "workspace" in document.data else f"{project.workspace!r}"
    if not is_address(project.workspace):
        if project.local is not None:
            allowed = f"local where workspace is an address; {got} is a folder, and holds {_NO_TABLES} itself"
            yield document.issue(("local",), document.shown_at(("local",)), allowed, "remove it")
    elif project.catalog is not None:
        allowed = f"a folder for {_NO_TABLES}: the catalog holds the tables"
        yield document.issue(("workspace",), f"{got}, and a catalog", allowed, "write a folder, or remove catalog")
    elif project.local is None:
        allowed = f"an address with a folder beside it: {_NO_TABLES} cannot lie at an address"
        yield document.issue(("workspace",), f"{got}, an address, and no local", allowed, "write local: FOLDER too")
    if project.s3_writers is not None and not is_s3(project.workspace):
        allowed = "s3_writers where workspace is an s3a:// address: elsewhere a commit replaces no other"
        yield document.issue(("s3_writers",), document.shown_at(("s3_writers",)), allowed, "remove it")
