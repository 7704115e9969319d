"""Whether the workspace still holds what lakeloop wrote, looked at before every job.

When a job ends, the run ledger notes the newest write of every table of the project. The next job compares: a table
that is gone, cut short, replaced or changed by something else is told of before anything is built on it. Only a gold
table that is gone, or ends too early, is made anew: bronze gives the same rows again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from lakeloop import schemas
from lakeloop.discovery.text import count_of
from lakeloop.errors import ConflictError, Failure
from lakeloop.runs.context import Context
from lakeloop.tables import BACKUP, Head, TableAddress

HEADS = "heads"

_OF_MODELS = ("training_sets", "predictions", "explanations", "requests")

_log = logging.getLogger(__name__)


def assert_intact(context: Context, mended: TableAddress | None = None) -> None:
    """Refuse to build on tables that were deleted, cut short or changed by something else than lakeloop.

    Args:
        context: Project, lake and logical now; the workspace is held.
        mended: A table that is not looked at, because the job makes it again.

    Raises:
        ConflictError: With what was found per table.

    >>> _ = fresh.lake.create_own(schemas.FLAGS)
    >>> try:
    ...     assert_intact(fresh)
    ... except ConflictError as error:
    ...     print(error.failures[0])
    table: it is gone, yet the workspace has 1 other table
    """
    lake, tables = context.lake, watched_tables(context)
    runs = lake.own(schemas.RUNS)
    there = [each for each in tables if lake.exists(each)]
    if not there:
        lake.create_own(schemas.RUNS)  # the first table of a workspace: without it others are taken for a remainder
    elif not lake.exists(runs):
        found = Failure("table", f"it is gone, yet the workspace has {count_of(len(there), 'other table')}")
        raise ConflictError(str(runs), [found], BACKUP)
    damage = lake.damage(runs, None)
    heads = read_heads(context) if damage is None else {}
    found_in: list[tuple[TableAddress, Failure, str]] = []
    if damage is not None:
        found_in.append((runs, damage.failure, damage.remedy))
    for address in tables:
        if address == mended:
            continue
        damage = lake.damage(address, heads.get(str(address)))
        if damage is None:
            continue
        if lake.damage(address, None) is None and _is_remade(context, address):
            _log.warning("%s: %s; it is built anew from bronze", address, damage.failure.detail)
            continue
        found_in.append((address, damage.failure, damage.remedy))
    if found_in:
        subject = str(found_in[0][0]) if len(found_in) == 1 else f"{len(found_in)} tables"
        failures = [
            failure if len(found_in) == 1 else Failure(f"{address} {failure.name}", failure.detail)
            for address, failure, _ in found_in
        ]
        raise ConflictError(subject, failures, "; ".join(dict.fromkeys(remedy for *_, remedy in found_in)))


def watched_tables(context: Context) -> list[TableAddress]:
    """Name the tables the project declares and the lake's own ones, but the run ledger.

    Args:
        context: Project, lake and logical now.

    Returns:
        Addresses, whether the tables exist yet or not.

    >>> [str(each) for each in watched_tables(context)][6:10]
    ['training_sets.late', 'predictions.late', 'explanations.late', 'requests.late']
    """
    config, lake = context.config, context.lake
    named = [
        *(("bronze", each) for each in config.sources),
        *(("quarantine", each) for each in config.sources),
        *(("gold", each) for each in config.feature_tables),
        *((layer, each) for each in config.models for layer in _OF_MODELS),
    ]
    own = [lake.own(each) for each in schemas.OWN_TABLES if each is not schemas.RUNS]
    return [*(lake.address(layer, name) for layer, name in named), *own]


def note_heads(context: Context) -> dict[str, Any]:
    """Describe the newest write of every watched table, for the run ledger.

    Args:
        context: Project, lake and logical now.

    Returns:
        JSON values: `heads`, table -> Delta version and application id of its newest write by lakeloop.

    >>> version, app_id = note_heads(context)["heads"]["bronze.orders"]
    >>> version, app_id == read_heads(context)["bronze.orders"].app_id
    (2, True)
    """
    found = {str(each): context.lake.read_head(each) for each in watched_tables(context)}
    return {HEADS: {name: [head.version, head.app_id] for name, head in found.items() if head is not None}}


def read_heads(context: Context) -> dict[str, Head]:
    """Read what the run ledger noted last of every table, those that are not declared any more included.

    Args:
        context: Project, lake and logical now.

    Returns:
        Table -> its newest write when the last job ended.

    >>> read_heads(context)["predictions.late"].version
    1
    """
    heads: dict[str, Head] = {}
    for commit in context.lake.commits(context.lake.own(schemas.RUNS)):
        noted: Mapping[str, Any] = commit.notes.get(HEADS, {})
        heads |= {name: Head(int(version), str(app_id)) for name, (version, app_id) in noted.items()}
    return heads


def _is_remade(context: Context, address: TableAddress) -> bool:
    """Tell whether a gold table that is gone may be built anew: its declaration is the one it was built by."""
    if address.layer != "gold":
        return False
    builds = [
        row for row in context.lake.own_rows(schemas.FEATURE_BUILDS, None) if row["feature_table"] == address.name
    ]
    last = max(builds, key=lambda row: (row["as_of"], row["gold_version"]), default=None)
    return last is None or last["spec_hash"] == context.config.spec_hash("feature_table", address.name)
