"""The closed sets of words that tables, decisions and reports use. Missing is a word of its own, never "ok"."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """What a broken row rule does."""

    WARN = "warn"
    QUARANTINE = "quarantine"
    FAIL = "fail"


class LookupStatus(StrEnum):
    """How a look-up in one gold table ended for one spine row."""

    OK = "OK"
    NO_ROW = "NO_ROW"
    NO_KEY = "NO_KEY"
    EXPIRED = "EXPIRED"
    STALE = "STALE"
    AHEAD = "AHEAD"


class LabelStatus(StrEnum):
    """Whether a label can be used."""

    PENDING = "PENDING"
    MATURED = "MATURED"
    VOID = "VOID"


class Purpose(StrEnum):
    """Why a prediction was made; only `production` counts in monitoring and performance.

    BACKTEST was made in hindsight: the version may have learned from the row's time, or somebody asked for it again.
    SHADOW is a challenger's answer beside the champion's.
    """

    PRODUCTION = "production"
    BACKTEST = "backtest"
    SHADOW = "shadow"


class Role(StrEnum):
    """What an alarm on a feature means."""

    CONTRACT = "contract"
    REGIME = "regime"
    SEASONAL = "seasonal"


class Status(StrEnum):
    """Whether a check could be judged at all. Only OK carries a verdict other than UNKNOWN."""

    OK = "OK"
    ABSENT_COLUMN = "ABSENT_COLUMN"
    CHANGED_TYPE = "CHANGED_TYPE"
    ALL_NULL = "ALL_NULL"
    EMPTY_WINDOW = "EMPTY_WINDOW"
    TOO_FEW_ROWS = "TOO_FEW_ROWS"
    TOO_FEW_BLOCKS = "TOO_FEW_BLOCKS"
    INSUFFICIENT_REFERENCE = "INSUFFICIENT_REFERENCE"
    MISSING_REFERENCE = "MISSING_REFERENCE"
    NOT_MATURED = "NOT_MATURED"


class DriftSeverity(StrEnum):
    """How much a drifted column weighs: by what the champion makes of it, and by how far it moved."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Verdict(StrEnum):
    """The judgement of a check."""

    STABLE = "STABLE"
    DRIFT = "DRIFT"
    RECORDED = "RECORDED"
    UNKNOWN = "UNKNOWN"


class ServedVerdict(StrEnum):
    """Whether served values are those of the offline tables: STALE ones were served as such, SKEWED ones as right."""

    CONSISTENT = "CONSISTENT"
    STALE = "STALE"
    SKEWED = "SKEWED"
    UNKNOWN = "UNKNOWN"


class GateStatus(StrEnum):
    """The result of one check of the promotion gate."""

    PASS = "PASS"  # noqa: S105 - a status, not a secret
    FAIL = "FAIL"
    WARN = "WARN"
    INSUFFICIENT = "INSUFFICIENT"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class EvidenceStatus(StrEnum):
    """Whether a figure that describes a trained version could be computed, and why not."""

    OK = "OK"
    NO_ROWS = "NO_ROWS"
    TOO_FEW_ROWS = "TOO_FEW_ROWS"
    TOO_FEW_BLOCKS = "TOO_FEW_BLOCKS"
    ONE_OUTCOME = "ONE_OUTCOME"
    ALL_NULL = "ALL_NULL"
    CONSTANT = "CONSTANT"
    HIDDEN = "HIDDEN"


class EstimateStatus(StrEnum):
    """Whether performance could be estimated without labels; an estimate is never a realised value."""

    ESTIMATED = "ESTIMATED"
    NOTHING_SCORED = "NOTHING_SCORED"
    NOT_CALIBRATED = "NOT_CALIBRATED"
    CALIBRATION_UNKNOWN = "CALIBRATION_UNKNOWN"


class Action(StrEnum):
    """What a decision asks for, in the order of cost."""

    NONE = "none"
    NOTIFY = "notify"
    RECALIBRATE = "recalibrate"
    RETRAIN = "retrain"


class FlagKind(StrEnum):
    """What a flag is about."""

    QUALITY = "quality"
    CONTRACT_DRIFT = "contract_drift"
    REGIME_DRIFT = "regime_drift"
    PREDICTION_DRIFT = "prediction_drift"
    TARGET_DRIFT = "target_drift"
    BIAS = "bias"
    SKILL = "skill"
    METRIC_DROP = "metric_drop"


class FlagEvent(StrEnum):
    """What happened to a flag: CLAIMED by a turn that will answer it; EXPIRED, its alarm was not seen for too long."""

    RAISED = "raised"
    CLAIMED = "claimed"
    RESOLVED = "resolved"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


class FlagState(StrEnum):
    """What a flag is by all its events; the last three close it for good."""

    OPEN = "OPEN"
    CLAIMED = "CLAIMED"
    RESOLVED = "RESOLVED"
    SUPERSEDED = "SUPERSEDED"
    EXPIRED = "EXPIRED"


class Outcome(StrEnum):
    """How a write or a step ended."""

    WRITTEN = "WRITTEN"
    SKIPPED = "SKIPPED"
    EMPTY = "EMPTY"


class CheckStatus(StrEnum):
    """What a check of the machine found."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"
    NOT_CHECKED = "NOT_CHECKED"


class LeakCheck(StrEnum):
    """What a training set is searched for."""

    TIME_TRAVEL = "time_travel"
    SUSPICIOUS_SCORE = "suspicious_score"
    LABEL_COLUMN = "label_column"
    POST_EVENT = "post_event"


class SetStatus(StrEnum):
    """What can still be done with a pinned training set; its own rows can be trained on in each.

    LIVE is held back from a vacuum, RETIRED and INPUTS_EXPIRED are not; the inputs of the last are gone, or may go.
    """

    LIVE = "LIVE"
    RETIRED = "RETIRED"
    INPUTS_EXPIRED = "INPUTS_EXPIRED"


class RebuildStatus(StrEnum):
    """How a training set that was made again from its pinned inputs compares with what was pinned."""

    REPRODUCED = "REPRODUCED"
    DIFFERENT = "DIFFERENT"
    INPUTS_EXPIRED = "INPUTS_EXPIRED"


class PromotionOutcome(StrEnum):
    """What the promotions ledger says of a version: HELD waits for a person, who may approve it."""

    PROMOTED = "promoted"
    REJECTED = "rejected"
    HELD = "held"
    ARCHIVED = "archived"


class LedgerEvent(StrEnum):
    """What a row of the promotions ledger records."""

    GATE = "gate"
    PROMOTE = "promote"
    APPROVE = "approve"
    ROLLBACK = "rollback"
    ARCHIVE = "archive"


class VersionState(StrEnum):
    """What the promotions ledger says of a model version now.

    HELD waits for an approval, SUPERSEDED waited until a newer version was judged; RETIRED was champion once; UNJUDGED
    is in the registry and in no row of the ledger.
    """

    CHAMPION = "CHAMPION"
    PREVIOUS = "PREVIOUS"
    HELD = "HELD"
    SUPERSEDED = "SUPERSEDED"
    REJECTED = "REJECTED"
    RETIRED = "RETIRED"
    ARCHIVED = "ARCHIVED"
    UNJUDGED = "UNJUDGED"


class TrialState(StrEnum):
    """How a trial of a search ended."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"


class RepeatStatus(StrEnum):
    """How a training that was done again on a pinned set compares with what was recorded; NEW where nothing was."""

    REPRODUCED = "REPRODUCED"
    DIFFERENT = "DIFFERENT"
    NEW = "NEW"


class ParityStatus(StrEnum):
    """Whether two scoring engines gave the same rows the same answers; only OK lets the faster one answer."""

    OK = "OK"
    DIFFERENT = "DIFFERENT"
    NO_ROWS = "NO_ROWS"


class MessageAbout(StrEnum):
    """What a notification is about; a recovery says that a flag is closed that was told of."""

    FLAG = "flag"
    DECISION = "decision"
    PROMOTION = "promotion"
    RECOVERY = "recovery"


class MessageSeverity(StrEnum):
    """How much a notification matters, least first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class NotificationStatus(StrEnum):
    """What became of a message in a channel: HELD and FAILED are tried again, the others are final.

    SKIPPED is not for the channel, as it is declared; GIVEN_UP failed in as many turns as are tried.
    """

    HELD = "HELD"
    FAILED = "FAILED"
    SENT = "SENT"
    SKIPPED = "SKIPPED"
    GIVEN_UP = "GIVEN_UP"
