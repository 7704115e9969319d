"""Statements for Unity Catalog: schemas and the workspace's volume before the first turn, primary keys after it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lakeloop.config.rules.rule import quoted
from lakeloop.deployment.plan import LAYERS, GoldKey

_VOLUME = re.compile(r"/Volumes/(?P<catalog>[^/]+)/(?P<schema>[^/]+)/(?P<volume>[^/]+)(?:/.*)?")


def volume_of(workspace: str) -> tuple[str, str, str] | None:
    """Tell the volume that a workspace lies on.

    Args:
        workspace: The workspace's folder.

    Returns:
        Catalog, schema and volume; None where it lies on none.

    >>> volume_of("/Volumes/flights/ops/lakeloop"), volume_of("workspace")
    (('flights', 'ops', 'lakeloop'), None)
    """
    found = _VOLUME.fullmatch(workspace)
    return None if found is None else (found["catalog"], found["schema"], found["volume"])


def render_schemas(volume: tuple[str, str], more: Sequence[str] = ()) -> str:
    """Write the statements that make what a first turn stands on; made already, they change nothing.

    Args:
        volume: Schema and name of the volume that holds the workspace.
        more: Further schemas, such as that of the models.

    Returns:
        SQL with the parameter `catalog`.

    >>> print(render_schemas(("ops", "lakeloop")).splitlines()[-1])
    CREATE VOLUME IF NOT EXISTS `ops`.`lakeloop`;
    """
    schemas = dict.fromkeys((*LAYERS, *more, volume[0]))
    lines = ["USE CATALOG IDENTIFIER(:catalog);"]
    lines += [f"CREATE SCHEMA IF NOT EXISTS {quoted(each)};" for each in schemas]
    lines.append(f"CREATE VOLUME IF NOT EXISTS {quoted(volume[0])}.{quoted(volume[1])};")
    return "\n".join(lines) + "\n"


def render_keys(keys: Sequence[GoldKey]) -> str:
    r"""Write the statements that declare the primary keys of gold tables, as Unity Catalog's feature tables have.

    Args:
        keys: The keys.

    Returns:
        SQL with the parameter `catalog`; run again it declares them again. Unity Catalog does not enforce them.

    >>> print(render_keys([GoldKey("origin_delays", ("origin",))]).replace(" ADD", "\n  ADD"))
    USE CATALOG IDENTIFIER(:catalog);
    <BLANKLINE>
    ALTER TABLE `gold`.`origin_delays` ALTER COLUMN `origin` SET NOT NULL;
    ALTER TABLE `gold`.`origin_delays` ALTER COLUMN `available_ts` SET NOT NULL;
    ALTER TABLE `gold`.`origin_delays` DROP PRIMARY KEY IF EXISTS;
    ALTER TABLE `gold`.`origin_delays`
      ADD CONSTRAINT `origin_delays_key` PRIMARY KEY (`origin`, `available_ts` TIMESERIES);
    <BLANKLINE>
    """
    lines = ["USE CATALOG IDENTIFIER(:catalog);"]
    for key in keys:
        table = f"`gold`.{quoted(key.table)}"
        columns = (*key.entity, key.time)
        lines.append("")
        lines += [f"ALTER TABLE {table} ALTER COLUMN {quoted(each)} SET NOT NULL;" for each in columns]
        lines.append(f"ALTER TABLE {table} DROP PRIMARY KEY IF EXISTS;")
        listed = ", ".join([*(quoted(each) for each in key.entity), f"{quoted(key.time)} TIMESERIES"])
        lines.append(f"ALTER TABLE {table} ADD CONSTRAINT {quoted(f'{key.table}_key')} PRIMARY KEY ({listed});")
    return "\n".join(lines) + "\n"
