"""An impact as lines for a person: sources, feature tables, then model by model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from lakeloop.discovery.dependencies import Part
from lakeloop.discovery.impact import Effect, Impact
from lakeloop.discovery.text import count_of, labelled, wrapped

_FEW, _LONG = 3, 55
_OF_SOURCE = (
    (Part.DERIVED, "derived"),
    (Part.TIME, "times"),
    (Part.KEY, "key"),
    (Part.ORDER, "versions"),
    (Part.RULE, "rules"),
)
_OF_MODEL = (
    (Part.SPINE, "spine"),
    (Part.KNOWN, "known"),
    (Part.LABEL, "label"),
    (Part.VOID, "void"),
    (Part.MODEL_FEATURE, "features"),
    (Part.ON_DEMAND, "on-demand"),
    (Part.SLICE, "gate slices"),
)


def describe_impact(impact: Impact, *, width: int = 80) -> str:
    """Write what a change would break.

    Args:
        impact: The impact.
        width: Columns to stay within.

    Returns:
        Lines of plain text.

    >>> from lakeloop.discovery.impact import find_impact
    >>> print(describe_impact(find_impact(shops, "shop_last")))
    a change of feature table shop_last would touch
    <BLANKLINE>
    feature tables
      shop_last     all of it: last_delay_minutes
    <BLANKLINE>
    model late
      features      1: shop_last__last_delay_minutes
      monitored     1 column: 1 regime
    """
    head = wrapped(f"a change of {' and '.join(map(str, impact.changed))} would touch", width, "")
    if not impact.effects:
        return "\n".join([*head, "  nothing else: nobody uses it"])
    return "\n".join([*head, *_sources(impact, width), *_tables(impact, width), *_models(impact, width)])


def _sources(impact: Impact, width: int) -> Iterator[str]:
    parts = {part for part, _ in _OF_SOURCE}
    for source in dict.fromkeys(each.of for each in impact.effects if each.part in parts):
        yield ""
        yield f"source {source}"
        for part, label in _OF_SOURCE:
            found = [each.name for each in impact.of(part, source)]
            if found:
                yield from labelled(label, _counted(found), width)


def _tables(impact: Impact, width: int) -> Iterator[str]:
    if not impact.feature_tables:
        return
    yield ""
    yield "feature tables"
    whole = {each.of for each in impact.of(Part.TABLE)} | {
        each.of for each in impact.changed if each.part is Part.TABLE
    }
    longest = max(len(name) for name in impact.feature_tables) + 2
    for name in impact.feature_tables:
        features = [each.name for each in impact.of(Part.FEATURE, name)]
        features += [each for each in impact.changed_of(Part.FEATURE, name) if each not in features]
        text = f"{'all of it' if name in whole else count_of(len(features), 'feature')}: {', '.join(features)}"
        yield from labelled(name, text, width, label_width=max(longest, 14))


def _models(impact: Impact, width: int) -> Iterator[str]:
    for model in impact.models:
        yield ""
        yield f"model {model}"
        for part, label in _OF_MODEL:
            found = impact.of(part, model)
            if found:
                yield from labelled(label, _of_model(found), width)
        monitored = impact.of(Part.MONITOR, model)
        if monitored:
            roles: dict[str, int] = {}
            for each in monitored:
                role = each.name.rpartition("(")[2].rstrip(")")
                roles[role] = roles.get(role, 0) + 1
            told = ", ".join(f"{count} {role}" for role, count in sorted(roles.items()))
            yield from labelled("monitored", f"{count_of(len(monitored), 'column')}: {told}", width)


def _of_model(found: Sequence[Effect]) -> str:
    names = [each.name for each in found if each.name]
    if not names:
        return f"stands on {found[0].through}"
    if found[0].part is Part.MODEL_FEATURE and len(names) > _FEW:  # their names stand with the tables above
        tables = Counter(name.partition("__")[0] for name in names)
        names_of_tables = (f"{count} of {table}" for table, count in tables.items())
        return f"{len(names)}: {', '.join(names_of_tables)}"
    return _counted(names)


def _counted(names: Sequence[str]) -> str:
    shown = (name if len(name) <= _LONG else f"{name[:_LONG]}..." for name in names)
    return f"{len(names)}: {', '.join(shown)}"
