"""Notices and rules of alerts as the page has them. Addresses and passwords of receivers are in none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from tradewind.api.alert_deliveries import last_tries
from tradewind.api.call import Call
from tradewind.api.models import Answer
from tradewind.core.access import Action, Need, Resource
from tradewind.core.alert_conditions import (
    Condition,
    DataStale,
    DeadlineMissed,
    FailureRate,
    MachineLimit,
    MetricLimit,
    RunDidNotStart,
    RunLongerThan,
)
from tradewind.core.alert_silences import Hush, Silence, silent_until
from tradewind.core.alerts import Firing, Notice, Rule, fingerprint, silences_of
from tradewind.observability.alerts.rules_file import Rules, shipped_texts
from tradewind.store.paging import Row
from tradewind.store.reading import alerts as reading
from tradewind.store.times import to_us

READ_SYSTEM = Need(Action.READ, Resource.SYSTEM)
FOR_EVER = 9999
"""A silence that ends in this year does not end."""


class AlertDelivery(Answer):
    """How far a notice is over one channel. `kept`: it is for nobody, and the channel has no name.

    `error` is what went wrong last, without secrets; empty for who may not see the system. `next_try` is None where
    none is known, `is_behind`: an earlier notice of the same alert goes first.
    """

    channel: str
    state: str
    ended_at: int | None
    error: str
    next_try: int | None
    is_behind: bool


class AlertNotice(Answer):
    """`alert` is the same in all notices from one firing to its end; `name` is a worker, an asset, a deadline or labels
    of a metric. What does not apply is empty. `sentence` lacks the rule's name."""

    key: str
    alert: str
    rule: str
    severity: str
    status: str
    repeat: int
    at: int
    since: int
    dag_id: str
    run_id: str
    task_id: str
    name: str
    value: float | None
    limit: float | None
    sentence: str
    deliveries: list[AlertDelivery]


class AlertFiring(AlertNotice):
    """`silent_until` is 0 where nothing is silent, and None where it is for ever. Without `deliveries` nobody was
    told."""

    silent_until: int | None


class RuleAsks(Answer):
    """What a rule asks for; what its kind does not have is None. Parts are percent, times microseconds."""

    at_least: float | None = None
    window: int | None = None
    minimum_runs: int | None = None
    together: bool | None = None
    limit: int | None = None
    times: float | None = None
    last_runs: int | None = None
    metric: str | None = None
    bound: float | None = None
    is_below: bool | None = None
    resource: str | None = None
    after: int | None = None
    assets: list[str] | None = None


class RuleSilence(Answer):
    """From `start` to `end` once, or at `hours` (`22:00`, `06:00`) of `zone` on these days; Monday is 0."""

    start: int | None
    end: int | None
    hours: list[str] | None
    days: list[int]
    zone: str


class AlertSilence(Answer):
    """A silence that somebody asked for. `rules` and `dags` are patterns; without one for Dags it is for everything."""

    id: str
    rules: str
    dags: str
    start: int
    end: int
    reason: str
    created_by: str


class AlertRule(Answer):
    """`source` is `shipped`, `file`, with its line there, or `own`: written here. `text` is the YAML of one that can be
    changed here. `silent_until` is 0 where nothing is silent, and None where
    it is for ever. `is_watched`: a scheduler has taken it as it is written; `since` that time."""

    name: str
    severity: str
    description: str
    kind: str
    asks: RuleAsks
    dags: list[str]
    tags: list[str]
    tasks: list[str]
    hold: int
    recover_after: int
    dedupe: int
    notify_recovery: bool
    channels: list[str]
    silences: list[RuleSilence]
    silent_until: int | None
    source: str
    line: int | None
    text: str | None
    is_watched: bool
    since: int | None
    firing: int


class AlertChannel(Answer):
    """`last_state` is `delivered` or `given_up`, empty before the first."""

    name: str
    kind: str
    line: int
    waiting: int
    last_at: int | None
    last_state: str


def notices_shown(call: Call, connection: Connection, notices: list[Notice]) -> list[dict[str, Any]]:
    sees_system = call.caller.may(READ_SYSTEM)
    deliveries = reading.deliveries_of(connection, {notice.key for notice in notices})
    under_way = [
        (row["key"], row["channel"])
        for rows in deliveries.values()
        for row in rows
        if row["state"] == "waiting" and not row["is_behind"]
    ]
    tries = last_tries(Path(call.settings.logging.base_log_folder), under_way)
    return [
        {
            **{name: getattr(notice, name) for name in ("key", "alert", "rule", "severity", "status", "repeat")},
            **notice.subject._asdict(),
            "at": to_us(notice.at),
            "since": to_us(notice.since),
            "value": _finite(notice.value),
            "limit": _finite(notice.limit),
            "sentence": notice.sentence.removeprefix(f"{notice.rule}: "),
            "deliveries": [
                _delivery(row, tries.get((row["key"], row["channel"])), sees_system)
                for row in deliveries.get(notice.key, ())
            ],
        }
        for notice in notices
    ]


def firing_shown(call: Call, connection: Connection, firing: list[Firing]) -> list[dict[str, Any]]:
    notices = notices_shown(call, connection, [one.notice for one in firing])
    return [{**shown, "silent_until": _until(one.silent_until)} for shown, one in zip(notices, firing, strict=True)]


def _delivery(row: Row, last: tuple[str, int] | None, sees_system: bool) -> dict[str, Any]:
    error, next_try = last or (row["error"], None)
    # Which notice it is, and over which channel, stands beside it.
    error = error.removeprefix(f"The channel {row['channel']!r} did not take the notice {row['key']}: ")
    return {
        "channel": row["channel"],
        "state": row["state"],
        "ended_at": row["ended_at"],
        "error": error if sees_system else "",
        "next_try": next_try,
        "is_behind": bool(row["is_behind"]),
    }


def _until(silent: datetime | None) -> int | None:
    return 0 if silent is None else to_us(silent) if silent.year < FOR_EVER else None


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


def silence_shown(row: Row) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("id", "rules", "dags", "reason", "created_by")},
        "start": row["start_date"],
        "end": row["end_date"],
    }


def rule_shown(
    rule: Rule, found: Rules, texts: Mapping[str, str], hushes: Iterable[Hush], watched: Mapping[str, tuple[str, int]],
    firing: int, now: datetime,
) -> dict[str, Any]:  # fmt: skip
    """`texts`: of those that were written here; `watched`: see `rules_watched`; `firing`: how many of its alerts
    fire."""
    mark, since = watched.get(rule.name, ("", None))
    is_watched = mark == fingerprint(rule)
    source = "shipped" if rule.name in found.shipped else "own" if rule.name in found.own else "file"
    kind, asks = _asks(rule.condition)
    return {
        "name": rule.name,
        "severity": rule.severity,
        "description": rule.description,
        "kind": kind,
        "asks": asks,
        "dags": list(rule.scope.dags),
        "tags": list(rule.scope.tags),
        "tasks": list(rule.scope.tasks),
        "hold": _micros(rule.for_duration),
        "recover_after": _micros(rule.recover_after),
        "dedupe": _micros(rule.dedupe_window),
        "notify_recovery": rule.notify_recovery,
        "channels": list(found.channels if rule.channels is None else rule.channels),
        "silences": [_silence(silence) for silence in rule.silences],
        "silent_until": _until(silent_until(silences_of(rule, hushes, ""), now)),
        "source": source,
        "line": found.lines.get(rule.name) if source == "file" else None,
        "text": shipped_texts()[rule.name]
        if source == "shipped"
        else texts.get(rule.name)
        if source == "own"
        else None,
        "is_watched": is_watched,
        "since": since if is_watched else None,
        "firing": firing,
    }


def _silence(silence: Silence) -> dict[str, Any]:
    return {
        "start": to_us(silence.start),
        "end": to_us(silence.end),
        "hours": [f"{at:%H:%M}" for at in silence.hours] if silence.hours else None,
        "days": sorted(silence.days),
        "zone": silence.zone,
    }


def _asks(condition: Condition) -> tuple[str, dict[str, Any]]:
    """A condition's name as in a rules file, and its fields."""
    match condition:
        case FailureRate(at_least=part, window=window, minimum_runs=runs, together=together):
            asks = {"at_least": float(100 * part), "window": _micros(window), "minimum_runs": runs}
            return "failure_rate", {**asks, "together": together}
        case RunLongerThan(limit=limit, times=times, last_runs=last):
            return "run_longer_than", {
                "limit": None if limit is None else _micros(limit), "times": times, "last_runs": last,
            }  # fmt: skip
        case MetricLimit(metric=metric, limit=bound, is_below=is_below):
            return "metric", {"metric": metric, "bound": bound, "is_below": is_below}
        case MachineLimit(resource=resource, at_least=percent):
            return "machine", {"resource": resource, "at_least": percent}
        case DeadlineMissed():
            return "deadline_missed", {}
        case RunDidNotStart(within=within):
            return "run_did_not_start", {"after": _micros(within)}
        case DataStale(after=after, assets=assets):
            return "data_stale", {"after": _micros(after), "assets": list(assets)}


def _micros(span: timedelta) -> int:
    return int(span.total_seconds() * 1_000_000)
