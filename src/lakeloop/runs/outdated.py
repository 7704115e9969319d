"""Champions that learned from a gold table as another declaration made it: they go on serving, and it is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lakeloop.runs.context import Context
from lakeloop.runs.manifests import Manifest, read_manifests
from lakeloop.runs.model_inputs import features_by_table
from lakeloop.runs.promotions import PROMOTED, Promotion, read_promotions

GOLD = "gold."


@dataclass(frozen=True)
class OutdatedChampion:
    """A champion that is not known to have learned from a table as it is declared now.

    Attributes:
        model: The model.
        model_version: The champion.
        training_set_id: What it was trained on.
    """

    model: str
    model_version: str
    training_set_id: str


def tables_otherwise(manifest: Manifest | None, made_by: Mapping[str, str]) -> tuple[str, ...]:
    """Name the gold tables that a training set did not pin as they are made now.

    Args:
        manifest: The training set's manifest; None where there is none, which tells nothing and so excuses nothing.
        made_by: Gold table -> hash of the declaration it is made by now.

    Returns:
        The tables, in the order given.

    >>> pinned = read_manifests(context, "late")[0]
    >>> now = {each.table.removeprefix(GOLD): each.spec_hash for each in pinned.inputs if each.spec_hash is not None}
    >>> tables_otherwise(pinned, now), tables_otherwise(pinned, now | {"shop_last": "another"})
    ((), ('shop_last',))
    """
    pinned = {} if manifest is None else {each.table: each.spec_hash for each in manifest.inputs}
    return tuple(name for name, spec_hash in made_by.items() if pinned.get(f"{GOLD}{name}") != spec_hash)


def tables_learned_otherwise(context: Context, champion: Promotion, made_by: Mapping[str, str]) -> tuple[str, ...]:
    """Name the gold tables that a champion is not known to have learned from as they are made now.

    Args:
        context: Project, lake and logical now.
        champion: Its promotion.
        made_by: Gold table -> hash of the declaration it is made by now.

    Returns:
        The tables, in the order given.

    >>> champion = read_promotions(context, "late")[0]
    >>> tables_learned_otherwise(context, champion, {"shop_last": "another"})
    ('shop_last',)
    """
    manifests = read_manifests(context, champion.model)
    manifest = next((each for each in manifests if each.training_set_id == champion.training_set_id), None)
    return tables_otherwise(manifest, made_by)


def find_outdated(context: Context, table: str, spec_hash: str) -> tuple[OutdatedChampion, ...]:
    """Find the champions that look up in a table and did not learn from it as it is declared.

    Args:
        context: Project, lake and logical now.
        table: Name of the gold table.
        spec_hash: Hash of its declaration.

    Returns:
        One per model, of those whose champion is concerned.

    >>> find_outdated(context, "shop_last", context.config.spec_hash("feature_table", "shop_last"))
    ()
    >>> [each.model_version for each in find_outdated(context, "shop_last", "another")]
    ['2']
    """
    found = []
    for name, model in context.config.models.items():
        promoted = [each for each in read_promotions(context, name) if each.outcome == PROMOTED]
        if not promoted or table not in features_by_table(context.config, model):
            continue
        champion = promoted[-1]
        if tables_learned_otherwise(context, champion, {table: spec_hash}):
            found.append(OutdatedChampion(name, champion.version, champion.training_set_id))
    return tuple(found)


def say_otherwise(version: str, tables: tuple[str, ...]) -> str:
    """Say of a champion what it did not learn from, and what to do.

    Args:
        version: The champion.
        tables: As of `tables_learned_otherwise`; at least one.

    Returns:
        A line.

    >>> say_otherwise("1", ("shop_delays", "shop_last"))
    'version 1 is not known to have learned from gold.shop_delays and gold.shop_last as declared now: train again'
    """
    named = " and ".join(f"{GOLD}{name}" for name in tables)
    return f"version {version} is not known to have learned from {named} as declared now: train again"
