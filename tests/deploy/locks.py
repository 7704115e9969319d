"""Reads locks: the versions that an image gets."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
IMAGE = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux", "platform_system": "Linux",
         "platform_machine": "x86_64", "platform_python_implementation": "CPython", "implementation_name": "cpython",
         "os_name": "posix"}  # fmt: skip
"""What markers are asked for: the machine of an image."""


def pins(path: str) -> dict[str, str]:
    """Read the versions that a lock pins for the image."""
    found = {}
    for line in (ROOT / path).read_text("utf-8").splitlines():
        if line and not line.startswith(("#", " ")):
            pin = Requirement(line.removesuffix("\\").strip())
            if pin.marker is None or pin.marker.evaluate(IMAGE):
                (version,) = pin.specifier
                found[canonicalize_name(pin.name)] = version.version
    return found
