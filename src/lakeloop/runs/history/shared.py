"""What the policies of a replay share: each is computed once, whoever asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.runs.context import Context
from lakeloop.runs.decision_inputs import FromRows, ask_rows
from lakeloop.runs.history.candidate import Candidate
from lakeloop.runs.history.candidates import Candidates
from lakeloop.runs.history.kept import Kept
from lakeloop.runs.history.scored import ScoredHistory
from lakeloop.runs.history.versions import ReplayedVersion
from lakeloop.runs.holdout_judgement import judge_holdout
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.quality import read_gate
from lakeloop.training.fitting import predict_scores
from lakeloop.training.gate import GateReport


class Shared:
    """Candidates, scored rows, scores, profiles and judgements of one replay.

    Args:
        context: Project, lake and logical now; nothing is written to its tables.
        model: The model's declaration.
        turns: The turns, in order.
        kept: Where what is made is kept.

    >>> from tempfile import mkdtemp
    >>> from pathlib import Path
    >>> shared = Shared(context, context.config.models["late"], [context.as_of], Kept(Path(mkdtemp())))
    >>> shared.asked(context.as_of).quality_passed
    True
    """

    def __init__(self, context: Context, model: Model, turns: Sequence[datetime], kept: Kept) -> None:
        self.context, self.model = context, model
        self.candidates = Candidates(context, model, kept)
        self.profiles: dict[tuple[str, datetime], pa.Table] = {}
        self._turns, self._kept = turns, kept
        self._histories: dict[tuple[datetime, datetime], ScoredHistory] = {}
        self._scores: dict[tuple[str, datetime], NDArray[np.float64]] = {}
        self._judged: dict[tuple[str, str | None], GateReport] = {}
        self._asked: dict[datetime, FromRows] = {}
        self._judged_turns: list[datetime] | None = None

    def history(self, first: Promotion) -> ScoredHistory:
        """Give the rows that are scored after a first champion.

        Args:
            first: The ledger's row of the first champion.

        Returns:
            The rows, turn by turn.
        """
        key = (first.trained_through, first.as_of)
        if key not in self._histories:
            self._histories[key] = ScoredHistory(self.context, self.model, self._turns, *key, self._kept)
        return self._histories[key]

    def first_history(self) -> ScoredHistory:
        """Give the rows that were scored, where all policies share the first champion."""
        (history,) = self._histories.values()
        return history

    def score(self, version: ReplayedVersion, history: ScoredHistory, as_of: datetime) -> NDArray[np.float64]:
        """Score a turn's rows by a version.

        Args:
            version: The version.
            history: The rows.
            as_of: The turn.

        Returns:
            Its scores, shape [n_rows].
        """
        key = (version.run_key, as_of)
        if key not in self._scores:
            frame = history.rows(as_of).frame
            scores = predict_scores(self.model.task, version.pipeline, frame) if len(frame) else np.empty(0)
            self._scores[key] = scores
        return self._scores[key]

    def judge(self, model: Model, candidate: Candidate, champion: ReplayedVersion | None) -> GateReport:
        """Judge a candidate on its holdout against a champion, by the gate of the loop.

        Args:
            model: The model's declaration.
            candidate: The candidate.
            champion: Who serves; None without anybody.

        Returns:
            The judgement. What is asked of a version's files (inputs, a fresh process, latency) is not looked at.
        """
        key = (candidate.run_key, None if champion is None else champion.run_key)
        if key not in self._judged:
            rows = candidate.fit.holdout
            challenger = predict_scores(model.task, candidate.fit.judged, rows.frame)
            serves = None
            if champion is not None:
                serves = (predict_scores(model.task, champion.pipeline, rows.frame), champion.trained_through)
            self._judged[key] = judge_holdout(self.context.config, model, rows, challenger, serves)
        return self._judged[key]

    def asked(self, as_of: datetime) -> FromRows:
        """Tell what sources and their quality say to a decision at a turn.

        A turn that the workspace did not do has no quality gate of its own: what the last one before it said counts, or
        else the first one after it.

        Args:
            as_of: The turn.

        Returns:
            What they say.
        """
        if as_of not in self._asked:
            context = self.context.at(as_of)
            found = ask_rows(context, self.model)
            if found.quality_passed is None:
                found = FromRows(found.first_day, self._nearest_gate(as_of), found.count_new_rows)
            self._asked[as_of] = found
        return self._asked[as_of]

    def _nearest_gate(self, as_of: datetime) -> bool | None:
        if self._judged_turns is None:
            lake = self.context.lake
            units = [each.unit.split(" ") for each in lake.commits(lake.own(schemas.QUALITY))]
            self._judged_turns = sorted({datetime.fromisoformat(parts[1]) for parts in units if len(parts) > 1})
        before = [each for each in self._judged_turns if each <= as_of]
        nearest = before[-1:] or self._judged_turns[:1]
        return read_gate(self.context.at(nearest[0])) if nearest else None
