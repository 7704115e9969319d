"""Blocks of pages that other tests hold, and texts that nothing can run: each with its test, or its reason.

A new block is held by `test_snippets.py` by its language. One that cannot be, or that another test runs, is named here;
so is every block of plain text, because it may be an output that grows old.
"""

from __future__ import annotations

from collections.abc import Mapping

TESTS: Mapping[tuple[str, str], str] = {
    ("CONTRIBUTING.md", "python"): "tests/test_contributing.py",
    ("docs/decisions.md", "python"): "tests/decisions/test_page.py",
    ("docs/drift.md", "python"): "tests/drift/test_drift_page.py",
    ("docs/notifications.md", "python"): "tests/notifications/test_documentation.py",
    ("docs/observability.md", "python"): "tests/security/test_page.py",
    ("docs/testing_your_project.md", "python"): "tests/starter/test_own_tests.py",
    ("docs/plugins.md", "python"): "tests/plugins/test_shown.py",
    ("docs/plugins.md", "yaml"): "tests/plugins/test_shown.py",
}
"""Page and language -> the test that runs all such blocks of the page."""

TEXTS: Mapping[str, Mapping[str, str]] = {
    "README.md": {
        "landed files -> ingest": "a drawing",
        "late_arrival: log_loss of": "figures of one run of make demo, on a machine that is named",
        "conf/base/models/late_arrival.yml:27": "tests/docs/test_snippets.py",
    },
    "docs/architecture.md": {"cli/   jobs/*.py": "a drawing; the contracts of make imports hold it"},
    "docs/benchmarks.md": {"": "figures of the command that stands above, on a machine that is named"},
    "docs/cli.md": {
        "0.7 s  ingest": "the progress of a run: its seconds are of one machine",
        "interrupted during:": "tests/cli/test_interrupts.py",
    },
    "docs/configuration.md": {"conf/base/project.yml": "a drawing of folders"},
    "docs/decisions.md": {"alarm persisted": "a drawing; the states are in tests/decisions/test_page.py"},
    "docs/deploy.md": {"-v ": "options of the call of docker above"},
    "docs/experiments.md": {"train  ": "a drawing"},
    "docs/explanations.md": {"contribution(j)": "a formula"},
    "docs/larger_than_the_driver.md": {
        "training set 3f2a9c": "such messages are made in tests/runs/test_training_read.py"
    },
    "docs/plugins.md": {
        "plugins": "tests/plugins/test_shown.py",
        "conf/base/sources/orders.yml:9": "such messages are made in tests/plugins/test_refused.py",
    },
    "docs/tutorial_online_retail.md": {"Invoice,StockCode": "the first lines of a file that make tutorial lands"},
    "docs/upgrades.md": {"ops.decisions: written": "such messages are made in tests/tables/test_formats.py"},
    "docs/replay.md": {"late_arrival: ": "figures of one run of the command above: minutes on the demo's workspace"},
}
"""Page -> beginning of a block of plain text -> the test that makes it, or why none does."""

NEED_MORE: Mapping[str, str] = {
    "score": "needs a turn",
    "ingest": "needs Spark",
    "run": "needs Spark",
    "train": "needs Spark",
    "report": "needs Spark",
    "training-set": "needs a pinned set: tests/cli/test_training_sets.py",
    "quarantine": "needs rejected rows: tests/cli/test_quarantine.py",
    "backfill": "needs built tables: tests/cli/test_backfill.py",
    "doctor": "tells of this machine: tests/test_cli_doctor.py",
    "deploy": "tells of a folder: tests/cli/test_deploy.py",
    "replay": "takes minutes: tests/cli/test_replay.py",
    "compare": "needs runs: tests/cli/test_experiments.py",
}
"""Verbs whose outputs on pages are not compared here: why."""

OTHER_PROJECTS: Mapping[str, str] = {"docs/tutorial_online_retail.md": "tests/docs/test_tutorial.py"}
"""Pages whose calls are of another project than the flights: the test that runs them."""

NOT_OF_THE_FLIGHTS = {
    (
        "docs/features.md",
        "features show carrier_wind.strongest_wind",
    ): "a table that the page on configuration declares",
}
"""Calls of other verbs that the flights project cannot answer: why."""
