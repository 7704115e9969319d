"""The quick cells of all benchmarks, in one table: `make bench-quick`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks import ingest, point_in_time, windows
from benchmarks.command import make_parser, run_and_report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the quick cells of all benchmarks."""
    options = make_parser(__doc__ or "").parse_args(arguments)
    options.quick = True
    if options.sides:
        print("--sides: the benchmarks have sides of their own; run one of them by itself")
        return 2
    return run_and_report(
        "quick", [(each.BENCHMARK, each.quick_cells()) for each in (point_in_time, windows, ingest)], options
    )


if __name__ == "__main__":
    sys.exit(main())
