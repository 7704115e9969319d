from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.reporting.evidence import (
    MAX_SLICES,
    describe_numbers,
    read_checks,
    read_count,
    read_metrics,
    read_object,
    read_slices,
)
from lakeloop.reporting.judgements import GateCheck, GateMetric
from tests.reporting.recordings import gate_evidence

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
NAMES = ("checks", "slices", "challenger", "baseline", "champion", "challenger_on_comparable", "rows")


def test_checks_and_metrics_are_read_as_the_gate_wrote_them() -> None:
    evidence = gate_evidence()
    assert read_checks(evidence)[1] == GateCheck(
        "beats_baseline", "PASS", -0.0625, 0.0, -0.0725, -0.0525, "log_loss of challenger minus baseline"
    )
    assert read_metrics(evidence) == (
        GateMetric("log_loss", 0.4825, 0.545, 0.4855, 0.4875),
        GateMetric("roc_auc", 0.7125, 0.5, None, None),
    )


def test_slices_of_a_person_s_column_are_one_line_without_anything_of_them() -> None:
    slices = [{"column": "owner", "value": name, "rows": 5, "challenger": 0.5} for name in ("Ada", "Bob")]
    slices += [{"column": "origin", "value": "EWR", "rows": 1, "challenger": 0.25}]
    found = read_slices({"slices": slices}, hidden=frozenset({"owner"}))
    assert [(each.column, each.value, each.rows, each.challenger) for each in found] == [
        ("origin", "EWR", 1, 0.25),
        ("owner", "hidden (pii)", None, None),
    ]


def test_slices_are_the_largest_ones() -> None:
    slices = [{"column": "carrier", "value": str(rows), "rows": rows, "challenger": 0.5} for rows in range(30)]
    found = read_slices({"slices": slices})
    assert len(found) == MAX_SLICES
    assert [each.rows for each in found[:3]] == [29, 28, 27]


@pytest.mark.parametrize("text", [None, "", "{", "[1]", "3", 3])
def test_what_is_no_object_reads_as_empty(text: object) -> None:
    assert read_object(text) == {}


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_no_recorded_evidence_breaks_the_report(evidence: dict[str, Any]) -> None:
    content = read_object(json.dumps(evidence))
    read_checks(content)
    read_metrics(content)
    read_slices(content)
    read_count(content, "rows")
    describe_numbers(content)


def test_a_check_that_blocks_or_was_acknowledged_says_so() -> None:
    warned = {"name": "latency", "status": "WARN", "value": 80.0, "bound": 50.0, "detail": "slow", "blocking": True}
    held, known, older = read_checks(
        {"checks": [warned, warned | {"acknowledged": True}, {"name": "latency", "status": "WARN"}]}
    )
    assert (held.blocking, held.acknowledged) == (True, False)
    assert (known.blocking, known.acknowledged) == (True, True)
    assert (older.blocking, older.acknowledged) == (False, False)
