"""Rows that come to an instant which something was built on already: they could not enter it any more."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from lakeloop.config.table_inputs import sources_below
from lakeloop.errors import ConflictError, Failure
from lakeloop.features.windows import floor_tick_of
from lakeloop.runs.build_state import read_build_state
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.quality import is_through_gate


def refuse_built_instant(context: Context, sources: Collection[str], work: str, remedy: str) -> None:
    """Refuse rows that would become available at an instant up to which something is built.

    Args:
        context: Project, lake and logical now.
        sources: Sources that would get rows as of the logical now.
        work: What would bring them, for the message.
        remedy: What to do instead.

    Raises:
        ConflictError: If one of the sources has passed the gate at this instant, or a gold table made of it is built
            through it.

    >>> refuse_built_instant(fresh, ["orders"], "ingest", "name a later instant")  # nothing is built
    >>> try:
    ...     refuse_built_instant(context, ["orders"], "ingest", "name a later instant")
    ... except ConflictError as error:
    ...     print(error)
    ingest as of 2024-02-04T00:00:00Z: conflicts with what is recorded
      - source orders: it has passed the quality gate at this instant
      remedy: name a later instant
    """
    failures = [
        Failure(f"source {name}", "it has passed the quality gate at this instant")
        for name in sorted(sources)
        if is_through_gate(context, name)
    ]
    for table in context.config.feature_tables.values():
        if not set(sources_below(context.config.feature_tables, [table.feature_table])).intersection(sources):
            continue
        state = read_build_state(context.lake, context.lake.address("gold", table.feature_table))
        needed = floor_tick_of(context.as_of, table.every or timedelta.resolution)
        if state is not None and state.built_through >= needed:
            failures.append(
                Failure(f"gold.{table.feature_table}", f"built through {instant_text(state.built_through)}")
            )
    if failures:
        raise ConflictError(f"{work} as of {context.turn}", failures, remedy)
