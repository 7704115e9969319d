"""Publish champions and their newest rows: `spark-submit jobs/publish.py --as-of 2013-05-01`.

Options and exit codes are those of `lakeloop publish`; the last line of standard output is one JSON object.
"""

from lakeloop.cli import run_job

if __name__ == "__main__":
    run_job("publish")
