"""Landed files: admission, staging and refusal. The only package that opens or moves a landed file."""

from lakeloop.landing.admission import FileStatus, LandedFile, admit_files, drop_unrecorded, set_aside, staged_schema
from lakeloop.landing.records import MALFORMED

__all__ = ["MALFORMED", "FileStatus", "LandedFile", "admit_files", "drop_unrecorded", "set_aside", "staged_schema"]
