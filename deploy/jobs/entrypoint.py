"""First process of the jobs image: becomes Spark's driver or executor when Spark asks for it, else what it is told.

Spark on Kubernetes starts every pod of an application with `driver ...` or `executor` as arguments, and tells an
executor by variables whom to call.

Source: Spark 4, `KubernetesExecutorBackend` and the constants of `spark-kubernetes`, which tests/deploy reads.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence

EXECUTOR = "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
TOLD_BY = {
    "--driver-url": "SPARK_DRIVER_URL",
    "--executor-id": "SPARK_EXECUTOR_ID",
    "--cores": "SPARK_EXECUTOR_CORES",
    "--app-id": "SPARK_APPLICATION_ID",
    "--hostname": "SPARK_EXECUTOR_POD_IP",
    "--resourceProfileId": "SPARK_RESOURCE_PROFILE_ID",
    "--podName": "SPARK_EXECUTOR_POD_NAME",
}
"""Option of the executor -> the variable that Spark sets in its pod."""

JAVA_OPTION = "SPARK_JAVA_OPT_"
_USAGE = 2


def build_command(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Tell what the container runs.

    Args:
        arguments: What the container was started with.
        environment: Variables of the process.

    Returns:
        The command, its program first.

    Raises:
        SystemExit: If there is nothing to run, or a variable is missing that Spark sets; with a message.
    """
    if not arguments:
        raise SystemExit("jobs image: got no command; allowed: driver, executor, or a command such as lakeloop plan")
    if arguments[0] == "driver":
        address = _value(environment, "SPARK_DRIVER_BIND_ADDRESS")
        return [
            f"{_value(environment, 'SPARK_HOME')}/bin/spark-submit",
            *("--conf", f"spark.driver.bindAddress={address}"),
            *("--conf", f"spark.executorEnv.SPARK_DRIVER_POD_IP={address}"),
            *("--deploy-mode", "client"),
            *arguments[1:],
        ]
    if arguments[0] != "executor":
        return list(arguments)
    memory = _value(environment, "SPARK_EXECUTOR_MEMORY")
    return [
        f"{_value(environment, 'JAVA_HOME')}/bin/java",
        *java_options(environment),
        *(f"-Xms{memory}", f"-Xmx{memory}"),
        *("-cp", class_path(environment)),
        EXECUTOR,
        *(each for option, name in TOLD_BY.items() for each in (option, _value(environment, name))),
    ]


def java_options(environment: Mapping[str, str]) -> list[str]:
    """Give the options that Spark numbers: `SPARK_JAVA_OPT_0`, `SPARK_JAVA_OPT_1` and so on, in that order."""
    numbered = {
        int(name[len(JAVA_OPTION) :]): value
        for name, value in environment.items()
        if re.fullmatch(f"{JAVA_OPTION}[0-9]+", name)
    }
    return [numbered[number] for number in sorted(numbered)]


def class_path(environment: Mapping[str, str]) -> str:
    """Give the folders and jars of an executor: its settings, what the application adds, Spark."""
    home = _value(environment, "SPARK_HOME")
    parts = (environment.get("SPARK_CONF_DIR", f"{home}/conf"), environment.get("SPARK_CLASSPATH"), f"{home}/jars/*")
    return ":".join(part for part in parts if part)


def _value(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SystemExit(f"jobs image: {name} is not set; Spark on Kubernetes sets it, and the image its own")
    return value


def main() -> None:
    """Become the command."""
    command = build_command(sys.argv[1:], os.environ)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is the point: the signal reaches the command itself
    except OSError as failure:
        sys.stderr.write(f"jobs image: {command[0]}: {failure.strerror}\n")
        raise SystemExit(_USAGE) from failure


if __name__ == "__main__":
    main()
