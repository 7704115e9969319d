"""Which files are accounted for: a stream whose checkpoint was lost, or moved with its workspace, gives them again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lakeloop import schemas
from lakeloop.tables import Lake

_CONTENT = "content"
_HASH_DIGITS = 16


def note_content(files: Sequence[str]) -> dict[str, list[str]]:
    """Note with the accounting of a batch which files it was of.

    Args:
        files: Their content hashes.

    Returns:
        What is recorded with the commit: the beginning of each hash is enough to tell them apart.

    >>> note_content(["0123456789abcdef0123456789abcdef"])
    {'content': ['0123456789abcdef']}
    """
    return {_CONTENT: [each[:_HASH_DIGITS] for each in files]}


def list_unaccounted(lake: Lake, source: str, files: Sequence[str]) -> list[str]:
    """List the files of a batch whose rows are not accounted for yet.

    Args:
        lake: The tables.
        source: The source.
        files: Content hashes of the batch's files.

    Returns:
        Those that no recorded batch of the source was of, in their order.

    >>> from lakeloop.runs.landed_files import seen_files
    >>> landed = seen_files(context.lake)["orders"][0].content_hash
    >>> list_unaccounted(context.lake, "orders", [landed, "never-seen"])
    ['never-seen']
    """
    commits = lake.commits(lake.own(schemas.INGESTED_BATCHES))
    mine = (each for each in commits if each.unit.startswith(f"batch {source} "))
    known = {content for each in mine for content in each.notes.get(_CONTENT, ())}
    return [each for each in files if each[:_HASH_DIGITS] not in known]


def drop_moved_checkpoint(checkpoint: Path, staging: Path) -> bool:
    r"""Let a stream begin anew when its checkpoint names files at another place; what it read is known without it.

    Args:
        checkpoint: Folder of the stream's checkpoint.
        staging: Folder the stream reads from now.

    Returns:
        Whether the checkpoint was dropped.

    >>> import tempfile
    >>> checkpoint = Path(tempfile.mkdtemp())
    >>> (checkpoint / "sources" / "0").mkdir(parents=True)
    >>> _ = (checkpoint / "sources" / "0" / "0").write_text('v1\n{"path":"file:///old/admitted/a.parquet"}')
    >>> drop_moved_checkpoint(checkpoint, Path("/new/admitted")), checkpoint.exists()
    (True, False)
    """
    logs = sorted((checkpoint / "sources" / "0").glob("[0-9]*"))
    named = [line for log in logs[-1:] for line in log.read_text(encoding="utf-8").splitlines() if line[:1] == "{"]
    places = {Path(unquote(urlsplit(json.loads(line)["path"]).path)).parent for line in named}
    if places <= {staging}:
        return False
    shutil.rmtree(checkpoint)
    return True
