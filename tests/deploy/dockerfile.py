"""Reads Dockerfiles, as far as the tests ask: instructions in order, arguments filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = {
    "serving": ROOT / "deploy/serving/Dockerfile",
    "baked": ROOT / "deploy/serving/Dockerfile.baked",
    "jobs": ROOT / "deploy/jobs/Dockerfile",
}
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, and what follows on one line; `stage` counts the FROMs before it, from 1."""

    word: str
    rest: str
    stage: int


def read_dockerfile(path: Path) -> list[Instruction]:
    """Read the instructions of a Dockerfile."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    found, stage = [], 0
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            stage += word == "FROM"
            found.append(Instruction(word, rest.strip(), stage))
    return found


def of(path: Path, word: str, *, last_stage: bool = False) -> list[str]:
    """Give what follows a word, wherever it stands; in the last stage alone on demand."""
    found = read_dockerfile(path)
    stages = max(each.stage for each in found)
    return [each.rest for each in found if each.word == word and (not last_stage or each.stage == stages)]


def default_arguments(path: Path) -> dict[str, str]:
    """Give the build arguments with their defaults."""
    pairs = (each.partition("=") for each in of(path, "ARG"))
    return {name: default for name, equals, default in pairs if equals}


def base_images(path: Path) -> list[str]:
    """Give the images that it builds on, stages of its own left out."""
    arguments, stages, images = default_arguments(path), set(), []
    for each in of(path, "FROM"):
        image, _, stage = each.partition(" AS ")
        if image not in stages:
            images.append(_VARIABLE.sub(lambda name: arguments[name[1]], image))
        stages.add(stage)
    return images


def variables(path: Path) -> dict[str, str]:
    """Give the variables that its last stage sets."""
    return dict(re.findall(r"(\w+)=(\S*)", " ".join(of(path, "ENV", last_stage=True))))


def is_sent(name: str) -> bool:
    """Tell whether a file of the repository is sent to the builder: what .dockerignore says last of it counts."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            parts = name.split("/")
            above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
            if pattern.startswith("**/"):
                matches = any(fnmatch(part, pattern[3:]) for part in parts)
            else:
                matches = any(fnmatch(each, pattern) and each.count("/") == pattern.count("/") for each in above)
            if matches:
                sent = line.startswith("!")
    return sent
