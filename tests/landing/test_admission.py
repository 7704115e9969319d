from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeloop.errors import NotReadyError
from lakeloop.landing import (
    MALFORMED,
    LandedFile,
    admit_files,
    staged_schema,
)
from tests.landing.port import ADMITTED, HEADER, REFUSED, REPEATED, ROW, SOUND, SOURCE, TEN, Port, hash_of


@pytest.fixture
def port(tmp_path: Path) -> Port:
    return Port(tmp_path / "port")


def staged_row(content: bytes, row: int, *values: str | None, malformed: str | None = None) -> dict[str, object]:
    texts = dict(zip(SOURCE.columns, values or (None, None, None), strict=True))
    place = {"_source_file": "a.csv", "_content_hash": hash_of(content), "_source_row": row}
    return {**texts, MALFORMED: malformed, **place}


# Bytes that are admitted, with the records they hold: the declared columns by name, or the malformed record.
ADMISSIBLE: dict[str, tuple[bytes, list[tuple[str | None, ...]]]] = {
    "as declared": (SOUND, [ROW]),
    "columns in another order": (f"wind_mph,origin,observed_ts\n5.5,EWR,{TEN}\n".encode(), [ROW]),
    "spaces around names of columns": (f" origin , observed_ts,wind_mph \nEWR,{TEN},5.5\n".encode(), [ROW]),
    "only a header": (HEADER.encode(), []),
    "a byte order mark": (b"\xef\xbb\xbf" + SOUND, [ROW]),
    "lines that end in CRLF": (SOUND.replace(b"\n", b"\r\n"), [ROW]),
    "no end of the last line": (SOUND.rstrip(b"\n"), [ROW]),
    "a line break in quotes": (f'{HEADER}"E\nW\r\nR",{TEN},5.5\n'.encode(), [("E\nW\r\nR", TEN, "5.5")]),
    "a comma and a quote in quotes": (f'{HEADER}"E,""W""",{TEN},5.5\n'.encode(), [('E,"W"', TEN, "5.5")]),
    "letters of the world": (f"{HEADER}Zürich ✈,{TEN},5.5\n".encode(), [("Zürich ✈", TEN, "5.5")]),
    "missing values": (f"{HEADER},NA,NaN\n".encode(), [(None, None, "NaN")]),
    "a blank line is no record": (f"{HEADER}\n{ROW[0]},{TEN},5.5\n\n".encode(), [ROW]),
    "spaces are kept": (f"{HEADER} EWR ,{TEN}, 5.5\n".encode(), [(" EWR ", TEN, " 5.5")]),
    "a field too few": (f"{HEADER}EWR,{TEN}\n{','.join(ROW)}\n".encode(), [(f"EWR,{TEN}",), ROW]),
    "a field too many": (f'{HEADER}{",".join(ROW)},"x"\n'.encode(), [(f"EWR,{TEN},5.5,x",)]),
}


@pytest.mark.parametrize("name", ADMISSIBLE)
def test_admit_files_stages_the_records_of_a_readable_file_as_text(port: Port, name: str) -> None:
    content, records = ADMISSIBLE[name]
    path = port.land("a.csv", content)

    found = port.admit()

    stat = path.stat()
    expected = LandedFile("a.csv", hash_of(content), len(content), stat.st_mtime_ns, ADMITTED, None, len(records))
    assert found == [expected]
    assert port.staged(content) == [
        staged_row(content, row, *record) if len(record) == 3 else staged_row(content, row, malformed=record[0])
        for row, record in enumerate(records, 1)
    ]
    assert path.read_bytes() == content  # what is admitted stays where it landed


def deflated(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def corrupted(content: bytes) -> bytes:
    """A gzip file with blocks that are none behind its header."""
    whole = deflated(content)
    return whole[:10] + b"\xff" * (len(whole) - 10)


LONG = (HEADER + "".join(f"EWR,{TEN},{number}\n" for number in range(5000))).encode()

# Name and bytes of a file that is refused, and a part of the reason.
INADMISSIBLE: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.csv", b"", "the file is empty: not even a header"),
    "a column is missing": ("a.csv", b"origin,wind_mph\nEWR,1\n", "columns missing: observed_ts"),
    "a column is not declared": ("a.csv", f"{HEADER.strip()},gust\n".encode(), "columns not declared: gust"),
    "a column is there twice": ("a.csv", f"{HEADER.strip()},origin\n".encode(), "columns repeated: origin"),
    "another case is another name": (
        "a.csv",
        HEADER.upper().encode(),
        "columns missing: origin, observed_ts, wind_mph; columns not declared: ORIGIN, OBSERVED_TS, WIND_MPH"
        "; did you mean 'origin' by 'ORIGIN', 'observed_ts' by 'OBSERVED_TS', 'wind_mph' by 'WIND_MPH'?",
    ),
    "no header, and values are not shown": (
        "a.csv",
        f"EWR,{TEN},5.5\n".encode(),
        "columns missing: origin, observed_ts, wind_mph; the first line names no declared column: is the header there,"
        " and commas in it?",
    ),
    "another delimiter": ("a.csv", HEADER.replace(",", ";").encode(), "columns missing: origin"),
    "Latin-1": ("a.csv", f"{HEADER}Zürich,{TEN},1\n".encode("latin-1"), "not UTF-8 text"),
    "Latin-1 far below": ("a.csv", LONG + "Zürich,x,1\n".encode("latin-1"), "not UTF-8 text"),
    "UTF-16": ("a.csv", HEADER.encode("utf-16"), "not UTF-8 text"),
    "a quote that does not end": ("a.csv", f'{HEADER}"EWR,{TEN},1\n'.encode(), "unreadable"),
    "a truncated gzip": ("a.csv.gz", deflated(LONG)[:-20], "unreadable"),
    "a corrupted gzip": ("a.csv.gz", corrupted(LONG), "unreadable"),
    "gzip only by name": ("a.csv.gz", SOUND, "unreadable"),
    "gzip without the name": ("a.csv", deflated(SOUND), "not UTF-8 text"),
}


def test_the_corrupted_gzip_is_not_merely_cut_off() -> None:
    with pytest.raises(zlib.error):
        gzip.decompress(corrupted(LONG))


@pytest.mark.parametrize("name", INADMISSIBLE)
def test_admit_files_moves_aside_what_it_refuses_and_goes_on(port: Port, name: str) -> None:
    file, content, reason = INADMISSIBLE[name]
    port.land(file, content)
    port.land("b.csv", SOUND)

    refused, admitted = port.admit()

    assert (refused.file, refused.status, refused.raw_rows, refused.content_hash) == (
        file,
        REFUSED,
        0,
        hash_of(content),
    )
    assert refused.reason is not None
    assert reason in refused.reason
    assert (admitted.file, admitted.status, admitted.raw_rows) == ("b.csv", ADMITTED, 1)
    assert [path.name for path in port.landing.iterdir()] == ["b.csv"]
    assert (port.refused / f"{hash_of(content)[:12]}-{file}").read_bytes() == content
    assert [path.name for path in port.staging.iterdir()] == [f"{hash_of(SOUND)}.parquet"]  # nothing half done


def test_admit_files_reads_a_gzip_file_to_its_end(port: Port) -> None:
    content = deflated(LONG)
    port.land("a.csv.gz", content)
    found = port.admit()
    assert [(each.status, each.raw_rows) for each in found] == [(ADMITTED, 5000)]
    assert [row["_source_row"] for row in port.staged(content)] == list(range(1, 5001))


def test_admit_files_numbers_records_through_all_blocks(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakeloop.landing.opened.BATCH_ROWS", 2)
    content = (HEADER + "".join(f"EWR,{TEN},{number}\n" for number in range(1, 6))).encode()
    port.land("a.csv", content)
    assert [each.raw_rows for each in port.admit()] == [5]
    assert [(row["wind_mph"], row["_source_row"]) for row in port.staged(content)] == [
        (str(number), number) for number in range(1, 6)
    ]


def test_admit_files_a_second_time_finds_nothing_new(port: Port) -> None:
    port.land("a.csv", SOUND)
    port.land("b.csv", SOUND)
    seen = port.admit()
    assert [each.status for each in seen] == [ADMITTED, REPEATED]
    assert port.admit(seen) == []


def test_admit_files_knows_content_again_under_any_name(port: Port) -> None:
    port.land("b.csv", SOUND)
    seen = port.admit()
    port.land("a.csv", SOUND)
    port.land("c.csv", SOUND)
    found = port.admit(seen)
    assert [(each.file, each.status, each.reason, each.raw_rows) for each in found] == [
        ("a.csv", REPEATED, "same content as b.csv", 0),
        ("c.csv", REPEATED, "same content as b.csv", 0),
    ]
    assert len(list(port.staging.iterdir())) == 1


def test_admit_files_takes_changed_content_under_the_same_name_as_a_new_file(port: Port) -> None:
    port.land("a.csv", SOUND)
    seen = port.admit()
    changed = SOUND + f"JFK,{TEN},1\n".encode()
    port.land("a.csv", changed)
    found = port.admit(seen)
    assert [(each.file, each.status, each.raw_rows) for each in found] == [("a.csv", ADMITTED, 2)]
    assert len(port.staged(SOUND)) == 1
    assert len(port.staged(changed)) == 2


def test_admit_files_passes_over_a_file_that_was_only_touched(port: Port) -> None:
    path = port.land("a.csv", SOUND)
    seen = port.admit()
    path.touch()
    assert path.stat().st_mtime_ns != seen[0].modified_ns
    assert port.admit(seen) == []


def test_admit_files_takes_a_mended_file_under_the_name_of_a_refused_one(port: Port) -> None:
    port.land("a.csv", b"")
    seen = port.admit()
    assert [each.status for each in seen] == [REFUSED]
    port.land("a.csv", SOUND)
    assert [(each.file, each.status) for each in port.admit(seen)] == [("a.csv", ADMITTED)]


def test_admit_files_refuses_the_same_bytes_each_time_they_land(port: Port) -> None:
    port.land("a.csv", b"")
    seen = port.admit()
    port.land("a.csv", b"")
    assert [each.status for each in port.admit(seen)] == [REFUSED]
    assert list(port.landing.iterdir()) == []


def test_admit_files_looks_only_at_files_of_the_pattern(port: Port) -> None:
    port.land("notes.txt", SOUND)
    port.land(".hidden.csv", SOUND)
    port.land("folder.csv/a.csv", SOUND)
    assert port.admit() == []


def test_admit_files_stages_anew_by_today_s_declaration_what_is_not_recorded(port: Port) -> None:
    content = f"{HEADER}EWR,{TEN},-\n".encode()
    path = port.land("a.csv", content)
    port.admit()
    today = SOURCE.model_copy(update={"landing": SOURCE.files.model_copy(update={"null_values": ("-",)})})
    admit_files(today, path.parent, port.staging, [])
    assert [row["wind_mph"] for row in port.staged(content)] == [None]


def test_admit_files_finishes_what_was_staged_but_not_recorded(port: Port) -> None:
    port.land("a.csv", SOUND)
    first = port.admit()
    assert port.admit() == first  # nothing was recorded: it is found again, and staged once
    assert len(list(port.staging.iterdir())) == 1


def test_admit_files_of_an_empty_folder_finds_nothing(port: Port) -> None:
    assert port.admit() == []


def test_admit_files_needs_the_landing_folder(port: Port) -> None:
    with pytest.raises(NotReadyError, match="source weather: not ready") as raised:
        admit_files(SOURCE, port.root / "nowhere", port.staging, [])
    assert raised.value.retryable


def test_staged_schema_is_text_and_the_place_of_each_record() -> None:
    assert [(field.name, str(field.type)) for field in staged_schema(SOURCE)] == [
        ("origin", "string"),
        ("observed_ts", "string"),
        ("wind_mph", "string"),
        ("_malformed", "string"),
        ("_source_file", "string"),
        ("_content_hash", "string"),
        ("_source_row", "int64"),
    ]


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6).filter(
    lambda text: text not in ("", "NA")
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(records=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=5))
def test_admit_files_keeps_every_character_of_every_value(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[str, str, str]]
) -> None:
    port = Port(tmp_path_factory.mktemp("any") / "port")
    quoted = [",".join('"' + value.replace('"', '""') + '"' for value in record) for record in records]
    content = (HEADER + "\n".join(quoted) + "\n").encode()
    port.land("a.csv", content)
    assert [(each.status, each.raw_rows) for each in port.admit()] == [(ADMITTED, len(records))]
    assert [tuple(row[name] for name in SOURCE.columns) for row in port.staged(content)] == records
