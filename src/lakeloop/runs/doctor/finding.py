"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass

from lakeloop.statuses import CheckStatus


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: What was checked.
        status: How it stands.
        found: What was found; never a secret.
        remedy: What to do about it; empty where nothing is to be done.
    """

    check: str
    status: CheckStatus
    found: str
    remedy: str = ""


def ok(check: str, found: str) -> Finding:
    """Tell that all is well.

    Args:
        check: What was checked.
        found: What was found.

    Returns:
        The finding, without a remedy: nothing is to be done.

    >>> ok("disk", "40 GiB free")
    Finding(check='disk', status=<CheckStatus.OK: 'OK'>, found='40 GiB free', remedy='')
    """
    return Finding(check, CheckStatus.OK, found)


def warn(check: str, found: str, remedy: str) -> Finding:
    """Tell of something that may go wrong.

    Args:
        check: What was checked.
        found: What was found.
        remedy: What to do about it.

    Returns:
        The finding; the loop may still be run.

    >>> warn("disk", "1 GiB free", "make room").status.value
    'WARN'
    """
    return Finding(check, CheckStatus.WARN, found, remedy)


def fail(check: str, found: str, remedy: str) -> Finding:
    """Tell of something that stops the loop.

    Args:
        check: What was checked.
        found: What was found.
        remedy: What to do about it.

    Returns:
        The finding; the loop can't be run before it is mended.

    >>> fail("Java", "none found", "install one").remedy
    'install one'
    """
    return Finding(check, CheckStatus.FAIL, found, remedy)


def not_checked(check: str, why: str) -> Finding:
    """Tell that a check could not be made; that is no pass.

    Args:
        check: What was to be checked.
        why: What kept it from being made.

    Returns:
        The finding.

    >>> not_checked("workspace", "no project").status.value
    'NOT_CHECKED'
    """
    return Finding(check, CheckStatus.NOT_CHECKED, why)
