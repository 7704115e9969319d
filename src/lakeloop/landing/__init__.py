"""Landed files: admission, staging and refusal. The only package that opens or moves a landed file."""

from lakeloop.landing.admission import FileStatus, LandedFile, admit_files, drop_unrecorded, set_aside, staged_schema
from lakeloop.landing.header import match_columns
from lakeloop.landing.opened import MALFORMED, UNKNOWN, RefusedError

__all__ = [
    "MALFORMED",
    "UNKNOWN",
    "FileStatus",
    "LandedFile",
    "RefusedError",
    "admit_files",
    "drop_unrecorded",
    "match_columns",
    "set_aside",
    "staged_schema",
]
