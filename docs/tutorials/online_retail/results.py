"""Prints what the report holds, in a terminal: the accounting, the turns, and what the champion realised.

    lakeloop report --as-of 2011-03-01 && python results.py

reads workspace/report.json, the report's twin for programs, and nothing else.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

TWIN = Path(__file__).resolve().parent / "workspace" / "report.json"


def main() -> int:
    """Print the tables."""
    if not TWIN.is_file():
        sys.exit(f"results.py: {TWIN} is missing\n  remedy: lakeloop report --as-of DAY")
    report = json.loads(TWIN.read_text(encoding="utf-8"))
    (model,) = report["models"]
    print(f"{'source':<7}{'read':>9} {'accepted':>9} {'quarantined':>12} {'duplicates':>11}")
    for each in report["sources"]:
        told = f"{each['read']:>9,} {each['accepted']:>9,} {each['quarantined']:>12,} {each['duplicates']:>11,}"
        print(f"{each['source']:<7}{told}")
    print("\nturn        champion   scored  decision     outcome")
    for turn in reversed(model["turns"]):
        print(
            f"{day(turn['as_of'])}  {turn['champion'] or '-':<8}  {turn['rows_scored']:>7,}"
            f"  {turn['action']:<12} {turn['outcome'] or '-'}".rstrip()
        )
    names = "".join(f"  {name:>8}" for name in ("loss", "constant", "score", "bought", "bias"))
    print(f"\n{'window':<22}  version  {'status':<11}  {'rows':>6}{names}")
    for each in model["windows"]:
        figures = "".join(
            f"  {figure(each[name], digits)}"
            for name, digits in (("loss", 4), ("baseline", 4), ("mean_score", 3), ("mean_outcome", 3), ("bias", 3))
        )
        row = (
            f"{day(each['start'])}..{day(each['end'])}  {each['version']:<7}  {each['status']:<11}  {each['rows']:>6,}"
        )
        print(f"{row}{figures}")
    cells = [row["cells"][-1] for row in model["features"]["rows"] if row["cells"]]
    newest = Counter(f"{cell['verdict']} {cell['status']}" for cell in cells)
    print(f"\nfeatures in the newest window: {', '.join(f'{n} {words}' for words, n in sorted(newest.items()))}")
    print("\nversion  of          outcome      rows  days  check                    difference of log loss")
    for each in model["promotions"]:
        for check in each["checks"]:
            if check["lower"] is not None:
                interval = f"{check['value']:+.5f} ({check['lower']:+.5f} to {check['upper']:+.5f})"
                start = f"{each['version']:<7}  {day(each['as_of'])}  {each['outcome']:<9}  {each['rows']:>6,}"
                print(f"{start}  {each['days']:>4}  {check['name']:<23}  {interval} {check['status']}")
    return 0


def day(instant: str) -> str:
    """Give the date of an instant of the report in the shop's zone."""
    return f"{datetime.fromisoformat(instant).astimezone(ZoneInfo('Europe/London')):%Y-%m-%d}"


def figure(value: Any, digits: int) -> str:
    """Write a figure, or that there is none."""
    return f"{'-':>8}" if value is None else f"{value:>8.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
