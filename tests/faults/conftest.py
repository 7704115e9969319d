"""The command line, called in a project, as where it is misused."""

from tests.misuse.conftest import call

__all__ = ["call"]
