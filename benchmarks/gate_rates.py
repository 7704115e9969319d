"""How often the gate promotes: pairs of equals, pairs planted worse and planted better, on the flights' own history.

    python -m benchmarks.gate_rates            # what docs/benchmarks.md shows: most of an hour of two cores
    python -m benchmarks.gate_rates --quick    # few models: minutes, once the year's rows are there

Every side is trained on its own resample of whole days of the past, so the two of a pair are equals: either may turn
out the better one. A pair is judged on one holdout by the gate's own interval and rules; one pair of each holdout goes
through `judge` as well, which has to say the same. A side is planted worse by blending its probabilities away from what
came true, better by blending them towards it, until its mean log loss has moved by the planted amount.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import t

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
from lakeloop.training.resampling import DifferenceInterval, resample_difference

FULL, QUICK = Plan(holdouts=9, models=46), Plan(holdouts=9, models=4)
SUPERIOR, SUPERIOR_BY, NOT_WORSE = "superior", "superior by", "not worse"
NEXT = 5
"""Models that come next, with each of which a model makes a pair where it may be in several."""

SHIFTS = (0.0, 0.5, 1.0, 2.0, 4.0, -1.0)
"""What is planted on the challenger, in margins: above 0 it is worse."""


@dataclass(frozen=True)
class Case:
    """One kind of pair under one rule.

    Attributes:
        rule: `superior` (upper end below 0), `superior by` (below minus the least gain), or `not worse` (below the
            margin, and the difference not above 0).
        margins: What is planted on the challenger, in margins; above 0 it is worse.
        from_itself: Whether that is counted from the challenger's own loss, so that a pair keeps the difference it has
            by chance, and what is planted is the average over pairs ("on average"); else from the champion's, so that
            the difference on the holdout is the planted one.
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
        planted = f"{'worse' if self.margins > 0 else 'better'} by {abs(self.margins):g}"
        return f"{planted} on average" if self.from_itself else planted


CASES = (
    Case(SUPERIOR, 0.0),
    Case(SUPERIOR, 0.0, rows_as_blocks=True),
    Case(SUPERIOR_BY, 0.0),
    *(Case(rule, -shift, from_itself=False) for rule in (SUPERIOR, SUPERIOR_BY) for shift in (1.0, 2.0)),
    *(Case(NOT_WORSE, shift, from_itself=False) for shift in SHIFTS),
    *(Case(NOT_WORSE, shift) for shift in SHIFTS if shift),
)


@dataclass(frozen=True)
class Bounds:
    """What a difference is held against, in log loss.

    Attributes:
        margin: Margin of non-inferiority, and unit of what is planted.
        superior_by: Least gain of `superior by`.
    """

    margin: float
    superior_by: float


def plant_case(holdout: Holdout, case: Case, bounds: Bounds, challenger: int, champion: int) -> NDArray[np.float64]:
    """Give the challenger's scores with what the case plants."""
    ours = holdout.scores[challenger]
    if not case.margins:
        return ours
    start = None if case.from_itself else holdout.scores[champion]
    return plant(holdout.y, ours, case.margins * bounds.margin, start=start)


def is_promoted(gate: Gate, case: Case, holdout: Holdout, bounds: Bounds, challenger: int, champion: int) -> bool:
    """Judge one pair by the gate's interval.

    Args:
        gate: The model's gate.
        case: What is planted, and by which rule it is judged.
        holdout: Outcomes and scores.
        bounds: What a difference is held against.
        challenger: Number of the challenger.
        champion: Number of the champion.

    Returns:
        Whether it would be promoted.
    """
    ours = plant_case(holdout, case, bounds, challenger, champion)
    losses = [row_losses(Metric.LOG_LOSS, holdout.y, scores) for scores in (ours, holdout.scores[champion])]
    found = _interval(gate, holdout, *losses, rows_as_blocks=case.rows_as_blocks)
    if case.rule == NOT_WORSE:
        return found.upper < bounds.margin and found.difference <= 0
    return found.upper < -(bounds.superior_by if case.rule == SUPERIOR_BY else 0.0)


def is_passed_by_judge(
    gate: Gate, case: Case, holdout: Holdout, bounds: Bounds, challenger: int, champion: int
) -> bool:
    """Let `judge` judge the same pair: what `is_promoted` has to agree with.

    Superiority without a least gain is asked for as it is over the baseline, with the champion in its place.
    """
    ours = plant_case(holdout, case, bounds, challenger, champion)
    theirs, superior = holdout.scores[champion], case.rule == SUPERIOR
    constant = np.full(len(holdout.y), holdout.train_rate)
    asked = gate.model_copy(
        update={
            "absolute": {},
            "too_good": {},
            "slices": type(gate.slices)(),
            "calibration": None,
            "non_inferior_by": bounds.margin,
            "superior_by": bounds.superior_by if case.rule == SUPERIOR_BY else None,
            "against": ("baseline" if superior else "champion",),
        }
    )
    scores = HoldoutScores(holdout.y, ours, theirs if superior else constant, holdout.days, theirs, {})
    (check,) = judge(asked, Task.CLASSIFICATION, scores, has_champion=True, seed=0).checks
    return check.status is GateStatus.PASS


def _interval(
    gate: Gate,
    holdout: Holdout,
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    *,
    rows_as_blocks: bool = False,
) -> DifferenceInterval:
    days, resamples = holdout.days, gate.resamples
    if rows_as_blocks:  # a day of its own for every row; few draws of so many give their spread well enough
        days, resamples = np.datetime64("2013-01-01", "D") + np.arange(len(ours)), gate.resamples // 10
    block = 1 if rows_as_blocks else gate.block_days
    return resample_difference(
        ours, theirs, days, confidence=gate.confidence, resamples=resamples, seed=0, block_days=block
    )


def measure(gate: Gate, case: Case, holdouts: Sequence[Holdout], bounds: Bounds) -> tuple[Share, Share]:
    """Judge pairs under one case.

    Args:
        gate: The model's gate.
        case: What is planted, and by which rule it is judged.
        holdouts: Scores of an even number of models each.
        bounds: What a difference is held against.

    Returns:
        The share that was promoted of pairs in which each model is once, and of pairs of each model with its next ones.
        Rows as blocks, which take long, are not tried on the latter.

    Raises:
        AssertionError: If `judge` says something else of the first pair of a holdout.
    """
    single, several = [], []
    for each in holdouts:
        models = len(each.scores)
        pairs = [(second, first) for first in range(models) for second in range(first + 1, models)]
        once = [(second, first) for second, first in pairs if first % 2 == 0 and second == first + 1]
        near = once if case.rows_as_blocks else [(second, first) for second, first in pairs if second - first <= NEXT]
        promoted = {pair: is_promoted(gate, case, each, bounds, *pair) for pair in near}
        if not case.rows_as_blocks and promoted[once[0]] != is_passed_by_judge(gate, case, each, bounds, *once[0]):
            raise AssertionError(f"{case.rule}, {case.name}: the gate says something else")
        single.append([promoted[pair] for pair in once])
        several.append(list(promoted.values()))
    return share_of(single), share_of(several)


def describe_pairs(gate: Gate, holdout: Holdout) -> dict[str, object]:
    """Tell how far equals lie apart on a holdout, and how far the interval reaches.

    Args:
        gate: The model's gate.
        holdout: Outcomes and scores.

    Returns:
        First and last day, rows, days trained on; mean loss; standard deviation of the difference of two models; mean
        half width of the interval of days, and of rows; how many times further apart two models lie than the days
        explain.
    """
    losses = [row_losses(Metric.LOG_LOSS, holdout.y, scores) for scores in holdout.scores]
    means = [each.mean() for each in losses]
    pairs = [(losses[first + 1], losses[first]) for first in range(0, len(losses) - 1, 2)]
    by_day, by_row = (
        [_interval(gate, holdout, *pair, rows_as_blocks=each) for pair in pairs] for each in (False, True)
    )
    spread = float(np.sqrt(2 * np.var(means, ddof=1)))
    reach = float(np.mean([each.upper - each.lower for each in by_day]) / 2)
    return {
        "first": str(holdout.days.min()),
        "last": str(holdout.days.max()),
        "rows": len(holdout.y),
        "train_days": holdout.train_days,
        "loss": float(np.mean(means)),
        "spread": spread,
        "half_width_days": reach,
        "apart": spread * float(t.ppf((1 + gate.confidence) / 2, len(np.unique(holdout.days)) - 1)) / reach,
        "half_width_rows": float(np.mean([each.upper - each.lower for each in by_row]) / 2),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is missing, judge all pairs, print two tables and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two pairs per holdout")
    parser.add_argument("--pairs", type=int, metavar="N", help="pairs per holdout, each model once (23; quick: 2)")
    parser.add_argument("--margin", type=float, help="margin of non-inferiority (the declared one)")
    parser.add_argument("--superior-by", type=float, default=0.005, help="least gain of `superior by` (%(default)s)")
    parser.add_argument("--confidence", type=float, help="of the interval (the declared one)")
    parser.add_argument("--block-days", type=int, help="days that are drawn together (the declared ones)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="fits at a time (%(default)s)")
    parser.add_argument("--json", type=Path, default=FOLDER / "results" / "gate_rates.json", help="where figures go")
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL
    if options.pairs is not None:
        plan = Plan(plan.holdouts, 2 * options.pairs)
    model = load_config(ROOT).models[MODEL]
    gate = model.gate
    gate = gate.model_copy(
        update={
            **({"confidence": options.confidence} if options.confidence else {}),
            **({"block": timedelta(days=options.block_days)} if options.block_days else {}),
        }
    )
    # As many blocks as a holdout has: with fewer than the declared ones the gate would not judge.
    most = model.split.holdout.days // gate.block_days
    gate = gate.model_copy(update={"min_blocks": min(gate.min_blocks, most)})
    bounds = Bounds(float(options.margin or gate.non_inferior_by), options.superior_by)
    holdouts = make_scores(plan, options.processes, lambda text: print(text, file=sys.stderr, flush=True))
    apart = [describe_pairs(gate, each) for each in holdouts]
    shares = [(case, *measure(gate, case, holdouts, bounds)) for case in CASES]
    console = Console(width=120)
    console.print(_table_of_holdouts(apart))
    console.print(f"margin {bounds.margin:g}, superior by {bounds.superior_by:g}")
    console.print(_table_of_shares(shares))
    written = {
        "machine": describe_machine(),
        "gate": {**asdict(bounds), "confidence": gate.confidence, "resamples": gate.resamples},
        "holdouts": apart,
        "cases": [
            {"case": case.name, **asdict(case), "once": asdict(once), "several": asdict(several)}
            for case, once, several in shares
        ],
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return 0


def _table_of_holdouts(apart: Sequence[dict[str, object]]) -> Table:
    table = Table("holdout", "train days", "loss", "spread of equals", "half width, days", "half width, rows", "apart")
    for each in apart:
        figures = [f"{each[name]:.4f}" for name in ("loss", "spread", "half_width_days", "half_width_rows")]
        apart = f"{each['apart']:.2f}"
        table.add_row(f"{each['first']} to {each['last']}", str(each["train_days"]), *figures, apart)
    return table


def _table_of_shares(shares: Sequence[tuple[Case, Share, Share]]) -> Table:
    table = Table("rule", "pairs", "each model once", "share", "95%, by pair", "several", "share", "95%, by holdout")
    for case, once, several in shares:
        cells = []
        for share, (low, high) in ((once, once.exact), (several, several.by_holdout)):
            cells += [f"{share.promoted} of {share.pairs}", f"{share.promoted / share.pairs:.1%}"]
            cells.append(f"{low:.1%} to {high:.1%}")
        table.add_row(f"{case.rule}, rows" if case.rows_as_blocks else case.rule, case.name, *cells)
    return table


if __name__ == "__main__":
    sys.exit(main())
