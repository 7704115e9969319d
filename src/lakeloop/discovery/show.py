"""One gold table or one feature, with what the tables say where that was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lakeloop.config.mistakes import closest, listed
from lakeloop.discovery.catalogue import Catalogue, FeatureEntry, TableEntry
from lakeloop.discovery.facts import FeatureFacts, Spread, TableFacts, draw_blocks
from lakeloop.discovery.private import HIDDEN
from lakeloop.discovery.text import labelled, table_lines, wrapped
from lakeloop.errors import UsageError

_LONGEST_VALUE = 24


@dataclass(frozen=True)
class Shown:
    """A gold table, or one of its features.

    Attributes:
        table: The table.
        feature: The feature that was asked for; None for the whole table.
        facts: What the table says; None where it was not read.

    >>> from lakeloop.discovery.catalogue import build_catalogue
    >>> shown = Shown(build_catalogue(shops).tables[0])
    >>> shown.with_facts({"shop_delays": TableFacts("shop_delays", None, 0)}).facts.rows
    0
    """

    table: TableEntry
    feature: FeatureEntry | None = None
    facts: TableFacts | None = None

    def with_facts(self, found: Mapping[str, TableFacts]) -> Shown:
        """Give the same with what its table says."""
        return replace(self, facts=found.get(self.table.table))


def find_shown(catalogue: Catalogue, what: str) -> Shown:
    """Find a gold table or a feature by its name.

    Args:
        catalogue: The catalogue.
        what: `<table>`, `<table>.<feature>`, also with `gold.` before it, or `<table>__<feature>` as models name it.

    Returns:
        The table, and the feature where one was named.

    Raises:
        UsageError: If there is none of that name.

    >>> from lakeloop.discovery.catalogue import build_catalogue
    >>> catalogue = build_catalogue(shops)
    >>> find_shown(catalogue, "shop_last.last_delay_minutes").feature.type
    'double'
    >>> find_shown(catalogue, "shop_lats")
    Traceback (most recent call last):
    lakeloop.errors.UsageError: features show: got 'shop_lats'; allowed: shop_delays, shop_last; remedy: did you mean \
'shop_last'?
    """
    wanted = what.strip().removeprefix("gold.").replace("__", ".", 1)
    for table in catalogue.tables:
        if wanted == table.table:
            return Shown(table)
        for feature in table.features:
            if wanted == feature.name:
                return Shown(table, feature)
    tables = {table.table: table for table in catalogue.tables}
    table_name, dot, _ = wanted.partition(".")
    if dot and table_name in tables:
        options = [feature.name for feature in tables[table_name].features]
    else:
        options = list(tables)
    close = closest(wanted, options) or closest(wanted, [feature.name for feature in catalogue.features])
    remedy = f"did you mean {close!r}?" if close else "name one of these, or look with `lakeloop features search`"
    raise UsageError("features show", repr(what), listed(options), remedy)


def describe_shown(shown: Shown, *, width: int = 80) -> str:
    """Write what is shown.

    Args:
        shown: A table or a feature.
        width: Columns to stay within.

    Returns:
        Lines of plain text; of what says something of a person no value.

    >>> from lakeloop.discovery.catalogue import build_catalogue
    >>> print(describe_shown(find_shown(build_catalogue(shops), "shop_last.last_delay_minutes")))
    shop_last.last_delay_minutes
      owner         -
      tags          -
      type          double
      unit          -
      entity        shop
      kind          attributes, expires after 2d
      made of       delay_minutes
      lineage       deliveries.delay_minutes
                    -> gold.shop_last.last_delay_minutes
                    -> late
      used by       late
    """
    lines = _feature(shown, shown.feature, width) if shown.feature is not None else _table(shown, width)
    return "\n".join(line.rstrip() for line in lines)


def _table(shown: Shown, width: int) -> Iterator[str]:
    table = shown.table
    yield from table_lines(table, width)
    yield from labelled("used by", ", ".join(table.models) or "no model", width)
    yield from labelled("declared in", table.file or "-", width)
    if shown.facts is not None:
        yield from _freshness(shown.facts, width)
    for feature in table.features:
        yield ""
        facts = shown.facts.of(feature.feature) if shown.facts is not None else None
        words = [feature.type or (facts.type if facts is not None else "?"), feature.unit or ""]
        words += [f"[{', '.join(feature.tags)}]" if feature.tags else ""]
        yield f"{feature.feature}  {', '.join(word for word in words[:2] if word)}  {words[2]}"
        if feature.description:
            yield from wrapped(feature.description, width)
        yield from wrapped(feature.lineage, width)
        if facts is not None:
            yield from _facts(feature, facts, width)


def _feature(shown: Shown, feature: FeatureEntry, width: int) -> Iterator[str]:
    facts = shown.facts.of(feature.feature) if shown.facts is not None else None
    yield feature.name
    if feature.description:
        yield from wrapped(feature.description, width)
    kind = feature.kind.value
    if shown.table.every is not None:
        kind += f", {feature.window} every {shown.table.every}"
    if shown.table.ttl is not None:
        kind += f", expires after {shown.table.ttl}"
    steps = feature.lineage.split(" -> ")
    for label, text in (
        ("owner", feature.owner or "-"),
        ("tags", ", ".join(feature.tags) or "-"),
        ("type", feature.type or (facts.type if facts is not None else "known once the table is built")),
        ("unit", feature.unit or "-"),
        ("entity", ", ".join(feature.entity)),
        ("kind", kind),
        ("made of", feature.made_of),
        ("lineage", steps[0]),
        *(("", f"-> {step}") for step in steps[1:]),
        ("used by", ", ".join(feature.models) or "no model"),
    ):
        yield from labelled(label, text, width)
    if shown.facts is not None:
        yield from _freshness(shown.facts, width)
    if facts is not None:
        yield from _facts(feature, facts, width)


def _freshness(facts: TableFacts, width: int) -> Iterator[str]:
    if facts.built_through is None:
        yield from labelled("built through", "not built yet: run `lakeloop features --as-of INSTANT`", width)
        return
    yield from labelled("built through", _instant(facts.built_through), width, label_width=14)
    yield from labelled("rows", f"{facts.rows:,}", width)


def _facts(feature: FeatureEntry, facts: FeatureFacts, width: int) -> Iterator[str]:
    share = "-" if facts.null_share is None else f"{facts.null_share:.1%}"
    yield from labelled("missing", f"{share} ({facts.nulls:,} rows)", width)
    yield from labelled("values", HIDDEN if feature.is_private else describe_spread(facts.spread), width)
    for state in facts.drift:
        word = state.verdict if state.status == "OK" else f"{state.verdict}, {state.status}"
        told = f"{word} for {state.model}, window to {_instant(state.window_end)}"
        yield from labelled("drift", told, width)
    if not facts.drift:
        yield from labelled("drift", "not monitored yet" if feature.models else "no model, not monitored", width)


def describe_spread(spread: Spread | None) -> str:
    """Write how values are spread in a line.

    Args:
        spread: The spread.

    Returns:
        Blocks between the least and the greatest value; words with their rows.

    >>> describe_spread(Spread(0.0, 12.5, (1, 4, 8)))
    '0 |▁▄█| 12.5'
    """
    if spread is None:
        return "no picture"
    if spread.lower is not None and spread.upper is not None:
        if spread.lower == spread.upper:
            return f"always {spread.lower:g}"
        return f"{spread.lower:.4g} |{draw_blocks(spread.counts)}| {spread.upper:.4g}"
    words = [f"{_cut(each.value)} {each.rows:,}" for each in spread.values]
    return ", ".join(words + ([f"others {spread.others:,}"] if spread.others else []))


def _cut(value: str) -> str:
    plain = "".join(letter if letter.isprintable() else "?" for letter in value)
    return plain if len(plain) <= _LONGEST_VALUE else f"{plain[:_LONGEST_VALUE]}..."


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
