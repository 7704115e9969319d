# Written by lakeloop 0.1.0, `lakeloop deploy airflow`: change conf/ or the options, and write it again.
"""Turns of the project flights, as of the end of the interval that Airflow schedules.

A call is repeated where a repeat can help: an exit code of `FINAL` fails the task for good. What the calls say stands
in the task's log, its last line one JSON object. Where lakeloop and the project are is told by two variables of the
worker's environment, read when a task runs: LAKELOOP_PROGRAM and LAKELOOP_PROJECT_FOLDER.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.timetables.trigger import CronTriggerTimetable

AS_OF = "{{ (data_interval_end | default(dag_run.run_after, true)).isoformat() }}"
FINAL = frozenset({2, 3, 4})


class Lakeloop(BaseOperator):
    """Calls lakeloop.

    Args:
        arguments: The verb and what follows it; templates are filled in.
    """

    template_fields: Sequence[str] = ("arguments",)

    def __init__(self, *, arguments: list[str], **given: Any) -> None:
        super().__init__(**given)
        self.arguments = arguments
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> str | None:  # noqa: ARG002 - Airflow's own signature
        """Run the call to its end.

        Returns:
            The last line that it printed: one JSON object.
        """
        folder = os.environ.get("LAKELOOP_PROJECT_FOLDER", "/project")
        call = [os.environ.get("LAKELOOP_PROGRAM", "lakeloop"), *self.arguments, "--project", folder, "--json"]
        self.log.info("%s", call)
        last = None
        with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            self._process = process
            for line in process.stdout or ():
                self.log.info("%s", line.rstrip())
                last = line.rstrip() if line.startswith("{") else last
        if process.returncode in FINAL:
            raise AirflowFailException(f"lakeloop ended with {process.returncode}: the same call would fail again")
        if process.returncode:
            raise AirflowException(f"lakeloop ended with {process.returncode}")
        return last

    def on_kill(self) -> None:
        """End the call; what it has recorded is whole."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)


with DAG(
    dag_id="lakeloop_flights",
    description="Turns of the loop of flights.",
    schedule=CronTriggerTimetable("30 6 * * *", timezone="America/New_York"),
    start_date=pendulum.datetime(2013, 1, 1, tz="America/New_York"),
    # A turn covers the stretch since the last one: what was missed is not made up for.
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(seconds=60),
        "execution_timeout": timedelta(seconds=14400),
    },
    tags=["lakeloop", "lakeloop 0.1.0"],
):
    # all steps of a turn, in order
    turn = Lakeloop(task_id="turn", arguments=["run", "--as-of", AS_OF])
    # champions and newest rows for online answers
    publish = Lakeloop(task_id="publish", arguments=["publish", "late_arrival", "--as-of", AS_OF])

    turn >> publish
