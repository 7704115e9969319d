"""What a decision is made from: recorded as JSON, so that it can be made again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lakeloop.errors import ConflictError, Failure, UsageError
from lakeloop.statuses import Action, FlagKind, PromotionOutcome

VERSION = 2
"""Version of the JSON; the first had none, and none of the keys that have a default here."""


@dataclass(frozen=True, order=True)
class OpenFlag:
    """What the policy looks at of an open flag.

    Attributes:
        kind: What it is about.
        subject: Column or metric.
        flag_id: Its id.
        claimed_as_of: The other turn that has claimed it, to answer it; None when it is nobody's, or of this turn.
    """

    kind: FlagKind
    subject: str
    flag_id: str
    claimed_as_of: datetime | None = None


@dataclass(frozen=True)
class PastAnswer:
    """A training or a recalibration that the gate has judged.

    Attributes:
        as_of: Its logical now; an aware instant.
        action: RETRAIN or RECALIBRATE.
        version: The version that was judged.
        outcome: promoted, rejected or held; promoted also where a person did it later.
        came_back: Kind of the alarm that asked for it and was raised again about its version; None when none was.
        came_back_after: Windows of the version until then.
    """

    as_of: datetime
    action: Action
    version: str
    outcome: PromotionOutcome
    came_back: FlagKind | None = None
    came_back_after: int | None = None


@dataclass(frozen=True)
class DecisionInputs:
    """Everything a decision is made from.

    Attributes:
        as_of: The logical now; an aware instant.
        champion: Version that serves, or None.
        last_trained_as_of: As of which a challenger was last trained, promoted or not; None when never. An aware
        instant.
        last_closed_day: Last day whose labels are final; None without any.
        closed_days_total: Days whose labels are final.
        closed_days_since_training: Those that closed after the last training.
        flags: Open flags about the champion.
        quality_passed: Whether the quality gate passed on the newest data; None when it was not judged, which is no
        pass.
        closed_days_needed: Days without which a first training cannot be split; 0 when only the policy's count holds.
        can_recalibrate: Whether recalibration is an answer: somebody serves, and the task allows it.
        recalibration_days: Closed days that the champion has served, within the declared window.
        recalibration_days_needed: Those without which a recalibration cannot be judged.
        windows_since_recalibration: Windows of the champion from its last recalibration to the newest open flag of
        bias; None without either.
        history: What the gate judged before, oldest first; as much of it as budget and back-off look at.
        new_rows: Labelled rows that closed since the last training; None when the policy does not ask.
        local_date: Day of `as_of` in the project's time zone; None when it was not recorded.

    Raises:
        UsageError: If an instant has no offset or a count of days is negative.
    """

    as_of: datetime
    champion: str | None
    last_trained_as_of: datetime | None
    last_closed_day: date | None
    closed_days_total: int
    closed_days_since_training: int
    flags: tuple[OpenFlag, ...]
    quality_passed: bool | None
    closed_days_needed: int = 0
    can_recalibrate: bool = False
    recalibration_days: int = 0
    recalibration_days_needed: int = 0
    windows_since_recalibration: int | None = None
    history: tuple[PastAnswer, ...] = ()
    new_rows: int | None = None
    local_date: date | None = None

    def __post_init__(self) -> None:
        for name in ("as_of", "last_trained_as_of"):
            instant = getattr(self, name)
            if instant is not None and instant.tzinfo is None:
                raise UsageError(name, instant.isoformat(), "an instant with offset", "append +00:00")
        counts = ("closed_days_total", "closed_days_since_training", "closed_days_needed")
        for name in (*counts, "recalibration_days", "recalibration_days_needed"):
            if getattr(self, name) < 0:
                raise UsageError(name, str(getattr(self, name)), "0 and more", "count the closed days again")

    def to_json(self) -> str:
        """Write the inputs as JSON with sorted keys.

        Returns:
            What `from_json` reads.

        >>> from datetime import UTC
        >>> may, flag = datetime(2013, 5, 1, tzinfo=UTC), OpenFlag(FlagKind.BIAS, "bias", "f1")
        >>> written = json.loads(DecisionInputs(may, "3", None, date(2013, 4, 29), 119, 0, (flag,), True).to_json())
        >>> written["as_of"], written["last_trained_as_of"], written["flags"]
        ('2013-05-01T00:00:00+00:00', None, [['bias', 'bias', 'f1']])
        """
        content = {
            "as_of": self.as_of.isoformat(),
            "champion": self.champion,
            "last_trained_as_of": self.last_trained_as_of.isoformat() if self.last_trained_as_of else None,
            "last_closed_day": self.last_closed_day.isoformat() if self.last_closed_day else None,
            "closed_days_total": self.closed_days_total,
            "closed_days_since_training": self.closed_days_since_training,
            "flags": [_write_flag(flag) for flag in self.flags],
            "quality_passed": self.quality_passed,
            "closed_days_needed": self.closed_days_needed,
            "version": VERSION,
            "can_recalibrate": self.can_recalibrate,
            "recalibration_days": self.recalibration_days,
            "recalibration_days_needed": self.recalibration_days_needed,
            "windows_since_recalibration": self.windows_since_recalibration,
            "history": [_write_answer(each) for each in self.history],
            "new_rows": self.new_rows,
            "local_date": self.local_date.isoformat() if self.local_date else None,
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> DecisionInputs:
        """Read what `to_json` wrote.

        Args:
            text: The JSON.

        Returns:
            The inputs.

        Raises:
            ConflictError: If a later lakeloop wrote it.

        >>> from datetime import UTC
        >>> inputs = DecisionInputs(datetime(2013, 5, 1, tzinfo=UTC), "3", None, date(2013, 4, 29), 119, 0, (), True)
        >>> DecisionInputs.from_json(inputs.to_json()) == inputs
        True
        """
        content = json.loads(text)
        if content.get("version", 1) > VERSION:
            raise ConflictError(
                "decision",
                [Failure("inputs", f"written in version {content['version']}, known up to {VERSION}")],
                "read it with the lakeloop that wrote it, or a later one",
            )
        trained, closed, local = content["last_trained_as_of"], content["last_closed_day"], content.get("local_date")
        return cls(
            as_of=datetime.fromisoformat(content["as_of"]),
            champion=content["champion"],
            last_trained_as_of=datetime.fromisoformat(trained) if trained else None,
            last_closed_day=date.fromisoformat(closed) if closed else None,
            closed_days_total=content["closed_days_total"],
            closed_days_since_training=content["closed_days_since_training"],
            flags=tuple(_read_flag(each) for each in content["flags"]),
            quality_passed=content["quality_passed"],
            closed_days_needed=content["closed_days_needed"],
            can_recalibrate=content.get("can_recalibrate", False),
            recalibration_days=content.get("recalibration_days", 0),
            recalibration_days_needed=content.get("recalibration_days_needed", 0),
            windows_since_recalibration=content.get("windows_since_recalibration"),
            history=tuple(_read_answer(each) for each in content.get("history", ())),
            new_rows=content.get("new_rows"),
            local_date=date.fromisoformat(local) if local else None,
        )


def _write_flag(flag: OpenFlag) -> list[str]:
    """Write a flag; only one that is claimed has a fourth entry, as no flag had in the first version."""
    claimed = [] if flag.claimed_as_of is None else [flag.claimed_as_of.isoformat()]
    return [flag.kind.value, flag.subject, flag.flag_id, *claimed]


def _read_flag(written: Sequence[str]) -> OpenFlag:
    kind, subject, flag_id, *claimed = written
    return OpenFlag(FlagKind(kind), subject, flag_id, datetime.fromisoformat(claimed[0]) if claimed else None)


def _write_answer(answer: PastAnswer) -> dict[str, Any]:
    return {
        "as_of": answer.as_of.isoformat(),
        "action": answer.action.value,
        "version": answer.version,
        "outcome": answer.outcome.value,
        "came_back": answer.came_back.value if answer.came_back else None,
        "came_back_after": answer.came_back_after,
    }


def _read_answer(written: dict[str, Any]) -> PastAnswer:
    return PastAnswer(
        datetime.fromisoformat(written["as_of"]),
        Action(written["action"]),
        written["version"],
        PromotionOutcome(written["outcome"]),
        FlagKind(written["came_back"]) if written["came_back"] else None,
        written["came_back_after"],
    )
