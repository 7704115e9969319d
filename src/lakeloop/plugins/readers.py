"""Sources that are read: entry points of the group `lakeloop.readers` name a class that inherits from `DeclaredReader`.

>>> sorted(DeclaredReader.__abstractmethods__)
['fetch', 'place']
"""

from lakeloop.config.section import Duration, Number, Text, Whole
from lakeloop.reading.reader import DeclaredReader, Fetched

__all__ = ["DeclaredReader", "Duration", "Fetched", "Number", "Text", "Whole"]
