"""What a generated file says of itself, and how it is marked up."""

from __future__ import annotations

from typing import Any

import yaml


def header(version: str, target: str, comment: str = "#") -> str:
    r"""Say by what a file was written.

    Args:
        version: Version of lakeloop.
        target: What it was written for: the verb below `lakeloop deploy`.
        comment: What a comment begins with.

    Returns:
        One line, with its end.

    >>> header("0.1.0", "airflow")
    '# Written by lakeloop 0.1.0, `lakeloop deploy airflow`: change conf/ or the options, and write it again.\n'
    """
    call = f"`lakeloop deploy {target}`"
    return f"{comment} Written by lakeloop {version}, {call}: change conf/ or the options, and write it again.\n"


def as_yaml(content: Any) -> str:
    """Write plain data as YAML, keys in their order.

    Args:
        content: Dictionaries, lists, texts, numbers, booleans.

    Returns:
        Lines of YAML; the same for the same data.

    >>> print(as_yaml({"b": ["x: y", 1], "a": {"on": True}}), end="")
    b:
      - 'x: y'
      - 1
    a:
      'on': true
    """
    return yaml.dump(content, Dumper=_Indented, sort_keys=False, width=10_000, allow_unicode=True)


class _Indented(yaml.SafeDumper):
    """Writes lists further in than their key, and no aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's own
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's own protocol
        return True
