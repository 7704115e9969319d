"""Lays out what the site is built from: the Markdown pages as they are, and reference pages written from the code.

python -m docs.site.pages FOLDER

Pages keep their places, so that links between them hold. A link to another file of the repository takes that file
along; a link to a folder becomes plain text.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from docs.site.command_line import render_command_line
from docs.site.config_keys import render_keys
from docs.site.config_words import render_words
from docs.site.lake_tables import render_tables
from docs.site.results import render_errors, render_statuses

ROOT = Path(__file__).resolve().parents[2]
_DECISIONS = "docs/adr"
_START = "README.md"
_CONFIGURATION = "../../docs/configuration.md"
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_LISTED = re.compile(rf"^- .*?{_LINK.pattern}", re.MULTILINE)
_WRITTEN_ON = "Written from the code by `make docs`.\n\n"


def render_reference() -> dict[str, str]:
    """Write every reference page.

    Returns:
        Path below the site's source -> Markdown.

    >>> sorted(render_reference())[:3]
    ['reference/command_line.md', 'reference/config/aggregates.md', 'reference/config/feature_table.md']
    """
    pages: dict[str, tuple[str, str]] = {}
    for title, table in render_keys():
        name = title.replace(" ", "_")
        about = (
            f"Every key of a file that declares a {title}. How they work together: [configuration]({_CONFIGURATION})."
        )
        pages[f"config/{name}"] = f"Keys of a {title}", f"{about}\n\n{table}"
    for name, title, text in render_words():
        pages[f"config/{name}"] = title, text
    pages["command_line"] = "Verbs and options", render_command_line()
    pages["tables"] = "Tables of the lake", render_tables()
    pages["errors"] = "Exit codes and exceptions", render_errors()
    pages["statuses"] = "Statuses", render_statuses()
    return {f"reference/{name}.md": f"# {title}\n\n{_WRITTEN_ON}{text}\n" for name, (title, text) in pages.items()}


def list_pages(root: Path) -> list[str]:
    """List the Markdown pages of a checkout, those that README lists first and in its order.

    Args:
        root: The checkout.

    Returns:
        Paths below it.

    >>> found = list_pages(ROOT)
    >>> found[0], found.index("docs/cli.md") < found.index("docs/adr/README.md")
    ('README.md', True)
    """
    found = [
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        *(each.relative_to(root).as_posix() for each in root.glob("docs/**/*.md")),
    ]
    start = (root / _START).read_text(encoding="utf-8")
    listed = [target for line in _LISTED.finditer(start) for _, target in _LINK.findall(line[0]) if target in found]
    return list(dict.fromkeys([_START, *listed, *sorted(found)]))


def write_pages(root: Path, folder: Path) -> None:
    """Lay out the site's source.

    Args:
        root: The checkout.
        folder: Where to; what was there is removed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    pages = list_pages(root)
    for page in pages:
        text = _with_links(root, folder, page, frozenset(pages))
        if page == _START:
            text += _contents(pages)
        if page == f"{_DECISIONS}/README.md":
            text += _tree("", [each.removeprefix(f"{_DECISIONS}/") for each in _decisions(pages)])
        _write(folder / ("index.md" if page == _START else page), text)
    for name, text in render_reference().items():
        _write(folder / name, text)


def _with_links(root: Path, folder: Path, page: str, pages: frozenset[str]) -> str:
    here = PurePosixPath(page).parent

    def replaced(found: re.Match[str]) -> str:
        text, target = found.groups()
        path, _, place = target.partition("#")
        if not path or ":" in target:
            return found[0]
        file = (root / here / path).resolve()
        name = file.relative_to(root).as_posix() if file.is_relative_to(root) else path
        if name == _START:
            return f"[{text}]({'../' * len(here.parts)}index.md{'#' + place if place else ''})"
        if name in pages or not file.exists():
            return found[0]
        if f"{name}/README.md" in pages:
            return f"[{text}]({path.rstrip('/')}/README.md)"
        if file.is_dir():
            return text
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)
        return found[0]

    parts = re.split(r"(^ *```.*?^ *```$)", (root / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return "".join(part if index % 2 else _LINK.sub(replaced, part) for index, part in enumerate(parts))


def _decisions(pages: Sequence[str]) -> list[str]:
    return [each for each in pages if each.startswith(f"{_DECISIONS}/") and not each.endswith("README.md")]


def _contents(pages: Sequence[str]) -> str:
    reference = list(render_reference())
    apart = {_START, *_decisions(pages)}
    guides = [each for each in pages if each not in apart and each.startswith("docs/")]
    others = [each for each in pages if each not in apart and not each.startswith("docs/")]
    configuration = [each for each in reference if "/config/" in each]
    rest = [each for each in reference if each not in configuration]
    return "".join(
        (
            _tree("Pages", guides),
            _tree("Reference: configuration", configuration),
            _tree("Reference", [*rest, "reference/python/lakeloop/index"]),
            _tree("Project", others),
        )
    )


def _tree(title: str, pages: Sequence[str]) -> str:
    caption = f":caption: {title}\n" if title else ""
    return "\n".join(
        ("\n\n```{toctree}\n" + caption + ":hidden:\n", *(each.removesuffix(".md") for each in pages), "```\n")
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_pages(ROOT, Path(sys.argv[1]))
