"""Lets permissions bind the tests where they run as root, as they bind a server in its container."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_VERSION = 0x20080522
_ANY_FILE = 0b110
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: with them permissions bind nobody."""
_DROP_OF_BOUNDS = 24
"""PR_CAPBSET_DROP."""


def _is_root() -> bool:
    return sys.platform.startswith("linux") and os.geteuid() == 0


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Rights(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Take from this thread what root has over permissions."""
    if not _is_root():
        yield
        return
    system, header, rights = ctypes.CDLL(None, use_errno=True), _Header(_VERSION, 0), (_Rights * 2)()
    assert system.capget(ctypes.byref(header), rights) == 0
    before = rights[0].effective
    rights[0].effective = before & ~_ANY_FILE
    assert system.capset(ctypes.byref(header), rights) == 0
    try:
        yield
    finally:
        rights[0].effective = before
        assert system.capset(ctypes.byref(header), rights) == 0


def bind_child() -> None:
    """Take the same from a process that is about to become another program: its `preexec_fn`."""
    if _is_root():
        system = ctypes.CDLL(None, use_errno=True)
        for right in (1, 2):
            assert system.prctl(_DROP_OF_BOUNDS, right, 0, 0, 0) == 0
