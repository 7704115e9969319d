"""Which Java starts Spark: the machine's own where it serves, else the one of the Python index (`lakeloop[jre]`).

`python -m lakeloop.java` prints its folder, for `JAVA_HOME`. A Java of the machine is only ever asked for its version.
"""

from lakeloop.java.finding import OLDEST, TRIED, Java, JavaOrigin, find_java, major_version, use_java

__all__ = ["OLDEST", "TRIED", "Java", "JavaOrigin", "find_java", "major_version", "use_java"]
