"""How often the gate promotes: pairs of equals, pairs planted worse and planted better, on the flights' own history.

    python -m benchmarks.gate_rates            # what docs/benchmarks.md shows: an hour of two cores
    python -m benchmarks.gate_rates --quick    # few models and holdouts: minutes, once the year's rows are there

Every side is trained on its own resample of whole days of the past, so the two of a pair are equals: either may turn
out the better one. Each model is in one pair, each pair is judged on one holdout by the gate's own `judge`. A side is
planted worse by blending its probabilities away from what came true, better by blending them towards it, until its mean
log loss has moved by the planted amount.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.gate_history import MODEL
from benchmarks.gate_scores import Holdout, Plan, make_scores
from benchmarks.planted import plant
from benchmarks.report import describe_machine
from benchmarks.shares import Share, share_of
from benchmarks.sides import FOLDER, ROOT
from lakeloop.config.gate import Gate
from lakeloop.config.loading import load_config
from lakeloop.config.metric import Metric, Task
from lakeloop.statuses import GateStatus
from lakeloop.training.gate import HoldoutScores, judge
from lakeloop.training.metrics import row_losses
from lakeloop.training.resampling import resample_difference

FULL, QUICK = Plan(holdouts=9, models=46), Plan(holdouts=9, models=4)
SUPERIOR, SUPERIOR_BY_MARGIN, NOT_WORSE = "superior", "superior by 1 margin", "not worse"
SHIFTS = (0.0, 0.5, 1.0, 2.0, 4.0, -1.0)
"""What is planted on the challenger, in margins: above 0 it is worse."""


@dataclass(frozen=True)
class Case:
    """One kind of pair under one rule.

    Attributes:
        rule: `superior` (upper end below 0), `superior by 1 margin` (below minus the margin), or `not worse`.
        margins: What is planted on the challenger, in margins; above 0 it is worse.
        from_itself: Whether that is counted from the challenger's own loss, so that a pair keeps the difference it has
            by chance; else from the champion's, so that the difference on the holdout is the planted one.
        rows_as_blocks: Whether rows are resampled in place of days: what the gate does not do.
    """

    rule: str
    margins: float
    from_itself: bool = True
    rows_as_blocks: bool = False

    @property
    def name(self) -> str:
        """Give its name in the table."""
        if not self.margins:
            return "equals"
        counted = "itself" if self.from_itself else "champion"
        return f"{'worse' if self.margins > 0 else 'better'} by {abs(self.margins):g}, counted from {counted}"


CASES = (
    Case(SUPERIOR, 0.0),
    Case(SUPERIOR, 0.0, rows_as_blocks=True),
    Case(SUPERIOR_BY_MARGIN, 0.0),
    *(Case(rule, -shift, from_itself=False) for rule in (SUPERIOR, SUPERIOR_BY_MARGIN) for shift in (1.0, 2.0)),
    *(Case(NOT_WORSE, shift, from_itself=False) for shift in SHIFTS),
    *(Case(NOT_WORSE, shift) for shift in SHIFTS if shift),
)


def is_promoted(gate: Gate, case: Case, holdout: Holdout, challenger: int, champion: int) -> bool:
    """Let the gate judge one pair.

    Args:
        gate: The model's gate.
        case: What is planted, and by which rule it is judged.
        holdout: Outcomes and scores.
        challenger: Number of the challenger.
        champion: Number of the champion.

    Returns:
        Whether the comparison passed.
    """
    ours, theirs, y = holdout.scores[challenger], holdout.scores[champion], holdout.y
    if case.margins:
        amount = case.margins * gate.non_inferior_by
        ours = plant(y, ours, amount, start=None if case.from_itself else theirs)
    if (
        case.rule == SUPERIOR_BY_MARGIN
    ):  # every row's loss raised by the margin: an upper end below 0 was below minus it
        ours = plant(y, ours, gate.non_inferior_by)
    days, resamples = holdout.days, gate.resamples
    if case.rows_as_blocks:  # a day of its own for every row; few draws of so many give their spread well enough
        days, resamples = np.datetime64("2013-01-01", "D") + np.arange(len(y)), 200
    constant = np.full(len(y), holdout.train_rate)
    superior = case.rule != NOT_WORSE
    asked = gate.model_copy(
        update={
            "absolute": {},
            "too_good": {},
            "slices": type(gate.slices)(),
            "resamples": resamples,
            "against": ("baseline" if superior else "champion",),
        }
    )
    # The rule of superiority is the one that the baseline is held to, with the champion in the baseline's place.
    scores = HoldoutScores(y, ours, theirs if superior else constant, days, theirs, {})
    (check,) = judge(asked, Task.CLASSIFICATION, scores, has_champion=True, seed=0).checks
    return check.status is GateStatus.PASS


def measure(gate: Gate, case: Case, holdouts: Sequence[Holdout]) -> Share:
    """Let the gate judge every pair under one case.

    Args:
        gate: The model's gate.
        case: What is planted, and by which rule it is judged.
        holdouts: Scores of an even number of models each; the first and the second are a pair, and so on.

    Returns:
        The share that was promoted.
    """
    return share_of(
        [
            [is_promoted(gate, case, each, first + 1, first) for first in range(0, len(each.scores) - 1, 2)]
            for each in holdouts
        ]
    )


def describe_pairs(gate: Gate, holdout: Holdout) -> dict[str, object]:
    """Tell how far equals lie apart on a holdout, and how far the interval reaches.

    Args:
        gate: The model's gate.
        holdout: Outcomes and scores.

    Returns:
        First and last day, rows, days trained on; mean loss; root of the mean squared difference of pairs; mean half
        width of the interval of days, and of rows.
    """
    losses = [row_losses(Metric.LOG_LOSS, holdout.y, scores) for scores in holdout.scores]
    rows = np.datetime64("2013-01-01", "D") + np.arange(len(holdout.y))
    differences, by_day, by_row = [], [], []
    for first in range(0, len(losses) - 1, 2):
        for days, resamples, widths in ((holdout.days, gate.resamples, by_day), (rows, 200, by_row)):
            found = resample_difference(
                losses[first + 1], losses[first], days, confidence=gate.confidence, resamples=resamples, seed=0
            )
            widths.append((found.upper - found.lower) / 2)
        differences.append(found.difference)
    return {
        "first": str(holdout.days.min()),
        "last": str(holdout.days.max()),
        "rows": len(holdout.y),
        "train_days": holdout.train_days,
        "loss": float(np.mean([each.mean() for each in losses])),
        "difference": float(np.sqrt(np.mean(np.square(differences)))),
        "half_width_days": float(np.mean(by_day)),
        "half_width_rows": float(np.mean(by_row)),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is missing, judge all pairs, print two tables and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two pairs per holdout")
    parser.add_argument("--pairs", type=int, metavar="N", help="pairs per holdout (23, or 2 with --quick)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="fits at a time (%(default)s)")
    parser.add_argument("--json", type=Path, default=FOLDER / "results" / "gate_rates.json", help="where figures go")
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL
    if options.pairs is not None:
        plan = Plan(plan.holdouts, 2 * options.pairs)
    gate = load_config(ROOT).models[MODEL].gate
    holdouts = make_scores(plan, options.processes, lambda text: print(text, file=sys.stderr, flush=True))
    apart = [describe_pairs(gate, each) for each in holdouts]
    shares = [(case, measure(gate, case, holdouts)) for case in CASES]
    console = Console(width=110)
    console.print(_table_of_holdouts(apart))
    console.print(_table_of_shares(shares))
    written = {
        "machine": describe_machine(),
        "gate": {"margin": gate.non_inferior_by, "confidence": gate.confidence, "resamples": gate.resamples},
        "holdouts": apart,
        "cases": [{"case": case.name, **asdict(case), **asdict(share)} for case, share in shares],
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return 0


def _table_of_holdouts(apart: Sequence[dict[str, object]]) -> Table:
    table = Table("holdout", "train days", "loss", "difference of equals", "half width, days", "half width, rows")
    for each in apart:
        figures = [f"{each[name]:.4f}" for name in ("loss", "difference", "half_width_days", "half_width_rows")]
        table.add_row(f"{each['first']} to {each['last']}", str(each["train_days"]), *figures)
    return table


def _table_of_shares(shares: Sequence[tuple[Case, Share]]) -> Table:
    table = Table("rule", "pairs", "promoted", "share", "95% by pair", "95% by holdout")
    for case, share in shares:
        intervals = [f"{low:.1%} to {high:.1%}" for low, high in (share.exact, share.by_holdout)]
        rule = f"{case.rule}, rows resampled" if case.rows_as_blocks else case.rule
        counted = f"{share.promoted} of {share.pairs}"
        table.add_row(rule, case.name, counted, f"{share.promoted / share.pairs:.1%}", *intervals)
    return table


if __name__ == "__main__":
    sys.exit(main())
