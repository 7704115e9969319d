"""Writes a project to start from into a folder; nothing that is there is overwritten."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from lakeloop.config.loading import load_config
from lakeloop.errors import MAX_SHOWN, UsageError
from lakeloop.starter.sample import HISTORY_END, TURNS, make_sample

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 63
_RENAMED = {"gitignore": ".gitignore"}  # builds of packages leave hidden files out


@dataclass(frozen=True)
class NewProject:
    """A project that was written.

    Attributes:
        project: Its name.
        folder: The folder, absolute.
        files: What was written, relative to the folder.
        turns: Dates for `run --as-of` that fit the sample data, in their order.
    """

    project: str
    folder: Path
    files: tuple[str, ...]
    turns: tuple[str, ...]


def write_project(folder: Path) -> NewProject:
    """Write a small project with sample data.

    Args:
        folder: Where to; made where it is missing.

    Returns:
        What was written.

    Raises:
        UsageError: If the folder is a file, or holds a project or a file that would be overwritten.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     new = write_project(Path(parent) / "shop")
    ...     load_config(new.folder).project.project, new.turns
    ('shop', ('2024-02-05', '2024-02-12'))
    """
    place = folder.resolve()
    name = project_name(place.name)
    contents = project_files(name)
    _refuse_taken(folder, place, contents)
    for relative, text in contents.items():
        path = place / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    load_config(place)
    return NewProject(name, place, tuple(contents), tuple(turn.isoformat() for turn in TURNS))


def project_name(text: str) -> str:
    """Make a valid project name of a folder's name.

    >>> project_name("My Project-2"), project_name("2024 sales"), project_name("été"), project_name("!")
    ('my_project_2', 'project_2024_sales', 't', 'project')
    """
    name = _NOT_IN_A_NAME.sub("_", text.lower()).strip("_")
    if not name[:1].isalpha():
        name = f"project_{name}".rstrip("_")
    return name[:_LONGEST_NAME].rstrip("_")


def project_files(name: str) -> dict[str, str]:
    """Give the files of a new project.

    Args:
        name: The project's name.

    Returns:
        Path relative to the project -> text, sorted.

    >>> found = project_files("shop")
    >>> [path for path in found if path.startswith("conf/base/models")]
    ['conf/base/models/late_delivery.yml']
    >>> found["conf/base/project.yml"].splitlines()[0]
    'project: shop'
    """
    first, second = (turn.isoformat() for turn in TURNS)
    values = {"project": name, "first": first, "second": second, "history_end": HISTORY_END.isoformat()}
    template = files("lakeloop.starter").joinpath("template")
    written = {_RENAMED.get(path, path): _filled(text, values) for path, text in _texts(template)}
    sample = make_sample()
    written["landing/orders/sample.csv"] = sample.orders
    written["landing/deliveries/sample.csv"] = sample.deliveries
    return dict(sorted(written.items()))


def describe_project(new: NewProject, shown_folder: str, command: str) -> str:
    """Write for a person what was written and what to do next.

    Args:
        new: The project.
        shown_folder: The folder as it may be typed into a shell; empty when it is the current one.
        command: The program as it may be typed into a shell.

    Returns:
        Lines of plain text.

    >>> new = NewProject("shop", Path("/data/shop"), ("conf/base/project.yml",), ("2024-02-05",))
    >>> print(describe_project(new, "shop", "lakeloop"))
    project shop
      /data/shop
        conf/
          base/
            project.yml
    <BLANKLINE>
    next
      cd shop
      lakeloop plan
      lakeloop run --as-of 2024-02-05
      lakeloop report --as-of 2024-02-05
      pytest
    """
    lines = [f"project {new.project}", f"  {new.folder}", *_tree(new.files), "", "next"]
    if shown_folder:
        lines.append(f"  cd {shown_folder}")
    lines.append(f"  {command} plan")
    lines += [f"  {command} run --as-of {turn}" for turn in new.turns]
    lines.append(f"  {command} report --as-of {new.turns[-1]}")
    lines.append(f"  {command.removesuffix('lakeloop')}pytest" if command.endswith("lakeloop") else "  pytest")
    return "\n".join(lines)


def _texts(folder: Traversable, prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        if entry.name == "__pycache__":  # an installer compiles the tests of the template too
            continue
        if entry.is_dir():
            found += _texts(entry, f"{path}/")
        else:
            found.append((path, entry.read_text(encoding="utf-8")))
    return found


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Fill in what is known only now; braces of YAML stay."""
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def _refuse_taken(folder: Path, place: Path, contents: Mapping[str, str]) -> None:
    remedy = "name another folder; nothing was written"
    allowed = "a folder that is new, empty, or holds none of the files of a new project"
    for parent in (place, *place.parents):
        if parent.exists() or parent.is_symlink():
            if not parent.is_dir():
                raise UsageError("DIR", f"{folder}, where {parent} is a file", allowed, remedy)
            break
    taken = [path for path in contents if (place / path).exists() or (place / path).is_symlink()]
    others = [path.relative_to(place).as_posix() for path in sorted(place.glob("conf/**/*.y*ml"))]
    found = sorted({*taken, *others})
    if found:
        more = f" and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
        raise UsageError("DIR", f"{folder}, which holds {', '.join(found[:MAX_SHOWN])}{more}", allowed, remedy)


def _tree(paths: tuple[str, ...]) -> list[str]:
    """Draw files below their folders."""
    lines: list[str] = []
    shown: set[PurePosixPath] = set()
    for text in paths:
        path = PurePosixPath(text)
        for parent in reversed(path.parents[:-1]):
            if parent not in shown:
                shown.add(parent)
                lines.append(f"  {'  ' * len(parent.parts)}{parent.name}/")
        lines.append(f"  {'  ' * len(path.parts)}{path.name}")
    return lines
