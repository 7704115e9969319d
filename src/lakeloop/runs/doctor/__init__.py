"""What this machine has and lacks for running the loop, each check with what to do about it."""

from lakeloop.runs.doctor.examination import Examination, examine
from lakeloop.runs.doctor.finding import Finding

__all__ = ["Examination", "Finding", "examine"]
