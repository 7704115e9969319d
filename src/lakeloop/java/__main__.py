"""Print the folder of the Java that starts Spark, for `JAVA_HOME`."""

from __future__ import annotations

import sys

from lakeloop.errors import EnvironmentProblemError
from lakeloop.java.finding import find_java

if __name__ == "__main__":
    try:
        sys.stdout.write(f"{find_java().home}\n")
    except EnvironmentProblemError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
