"""Checks that each group of `preprocess` gets columns, and steps that its columns can go through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lakeloop.config.columns import matching_columns
from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.mistakes import listed
from lakeloop.config.model import Model
from lakeloop.config.preprocess import ENCODES, OF_NUMBERS, ImputeConstant, Kind, Preprocess, Step, options_of
from lakeloop.config.source import ColumnType
from lakeloop.errors import ConfigIssue

_NO_TEXT = {"sklearn": "scikit-learn", "lightgbm": "LightGBM", "xgboost": "XGBoost"}


def kinds_of(types: Mapping[str, ColumnType]) -> dict[str, Kind]:
    """Give the kinds of columns from their types.

    Args:
        types: Types of those columns whose type is known.

    Returns:
        Their kinds; truth values and instants are numbers to a model.

    >>> kinds_of({"carrier": ColumnType.STRING, "departure_ts": ColumnType.TIMESTAMP})["departure_ts"].value
    'number'
    """
    return {name: Kind.CATEGORY if kind is ColumnType.STRING else Kind.NUMBER for name, kind in types.items()}


def take_columns(model: Model, columns: Sequence[str], kinds: Mapping[str, Kind]) -> tuple[tuple[str, ...], ...]:
    """Give each model column to the first group that takes it, as far as kinds are known.

    Args:
        model: The model.
        columns: Model columns.
        kinds: Kinds of those columns whose kind is known. Of another one a group by type may get it or not, so no
            group gets it after one of these, and it is not told as left over.

    Returns:
        Per group its columns, and last those that no group takes; the weight of the rows needs none.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> declared = load_config(Path()).models["late_arrival"]
    >>> groups = tuple(Preprocess(type=kind, steps=(Step.PASS,)) for kind in (Kind.NUMBER, Kind.CATEGORY))
    >>> model = declared.model_copy(update={"preprocess": groups[:1]})
    >>> take_columns(model, ["carrier", "miles"], {"carrier": Kind.CATEGORY, "miles": Kind.NUMBER})
    (('miles',), ('carrier',))
    """
    declared = model.estimator.row_weight
    weight = None if declared is None else declared.model_column
    left, taken = list(columns), []
    for group in model.preprocess:
        if group.type is None:
            full = [pattern.replace(".", "__", 1) for pattern in group.patterns]
            named = matching_columns(group.patterns, columns)
            mine = [name for name in named if name in left and (name != weight or name in full)]
        else:
            mine = [name for name in left if kinds.get(name) is group.type and name != weight]
            left = [name for name in left if name in kinds]
        taken.append(tuple(mine))
        left = [name for name in left if name not in mine]
    return (*taken, tuple(name for name in left if name != weight))


def preprocess_issues(
    document: LocatedYaml, model: Model, columns: Sequence[str], types: Mapping[str, ColumnType]
) -> Iterator[ConfigIssue]:
    """Check that each group gets columns, and steps that its columns can go through.

    Args:
        document: The model's file.
        model: The model.
        columns: Model columns.
        types: Types of those columns whose type is known.

    Yields:
        Groups whose columns earlier groups took; text that meets a step for numbers, or reaches the estimator; a
        constant of another kind than its columns; a step whose columns are numbers already.

    >>> from pathlib import Path
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = Path("conf/base/models/late_arrival.yml").read_text()
    >>> document = parse_yaml(text.replace("dest], steps: [one_hot]", "dest], steps: [log]"), "late_arrival.yml")
    >>> model = Model.model_validate({**document.data, "preprocess": document.data["preprocess"][:1]})
    >>> text_columns = dict.fromkeys(("carrier", "origin", "dest"), ColumnType.STRING)
    >>> [(each.where, each.got) for each in preprocess_issues(document, model, [*text_columns], text_columns)]
    [('preprocess[0].steps[0]', 'log for carrier, origin, dest, which are text')]
    """
    if not all(matching_columns([pattern], columns) for group in model.preprocess for pattern in group.patterns):
        return  # told already; what the pattern was to take would be reported on top
    kinds = kinds_of(types)
    for index, (group, taken) in enumerate(zip(model.preprocess, take_columns(model, columns, kinds), strict=False)):
        yield from _order_issues(document, index, group)
        named = matching_columns(group.patterns, columns)
        if named and not taken and "*" not in group.patterns and all(name in kinds for name in named):
            got = f"{listed(named)}, which earlier groups took"
            remedy = "move this group up, or remove it"
            yield document.issue(("preprocess", index, "columns"), got, "columns that no group above names", remedy)
        of = {kind: [name for name in taken if kinds.get(name) is kind] for kind in Kind}
        if group.type is not None:
            of[group.type] = of[group.type] or [f"columns of type {group.type}"]
        yield from _type_issues(document, ("preprocess", index, "steps"), model, group, of)


def _order_issues(document: LocatedYaml, index: int, group: Preprocess) -> Iterator[ConfigIssue]:
    """What one_hot and ordinal give are numbers: a second one of them would take these for categories."""
    encoders = [position for position, name in enumerate(group.names) if name in ENCODES]
    for position in encoders[1:]:
        got = f"{group.names[position]} after {group.names[encoders[0]]}"
        path: KeyPath = ("preprocess", index, "steps", position)
        yield document.issue(path, got, "one of one_hot and ordinal in a group", "remove one of them")


def _type_issues(
    document: LocatedYaml, path: KeyPath, model: Model, group: Preprocess, of: Mapping[Kind, list[str]]
) -> Iterator[ConfigIssue]:
    texts, numbers = of[Kind.CATEGORY], of[Kind.NUMBER]
    for position, (step, options) in enumerate(map(options_of, group.steps)):
        if step in ENCODES:
            return
        here: KeyPath = (*path, position)
        if isinstance(options, ImputeConstant):
            is_text = isinstance(options.value, str)
            wrong, kind = (numbers, "numbers") if is_text else (texts, "text")
            if wrong:
                got = f"{'a text' if is_text else 'a number'} for {listed(wrong)}, which are {kind}"
                allowed = "a value of the columns' kind"
                yield document.issue((*here, step.value, "value"), got, allowed, "split the group by type")
                return
        elif texts and step in OF_NUMBERS:
            got = f"{step} for {listed(texts)}, which are text"
            allowed = (
                f"{Step.IMPUTE_MODE}, {Step.IMPUTE_CONSTANT}, {Step.ONE_HOT}, {Step.ORDINAL} and what follows these"
            )
            yield document.issue(here, got, allowed, "give columns of text a group of their own")
            return
    library = _NO_TEXT.get(model.estimator.class_.partition(".")[0])
    if texts and library is not None:
        got = f"{listed(texts)}, which are text, without {Step.ONE_HOT} or {Step.ORDINAL}"
        remedy = f"add a group with {Step.ONE_HOT} or {Step.ORDINAL}"
        yield document.issue(path, got, f"numbers: {library} takes no text", remedy)
