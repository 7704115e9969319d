"""Two turns on what has landed: a model is trained, then it scores, is watched, and is left as it is."""

from lakeloop.testing import Sandbox


def test_two_turns_train_a_model_and_score_with_it(sandbox: Sandbox) -> None:
    first, second = sandbox.run("{first}", "{second}")
    assert {each.source: each.rows_quarantined for each in first.ingest.sources} == {"deliveries": 0, "orders": 1}
    trained, scored = first.models[0].train, second.models[0].score
    assert trained is not None
    assert scored is not None
    assert trained.gate.outcome == "promoted"
    assert (scored.rows, scored.model_version) == (160, "1")
    assert second.models[0].decision.action == "none"
