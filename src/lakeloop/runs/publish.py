"""Publishing a model: the newest gold rows of every entity to the online store, then the champion for servers to open.

The store comes first, the bundle second. Tables hold all features, so a server that still has the bundle before goes on
with newer rows; a bundle whose tables are not there yet could not answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from lakeloop import schemas
from lakeloop.discovery.text import count_of
from lakeloop.errors import ConflictError, Failure, NotReadyError
from lakeloop.online_store.opening import open_store
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import SERVING_TAG, assert_same_model
from lakeloop.runs.model_inputs import gold_inputs
from lakeloop.runs.outdated import say_otherwise, tables_learned_otherwise
from lakeloop.runs.promotions import Promotion, find_champion, read_promotions
from lakeloop.runs.publish_plan import PlannedTable, plan_tables
from lakeloop.runs.published_rows import newest_states
from lakeloop.runs.serving_bundle import describe_bundle
from lakeloop.serving.bundle import write_bundle
from lakeloop.statuses import Outcome
from lakeloop.tables import WriteIdentity, identity_hash

JOB = "publish"


@dataclass(frozen=True)
class TablePublish:
    """What was done for a gold table.

    Attributes:
        table: Its name.
        outcome: WRITTEN, or SKIPPED when the store served it already.
        rows: States written.
        generation: Set of rows that is served.
        built_through: Instant up to which they are complete, ISO, UTC.
        delta_version: Version they were read from.
    """

    table: str
    outcome: Outcome
    rows: int
    generation: str
    built_through: str
    delta_version: int


@dataclass(frozen=True)
class PublishResult:
    """What a publish did.

    Attributes:
        model: The model.
        model_version: The champion that is served.
        bundle_id: The bundle that servers open.
        outcome: WRITTEN, or SKIPPED when all of it was served already.
        bundle_written: Whether the bundle is a new one.
        tables: What was done for each gold table.
    """

    model: str
    model_version: str
    bundle_id: str
    outcome: Outcome
    bundle_written: bool
    tables: tuple[TablePublish, ...]

    @property
    def summary(self) -> str:
        """Version and rows that are served now."""
        if self.outcome is Outcome.SKIPPED:
            return f"version {self.model_version} already published"
        rows = count_of(sum(each.rows for each in self.tables), "row")
        return f"version {self.model_version} published, {rows} of {count_of(len(self.tables), 'table')}"


def publish(context: Context, name: str, *, full: bool = False) -> PublishResult:
    """Publish a model: after it, servers answer by the champion and with the newest rows.

    The champion is the one in force at the logical now, that of a turn at this very instant included: a turn scores
    with the version before it, because its rows are those up to the instant; a server answers what is asked from then
    on, which the version that the turn promoted is for.

    Args:
        context: Project, lake and logical now.
        name: The model.
        full: Whether all rows are published anew, whatever is served.

    Returns:
        What was written.

    Raises:
        NotReadyError: If there is no champion yet, or a gold table is not built far enough.
        ConflictError: If the store serves a later instant, the registry lacks the champion, or the champion was
            trained by another declaration of the model or of its tables.
        EnvironmentProblemError: If the online store does not answer.
        BudgetError: If the in-process engine is declared and the rows do not fit the memory budget.

    >>> try:
    ...     publish(fresh, "late")
    ... except NotReadyError as error:
    ...     print(error)
    model late: not ready
      - champion: nobody was promoted by 2024-02-04T00:00:00Z
      remedy: train one: `lakeloop train`, or a first `lakeloop run`
    """
    config, lake = context.config, context.lake
    model, settings = config.models[name], config.project.online_store
    with lake.writing():
        champion = _champion(context, name)
        _refuse_earlier_bundle(context, name)
        version = context.registry.get_version(name, champion.version, champion.run_key)
        assert_same_model(config, model, version.tags.get(SERVING_TAG))
        inputs = gold_inputs(context, model)
        otherwise = tables_learned_otherwise(context, champion, {each.table: each.spec_hash for each in inputs})
        if otherwise:
            found = Failure("declaration", say_otherwise(champion.version, otherwise).rpartition(":")[0])
            raise ConflictError(f"model {name}", [found], "train again: `lakeloop train`; then publish")
        files = context.registry.verify(version)
        bundle = describe_bundle(context, model, champion, version, inputs, files)
        seconds = settings.timeout.total_seconds()
        with closing(open_store(config.online_store_address, config.project.project, timeout_seconds=seconds)) as store:
            plans = plan_tables(context, inputs, store.manifest(), full=full)
            tables = []
            for each in plans:
                context.progress(f"publish gold.{each.table.table}")
                rows = 0 if each.is_served else store.stage(each.table, newest_states(context, each.table, each.after))
                tables.append(_done(each, rows))
            left = [each.table for each in plans if not each.is_served]
            if left:
                store.swap(left)
        is_new = write_bundle(config.workspace / "serving" / name, bundle, files)
        _record(context, champion, bundle.bundle_id, plans, tables)
        outcome = Outcome.WRITTEN if left or is_new else Outcome.SKIPPED
        return PublishResult(name, champion.version, bundle.bundle_id, outcome, is_new, tuple(tables))


def _champion(context: Context, name: str) -> Promotion:
    champion = find_champion(read_promotions(context, name))
    if champion is None:
        found = Failure("champion", f"nobody was promoted by {context.turn}")
        raise NotReadyError(f"model {name}", [found], "train one: `lakeloop train`, or a first `lakeloop run`")
    return champion


def _refuse_earlier_bundle(context: Context, name: str) -> None:
    """Refuse to go back behind the model's last publish; its tables are judged by the store's own manifest."""
    rows = context.lake.own_rows(schemas.PUBLISHES, None)
    served: datetime | None = max((row["as_of"] for row in rows if row["model"] == name), default=None)
    if served is not None and served > context.as_of:
        raise ConflictError(
            f"publish of model {name} as of {context.turn}",
            [Failure("order", f"it is served as of {instant_text(served)}")],
            f"go forward: name {instant_text(served)} or a later --as-of; servers answer with the newest state only",
        )


def _done(planned: PlannedTable, rows: int) -> TablePublish:
    table, outcome = planned.table, Outcome.SKIPPED if planned.is_served else Outcome.WRITTEN
    through = instant_text(table.built_through)
    return TablePublish(table.table, outcome, rows, table.generation, through, table.delta_version)


def _record(
    context: Context,
    champion: Promotion,
    bundle_id: str,
    plans: Sequence[PlannedTable],
    tables: Sequence[TablePublish],
) -> None:
    """Record a publish, once per what is served by it: the same call again finds its rows."""
    common = {"model": champion.model, "model_version": champion.version, "bundle_id": bundle_id}
    rows = [
        {
            **common,
            "table": each.table,
            "generation": each.generation,
            "built_through": planned.table.built_through,
            "delta_version": each.delta_version,
            "rows": each.rows,
            "outcome": each.outcome.value,
            "as_of": context.as_of,
        }
        for planned, each in zip(plans, tables, strict=True)
    ]
    nothing = {**common, "rows": 0, "outcome": Outcome.SKIPPED.value, "as_of": context.as_of}
    content = identity_hash(bundle_id, [[each.table, each.generation, each.delta_version] for each in tables])
    identity = WriteIdentity(JOB, f"{champion.model} {context.turn} {content}")
    context.lake.append_own(schemas.PUBLISHES, rows or [nothing], identity)
