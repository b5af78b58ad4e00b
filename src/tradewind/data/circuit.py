"""What a circuit breaker decides: from its record, a question or a report, and the time, to its next record.

Nothing here reads a clock or a storage; `circuit_breaker.py` applies these functions under whatever storage it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any, Literal


class CircuitState(Enum):
    """CLOSED lets calls through, OPEN refuses them, HALF_OPEN lets a few try whether the service is back."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


Outcome = Literal["success", "failure", "unknown"]
"""`unknown`: the call ended without telling anything about the service, as when it was cancelled."""


@dataclass(frozen=True)
class CircuitRules:
    """Opens after so many failures in a row, tries again after a pause; a probe not heard of for its lease is lost."""

    failure_threshold: int
    recovery_seconds: float
    half_open_max_calls: int
    probe_lease_seconds: float


@dataclass(frozen=True)
class CircuitRecord:
    """All that is remembered of one circuit. `epoch` rises with every change of state."""

    state: CircuitState = CircuitState.CLOSED
    epoch: int = 0
    failures: int = 0
    changed_at: float = 0.0
    probes: Mapping[str, float] = field(default_factory=dict)
    """Probes on their way, and when the lease of each ends."""
    successes: int = 0
    """Probes of this epoch that came back well."""

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> CircuitRecord:
        """The stored record; a fresh one where there is none or it cannot be read."""
        try:
            return cls(**{**(stored or {}), "state": CircuitState((stored or {}).get("state", "closed"))})
        except (TypeError, ValueError):
            return cls()

    def stored(self) -> dict[str, Any]:
        return {**asdict(self), "state": self.state.value, "probes": dict(self.probes)}


@dataclass(frozen=True)
class Permit:
    """A call may go out. What it reports counts only in the epoch in which it was permitted."""

    epoch: int
    probe: str | None = None


@dataclass(frozen=True)
class Refusal:
    """A call may not go out; None: as soon as a probe has come back."""

    retry_in_seconds: float | None


def ask(record: CircuitRecord, rules: CircuitRules, now: float, call_id: str) -> tuple[CircuitRecord, Permit | Refusal]:
    """May a call go out now?"""
    match record.state:
        case CircuitState.CLOSED:
            return record, Permit(record.epoch)
        case CircuitState.OPEN:
            left = seconds_left(record, rules, now)
            if left > 0:
                return record, Refusal(left)
            return _probe(_moved(record, CircuitState.HALF_OPEN, now), rules, now, call_id)
        case CircuitState.HALF_OPEN:
            return _probe(record, rules, now, call_id)


def report(record: CircuitRecord, rules: CircuitRules, now: float, permit: Permit, outcome: Outcome) -> CircuitRecord:
    """What a permitted call's end changes."""
    if permit.epoch != record.epoch:
        return record
    if permit.probe is not None:
        return _probe_ended(record, rules, now, permit.probe, outcome)
    if outcome == "success":
        return replace(record, failures=0) if record.failures else record
    if outcome == "unknown":
        return record
    failures = record.failures + 1
    if failures < rules.failure_threshold:
        return replace(record, failures=failures)
    return _moved(record, CircuitState.OPEN, now, failures=failures)


def seconds_left(record: CircuitRecord, rules: CircuitRules, now: float) -> float:
    """How long an open circuit still refuses; 0 when it does not. A clock that was set back does not prolong it."""
    if record.state is not CircuitState.OPEN or now < record.changed_at:
        return 0.0
    return max(record.changed_at + rules.recovery_seconds - now, 0.0)


def forced(record: CircuitRecord, state: CircuitState, now: float) -> CircuitRecord:
    """The circuit as a person wants it."""
    return _moved(record, state, now)


def _probe(
    record: CircuitRecord, rules: CircuitRules, now: float, call_id: str
) -> tuple[CircuitRecord, Permit | Refusal]:
    alive = {
        probe: lease_end
        for probe, lease_end in record.probes.items()
        if now < lease_end <= now + rules.probe_lease_seconds
    }
    if len(alive) + record.successes >= rules.half_open_max_calls:
        return record, Refusal(None)
    probes = {**alive, call_id: now + rules.probe_lease_seconds}
    return replace(record, probes=probes), Permit(record.epoch, call_id)


def _probe_ended(record: CircuitRecord, rules: CircuitRules, now: float, probe: str, outcome: Outcome) -> CircuitRecord:
    if probe not in record.probes:
        # Its lease had ended and another probe took its place: that one's word counts.
        return record
    if outcome == "failure":
        return _moved(record, CircuitState.OPEN, now, failures=record.failures)
    others = {name: lease_end for name, lease_end in record.probes.items() if name != probe}
    if outcome == "unknown":
        return replace(record, probes=others)
    if record.successes + 1 >= rules.half_open_max_calls:
        return _moved(record, CircuitState.CLOSED, now)
    return replace(record, probes=others, successes=record.successes + 1)


def _moved(record: CircuitRecord, state: CircuitState, now: float, failures: int = 0) -> CircuitRecord:
    return CircuitRecord(state=state, epoch=record.epoch + 1, failures=failures, changed_at=now)
