"""Programs that answer as a `java` does."""

from __future__ import annotations

from pathlib import Path

MODERN = 'echo "    java.version = {version}" >&2; echo "    java.home = {home}" >&2'
OLD = 'case "$1" in --*) echo "Unrecognized option: $1" >&2; exit 1;; esac; ' + MODERN
BARE = 'case "$1" in --add-modules=*) echo "Module jdk.incubator.vector not found" >&2; exit 1;; esac; ' + MODERN
STUB = 'echo "The operation couldn\'t be completed. Unable to locate a Java Runtime." >&2; exit 1'


def write_java(home: Path, version: str = "17.0.15", answer: str = MODERN) -> Path:
    """Write `bin/java` into a folder, and give the folder."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\n" + answer.format(version=version, home=home) + "\n")
    java.chmod(0o755)
    return home
