"""The last windows of versions that are champion no more: a promotion ends their service, not their account."""

from __future__ import annotations

from collections.abc import Sequence

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.errors import ConflictError
from lakeloop.runs.context import Context
from lakeloop.runs.daily_profiles import profile_predictions
from lakeloop.runs.declared import SERVING_TAG, assert_same_model
from lakeloop.runs.due_windows import JOB, DueWindows, find_due, note_windows, windows_before_replacement
from lakeloop.runs.found_rows import FoundRows
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.read_references import read_references
from lakeloop.runs.severity import read_importance, weigh_findings
from lakeloop.runs.window_evaluation import evaluate_windows
from lakeloop.tables import WriteIdentity


def monitor_replaced(context: Context, model: Model, promotions: Sequence[Promotion]) -> int:
    """Evaluate what is still due of versions that were champion before this turn.

    That is the window in whose middle another version took their place, up to that day, and every window whose labels
    closed only afterwards. No flag is raised or closed by it. A version that the registry has lost, whose documents
    are all gone, or that was trained by another declaration, is left out.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        promotions: The model's ledger up to the logical now, oldest first.

    Returns:
        Windows that were evaluated or measured, by this call or an earlier one of the same turn.

    Raises:
        DataContractError: If the label can't be computed for some row.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> monitor_replaced(context, context.config.models["late"], read_promotions(context, "late"))
    0
    """
    count = 0
    for version, windows in windows_before_replacement(promotions, model, context.as_of).items():
        identity = WriteIdentity(JOB, f"{model.model} {context.turn} replaced", version)
        due = find_due(context, model, identity, windows)
        if due:
            count += _record(context, model, promotions, identity, due)
    return count


def _record(
    context: Context, model: Model, promotions: Sequence[Promotion], identity: WriteIdentity, due: DueWindows
) -> int:
    lake, number = context.lake, identity.fingerprint
    done = lake.find_commit(lake.own(schemas.PERFORMANCE), identity)
    if done is not None:
        return len(done.notes["windows"]) + int(done.notes["late"])
    run_key = next(each.run_key for each in promotions if each.version == number)
    try:
        version = context.registry.get_version(model.model, number, run_key)
        assert_same_model(context.config, model, version.tags.get(SERVING_TAG))
        references = read_references(context, model, version)
    except ConflictError:
        return 0
    if not references.lost:
        profile_predictions(context, model, number, references.plan(context.config, model))
    found = evaluate_windows(context, model, number, references, due.new, due.late)
    if not found:
        return 0
    findings = weigh_findings(found, read_importance(context, version, promotions))
    rows = FoundRows.of(context, model, number, references.features, findings)
    rows.append_all_but_performance(context, identity)
    lake.append_own(schemas.PERFORMANCE, rows.performances, identity, notes=note_windows(due, findings))
    return len(findings)
