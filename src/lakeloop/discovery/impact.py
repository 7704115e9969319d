"""What a change of a source, a column, a feature table or a feature would break."""

from __future__ import annotations

from dataclasses import dataclass

from lakeloop.config.mistakes import closest, listed
from lakeloop.config.tree import Config
from lakeloop.discovery.dependencies import Part, Thing, dependencies
from lakeloop.errors import UsageError


@dataclass(frozen=True)
class Effect:
    """Something that stands on what would change.

    Attributes:
        part: What kind of thing it is.
        of: The source, feature table or model that it belongs to.
        name: Its name there; empty for the whole.
        through: What it stands on directly, of what would change or break.
        file: Where it is declared.
    """

    part: Part
    of: str
    name: str
    through: str
    file: str


@dataclass(frozen=True)
class Impact:
    """What a change would break.

    Attributes:
        what: What would change, as it was named.
        changed: The things of that name.
        effects: All that stands on them, in the order of the flow; nearest first within a kind.
        models: Models that are touched, by name.
        feature_tables: Feature tables that are touched, by name.

    >>> found = find_impact(shops, "shop_last.last_delay_minutes")
    >>> [each.name for each in found.of(Part.MODEL_FEATURE, "late")], found.changed_of(Part.FEATURE, "shop_last")
    (['shop_last__last_delay_minutes'], ('last_delay_minutes',))
    """

    what: str
    changed: tuple[Thing, ...]
    effects: tuple[Effect, ...]
    models: tuple[str, ...]
    feature_tables: tuple[str, ...]

    def of(self, part: Part, owner: str | None = None) -> tuple[Effect, ...]:
        """Find the effects of a kind.

        Args:
            part: The kind.
            owner: A source, feature table or model; all without it.

        Returns:
            The effects, nearest first.
        """
        return tuple(each for each in self.effects if each.part is part and owner in (None, each.of))

    def changed_of(self, part: Part, owner: str) -> tuple[str, ...]:
        """Find what would change itself.

        Args:
            part: The kind.
            owner: The source or feature table.

        Returns:
            Names; an empty one for the whole.
        """
        return tuple(each.name for each in self.changed if each.part is part and each.of == owner)


_OF_MODEL = frozenset(
    {*(Part.SPINE, Part.KNOWN, Part.LABEL, Part.VOID, Part.MODEL_FEATURE), *(Part.ON_DEMAND, Part.SLICE, Part.MONITOR)}
)
_OF_TABLE = frozenset({Part.TABLE, Part.FEATURE})
_NAMED = frozenset(Part) - _OF_MODEL - {Part.RULE, Part.KEY, Part.ORDER}


def find_impact(config: Config, what: str) -> Impact:
    """Find what a change would break.

    Args:
        config: The project.
        what: A source, `<source>.<column>`, a feature table, or `<feature_table>.<feature>`; where a name is both,
            both would change.

    Returns:
        Everything that stands on it, through any number of steps.

    Raises:
        UsageError: If nothing has that name.

    >>> found = find_impact(shops, "deliveries.delay_minutes")
    >>> found.feature_tables, found.models
    (('shop_delays', 'shop_last'), ('late',))
    >>> [(each.name, each.through) for each in found.of(Part.DERIVED)]
    [('is_late', 'column deliveries.delay_minutes')]
    """
    needs = dependencies(config)
    roots = _roots(needs, what)
    if not roots:
        names = [_name_of(each) for each in needs if each.part in _NAMED]
        whole = listed(dict.fromkeys(name for name in names if "." not in name))
        allowed = f"a source, a feature table, or <either>.<column>: {whole}"
        close = closest(what, names)
        remedy = f"did you mean {close!r}?" if close else "name one of these; `lakeloop features list` shows features"
        raise UsageError("impact", repr(what), allowed, remedy)
    above: dict[Thing, list[Thing]] = {}
    for thing, below in needs.items():
        for each in below:
            above.setdefault(each, []).append(thing)
    reached = dict.fromkeys(roots)
    through: dict[Thing, Thing] = {}
    waiting = list(roots)
    while waiting:
        here = waiting.pop(0)
        for each in above.get(here, ()):
            if each not in reached:
                reached[each] = None
                through[each] = here
                waiting.append(each)
    order = list(Part)
    found = sorted(through, key=lambda each: order.index(each.part))  # stable: nearest first stays
    return Impact(
        what=what,
        changed=roots,
        effects=tuple(
            Effect(each.part, each.of, each.name, str(through[each]), config.files.get(_file_key(each), ""))
            for each in found
        ),
        models=tuple(sorted({each.of for each in found if each.part in _OF_MODEL})),
        feature_tables=tuple(sorted({each.of for each in reached if each.part in _OF_TABLE})),
    )


def _roots(needs: dict[Thing, tuple[Thing, ...]], what: str) -> tuple[Thing, ...]:
    wanted = what.strip().removeprefix("gold.").removeprefix("bronze.")
    return tuple(each for each in needs if each.part in _NAMED and _name_of(each) == wanted)


def _name_of(thing: Thing) -> str:
    return f"{thing.of}.{thing.name}" if thing.name else thing.of


def _file_key(thing: Thing) -> str:
    kind = "model" if thing.part in _OF_MODEL else "feature_table" if thing.part in _OF_TABLE else "source"
    return f"{kind}:{thing.of}"
