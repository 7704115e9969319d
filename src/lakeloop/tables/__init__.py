"""The only package that reads or writes Delta tables, and the one place that cuts time."""

from __future__ import annotations

from lakeloop.tables.address import TableAddress, WriteIdentity, identity_hash
from lakeloop.tables.commits import Commit, WriteResult
from lakeloop.tables.lake import Lake

__all__ = ["Commit", "Lake", "TableAddress", "WriteIdentity", "WriteResult", "identity_hash"]
