"""Every bad datum: what lands, what the page on data says becomes of it, and what the test expects of it.

A case is one landed file. `becomes` begins with the word for the file, or for its rows where the file is admitted; the
page docs/data.md holds the same two texts, line for line.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lakeloop.landing import FileStatus

ADMITTED, REFUSED = FileStatus.ADMITTED, FileStatus.REFUSED
REPEATED, UNSETTLED = FileStatus.DUPLICATE_CONTENT, FileStatus.UNSETTLED

ZONE = "America/New_York"
EXISTS = f"from_utc_timestamp(to_utc_timestamp(local_ts, '{ZONE}'), '{ZONE}') = local_ts"
IS_ONCE = f"from_utc_timestamp(to_utc_timestamp(local_ts, '{ZONE}') + interval 1 hour, '{ZONE}') <> local_ts"

SOURCE: dict[str, Any] = {
    "source": "readings",
    "landing": {"path": "landing/readings", "pattern": "*.csv*"},
    "columns": {
        "station": {"type": "string"},
        "observed_ts": {"type": "timestamp"},
        "wind_mph": {"type": "double"},
        "samples": {"type": "integer"},
        "is_manual": {"type": "boolean"},
        "on_date": {"type": "date"},
        "local_ts": {"type": "local_timestamp"},
        "known_ts": {"type": "timestamp"},
        "started_ts": {"type": "timestamp"},
        "ended_ts": {"type": "timestamp"},
        "serial": {"type": "string"},
        "note": {"type": "string"},
    },
    "derive": {"wind_per_sample": {"as": "wind_mph / samples", "type": "double"}},
    "key": ["station", "observed_ts"],
    "event_ts": "observed_ts",
    "available_ts": "coalesce(known_ts, observed_ts + interval 1 hour)",
    "history": {"trusted_until": "2014-01-01"},
    "rules": [
        {"rule": "expression", "name": "duration_not_negative", "that": "ended_ts >= started_ts"},
        {"rule": "expression", "name": "known_after_event", "that": "available_ts >= event_ts"},
        {"rule": "expression", "name": "local_time_exists", "that": EXISTS},
        {"rule": "expression", "name": "local_time_is_once", "that": IS_ONCE},
        {"rule": "expression", "name": "few_per_sample", "that": "60 % samples = 0"},
        {"rule": "unique", "columns": ["serial"]},
    ],
}
NAMES = tuple(SOURCE["columns"])
HEADER = ",".join(NAMES)
DEFAULTS = {
    "observed_ts": "2013-05-01T10:00:00Z",
    "wind_mph": "5.5",
    "samples": "2",
    "is_manual": "true",
    "on_date": "2013-05-01",
    "local_ts": "2013-05-01 06:00:00",
}


def line(station: str, **changes: str) -> str:
    """Write one record."""
    values = {"station": station} | DEFAULTS | changes
    return ",".join(values.get(name, "") for name in NAMES)


def text(*lines: str, header: str = HEADER, end: str = "\n") -> bytes:
    """Write a file."""
    return "".join(f"{each}{end}" for each in (header, *lines)).encode()


ACCEPTED, DUPLICATE = "accepted", "duplicate"
Row = str | list[str]  # accepted, duplicate, or the rules for which it is quarantined


@dataclass(frozen=True)
class Case:
    """One landed file.

    Attributes:
        what: What lands, as docs/data.md says it.
        becomes: What becomes of it, as docs/data.md says it.
        content: Its bytes; None where the test makes the file in another way.
        status: What becomes of the file.
        reason: Part of the reason.
        rows: What becomes of each record of an admitted file, in order.
        suffix: How its name ends.
        wave: In which of the two ingests it lands.
    """

    what: str
    becomes: str
    content: bytes | None = None
    status: FileStatus = ADMITTED
    reason: str = ""
    rows: Sequence[Row] = ()
    suffix: str = ".csv"
    wave: int = 1


def refused(what: str, content: bytes, reason: str, becomes: str = "refused", suffix: str = ".csv") -> Case:
    return Case(what, becomes, content, REFUSED, reason, suffix=suffix)


def accepted(what: str, content: bytes, becomes: str = "accepted", rows: Sequence[Row] = (ACCEPTED,)) -> Case:
    return Case(what, becomes, content, rows=rows)


def quarantined(what: str, rules: Sequence[str], *records: str, becomes: str | None = None) -> Case:
    """Records that all break the same rules, beside a sound one, which is accepted."""
    station = records[0].split(",")[0]
    sound = line(f"{station} sound")
    rows: list[Row] = [*(list(rules) for _ in records), ACCEPTED]
    names = [re.sub("^(type|key)_.*", r"\1_<column>", rule) for rule in rules]
    named = ", ".join(f"`{name}`" for name in names)
    return Case(what, becomes or f"quarantined: {named}", text(*records, sound), rows=rows)


PACKED = gzip.compress(text(line("gz"), line("gz 2")), mtime=0)
BOMB = gzip.compress(text(*(line("bomb") for _ in range(30_000))), mtime=0)
NO_NUMBERS = ("1e400", "1.5d", "0x1p3", "1,5", "strong")
MALFORMED = ["malformed", "key_station", "key_observed_ts", "event_ts", "available_ts"]

FILES: dict[str, Case] = {
    "missing": refused("a column is missing", text(header="station,wind_mph"), "columns missing: observed_ts"),
    "extra": refused("a column more than declared", text(header=f"{HEADER},gust"), "columns not declared: gust"),
    "case": refused(
        "a column's name in another case, or with a space or a dash in it",
        text(header=HEADER.replace("wind_mph", "Wind-MPH")),
        "did you mean 'wind_mph' by 'Wind-MPH'?",
        "refused, with a did-you-mean",
    ),
    "twice": refused("a column's name twice", text(header=f"{HEADER},note"), "columns repeated: note"),
    "headless": refused(
        "no header, or another delimiter than a comma", text(header=line("x")), "names no declared column"
    ),
    "spaces": accepted("spaces around a column's name", text(line("spaces"), header=HEADER.replace(",", " , "))),
    "order": accepted(
        "columns in another order",
        text(",".join(reversed(line("order").split(","))), header=",".join(reversed(NAMES))),
        "accepted: columns are matched by name",
    ),
    "empty": refused("an empty file", b"", "the file is empty"),
    "header": accepted("only a header", text(), "accepted, without rows", rows=()),
    "bom": accepted("a byte-order mark", b"\xef\xbb\xbf" + text(line("bom"))),
    "crlf": accepted("Windows line ends", text(line("crlf"), end="\r\n")),
    "quoted": accepted("line breaks, commas and quotes within quotes", text(line("quoted", note='"a\nb, ""c"""'))),
    "blank": accepted(
        "blank lines between records", text(line("blank"), "", ""), "accepted: a blank line is no record"
    ),
    "latin": refused("Latin-1 or another encoding", text(line("x")) + "é".encode("latin-1"), "not UTF-8 text at byte"),
    "utf16": refused("UTF-16", text(line("x")).decode().encode("utf-16"), "not UTF-8 text but UTF-16"),
    "nul": accepted(
        "NUL bytes",
        text(line("nul", note="a\0b"), "\0\0\0", line("nul 2", samples="\0")),
        "accepted within a text; elsewhere the row is quarantined: `malformed` or `type_<column>`",
        [ACCEPTED, MALFORMED, ["type_samples"]],
    ),
    "quote": refused("a quote that does not end", text('"' + line("quote")), "does a quote above not end?"),
    "inner": accepted(
        "a quote within a field that is not quoted", text(line("inner", note='5" pipe')), "accepted, as text"
    ),
    "long": refused("a field of more than 131,072 characters", text(line("x", note="x" * 10_000_000)), "field limit"),
    "endless": refused("a line of more than 16 Mi characters", text("x" * (17 * 2**20)), "a line of more than"),
    "gz": Case(
        "a gzip file, its name ending in `.gz`", "accepted", PACKED, rows=(ACCEPTED, ACCEPTED), suffix=".csv.gz"
    ),
    "cut": refused("a truncated or corrupted gzip file", PACKED[:-12], "unreadable", suffix=".csv.gz"),
    "nogz": refused(
        "gzip without `.gz` in the name, or a zip archive",
        gzip.compress(text(line("nogz")), mtime=0),
        "but gzip: end its name in .gz",
    ),
    "bomb": refused(
        "a gzip file that grows to 200 times its size, beyond 256 MiB", BOMB, "times its size", suffix=".csv.gz"
    ),
    "link": Case(
        "a symbolic link to a file below the landing folder", "accepted: what it points to is read", rows=(ACCEPTED,)
    ),
    "outward": Case(
        "a symbolic link out of the landing folder",
        "left where it is, and named",
        status=UNSETTLED,
        reason="a link out of the landing folder",
    ),
    "dangling": Case("a link to nothing", "left where it is, and named", status=UNSETTLED, reason="a link to nothing"),
    "unreadable": Case(
        "a file that can't be read (permissions, a broken disk)",
        "left where it is, and named",
        status=UNSETTLED,
        reason="can't be read",
    ),
    "growing": Case(
        "a file that grows, or changes, while it is read",
        "left where it is, and named; the next ingest judges it",
        text(line("growing")),
        UNSETTLED,
        "it changed while it was read",
    ),
    "vanishing": Case(
        "a file that vanishes while it is read",
        "left, and named: nothing was taken from it",
        text(line("x2")),
        UNSETTLED,
        "it ",
    ),
    "delivered again": Case(
        "the bytes of an earlier file under another name",
        "repeated: counted, not read again",
        text(line("crlf"), end="\r\n"),
        REPEATED,
        "same content as crlf.csv",
        wave=2,
    ),
}

ROWS: dict[str, Case] = {
    "few": quarantined(
        "a field too few or too many in one record",
        MALFORMED,
        "few,1",
        line("few") + ",1",
        becomes="quarantined with its text: `malformed`",
    ),
    "type": quarantined("a text that is not of the declared type", ["type_samples"], line("type", samples="two")),
    "number": quarantined(
        "a `double` that is no number or too great for one (`1e400`, `1.5d`, `1,5`)",
        ["type_wind_mph"],
        *(line(f"number{n}", wind_mph=f'"{each}"') for n, each in enumerate(NO_NUMBERS)),
    ),
    "nan": accepted(
        "`NaN`, `inf` or `-inf` in a `double`",
        text(*(line(f"nan {each}", wind_mph=each) for each in ("NaN", "inf", "-Infinity"))),
        "accepted as that number; a `range` rule or `null_values` keeps it out",
        [ACCEPTED] * 3,
    ),
    "whole": quarantined(
        "an `integer` or `long` out of range, or with a fraction (`2004.0`)",
        ["type_samples"],
        *(line(f"whole{n}", samples=each) for n, each in enumerate(("2147483648", "2004.0", "1e3"))),
    ),
    "truth": accepted(
        "`true`, `t`, `yes`, `y`, `1` and `false`, `f`, `no`, `n`, `0` in any case, in a `boolean`",
        text(*(line(f"truth {each}", is_manual=each) for each in ("TRUE", "t", "Yes", "1", "no", "F", "0"))),
        "accepted",
        [ACCEPTED] * 7,
    ),
    "untruth": quarantined("another word in a `boolean`", ["type_is_manual"], line("untruth", is_manual="on")),
    "null": accepted(
        "an empty field, or one of the declared `null_values`",
        text(line("null", wind_mph="", samples="NA", local_ts="")),
        "accepted as missing; a `not_null` rule keeps it out",
    ),
    "dates": accepted(
        "dates and instants of the years 1 to 9999",
        text(
            *(line(f"dates {each}", on_date=each) for each in ("0001-01-01", "1677-09-21", "2262-04-12", "9999-12-31")),
            *(line("dates", observed_ts=f"{each}T00:00:00Z") for each in ("0001-01-01", "1677-09-21", "2262-04-12")),
        ),
        "accepted; a `range` or `expression` rule keeps them out",
        [ACCEPTED] * 7,
    ),
    "february": quarantined(
        "a day that does not exist, or no ISO date (`2013-02-30`, `0000-01-01`, `2013-5-1`)",
        ["type_on_date"],
        *(
            line(f"february {each}", on_date=each)
            for each in ("2013-02-30", "0000-01-01", "10000-01-01", "2013-5-1", "2013")
        ),
    ),
    "offset": quarantined(
        "a `timestamp` without offset or `Z`, or outside the years 1 to 9999 in UTC",
        ["type_started_ts"],
        line("offset", started_ts="2013-05-01T10:00:00"),
        line("offset 2", started_ts="9999-12-31T23:00:00-05:00"),
    ),
    "beyond": quarantined(
        "an availability beyond the year 9999", ["available_ts"], line("beyond", observed_ts="9999-12-31T23:30:00Z")
    ),
    "gap": quarantined(
        "a local time that no clock showed (the hour skipped in spring), with the rule below",
        ["local_time_exists"],
        line("gap", local_ts="2013-03-10 02:30:00"),
    ),
    "fold": quarantined(
        "a local time that clocks showed twice (the hour repeated in autumn), with the rule below",
        ["local_time_is_once"],
        line("fold", local_ts="2013-11-03 01:30:00"),
    ),
    "keyless": quarantined("a missing key", ["key_station"], line("")),
    "ahead": quarantined(
        "an event after its availability, with a rule against it",
        ["known_after_event"],
        line("ahead", known_ts="2013-05-01T09:00:00Z"),
    ),
    "negative": quarantined(
        "a negative duration, with a rule against it",
        ["duration_not_negative"],
        line("negative", started_ts="2013-05-01T10:00:00Z", ended_ts="2013-05-01T09:59:59Z"),
    ),
    "zero": quarantined(
        "a row for which a declared expression divides by zero, overflows or can't read a text",
        ["derive_wind_per_sample", "few_per_sample"],
        line("zero", samples="0"),
        becomes="quarantined: `derive_<column>`, `event_ts`, `available_ts` or the rule's name",
    ),
    "same row": accepted(
        "a row twice in a file or a batch: equal in all landed columns",
        text(line("same row"), line("same row", wind_mph="5.50"), line("same row")),
        "accepted once; the others are counted as exact duplicates",
        [ACCEPTED, DUPLICATE, DUPLICATE],
    ),
    "same key": accepted(
        "a key twice in a batch with other content",
        text(line("same key", wind_mph="1"), line("same key", wind_mph="2")),
        "accepted is the first by file name and record; the others are quarantined: `unique_key`",
        [ACCEPTED, ["unique_key"]],
    ),
    "two files 1": accepted(
        "the same row, or the same key with other content, in two files of one batch",
        text(line("two files", wind_mph="1")),
        "accepted is the first by file name and record",
    ),
    "two files 2": accepted(
        "the same row, or the same key with other content, in two files of one batch",
        text(line("two files", wind_mph="2"), line("two files", wind_mph="1")),
        "accepted is the first by file name and record",
        [["unique_key"], DUPLICATE],
    ),
    "two rules": accepted(
        "a row that breaks one uniqueness rule and claims the value of another",
        text(
            line("two rules", serial="s1"),
            line("two rules", serial="s2"),
            line("two rules 2", serial="s2"),
            line("two rules 3", serial="s1"),
        ),
        "accepted is the first under the key, then under each rule in its order; a loser claims nothing under the next",
        [ACCEPTED, ["unique_key", "unique_serial"], ACCEPTED, ["unique_serial"]],
    ),
    "repeats a loser": accepted(
        "a row that repeats a quarantined one of its batch",
        text(line("loser 0", serial="s0"), line("loser", serial="s0"), line("loser", serial="s0")),
        "quarantined for the same rules",
        [ACCEPTED, ["unique_serial"], ["unique_serial"]],
    ),
    "corrected": Case(
        "the key of a row accepted before, with other content",
        "quarantined: `unique_key`; with the same content it is an exact duplicate",
        text(line("bom", wind_mph="7"), line("bom")),
        rows=(["unique_key"], DUPLICATE),
        wave=2,
    ),
    "late": Case(
        "a row that arrives a month late",
        "accepted: available from the ingest that brought it; gold takes it in there and changes nothing before",
        text(line("late", observed_ts="2014-05-31T10:00:00Z")),
        rows=(ACCEPTED,),
        wave=2,
    ),
}

CASES = FILES | ROWS
