"""How the training sets of a model are searched for leaks."""

from __future__ import annotations

from pydantic import Field

from lakeloop.config.section import Number, Section, Text, Whole


class Audit(Section):
    """How training sets are searched for leaks; no part of what a set is made by.

    Attributes:
        sample: Rows whose features are computed again from what was available at their own instants.
        suspicious_score: ROC AUC (of a number as label: R2) from which a column that tells the label alone is a
            finding.
        accept: Findings that were looked at and are meant, or need not be judged: `suspicious_score items`.
    """

    sample: Whole = Field(default=100, gt=0, le=10_000)
    suspicious_score: Number = Field(default=0.9, gt=0.5, le=1)
    accept: tuple[Text, ...] = ()
