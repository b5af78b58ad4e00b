"""`alert_manager`: rules over what was measured, and telling people once when one fires and once when it is over.

alert_manager.add_alert_rule(AlertRule(
    name="high_failure_rate", condition=lambda m: m.get("failure_rate", 0) > 0.1, severity="critical"))
alert_manager.evaluate({"failure_rate": 0.11})
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from tradewind.data.alert_channels import Channel, channels_from_env
from tradewind.data.alert_rules import (
    Alert,
    AlertRule,
    DueNotice,
    Metrics,
    RuleRecord,
    advance,
    claim_notices,
    is_silenced,
    moment,
    settle_notice,
    verdict,
)
from tradewind.data.masking import masked
from tradewind.data.problems import BadSetting
from tradewind.data.runtime import metric
from tradewind.data.shared_state import Fallback, Record, SharedState, default_state

log = logging.getLogger(__name__)

SILENCES = "alert-silences"


class AlertManager:
    """Evaluates rules and sends notices over its channels.

    What was told to whom is kept in `storage`, so that the next run of a monitoring task neither repeats a notice
    within `dedupe_window` nor forgets the recovery. A notice that a channel did not take stays due and is sent with the
    next evaluation. `evaluate` never raises for a condition, a channel or the storage.
    """

    def __init__(
        self,
        channels: Iterable[Channel] | None = None,
        *,
        dedupe_window: timedelta = timedelta(hours=1),
        storage: SharedState | None = None,
        rules: Iterable[AlertRule] = (),
    ) -> None:
        """`channels` None: those the environment names, and the log."""
        self.dedupe_window = dedupe_window
        self._storage = None if storage is None else Fallback(storage, "Alerts")
        self._channels = None if channels is None else {channel.name: channel for channel in channels}
        self._rules: dict[str, AlertRule] = {rule.name: rule for rule in rules}
        self._lock = threading.RLock()

    @property
    def storage(self) -> SharedState:
        if self._storage is None:
            self._storage = Fallback(default_state(), "Alerts")
        return self._storage

    @property
    def rules(self) -> tuple[AlertRule, ...]:
        return tuple(self._rules.values())

    @property
    def channels(self) -> dict[str, Channel]:
        """The channels by name, read from the environment when first needed."""
        if self._channels is None:
            try:
                found = channels_from_env()
            except BadSetting as problem:
                log.error("Alerts go to the log only: %s", problem)
                found = channels_from_env({})
            self._channels = {channel.name: channel for channel in found}
        return self._channels

    def add_alert_rule(self, rule: AlertRule) -> None:
        """Watch this rule from now on; a rule of the same name is replaced."""
        with self._lock:
            self._rules[rule.name] = rule

    def remove_alert_rule(self, name: str) -> None:
        with self._lock:
            self._rules.pop(name, None)

    def add_channel(self, channel: Channel) -> None:
        """Send notices there too; a channel of the same name is replaced."""
        with self._lock:
            self.channels[channel.name] = channel

    def silence(self, rules: str, lasting: timedelta) -> None:
        """Send nothing about rules whose name matches the pattern (`*` is all) until the time is over."""
        self.storage.update(
            SILENCES, lambda record, now: ({**(record or {}), rules: now + lasting.total_seconds()}, None)
        )

    def unsilence(self, rules: str) -> None:
        """End the silence of exactly this pattern."""

        def without(record: Record | None, now: float) -> tuple[Record | None, None]:
            left = {pattern: until for pattern, until in (record or {}).items() if pattern != rules and until > now}
            return left or None, None

        self.storage.update(SILENCES, without)

    def evaluate(self, metrics: Metrics, labels: Mapping[str, str] | None = None) -> list[Alert]:
        """The alerts that fire now, in the order of the rules; notices that are due are sent.

        `labels` say what the metrics are about: each set of labels has alerts of its own. Inside a task they are its
        Dag's id unless given. A rule none of whose values is among the metrics keeps firing or not, as it was.
        """
        about = dict(_own_labels() if labels is None else labels)
        alerts = [self._evaluate(rule, metrics, about) for rule in self.rules]
        return [alert for alert in alerts if alert is not None]

    def active(self, labels: Mapping[str, str] | None = None) -> list[str]:
        """Names of the rules that fire, as last evaluated with these labels."""
        about = dict(_own_labels() if labels is None else labels)
        return [rule.name for rule in self.rules if self._record(_key(rule, about)).phase == "firing"]

    def _evaluate(self, rule: AlertRule, metrics: Metrics, about: dict[str, str]) -> Alert | None:
        holds, values = verdict(rule, metrics)
        key = _key(rule, about)
        if holds is not True and self._record(key).is_at_rest(rule):
            # The usual case, nothing to tell and nothing to remember, costs no transaction.
            return None
        channels = self._channels_of(rule)
        window = (self.dedupe_window if rule.dedupe_window is None else rule.dedupe_window).total_seconds()
        silences = self.storage.read(SILENCES)[0] or {}

        def change(stored: Record | None, now: float) -> tuple[Record, tuple[RuleRecord, dict[str, DueNotice], float]]:
            record = RuleRecord.read(stored)
            advance(record, rule, holds, values, now)
            quiet = is_silenced(silences, rule.name, now)
            due = {} if quiet else claim_notices(record, rule, channels, now, window)
            return record.stored(), (record, due, now)

        record, due, now = self.storage.update(key, change)
        alert = _alert(rule, about, record, now)
        sent = tuple(name for name, notice in due.items() if self._deliver(key, name, notice, alert))
        return replace(alert, notified=sent) if record.phase == "firing" else None

    def _channels_of(self, rule: AlertRule) -> list[str]:
        if rule.channels is None:
            return list(self.channels)
        for name in set(rule.channels) - set(self.channels):
            log.warning("The alert rule %r names the channel %r, which does not exist.", rule.name, name)
        return [name for name in rule.channels if name in self.channels]

    def _deliver(self, key: str, name: str, notice: DueNotice, alert: Alert) -> bool:
        notice_id = f"{alert.id}-{notice.status}-{int(notice.previous_at * 1000):x}"
        sent = self._send(self.channels[name], replace(alert, status=notice.status, notice_id=notice_id))

        def settle(stored: Record | None, now: float) -> tuple[Record, None]:
            record = RuleRecord.read(stored)
            settle_notice(record, name, notice.status, sent, now)
            return record.stored(), None

        self.storage.update(key, settle)
        return sent

    def _send(self, channel: Channel, alert: Alert) -> bool:
        facts = {"channel": channel.name, "rule": alert.rule, "severity": alert.severity, "status": alert.status}
        try:
            channel.send(alert)
        except Exception as error:
            reason = masked(f"{type(error).__name__}: {error}", channel.secrets)
            log.warning(
                "The alert %r was not delivered to %r (%s); the next evaluation tries again.",
                alert.rule,
                channel.name,
                reason,
            )
            metric("alert_delivery_failures_total", 1, facts)
            return False
        metric("alert_notices_total", 1, facts)
        return True

    def _record(self, key: str) -> RuleRecord:
        return RuleRecord.read(self.storage.read(key)[0])


def standard_rules() -> list[AlertRule]:
    """The rules that a data pipeline usually wants, over the values that the toolkit and its Dags measure."""
    return [
        AlertRule("high_failure_rate", at_least("failure_rate", 0.1), "critical", "10 % of the runs or more failed."),
        AlertRule("long_run", at_least("duration_seconds", 3600), "warning", "A run takes an hour or longer."),
        AlertRule("low_data_quality", below("quality_score", 80), "error", "The quality score is below 80."),
        AlertRule("high_memory", at_least("memory_percent", 90), "critical", "90 % of the memory or more is in use."),
        AlertRule("high_disk", at_least("disk_percent", 90), "critical", "90 % of the disk or more is in use."),
        AlertRule("sla_missed", at_least("sla_misses", 1), "error", "A deadline was missed."),
    ]


def at_least(name: str, limit: float) -> Callable[[Metrics], bool]:
    """A condition: the value is there and not below the limit."""
    return lambda metrics: (value := metrics.get(name)) is not None and value >= limit


def below(name: str, limit: float) -> Callable[[Metrics], bool]:
    """A condition: the value is there and below the limit."""
    return lambda metrics: (value := metrics.get(name)) is not None and value < limit


alert_manager = AlertManager()
"""The manager of this process. It opens nothing until the first evaluation."""


def _own_labels() -> dict[str, str]:
    dag_id = os.environ.get("AIRFLOW_CTX_DAG_ID")
    return {"dag_id": dag_id} if dag_id else {}


def _key(rule: AlertRule, about: Mapping[str, str]) -> str:
    labels = ",".join(f"{key}={value}" for key, value in sorted({**rule.labels, **about}.items()))
    return f"alert:{rule.name}:{labels}"


def _alert(rule: AlertRule, about: Mapping[str, str], record: RuleRecord, now: float) -> Alert:
    return Alert(
        # Plain letters, because it travels in headers, which a name in any script could not.
        id=f"{hashlib.sha256(_key(rule, about).encode()).hexdigest()[:12]}-{int(record.since * 1000):x}",
        rule=rule.name,
        severity=rule.severity,
        status="firing" if record.phase == "firing" else "recovered",
        description=rule.description,
        labels={**rule.labels, **about},
        values=dict(record.values),
        since=moment(record.since),
        at=moment(now),
    )
