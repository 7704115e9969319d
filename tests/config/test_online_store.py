"""`online_store:` of project.yml."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lakeloop.config import load_config
from lakeloop.errors import ConfigError
from tests.config.small_project import PROJECT, write_project

FILE = "conf/base/project.yml"


def test_without_a_section_the_store_is_a_file_of_the_workspace(tmp_path: Path) -> None:
    config = load_config(write_project(tmp_path))
    assert config.online_store_address == f"sqlite:///{config.workspace}/online.db"
    assert config.project.online_store.timeout == timedelta(seconds=1)


def test_a_store_is_declared_with_a_password_from_the_environment(tmp_path: Path) -> None:
    text = PROJECT + "online_store: {address: 'redis://:${REDIS_PASSWORD}@cache:6379/0', timeout: 5 seconds}\n"
    root = write_project(tmp_path, {FILE: text})
    config = load_config(root, variables={"REDIS_PASSWORD": "hunter22"})
    assert config.online_store_address == "redis://:hunter22@cache:6379/0"
    assert config.project.online_store.timeout == timedelta(seconds=5)
    assert "hunter22" not in repr(config.project)


def test_where_the_store_is_changes_no_fingerprint_and_is_not_hashed(tmp_path: Path) -> None:
    hashes = set()
    for number, line in enumerate(
        ("", "online_store: {address: 'redis://cache'}\n", "online_store: {timeout: 2 hours}\n")
    ):
        config = load_config(write_project(tmp_path / str(number), {FILE: PROJECT + line}))
        hashes.add(config.spec_hash("project", config.project.project))
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("section", "where", "got"),
    [
        ("address: 'redis://:hunter22@cache'", "online_store.address", "(hidden), a password in the file itself"),
        ("address: 'redis://me:hunter22@cache'", "online_store.address", "(hidden), a password in the file itself"),
        (
            "address: 'redis://cache?password=hunter22'",
            "online_store.address",
            "(hidden), a password in the file itself",
        ),
        ("address: online.db", "online_store.address", "'online.db'"),
        ("address: 'sqlite:///{folder}/online.db'", "online_store.address", "'sqlite:///{folder}/online.db'"),
        ("timeout: 1", "online_store.timeout", "1"),
        ("host: cache", "online_store.host", "the key 'host'"),
    ],
)
def test_a_wrong_section_is_told_with_its_line_and_no_password(
    tmp_path: Path, section: str, where: str, got: str
) -> None:
    root = write_project(tmp_path, {FILE: PROJECT + f"online_store: {{{section}}}\n"})
    with pytest.raises(ConfigError) as raised:
        load_config(root)
    (issue,) = raised.value.issues
    assert (issue.file, issue.where, issue.got) == (FILE, where, got)
    assert issue.line == PROJECT.count("\n") + 1
    assert "hunter22" not in str(raised.value)
