"""The first process of the jobs image: what it becomes, and that the installed Spark speaks the same protocol."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.jobs import entrypoint

IMAGE = {"SPARK_HOME": "/spark", "JAVA_HOME": "/java"}
EXECUTOR = {
    **IMAGE,
    "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@driver:7078",
    "SPARK_EXECUTOR_ID": "3",
    "SPARK_EXECUTOR_CORES": "2",
    "SPARK_EXECUTOR_MEMORY": "3072m",
    "SPARK_APPLICATION_ID": "spark-1",
    "SPARK_EXECUTOR_POD_IP": "10.0.0.7",
    "SPARK_RESOURCE_PROFILE_ID": "0",
    "SPARK_EXECUTOR_POD_NAME": "score-exec-3",
    "SPARK_CONF_DIR": "/opt/spark/conf",
    **{f"SPARK_JAVA_OPT_{number}": f"-Doption{number}=a b" for number in (10, 2, 0)},
}


def test_a_driver_is_submitted_in_its_own_pod():
    environment = {**IMAGE, "SPARK_DRIVER_BIND_ADDRESS": "10.0.0.6"}
    assert entrypoint.build_command(
        ["driver", "--class", "x.Runner", "local:///score.py", "1 minute"], environment
    ) == [
        "/spark/bin/spark-submit",
        *("--conf", "spark.driver.bindAddress=10.0.0.6"),
        *("--conf", "spark.executorEnv.SPARK_DRIVER_POD_IP=10.0.0.6"),
        *("--deploy-mode", "client"),
        *("--class", "x.Runner", "local:///score.py", "1 minute"),
    ]


def test_an_executor_calls_its_driver():
    assert entrypoint.build_command(["executor"], EXECUTOR) == [
        "/java/bin/java",
        *("-Doption0=a b", "-Doption2=a b", "-Doption10=a b"),  # by number, not by name
        *("-Xms3072m", "-Xmx3072m"),
        *("-cp", "/opt/spark/conf:/spark/jars/*"),
        "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend",
        *("--driver-url", "spark://CoarseGrainedScheduler@driver:7078"),
        *("--executor-id", "3"),
        *("--cores", "2"),
        *("--app-id", "spark-1"),
        *("--hostname", "10.0.0.7"),
        *("--resourceProfileId", "0"),
        *("--podName", "score-exec-3"),
    ]


def test_what_an_application_adds_to_the_class_path_stands_before_sparks_own_jars():
    assert entrypoint.class_path({**IMAGE, "SPARK_CLASSPATH": "/extra.jar"}) == "/spark/conf:/extra.jar:/spark/jars/*"


def test_any_other_command_is_run_as_it_is():
    assert entrypoint.build_command(["python", "turn.py"], {}) == ["python", "turn.py"]


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        ([], {}, "got no command"),
        (["driver"], IMAGE, "SPARK_DRIVER_BIND_ADDRESS"),
        (["executor"], {**EXECUTOR, "SPARK_DRIVER_URL": ""}, "SPARK_DRIVER_URL"),
        (["executor"], {**EXECUTOR, "JAVA_HOME": ""}, "JAVA_HOME"),
    ],
)
def test_what_cannot_be_run_is_told(arguments, environment, named):
    with pytest.raises(SystemExit, match=named):
        entrypoint.build_command(arguments, environment)


def test_the_process_becomes_the_command():
    script = Path(entrypoint.__file__)
    done = subprocess.run([sys.executable, script, "sh", "-c", "exit 7"], check=False)
    assert done.returncode == 7
    lost = subprocess.run([sys.executable, script, "no-such-program"], capture_output=True, text=True, check=False)
    assert (lost.returncode, lost.stderr) == (2, "jobs image: no-such-program: No such file or directory\n")


def test_the_installed_spark_has_these_options_and_sets_these_variables():
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    (jar,) = (Path(spec.origin).parent / "jars").glob("spark-kubernetes_*.jar")
    with zipfile.ZipFile(jar) as classes:
        backend = classes.read(f"{entrypoint.EXECUTOR.replace('.', '/')}$.class")
        constants = classes.read("org/apache/spark/deploy/k8s/Constants$.class")
    assert [option for option in entrypoint.TOLD_BY if option.encode() not in backend] == []
    named = [*entrypoint.TOLD_BY.values(), entrypoint.JAVA_OPTION, "SPARK_EXECUTOR_MEMORY", "SPARK_CLASSPATH",
             "SPARK_DRIVER_BIND_ADDRESS", "SPARK_DRIVER_POD_IP"]  # fmt: skip
    assert [name for name in named if name.encode() not in constants] == []
