"""What lakeloop is made of: known vulnerabilities of its packages, and a bill of materials.

    python -m deploy.supply_chain audit    # exit 0 none known, 1 some are, 2 not judged
    python -m deploy.supply_chain sbom     # writes build/sbom/*.cdx.json

The tools live in an environment of their own, build/audit-env: nothing that lakeloop runs with depends on them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("pip-audit==2.10.1", "cyclonedx-bom==7.5.0", "cyclonedx-python-lib[json-validation]==11.12.0")
LOCKS = (
    "requirements.lock",
    "deploy/serving.lock",
    "deploy/serving-lightgbm.lock",
    "deploy/serving-xgboost.lock",
    "deploy/build.lock",
)
SERVICES = ("pypi", "osv")
"""Databases of advisories, in the order in which they are asked."""

NONE_KNOWN, VULNERABLE, NOT_JUDGED = 0, 1, 2
_SHOWN = 10


@dataclass(frozen=True)
class Audit:
    """What became of the audit of one lock.

    Attributes:
        lock: The lock.
        judged: Packages that a database knows.
        vulnerable: Package and version -> ids of its vulnerabilities.
        skipped: Packages that no database judged.
        problem: Why no database answered; None where one did.
    """

    lock: str
    judged: int = 0
    vulnerable: tuple[tuple[str, tuple[str, ...]], ...] = ()
    skipped: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def exit_code(self) -> int:
        """Nothing that was not judged is taken for sound."""
        if self.vulnerable:
            return VULNERABLE
        return NOT_JUDGED if self.problem is not None or self.skipped or not self.judged else NONE_KNOWN

    def describe(self) -> str:
        """Say what was found, bounded."""
        if self.problem is not None:
            return f"{self.lock}: not judged: {self.problem}"
        lines = [f"{self.lock}: {self.judged} packages judged, {len(self.vulnerable)} with known vulnerabilities"]
        lines += [f"  {package}: {', '.join(ids)}" for package, ids in self.vulnerable]
        if self.skipped:
            more = len(self.skipped) - _SHOWN
            shown = ", ".join(self.skipped[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
            lines.append(f"  not judged, for no database knows them: {shown}")
        return "\n".join(lines)


def read_audit(lock: str, output: str, errors: str) -> Audit:
    """Read what pip-audit says of a lock.

    Args:
        lock: The lock.
        output: Its standard output, JSON where a database answered.
        errors: Its standard error.

    Returns:
        What was found.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = [line.strip() for line in errors.splitlines() if line.strip()]
        return Audit(lock, problem=lines[-1][:200] if lines else "pip-audit said nothing")
    found = tuple(
        (f"{each['name']} {each['version']}", tuple(one["id"] for one in each["vulns"]))
        for each in packages
        if each.get("vulns")
    )
    skipped = tuple(each["name"] for each in packages if "skip_reason" in each)
    return Audit(lock, len(packages) - len(skipped), found, skipped)


def audit_lock(python: Path, lock: str) -> Audit:
    """Ask the databases, one after the other, until one has judged every package of a lock."""
    best: Audit | None = None
    for service in SERVICES:
        call = [str(python), "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        call += ["--format", "json", "--vulnerability-service", service, "--requirement", lock]
        done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
        found = read_audit(lock, done.stdout, done.stderr)
        if found.exit_code != NOT_JUDGED:
            return found
        if best is None or found.judged > best.judged:
            best = found
    return best or Audit(lock, problem="no database was asked")


def write_bills(python: Path, folder: Path) -> list[Path]:
    """Write the bills of materials: of the environment with its licences, and of the server's image with its hashes.

    Args:
        python: Python of the tools' environment.
        folder: Where to.

    Returns:
        The files: CycloneDX 1.6, each checked against its schema by the tool.
    """
    folder.mkdir(parents=True, exist_ok=True)
    common = ["--spec-version", "1.6", "--output-format", "JSON", "--output-reproducible", "--validate"]
    calls = {
        "lakeloop.cdx.json": ["environment", ".venv", "--pyproject", "pyproject.toml"],
        "serving.cdx.json": ["requirements", "deploy/serving.lock"],
    }
    for name, call in calls.items():
        whole = [str(python), "-W", "ignore", "-m", "cyclonedx_py", *call, *common, "--output-file", str(folder / name)]
        subprocess.run(whole, cwd=ROOT, check=True)
    return [folder / name for name in calls]


def describe_bill(path: Path) -> str:
    """Say what a bill holds; refuse one that is empty."""
    bill = json.loads(path.read_text("utf-8"))
    parts = bill["components"]
    if bill.get("bomFormat") != "CycloneDX" or not parts:
        raise SystemExit(f"{path}: no bill of materials")
    licensed = sum("licenses" in each for each in parts)
    return (
        f"{path.relative_to(ROOT)}: {len(parts)} packages, {licensed} with a licence, CycloneDX {bill['specVersion']}"
    )


def tools_python() -> Path:
    """Make the tools' environment where it is missing or of other versions."""
    home = ROOT / "build/audit-env"
    python, mark = home / "bin/python", home / "tools"
    if not (mark.is_file() and mark.read_text("utf-8") == "\n".join(TOOLS)):
        venv.create(home, with_pip=True, clear=True)
        call = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *TOOLS]
        if subprocess.run(call, check=False).returncode != 0:
            raise SystemExit("the tools could not be installed: a package index that has them is needed")
        mark.write_text("\n".join(TOOLS), "utf-8")
    return python


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["audit", "sbom"])
    asked = parser.parse_args(arguments)
    python = tools_python()
    if asked.what == "sbom":
        for path in write_bills(python, ROOT / "build/sbom"):
            sys.stdout.write(f"{describe_bill(path)}\n")
        return 0
    audits = [audit_lock(python, lock) for lock in LOCKS]
    for each in audits:
        sys.stdout.write(f"{each.describe()}\n")
    codes = {each.exit_code for each in audits}
    if VULNERABLE in codes:
        return VULNERABLE
    if NOT_JUDGED in codes:
        sys.stderr.write(
            "the audit is not done: what no database of advisories has judged may be vulnerable\n"
            "  remedy: repeat it where the advisories of the Python index or of OSV can be reached\n"
        )
        return NOT_JUDGED
    return NONE_KNOWN


if __name__ == "__main__":
    sys.exit(main())
