"""What a run tells while it works: what it does now, and what a finished step did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepDone:
    """A finished step, for a person who watches.

    Attributes:
        step: Its name.
        subject: Model it was for; None when it is for the whole project.
        summary: What it did in a few words, from its result; empty where the result has none.
        seconds: Wall-clock duration.
        turn: Which of several turns it belongs to; None when there is one.
    """

    step: str
    subject: str | None
    summary: str
    seconds: float
    turn: str | None = None
