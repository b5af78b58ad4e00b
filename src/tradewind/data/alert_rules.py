"""Alert rules, and what follows when one holds, stops holding or is silenced: values in, values out.

`alerts.py` reads the clock, keeps the records and sends; the decisions are here.
"""

from __future__ import annotations

import fnmatch
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from tradewind.data.masking import masked
from tradewind.data.problems import BadSetting

log = logging.getLogger("tradewind.data.alerts")

SEVERITIES = ("info", "warning", "error", "critical")
SENDING_SECONDS = 120.0
"""A notice that was begun and never confirmed, because its process died, is sent again after this time."""

Metrics = Mapping[str, Any]
Status = Literal["firing", "recovered"]


@dataclass(frozen=True)
class AlertRule:
    """Fires while `condition(metrics)` holds, once it has held for `for_duration`; recovers when it has not held for
    `recover_after`. `channels` names where its notices go (None: everywhere)."""

    name: str
    condition: Callable[[Metrics], object]
    severity: str = "warning"
    description: str = ""
    for_duration: timedelta = timedelta(0)
    recover_after: timedelta = timedelta(0)
    dedupe_window: timedelta | None = None
    channels: tuple[str, ...] | None = None
    notify_recovery: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise BadSetting("An alert rule needs a name.")
        if not callable(self.condition):
            raise BadSetting(f"The condition of the alert rule {self.name!r} must be a function of the metrics.")
        if self.severity not in SEVERITIES:
            raise BadSetting(
                f"The alert rule {self.name!r} has the severity {self.severity!r}; use one of {', '.join(SEVERITIES)}."
            )


@dataclass(frozen=True)
class Alert:
    """A rule that fires now or has recovered; what a channel sends. `id` is the same in every notice of one episode,
    `notice_id` only when one notice is sent again because it was not known to have arrived."""

    id: str
    rule: str
    severity: str
    status: Status
    description: str
    labels: Mapping[str, str]
    values: Mapping[str, Any]
    since: datetime
    at: datetime
    notice_id: str = ""
    notified: tuple[str, ...] = ()
    """The channels that took this notice in this evaluation."""

    @property
    def title(self) -> str:
        """One line: `[CRITICAL] high_failure_rate (dag_id=etl)`."""
        word = self.severity.upper() if self.status == "firing" else "RECOVERED"
        labels = ", ".join(f"{key}={value}" for key, value in sorted(self.labels.items()))
        return " ".join(f"[{word}] {self.rule}{f' ({labels})' if labels else ''}".split())

    @property
    def text(self) -> str:
        """The whole notice as plain text."""
        lines = [self.title]
        if self.description:
            lines.append(self.description)
        lines += [f"{key} = {value}" for key, value in self.values.items()]
        lines.append(f"since {self.since:%Y-%m-%d %H:%M:%S} UTC")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "title": self.title, "since": self.since.isoformat(), "at": self.at.isoformat()}


@dataclass
class Notice:
    """What one channel was told of a rule last, and when it began to be told something else."""

    told: Status | None = None
    at: float = 0.0
    sending: Status | None = None
    sending_since: float = 0.0


@dataclass
class RuleRecord:
    """What is remembered of one rule with one set of labels."""

    phase: Literal["ok", "pending", "firing"] = "ok"
    since: float = 0.0
    """When the condition began to hold."""
    clear_since: float | None = None
    """When it ceased to hold, while the rule still fires."""
    values: dict[str, Any] = field(default_factory=dict)
    notices: dict[str, Notice] = field(default_factory=dict)

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> RuleRecord:
        """The stored record; a fresh one where there is none or it cannot be read."""
        try:
            record = cls(**(stored or {}))
            record.notices = {channel: Notice(**facts) for channel, facts in (record.notices or {}).items()}  # type: ignore[arg-type]
        except (TypeError, AttributeError):
            return cls()
        return record

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    def is_at_rest(self, rule: AlertRule) -> bool:
        """Whether nothing is going on and nobody waits for the end of anything."""
        return self.phase == "ok" and not (
            rule.notify_recovery and any(notice.told == "firing" for notice in self.notices.values())
        )


@dataclass(frozen=True)
class DueNotice:
    """What a channel is to be told. `previous_at`, when it was last told anything, is the same if this is repeated."""

    status: Status
    previous_at: float


def verdict(rule: AlertRule, metrics: Metrics) -> tuple[bool | None, dict[str, Any]]:
    """Whether the condition holds, and the values it looked at; None when these metrics say nothing about it.

    They say nothing when the condition fails with an error, and when it does not hold but none of the values it asked
    for is there: a sample of the CPU must not end an alert about failed runs.
    """
    watched = Watched(metrics)
    try:
        holds = bool(rule.condition(watched))
    except KeyError as error:
        log.debug("The alert rule %r needs the value %s, which is not there.", rule.name, error)
        return None, {}
    except Exception as error:
        log.warning("The condition of the alert rule %r failed: %s: %s", rule.name, type(error).__name__, masked(error))
        return None, {}
    seen = {key: shown(metrics[key]) for key in watched.asked if key in metrics}
    if not holds and watched.asked and not seen:
        return None, {}
    return holds, seen


def advance(record: RuleRecord, rule: AlertRule, holds: bool | None, values: dict[str, Any], now: float) -> None:
    """Move a rule's record on by one evaluation."""
    if holds is None:
        return
    if holds:
        record.values = values
        record.clear_since = None
        if record.phase == "ok":
            record.phase, record.since = "pending", now
        if record.phase == "pending" and now - record.since >= rule.for_duration.total_seconds():
            record.phase = "firing"
        return
    if record.phase == "pending":
        record.phase = "ok"
    if record.phase == "firing":
        record.clear_since = now if record.clear_since is None else record.clear_since
        if now - record.clear_since >= rule.recover_after.total_seconds():
            record.phase, record.values = "ok", values


def claim_notices(
    record: RuleRecord, rule: AlertRule, channels: Iterable[str], now: float, dedupe_seconds: float
) -> dict[str, DueNotice]:
    """The notices that are due, by channel, marked as being sent so that no other process sends them too."""
    due = {}
    for channel in channels:
        notice = record.notices.setdefault(channel, Notice())
        status = _due(record, rule, notice, now, dedupe_seconds)
        if status is None or (notice.sending and 0 <= now - notice.sending_since < SENDING_SECONDS):
            continue
        notice.sending, notice.sending_since = status, now
        due[channel] = DueNotice(status, notice.at)
    return due


def settle_notice(record: RuleRecord, channel: str, status: Status, sent: bool, now: float) -> None:
    """Note how the sending ended: what was not sent stays due for the next evaluation."""
    notice = record.notices.setdefault(channel, Notice())
    notice.sending = None
    if sent:
        notice.told, notice.at = status, now


def is_silenced(silences: Mapping[str, float], rule: str, now: float) -> bool:
    """Whether one of the silences (pattern of rule names → when it ends) covers the rule."""
    return any(now < until and fnmatch.fnmatchcase(rule, pattern) for pattern, until in silences.items())


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def shown(value: Any) -> Any:
    """A value as it may be stored and sent: numbers and flags as they are, the rest as short masked text."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = masked(value)
    return text if len(text) <= 200 else text[:199] + "…"


class Watched(dict[str, Any]):
    """Metrics that remember which of their values were asked for."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(metrics)
        self.asked: dict[str, None] = {}

    def __getitem__(self, key: str) -> Any:
        self.asked[key] = None
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.asked[key] = None
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.asked[str(key)] = None
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self.asked.update(dict.fromkeys(super().keys()))
        return super().__iter__()

    def keys(self) -> Any:
        self.asked.update(dict.fromkeys(super().keys()))
        return super().keys()

    def values(self) -> Any:
        self.asked.update(dict.fromkeys(super().keys()))
        return super().values()

    def items(self) -> Any:
        self.asked.update(dict.fromkeys(super().keys()))
        return super().items()


def _due(record: RuleRecord, rule: AlertRule, notice: Notice, now: float, dedupe_seconds: float) -> Status | None:
    if record.phase == "firing":
        again = now - notice.at >= dedupe_seconds or now < notice.at
        return "firing" if notice.told != "firing" or again else None
    if record.phase == "ok" and notice.told == "firing" and rule.notify_recovery:
        return "recovered"
    return None
