"""Checks of a model's label against the source of the truth and the source of the spine."""

from __future__ import annotations

from collections.abc import Iterator

from lakeloop.config.expressions import at_items, column_issues, expression_issues
from lakeloop.config.grid import PERIOD_TS
from lakeloop.config.grid_references import MADE
from lakeloop.config.key_references import key_issues
from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.mistakes import listed, rename_remedy
from lakeloop.config.model import Model
from lakeloop.config.source import TIME_COLUMNS, Source
from lakeloop.errors import ConfigIssue


def label_issues(document: LocatedYaml, model: Model, truth: Source, spine: Source | None) -> Iterator[ConfigIssue]:
    """Check what a label names.

    Args:
        document: The model's file.
        model: The model.
        truth: Source of its label.
        spine: Source of its spine; None where that cannot be judged.

    Yields:
        Columns that are not there, or of another type; ids that name several rows of the truth.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml("label: {as: delay_minute > 10}", "models/late.yml")
    >>> late = shops.models["late"]
    >>> model = late.model_copy(update={"label": late.label.model_copy(update={"as_": "delay_minute > 10"})})
    >>> found = label_issues(document, model, shops.sources["deliveries"], shops.sources["orders"])
    >>> [(issue.where, issue.remedy) for issue in found]
    [('label.as', "did you mean 'delay_minutes'?")]
    """
    of = f"source {truth.source}"
    label = model.label
    known = [*truth.all_columns, *TIME_COLUMNS]
    for key, text in (("as", label.as_), ("event", label.event)):
        if text is not None:
            yield from expression_issues(document, ("label", key), text, known, of)
    if label.is_by_id and label.conflict is None and (spine is None or set(truth.key) != set(spine.key)):
        yield from key_issues(document, model, truth)
    for reason, condition in label.void.items():
        yield from expression_issues(document, ("label", "void", reason), condition, known, of)
    yield from (
        _id_issues(document, model, truth, spine) if label.is_by_id else _entity_issues(document, model, truth, spine)
    )


def _id_issues(document: LocatedYaml, model: Model, truth: Source, spine: Source | None) -> Iterator[ConfigIssue]:
    of, columns = f"source {truth.source}", truth.all_columns
    for index, name in enumerate(model.predict.id):
        path: KeyPath = ("predict", "id", index)
        if name not in columns:
            allowed = f"columns of {of} too, which holds the label: {listed(columns)}"
            remedy = rename_remedy(name, columns, f"derive {name} in {of}, or identify rows without it")
            if name == PERIOD_TS and model.predict.every is not None:
                remedy = f"derive {PERIOD_TS}, the start of the period that a row tells of, in {of}"
            yield document.issue(path, f"the column {name!r}", allowed, remedy)
        else:
            yield from _type_issues(document, path, name, truth, spine)


def _entity_issues(document: LocatedYaml, model: Model, truth: Source, spine: Source | None) -> Iterator[ConfigIssue]:
    """Check the columns whose rows a label by time or by event looks at."""
    named = at_items(("label", "on"), model.label.on)
    yield from column_issues(document, named, truth.all_columns, f"source {truth.source}")
    options = [name for name in dict.fromkeys((*model.predict.id, *model.predict.known)) if name not in MADE]
    for path, (name,) in named.items():
        if name not in options:
            allowed = f"id and known columns: {listed(options)}"
            remedy = rename_remedy(name, options, f"add {name} to predict.id, or to predict.known")
            yield document.issue(path, f"the column {name!r}, which is neither id nor known", allowed, remedy)
        elif name in truth.all_columns:
            yield from _type_issues(document, path, name, truth, spine)


def _type_issues(
    document: LocatedYaml, path: KeyPath, name: str, truth: Source, spine: Source | None
) -> Iterator[ConfigIssue]:
    kind = truth.all_columns[name]
    if spine is not None and spine.all_columns.get(name, kind) is not kind:
        told = f"in source {spine.source} and {kind} in source {truth.source}"
        got = f"{name}, of type {spine.all_columns[name]} {told}"
        yield document.issue(path, got, "one type in both", "declare it alike in both sources")
