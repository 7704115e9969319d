"""Roles proposed for a model's columns from the longest history there is: its newest training set."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from lakeloop.config.columns import model_columns
from lakeloop.config.model import Model
from lakeloop.config.project import Engine
from lakeloop.discovery import private_columns
from lakeloop.discovery.text import count_of
from lakeloop.drift.bins import ColumnBins, propose_bins
from lakeloop.drift.daily_profiles import PROFILES_SCHEMA, DailyProfiler, ProfilePlan
from lakeloop.drift.merged_profiles import WHOLE, merge_profiles, to_counts
from lakeloop.drift.reference import Reference, build_reference
from lakeloop.drift.role_proposals import RoleProposal, propose_roles
from lakeloop.errors import Failure, NotReadyError
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.daily_profiles import profile_frame
from lakeloop.runs.engine import choose_engine, held_columns, types_of
from lakeloop.runs.manifests import Manifest, read_manifests, retired_ids
from lakeloop.runs.promotions import newest_champion
from lakeloop.runs.references import REFERENCE_FILE
from lakeloop.runs.training_set import training_rows
from lakeloop.runs.window_evaluation import roles_of
from lakeloop.statuses import Role
from lakeloop.tables import read_arrow

_TIME = "prediction_ts"
_ROWS_OF_A_BATCH = 65_536
_COPIES = 2
"""Of the rows that are read: as they are, and a batch of them as numbers."""
_SAMPLED_ROWS = 100_000
"""Rows that bins are proposed from where Spark counts and no champion has frozen any."""


@dataclass(frozen=True)
class RoleCalibration:
    """What the history of a model's columns speaks for.

    Attributes:
        model: The model.
        training_set_id: The training set that was read.
        as_of: Logical now at which it was pinned.
        rows: Its rows.
        days: Its days with rows.
        bins_of: Version whose frozen bins were used; None where they were proposed from the rows.
        proposals: A proposal per model column.
    """

    model: str
    training_set_id: str
    as_of: str
    rows: int
    days: int
    bins_of: str | None
    proposals: tuple[RoleProposal, ...]

    def roles(self) -> dict[Role, tuple[str, ...]]:
        """Give roles as they are written in `monitor.roles`, regime left out, which is what is not named.

        A column without a proposal keeps its declared role. A gold table whose columns all have one role is `table.*`.

        >>> proposed = calibrate_roles(context, "late").roles()
        >>> set(proposed) <= {Role.CONTRACT, Role.SEASONAL}
        True
        """
        of_column = {each.column: each.proposed or each.declared for each in self.proposals}
        of_table: dict[str, set[Role]] = {}
        for name, role in of_column.items():
            if "__" in name:
                of_table.setdefault(name.split("__", 1)[0], set()).add(role)
        found: dict[Role, list[str]] = {}
        for name, role in of_column.items():
            table = name.split("__", 1)[0]
            alone = len(of_table.get(table, ())) != 1 if "__" in name else True
            written = name.replace("__", ".", 1) if alone else f"{table}.*"
            if role is not Role.REGIME and written not in found.setdefault(role, []):
                found[role].append(written)
        return {role: tuple(found[role]) for role in (Role.CONTRACT, Role.SEASONAL) if role in found}

    def to_dict(self) -> dict[str, Any]:
        """Write as JSON values.

        >>> sorted(calibrate_roles(context, "late").to_dict())
        ['as_of', 'bins_of', 'days', 'model', 'proposals', 'roles', 'rows', 'training_set_id']
        """
        return {
            "model": self.model,
            "training_set_id": self.training_set_id,
            "as_of": self.as_of,
            "rows": self.rows,
            "days": self.days,
            "bins_of": self.bins_of,
            "proposals": [each.to_dict() for each in self.proposals],
            "roles": {role.value: list(names) for role, names in self.roles().items()},
        }


def calibrate_roles(context: Context, name: str) -> RoleCalibration:
    """Propose roles for a model's columns from its newest training set; nothing is written.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        A proposal per model column.

    Raises:
        NotReadyError: If no training set is pinned.
        BudgetError: If the in-process engine is declared and the rows do not fit the memory budget.

    >>> found = calibrate_roles(context, "late")
    >>> found.rows, [(each.column, each.status.value) for each in found.proposals][:1]
    (741, [('shop', 'OK')])
    """
    model, manifest = context.config.models[name], _newest_set(context, name)
    context.progress(f"monitor calibrate {name}: counting {count_of(manifest.rows, 'row')} by day")
    frozen = _frozen_bins(context, name)
    columns = model_columns(context.config, model)
    rows = _read(context, model, manifest, columns)
    known = {each.name: each for each in frozen.bins} if frozen is not None else {}
    missing = [each for each in columns if each not in known]
    bins = {each.name: each for each in _propose_bins(rows, missing, model, manifest.rows, context)} | known
    plan = ProfilePlan(
        tuple(bins[each] for each in columns),
        model.label.closes.timezone,
        _TIME,
        sketches=False,
        private=private_columns(context.config, model),
    )
    history = _history(model, plan.bins, _profile(rows, plan), manifest)
    declared = roles_of(context.config, model)
    return RoleCalibration(
        model=name,
        training_set_id=manifest.training_set_id,
        as_of=instant_text(manifest.as_of),
        rows=manifest.rows,
        days=len(history.blocks),
        bins_of=None if frozen is None else frozen.version,
        proposals=propose_roles(history, declared, model.monitor, seed=context.config.project.seed),
    )


@dataclass(frozen=True)
class _FrozenBins:
    version: str
    bins: tuple[ColumnBins, ...]


def _newest_set(context: Context, name: str) -> Manifest:
    retired = retired_ids(context)
    pinned = [
        each
        for each in read_manifests(context, name)
        if each.as_of <= context.as_of and each.training_set_id not in retired
    ]
    if not pinned:
        raise NotReadyError(
            f"model {name}",
            [Failure("training set", "none is pinned: there is no history to read")],
            "run `lakeloop training-set --as-of INSTANT` first",
        )
    return pinned[-1]


def _frozen_bins(context: Context, name: str) -> _FrozenBins | None:
    champion = newest_champion(context, name)
    if champion is None:
        return None
    version = context.registry.get_version(name, champion.version, champion.run_key)
    reference = Reference.from_json(context.registry.read_document(version, REFERENCE_FILE))
    return _FrozenBins(champion.version, reference.bins)


def _read(context: Context, model: Model, manifest: Manifest, columns: Sequence[str]) -> pa.Table | DataFrame:
    """Read in this process where the rows fit, else by Spark."""
    lake, set_id = context.lake, manifest.training_set_id
    address, wanted = lake.address("training_sets", model.model), [_TIME, *columns]
    held = held_columns(f"training set {set_id}", manifest.rows, types_of(lake.columns(address)), wanted, _COPIES)
    if choose_engine(context, f"the roles of {model.model}", [held]) is Engine.LOCAL:
        return read_arrow(lake, address, context.as_of, wanted, by="as_of", equal={"training_set_id": set_id})
    return training_rows(context, address, set_id).select(*wanted)


def _propose_bins(
    rows: pa.Table | DataFrame, columns: Sequence[str], model: Model, n_rows: int, context: Context
) -> tuple[ColumnBins, ...]:
    if not columns:
        return ()
    if isinstance(rows, DataFrame):
        share = min(1.0, _SAMPLED_ROWS / max(n_rows, 1))
        rows = rows.select(*columns).sample(share, context.config.project.seed).toArrow()  # bounded: a sample
    return propose_bins(rows, columns, model.monitor.bins)


def _profile(rows: pa.Table | DataFrame, plan: ProfilePlan) -> pa.Table:
    if isinstance(rows, DataFrame):
        return profile_frame(rows, plan).toArrow().cast(PROFILES_SCHEMA)  # bounded: days x columns
    profiler = DailyProfiler(plan)
    for batch in rows.to_batches(max_chunksize=_ROWS_OF_A_BATCH):
        profiler.add(batch)
    return profiler.profiles()


def _history(model: Model, bins: Sequence[ColumnBins], profiles: pa.Table, manifest: Manifest) -> Reference:
    return build_reference(
        to_counts(profiles),
        bins,
        model=model.model,
        task=model.task,
        trained_through=manifest.data_through,
        deviations=_deviations(merge_profiles(profiles, WHOLE)),
    )


def _deviations(profiles: pa.Table) -> dict[str, float]:
    """Standard deviation of each number's finite values, by the sums of the profiles."""
    found = {}
    for row in profiles.to_pylist():
        if not row["bin_sums"]:
            continue
        values = sum(row["bins"][:-1]) - row["num_infinite"]
        if values:
            mean = sum(row["bin_sums"]) / values
            found[row["column_name"]] = sqrt(max(row["sum_squares"] / values - mean**2, 0.0))
    return found


_WIDTH, _LONGEST_NAME = 79, 26


def describe_calibration(found: RoleCalibration) -> str:
    """Write a calibration for a person, within 80 columns.

    Args:
        found: The proposals.

    Returns:
        Lines of plain text: a table, and the roles to paste. What differs from the declaration has a star.

    >>> describe_calibration(calibrate_roles(context, "late")).splitlines()[2].split()
    ['column', 'declared', 'proposed', 'why']
    """
    bins = "proposed from its rows" if found.bins_of is None else f"of version {found.bins_of}"
    told = f"{found.model}: training set {found.training_set_id[:12]} of {found.as_of}"
    lines = [f"{told}, {count_of(found.rows, 'row')}, {count_of(found.days, 'day')}, bins {bins}"]
    lines = textwrap.wrap(lines[0], _WIDTH, subsequent_indent="  ")
    room = min(max((len(each.column) for each in found.proposals), default=6), _LONGEST_NAME)
    lines.append(f"  {'column':<{room}}  declared  proposed  why")
    for each in found.proposals:
        lines += _rows_of(each, room)
    differing = sum(each.differs for each in found.proposals)
    said = f"* {differing} of {len(found.proposals)} differ from the declaration." if differing else "None differs."
    lines += ["", said, "Nothing was changed. To confirm, write in the model's file:", ""]
    return "\n".join([*lines, *_yaml(found.roles())])


def _rows_of(proposal: RoleProposal, room: int) -> list[str]:
    proposed = "-" if proposal.proposed is None else proposal.proposed.value
    mark, name = "*" if proposal.differs else " ", proposal.column
    before = [f"{mark} {name}"] if len(name) > room else []
    lead = f"{'' if before else mark} {'' if before else name:<{room}}  {proposal.declared.value:<8}  {proposed:<8}  "
    lead = lead if not before else f" {lead}"
    text = proposal.why if proposal.proposed is not None else f"{proposal.status.value}: {proposal.why}"
    return [*before, *textwrap.wrap(text, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead))]


def _yaml(roles: Mapping[Role, Sequence[str]]) -> list[str]:
    if not roles:
        return ["monitor: {roles: {}}"]
    lines = ["monitor:", "  roles:"]
    for role, names in roles.items():
        listed = [json.dumps(name) if "*" in name else name for name in names]
        one = f"    {role.value}: [{', '.join(listed)}]"
        lines += [one] if len(one) <= _WIDTH else [f"    {role.value}:", *(f"      - {each}" for each in listed)]
    return lines
