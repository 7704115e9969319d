"""An audit that could not ask is no audit that found nothing."""

from __future__ import annotations

import json

import pytest

from deploy.supply_chain import LOCKS, NONE_KNOWN, NOT_JUDGED, ROOT, VULNERABLE, read_audit

SOUND = {"name": "rich", "version": "14.0", "vulns": []}
KNOWN = {"name": "jinja2", "version": "2.0", "vulns": [{"id": "PYSEC-1"}, {"id": "GHSA-2"}]}
SKIPPED = {"name": "own", "skip_reason": "Dependency not found on PyPI"}


def said(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize(
    ("output", "errors", "code", "told"),
    [
        (said(SOUND), "", NONE_KNOWN, "a.lock: 1 packages judged, 0 with known vulnerabilities"),
        (
            said(SOUND, KNOWN),
            "",
            VULNERABLE,
            "a.lock: 2 packages judged, 1 with known vulnerabilities\n  jinja2 2.0: PYSEC-1, GHSA-2",
        ),
        (
            said(SOUND, SKIPPED),
            "",
            NOT_JUDGED,
            "a.lock: 1 packages judged, 0 with known vulnerabilities\n  not judged, for no database knows them: own",
        ),
        (
            said(KNOWN, SKIPPED),
            "",
            VULNERABLE,
            "a.lock: 1 packages judged, 1 with known vulnerabilities\n  jinja2 2.0: PYSEC-1, GHSA-2\n"
            "  not judged, for no database knows them: own",
        ),
        (said(), "", NOT_JUDGED, "a.lock: 0 packages judged, 0 with known vulnerabilities"),
        ("", "Traceback\nConnectionError: no route\n", NOT_JUDGED, "a.lock: not judged: ConnectionError: no route"),
        ("no json", "", NOT_JUDGED, "a.lock: not judged: pip-audit said nothing"),
    ],
)
def test_only_what_was_judged_counts_as_sound(output: str, errors: str, code: int, told: str) -> None:
    audit = read_audit("a.lock", output, errors)
    assert (audit.exit_code, audit.describe()) == (code, told)


def test_every_lock_is_audited() -> None:
    there = {path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.lock"), *(ROOT / "deploy").rglob("*.lock"))}
    assert set(LOCKS) == there
