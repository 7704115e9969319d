"""The default drift preset of Evidently beside the monitor, on the same windows: how often each alarms."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.monitor_windows import Block, Counted, JudgedBlock, judge_block
from benchmarks.sides import VENVS
from lakeloop.decisions.flags import persistent

SIDE = Path(__file__).parent / "evidently_side.py"
DATA_SET = "half of the columns"


@dataclass(frozen=True)
class Beside:
    """What both said of the windows of one block.

    Attributes:
        ours: What lakeloop said.
        theirs: Subject -> whether each window alarmed. Subjects are columns and `DATA_SET`, Evidently's verdict on all.
    """

    ours: JudgedBlock
    theirs: dict[str, tuple[bool, ...]]


def python_of_evidently() -> Path | None:
    """Python that has Evidently; None when `make bench-peers` did not make it."""
    python = VENVS / "evidently" / "bin" / "python"
    return python if python.exists() else None


def compare(
    counted: Counted, blocks: Sequence[Block], days: NDArray[np.int64], *, tell: Callable[[str], None]
) -> list[Beside]:
    """Let both judge the windows of blocks.

    Args:
        counted: The data set.
        blocks: Windows and references.
        days: Day of each row: the rows' own, or others, shape (n_rows,).
        tell: Told how far it is.

    Returns:
        What both said.
    """
    data = counted.data
    daily, scored = counted.shuffled(days, np.arange(len(days)))
    ours = [judge_block(counted, block, seed=0, daily=daily, scored=scored) for block in blocks]
    tell(f"{data.name}: {sum(len(block.windows) for block in blocks)} windows by Evidently")
    judged = list(data.judged())
    with tempfile.TemporaryDirectory() as folder:
        rows, jobs, answers = (Path(folder) / name for name in ("rows.parquet", "jobs.json", "answers.json"))
        data.frame[judged].assign(_day=days).to_parquet(rows, index=False)
        asked = [[block.reference.tolist(), window.tolist()] for block in blocks for window in block.windows]
        jobs.write_text(json.dumps(asked), encoding="utf-8")
        subprocess.run([str(python_of_evidently()), str(SIDE), str(rows), str(jobs), str(answers)], check=True)
        said = iter(json.loads(answers.read_text(encoding="utf-8")))
    found = []
    for block, judged_block in zip(blocks, ours, strict=True):
        windows = [next(said) for _ in block.windows]
        theirs = {name: tuple(name in window["drifted"] for window in windows) for name in judged}
        theirs[DATA_SET] = tuple(window["share"] >= 0.5 for window in windows)
        found.append(Beside(judged_block, theirs))
    return found


def shares_of(found: Sequence[Beside], counted: Counted) -> list[dict[str, object]]:
    """Count windows that alarm and blocks that flag, for each and of several subjects."""
    data = counted.data
    rule = data.monitor.persistence
    groups = {"any contract column": data.contract(), "any column": data.judged(), DATA_SET: (DATA_SET,)}
    sides = {"lakeloop": [each.ours.alarms for each in found], "evidently": [each.theirs for each in found]}
    rows: list[dict[str, object]] = []
    for side, blocks in sides.items():
        for group, subjects in groups.items():
            if group == DATA_SET and side == "lakeloop":
                continue
            windows = [
                any(alarms[name][number] for name in subjects)
                for alarms in blocks
                for number in range(len(alarms[subjects[0]]))
            ]
            flags = [any(persistent(alarms[name], rule) for name in subjects) for alarms in blocks]
            rows.append(
                {
                    "side": side,
                    "alarm of": group,
                    "windows": len(windows),
                    "alarmed": sum(windows),
                    "blocks": len(flags),
                    "flagged": sum(flags),
                }
            )
    return rows


def require_evidently() -> bool:
    """Say what is missing when there is no environment of Evidently."""
    if python_of_evidently() is None:
        print("evidently: not run, no environment; remedy: make bench-peers", file=sys.stderr)
        return False
    return True
