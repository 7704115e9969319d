"""A bundle is published whole, once, and again wherever a publish was stopped; what is broken is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lakeloop.errors import ConflictError, NotReadyError
from lakeloop.model_versions import hash_model_files
from lakeloop.serving import bundle as bundles
from lakeloop.serving.bundle import bundle_id_of, read_current, write_bundle
from tests.serving.factories import make_bundle


def files_of(place: Path, content: bytes = b"fitted") -> Path:
    folder = place / f"files-{content.decode()}"
    folder.mkdir()
    (folder / "model.skops").write_bytes(content)
    return folder


def test_what_was_written_is_read_and_a_second_publish_changes_nothing(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    bundle = make_bundle(content_hash=hash_model_files(files))
    assert write_bundle(tmp_path / "late", bundle, files)
    assert read_current(tmp_path / "late") == (bundle, tmp_path / "late" / bundle.bundle_id / "model")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "late").rglob("*")}
    assert not write_bundle(tmp_path / "late", bundle, files)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "late").rglob("*")} == before


def test_the_bundle_before_stays_for_those_who_are_about_to_open_it_and_older_ones_go(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    written = []
    for version in ("1", "2", "3"):
        bundle = make_bundle(content_hash=hash_model_files(files), version=version)
        assert write_bundle(tmp_path / "late", bundle, files)
        written.append(bundle.bundle_id)
    assert sorted(each.name for each in (tmp_path / "late").iterdir()) == sorted([*written[1:], "current.json"])
    assert read_current(tmp_path / "late")[0].version == "3"


def test_an_image_may_hold_one_bundle_alone(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    bundle = make_bundle(content_hash=hash_model_files(files))
    write_bundle(tmp_path / "late", bundle, files)
    assert read_current(tmp_path / "late" / bundle.bundle_id)[0] == bundle


@pytest.mark.parametrize("effect", ["copytree", "fsync", "rename", "replace"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_publish_stopped_anywhere_leaves_the_bundle_before_and_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effect: str, nth: int
) -> None:
    first, second = files_of(tmp_path, b"one"), files_of(tmp_path, b"two")
    old = make_bundle(content_hash=hash_model_files(first))
    new = make_bundle(content_hash=hash_model_files(second), version="2")
    write_bundle(tmp_path / "late", old, first)
    owner: Any = {"copytree": bundles.shutil, "fsync": bundles.os}.get(effect, Path)
    real, calls = getattr(owner, effect), []

    def stopped(*given: Any, **named: Any) -> Any:
        calls.append(given)
        if len(calls) == nth:
            raise KeyboardInterrupt
        return real(*given, **named)

    monkeypatch.setattr(owner, effect, stopped)
    try:
        write_bundle(tmp_path / "late", new, second)
    except KeyboardInterrupt:
        monkeypatch.undo()
        assert read_current(tmp_path / "late")[0] == old
        assert write_bundle(tmp_path / "late", new, second)
    else:
        assert len(calls) < nth  # it is done once only
    monkeypatch.undo()
    found, folder = read_current(tmp_path / "late")
    assert (found, hash_model_files(folder)) == (new, new.content_hash)
    assert not list((tmp_path / "late").rglob("model.part"))


def test_files_that_were_changed_since_are_put_back_by_the_same_publish(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    bundle = make_bundle(content_hash=hash_model_files(files))
    write_bundle(tmp_path / "late", bundle, files)
    (read_current(tmp_path / "late")[1] / "model.skops").write_bytes(b"other")
    assert write_bundle(tmp_path / "late", bundle, files)
    assert hash_model_files(read_current(tmp_path / "late")[1]) == bundle.content_hash


def test_the_id_is_that_of_the_content_but_for_the_instant() -> None:
    bundle = make_bundle()
    assert bundle_id_of(replace(bundle, bundle_id="", published_as_of=bundle.trained_through)) == bundle.bundle_id
    assert bundle_id_of(replace(bundle, trained_through=bundle.published_as_of)) != bundle.bundle_id


def test_a_wrong_id_or_other_files_are_refused(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    bundle = make_bundle(content_hash=hash_model_files(files))
    with pytest.raises(ConflictError, match="bundle_id: it is called other"):
        write_bundle(tmp_path / "late", replace(bundle, bundle_id="other"), files)
    with pytest.raises(ConflictError, match="checksum: the model's files are not those that were registered"):
        write_bundle(tmp_path / "late", make_bundle(content_hash="other"), files)
    assert not list((tmp_path / "late").iterdir())


@pytest.mark.parametrize(
    ("broken", "error", "said"),
    [
        (lambda at: (at / "current.json").unlink(), NotReadyError, "no bundle was published there"),
        (lambda at: (at / "current.json").write_text("{"), ConflictError, "it does not name a bundle"),
        (lambda at: (at / "current.json").write_text("[]"), ConflictError, "it does not name a bundle"),
        (lambda at: (at / "current.json").write_text('{"bundle_id": "../x"}'), ConflictError, "does not name a bundle"),
        (lambda at: (at / "current.json").write_text('{"bundle_id": "x"}'), ConflictError, "it cannot be read"),
        (lambda at: next(at.glob("*/bundle.json")).write_text("{}"), ConflictError, "bundle.json: model: it is not as"),
        (lambda at: _change(next(at.glob("*/bundle.json"))), ConflictError, "not what its id is the hash of"),
        (lambda at: next(at.glob("*/model")).rename(at / "gone"), ConflictError, "the model's files are not there"),
    ],
)
def test_what_is_missing_or_broken_is_told_with_its_remedy(
    tmp_path: Path, broken: Any, error: type[Exception], said: str
) -> None:
    files = files_of(tmp_path)
    write_bundle(tmp_path / "late", make_bundle(content_hash=hash_model_files(files)), files)
    broken(tmp_path / "late")
    with pytest.raises(error, match=said) as found:
        read_current(tmp_path / "late")
    assert "remedy: run `lakeloop publish`" in str(found.value)


def _change(path: Path) -> None:
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "version": "7"}))
