"""The model card: what a version is, what it is for, what it showed and what is not known, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined

from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.environment import Environment
from lakeloop.training.evidence import Evidence
from lakeloop.training.markdown import as_code, escape_markdown, lay_out_table

CARD_FILE = "model_card.md"
SHOWN_COLUMNS = 20
"""Inputs whose importance the card shows; all of them are in the artifact."""

SHOWN_CLASSES = 10
"""Classes whose share a part of the training set shows."""

SHOWN_SLICES = 20
"""Values per slice column that the card shows; all of them are in the artifact."""


@dataclass(frozen=True)
class PartOfData:
    """A part of the training set.

    Attributes:
        name: train, validation, holdout or gap.
        first: First day with rows.
        last: Last day with rows.
        days: Days with rows.
        rows: Rows.
        mean_outcome: Their mean label; of several classes it says nothing.
        shares: Class -> share of the rows; nothing where there are not several classes.
    """

    name: str
    first: date
    last: date
    days: int
    rows: int
    mean_outcome: float
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def told_outcome(self) -> str:
        """Mean label, or the shares of the classes, the largest first."""
        if not self.shares:
            return _number(self.mean_outcome)
        ranked = sorted(self.shares.items(), key=lambda each: -each[1])
        more = f", and {len(ranked) - SHOWN_CLASSES} more" if len(ranked) > SHOWN_CLASSES else ""
        return ", ".join(f"{name} {share:.4g}" for name, share in ranked[:SHOWN_CLASSES]) + more


@dataclass(frozen=True)
class TrainedOn:
    """The training set of a version.

    Attributes:
        training_set_id: Its id.
        table: Table that holds it.
        delta_version: Its Delta version.
        content_hash: Hash of its rows.
        data_through: Newest instant of availability of anything in it, as text, UTC.
        parts: Its parts, in the order of time.
    """

    training_set_id: str
    table: str
    delta_version: int
    content_hash: str
    data_through: str
    parts: tuple[PartOfData, ...]


@dataclass(frozen=True)
class ModelCard:
    """What the card of a version tells.

    Attributes:
        model: The model's declaration.
        as_of: Logical now of the training, as text, UTC.
        params: Parameters of the estimator that was chosen.
        columns: Model columns: known, on-demand and features.
        private: Columns among them, and among the slices, that say something of a person.
        trained_on: The training set.
        spec_hash: Hash of the declarations.
        seed: Seed of everything random.
        environment: What it was made with.
        evidence: What it showed on the holdout.
        iterations: Rounds it predicts with, where its fit was stopped early; None of any other.
    """

    model: Model
    as_of: str
    params: Mapping[str, object]
    columns: tuple[str, ...]
    private: tuple[str, ...]
    trained_on: TrainedOn
    spec_hash: str
    seed: int
    environment: Environment
    evidence: Evidence
    iterations: int | None = None

    @property
    def command(self) -> str:
        """What trains the same version again."""
        return f"lakeloop train {self.model.model} --training-set {self.trained_on.training_set_id} --seed {self.seed}"

    @property
    def unknown(self) -> tuple[str, ...]:
        """What is not known of the version, a sentence each."""
        evidence = self.evidence
        said = []
        for status, words in _WHY_NOT.items():
            missing = [each.metric.value for each in evidence.metrics if each.status is status]
            if missing:
                said.append(f"{', '.join(missing)}: {words.format(days=evidence.min_blocks)}")
        hidden = [each.column for each in evidence.slices if each.found.status is EvidenceStatus.HIDDEN]
        if hidden:
            said.append(f"slices of {', '.join(hidden)}: the column says something of a person (tag pii)")
        few = (EvidenceStatus.TOO_FEW_ROWS, EvidenceStatus.TOO_FEW_BLOCKS)
        small = sum(each.found.status in few for each in evidence.slices)
        if small:
            said.append(f"{small} of {len(evidence.slices)} slices have too few rows, or too few days for an interval")
        empty = [each.column for each in evidence.importance.columns if each.status is EvidenceStatus.ALL_NULL]
        if empty:
            said.append(f"{', '.join(empty)}: missing in every row of the holdout that was looked at")
        if self.environment.code.commit is None:
            said.append("the code version: the project folder is no git work tree, or git is absent")
        elif self.environment.code.is_dirty is not False:
            said.append("the code version: files of the project folder may differ from the commit")
        return tuple(said)


_WHY_NOT: dict[EvidenceStatus, str] = {
    EvidenceStatus.NO_ROWS: "the holdout has no rows",
    EvidenceStatus.TOO_FEW_BLOCKS: "no interval, the holdout has fewer than {days} days with rows",
    EvidenceStatus.ONE_OUTCOME: (
        "not computed or without an interval, the outcomes are equal, a class is absent, or on too few days"
    ),
}


def render_card(card: ModelCard) -> str:
    """Render a model card as Markdown, for GitHub and for a terminal.

    It holds aggregates and declared words, never the values of a row; values of a slice column are shown only where
    the column says nothing of a person.

    Args:
        card: What it tells.

    Returns:
        Markdown.

    Source: Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019), section 4, for its parts.

    >>> from lakeloop.training.environment import CodeVersion
    >>> from lakeloop.training.importance import Importance
    >>> model = shops.models["late"]
    >>> evidence = Evidence(model.task, 0.95, 3, (), {}, (), (), Importance(model.gate.metric, None, 0, 0, 3, 7, ()))
    >>> card = ModelCard(model, "2024-01-25T00:00:00Z", {"C": 1.0}, ("shop",), (),
    ...                  TrainedOn("5e7", "training_sets.late", 1, "c0ffee", "2024-01-24T06:00:00Z", ()), "5bec", 7,
    ...                  Environment("0.1.0", CodeVersion(None, None), "3.11", "Linux", {}), evidence)
    >>> render_card(card).splitlines()[0]
    '# Model card: `late`'
    >>> "lakeloop train late --training-set 5e7 --seed 7" in render_card(card)
    True
    """
    text = _templates().get_template(CARD_FILE).render(card=card, model=card.model, **_tables(card))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _tables(card: ModelCard) -> dict[str, object]:
    evidence = card.evidence
    level = f"{evidence.confidence:.0%} interval"
    metrics = [
        [
            each.metric.value,
            _number(each.value),
            _span(each.lower, each.upper),
            _number(evidence.baseline.get(each.metric)),
            each.status.value,
        ]
        for each in evidence.metrics
    ]
    parts = [
        [each.name, f"{each.first} to {each.last}", f"{each.days}", f"{each.rows}", each.told_outcome]
        for each in card.trained_on.parts
    ]
    curve = [
        [
            _number(each.mean_score),
            _number(each.observed_rate),
            _span(each.lower, each.upper),
            f"{each.rows}",
            f"{each.days}",
            each.status.value,
        ]
        for each in evidence.curve or ()
    ]
    importance = [
        [each.name, _signed(each.increase), _number(each.spread), each.status.value]
        for each in evidence.importance.columns[:SHOWN_COLUMNS]
    ]
    environment, several = card.environment, evidence.task is Task.MULTICLASS
    about = [["lakeloop", environment.lakeloop], ["python", environment.python], ["platform", environment.platform]]
    of_label, observed = ("classes", "share right") if several else ("mean label", "observed")
    return {
        "metrics": lay_out_table(["metric", "value", level, "constant", "status"], metrics),
        "parts": lay_out_table(["part", "days from, to", "days", "rows", of_label], parts),
        "curve": lay_out_table(["mean score", observed, level, "rows", "days", "status"], curve),
        "slices": _slices(card, level),
        "importance": lay_out_table(
            ["input", f"{evidence.importance.metric} rises by", "spread", "status"], importance
        ),
        "more_inputs": max(len(evidence.importance.columns) - SHOWN_COLUMNS, 0),
        "environment": lay_out_table(["what", "version"], [*about, *map(list, sorted(environment.packages.items()))]),
        "is_classification": evidence.task is not Task.REGRESSION,
        "is_multiclass": several,
        "parameters": [(name, value) for name, value in sorted({**card.model.estimator.params, **card.params}.items())],
        "level": level,
    }


def _slices(card: ModelCard, level: str) -> str:
    rows: list[list[str]] = []
    for column in dict.fromkeys(each.column for each in card.evidence.slices):
        own = [each for each in card.evidence.slices if each.column == column]
        for each in own[:SHOWN_SLICES]:
            found = each.found
            named = "hidden (pii)" if each.value is None else each.value
            rows.append([column, named, _number(found.value), _span(found.lower, found.upper)])
            rows[-1] += [_number(each.mean_outcome), f"{found.rows}", f"{found.days}", found.status.value]
        if len(own) > SHOWN_SLICES:
            rows.append([column, f"and {len(own) - SHOWN_SLICES} more", *[""] * 6])
    metric = card.model.gate.metric.value
    mean = "share right" if card.evidence.task is Task.MULTICLASS else "mean label"
    return lay_out_table(["column", "value", metric, level, mean, "rows", "days", "status"], rows)


@cache
def _templates() -> Templates:
    templates = Templates(
        loader=PackageLoader("lakeloop.training"),
        autoescape=False,  # noqa: S701 - Markdown, not HTML: the filters below escape what is not ours
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"text": escape_markdown, "code": as_code}
    return templates


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}"


def _signed(value: float | None) -> str:
    return "not known" if value is None else f"{value:+.3g}"


def _span(lower: float | None, upper: float | None) -> str:
    return "not known" if lower is None or upper is None else f"{lower:.4g} to {upper:.4g}"
