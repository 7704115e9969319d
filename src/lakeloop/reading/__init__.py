"""What is read where it is: databases, streams, what packages read; and the staging of stretches that were read."""

from lakeloop.reading.database import cut_rows, measure_rows, open_database
from lakeloop.reading.reader import DeclaredReader, Fetched
from lakeloop.reading.staging import Stretch, drop_staged, find_staged, folder_of, settle, stage, write_part
from lakeloop.reading.streams import drain_stream, identify_checkpoint

__all__ = [
    "DeclaredReader",
    "Fetched",
    "Stretch",
    "cut_rows",
    "drain_stream",
    "drop_staged",
    "find_staged",
    "folder_of",
    "identify_checkpoint",
    "measure_rows",
    "open_database",
    "settle",
    "stage",
    "write_part",
]
