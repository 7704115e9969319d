"""Run policies over history: `spark-submit jobs/replay.py late_arrival --from 2013-04-01 --to 2013-07-01`.

Options and exit codes are those of `lakeloop replay`; the last line of standard output is one JSON object.
"""

from lakeloop.cli import run_job

if __name__ == "__main__":
    run_job("replay")
