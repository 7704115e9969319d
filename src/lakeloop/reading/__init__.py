"""What is read where it is: databases and streams, and the staging of the stretches that were read."""

from lakeloop.reading.database import cut_rows, measure_rows, open_database
from lakeloop.reading.staging import Stretch, drop_staged, find_staged, folder_of, settle, stage, write_part
from lakeloop.reading.streams import drain_stream, identify_checkpoint

__all__ = [
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
