"""Parses a DAG as Airflow does, and fills in and runs its first task; run by an interpreter that has Airflow 3."""

import json
import os
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pendulum
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowException
from airflow.timetables.base import TimeRestriction


def calls(dag, known):
    """Fill in the arguments of all tasks by what a run knows."""
    found = {}
    for task in dag.tasks:
        context = {"dag_run": SimpleNamespace(run_after=pendulum.datetime(2026, 7, 1, 9, tz="UTC")), **known}
        copy = task.prepare_for_execution()
        copy.render_template_fields(context)
        found[task.task_id] = copy.arguments
    return found


def end_of(dag, program):
    """Run the first task with a stand-in for lakeloop; tell what it gave, or the class of what it raised."""
    os.environ |= {"LAKELOOP_PROGRAM": program, "LAKELOOP_PROJECT_FOLDER": "/there"}
    task = dag.tasks[0].prepare_for_execution()
    task.arguments = ["run"]
    try:
        return task.execute({})
    except AirflowException as raised:
        return type(raised).__name__


bag = DagBag(sys.argv[1])
(dag,) = bag.dags.values()
timetable = dag.timetable
after = timetable.next_dagrun_info(
    last_automated_data_interval=None,
    restriction=TimeRestriction(earliest=pendulum.datetime(2026, 3, 7, 12, tz="UTC"), latest=None, catchup=True),
)
told = {
    "errors": bag.import_errors,
    "dag": dag.dag_id,
    "tasks": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks},
    "retries": sorted({(task.retries, task.retry_delay.total_seconds()) for task in dag.tasks}),
    "limits": sorted({task.execution_timeout.total_seconds() for task in dag.tasks}),
    "runs": [dag.catchup, dag.max_active_runs],
    "first": after.logical_date.astimezone(UTC).isoformat(),
    "summary": timetable.summary,
    "scheduled": calls(dag, {"data_interval_end": pendulum.instance(datetime(2026, 7, 1, 10, 30, tzinfo=UTC))}),
    "by_hand": calls(dag, {}),
    "ends": {program.rsplit("/", 1)[-1]: end_of(dag, program) for program in sys.argv[2:]},
}
sys.stdout.write("\n" + json.dumps(told))
