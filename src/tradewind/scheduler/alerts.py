"""Alerts: feeds the alert rules with what is committed, and commits what they want told.

What the rules know follows from the event log: a scheduler that starts plays the last days of it again, and stores the
notices that have no row yet. See `core.alerts` for what a rule means.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.exc import OperationalError, TimeoutError

from tradewind.core.alert_conditions import DataStale, MachineLimit, MetricLimit, looks_back
from tradewind.core.alert_history import INTERESTING, PLANS, STOPS, completed, due, tagged
from tradewind.core.alerts import AlertState, Notice, Rule, advance, fingerprint, firing_first, hush, tell_anew
from tradewind.core.decisions import DropRows, Operation, PutRow, Record
from tradewind.observability.alerts.notices import notice_to_json
from tradewind.scheduler.alert_deliveries import Deliveries, Delivery
from tradewind.scheduler.owner import Rows
from tradewind.store import queries
from tradewind.store.rows import hush_of
from tradewind.store.times import from_us, to_us
from tradewind.wire.messages import Event, Finished

if TYPE_CHECKING:
    from tradewind.scheduler.scheduler import Scheduler, Timer
    from tradewind.scheduler.triggers import Triggers

log = structlog.get_logger("scheduler")

NEWS_FOR = timedelta(days=1)
"""What nobody was told of in this time, because there was no scheduler, is not told any more."""

KEPT_FOR = timedelta(days=90)
"""Notices that are over, and silences, are forgotten then. The lines of the log stay."""
FORGOTTEN_AT_ONCE = 500

MEASURED_EVERY_SECONDS = 10.0
"""A machine that keeps going over its limit and back writes no more lines than one in this time."""


@dataclass(frozen=True, slots=True)
class AlertSetup:
    """The rules, the names of their channels, and where those are read from by who delivers."""

    rules: tuple[Rule, ...]
    channels: tuple[str, ...]
    home: str
    rules_file: str


@dataclass(frozen=True, slots=True)
class AlertSource:
    """Where the rules come from."""

    read: Callable[[Mapping[str, str]], AlertSetup]
    """From the rules file and the rules that are stored: by name, the text of each."""
    rules_file: Path | None = None


class Alerts:
    """The alert rules of one scheduler."""

    def __init__(
        self, scheduler: "Scheduler", source: AlertSource, deliveries: Deliveries, triggers: "Triggers"
    ) -> None:
        self._scheduler = scheduler
        self._source = source
        self._setup = AlertSetup((), (), "", "")
        self._deliveries = deliveries
        self._triggers = triggers
        self._state: AlertState | None = None
        self.fault = ""
        """What went wrong last while rules were worked out, which is a bug."""
        self._now = scheduler.now()
        self._forgot = self._now
        """When it was looked for what is to be forgotten."""
        self._seen = 0
        """The number of the last line of the log that the rules have taken."""
        self._timer: Timer | None = None
        self._machines: dict[str, tuple[tuple[bool, ...], float]] = {}
        """By worker, which limits it was over when that was last written, and when it was."""
        self._limits: list[tuple[str, float]] = []
        self._metrics: frozenset[str] = frozenset()

    # --- the log ---

    def heard(self, events: list[Event]) -> None:
        """These lines are committed."""
        lines = [event for event in events if event.seq]
        if not lines or not self._has_begun():
            return
        self._safely(partial(self._take, lines))

    def _take(self, lines: list[Event]) -> None:
        notices: list[Notice] = []
        if lines[0].seq > self._seen + 1:
            notices += self._missed(lines[0].seq)
        for event in lines:
            if event.seq > self._seen:
                self._seen = event.seq
                if event.name in INTERESTING:
                    notices += self._feed(_record(event), from_us(event.at_us) or self._now)
        self._tell(notices)

    def _missed(self, before: int) -> list[Notice]:
        """Lines that were committed, and that nobody was told of: their commit broke off before its answer."""
        with self._scheduler.engine.connect() as connection:
            rows = queries.alert_lines(connection, INTERESTING, after=self._seen, before=before)
        self._seen = before - 1
        return [notice for at, event, _ in map(_line, rows) for notice in self._feed(event, at)]

    def _feed(self, event: Record, at: datetime) -> list[Notice]:
        assert self._state is not None
        self._now = max(self._now, at)
        record = self._scheduler.world.dags.get(event.dag_id)
        if event.name == "dag.version" and event.dag_id in self._scheduler.world.plans:
            advance(self._state, self._tags(event.dag_id), self._now)
        notices = advance(self._state, event, self._now)
        by_schedule = event.name != "run.created" or event.reason == "timetable"
        if event.name in STOPS or (event.name in PLANS and by_schedule and record is not None):
            notices += advance(self._state, due(event.dag_id, self._due(event.dag_id)), self._now)
        return notices

    def _due(self, dag_id: str) -> datetime | None:
        record = self._scheduler.world.dags.get(dag_id)
        if record is None or record.is_paused or record.is_stale or record.next_due is None:
            return None
        return record.next_due.run_after

    def _tags(self, dag_id: str) -> Record:
        return tagged(dag_id, self._scheduler.world.plans[dag_id].spec.tags)

    # --- time ---

    def _wake(self) -> None:
        self._timer = None
        if not self._scheduler.is_closed and self._has_begun():
            self._safely(self._look)

    def _look(self) -> None:
        assert self._state is not None
        newest = self._scheduler.writer.newest_event
        notices = self._missed(newest + 1) if newest > self._seen else []
        self._now = max(self._now, self._scheduler.now())
        old = self._old() if self._now - self._forgot >= timedelta(hours=1) else ()
        self._tell(notices + advance(self._state, None, self._now), old)

    def _old(self) -> Iterable[Operation]:
        """What is to be forgotten now."""
        self._forgot = self._now
        with self._scheduler.engine.connect() as connection:
            before = to_us(self._now - KEPT_FOR)
            notices = queries.old_notices(connection, before, FORGOTTEN_AT_ONCE)
            silences = queries.old_silences(connection, before, FORGOTTEN_AT_ONCE)
        yield from (DropRows("alert_notice", row) for row in notices)
        yield from (DropRows("alert_silence", row) for row in silences)

    def _set_timer(self) -> None:
        assert self._state is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (at := self._state.next_wakeup) is not None:
            seconds = max(0.0, (at - self._scheduler.now()).total_seconds())
            # A wall clock may jump: long waits are looked at again.
            self._timer = self._scheduler.later(min(seconds, 60.0), self._wake)

    # --- what nobody else writes down ---

    def machine(self, worker: str, memory_percent: float, disk_percent: float) -> None:
        """A worker has measured its machine: that goes into the log when it is over a limit, or under it again."""
        if not self._limits or not (memory_percent or disk_percent):
            return
        uses = {"memory": memory_percent, "disk": disk_percent}
        over = tuple(uses[resource] >= limit for resource, limit in self._limits)
        known, now = self._machines.get(worker), self._scheduler.uptime()
        if known is not None and (known[0] == over or now - known[1] < MEASURED_EVERY_SECONDS):
            return
        self._machines[worker] = (over, now)
        body = {"worker": worker, "memory_percent": memory_percent, "disk_percent": disk_percent}
        self._scheduler.submit(Rows((Record("worker.measured", body=body),)))

    def measured(self, report: Finished) -> tuple[Record, ...]:
        """Lines about what an attempt that is under way measured, as far as a rule asks for it."""
        attempt = self._scheduler.world.attempts.get(report.attempt)
        live = self._scheduler.world.runs.get(attempt.key.run) if attempt is not None else None
        if attempt is None or live is None:
            return ()
        key = attempt.key
        return tuple(
            Record(
                "metric.recorded", live.run.dag_id, live.run.run_id, key.task_id, key.map_index, attempt.try_number,
                body={"name": name, "value": value, "labels": labels},
            )
            for name, value, labels in report.metrics
            if name in self._metrics
        )  # fmt: skip

    # --- what fires ---

    def firing(self, most: int) -> dict[str, Any] | None:
        """So many of the alerts that fire, with what the rules say of each, those first that matter most; and whether
        these are all. None where it is not known yet."""
        if self._state is None:
            return None
        found = sorted(self._state.firing(self._scheduler.now()), key=firing_first)
        firing = [
            {
                "notice": notice_to_json(one.notice),
                "is_told": one.is_told,
                "silent_until": to_us(one.silent_until),
            }
            for one in found[:most]
        ]
        return {"firing": firing, "is_all": len(found) <= most}

    # --- notices ---

    def _tell(self, notices: list[Notice], also: Iterable[Operation] = ()) -> None:
        deliveries = [delivery for notice in notices for delivery in self._deliveries_of(notice)]
        rows: list[Operation] = [*also, *(one.row("waiting" if one.channel else "kept") for one in deliveries)]
        rows += [_line_of(notice) for notice in notices]
        if rows:
            self._scheduler.submit(Rows(tuple(rows)), partial(self._stored, deliveries))
        self._set_timer()

    def _deliveries_of(self, notice: Notice) -> Iterator[Delivery]:
        wanted = self._setup.channels if notice.channels is None else notice.channels
        text = notice_to_json(notice)
        for channel in wanted or ("",):
            yield Delivery(notice.key, channel, notice.alert, notice.rule, notice.status, notice.at, text)

    def _stored(self, deliveries: list[Delivery], _: object, error: Exception | None) -> None:
        if error is not None:
            log.error("alert notices could not be stored", error=str(error))
            return
        self._start(delivery for delivery in deliveries if delivery.channel)

    def _start(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            if self._deliveries.add(delivery):
                self._triggers.start(delivery.id)

    # --- the beginning ---

    def begin(self) -> None:
        """Become what the log says, now that this scheduler is the owner."""
        self._has_begun()

    def _has_begun(self) -> bool:
        """Also tries to begin, where the database was away before."""
        if self._state is None:
            try:
                self._begin()
            except (OperationalError, TimeoutError) as away:
                log.warning("alert rules wait for the database", error=str(away))
                self._state = None
                self._timer = self._scheduler.later(1.0, self._wake)
            except Exception as fault:
                self.fault = f"{type(fault).__name__}: {fault}"
                log.error("alert rules cannot be worked out", error=self.fault, exc_info=fault)
                self._state = AlertState((), self._now)
        return self._state is not None

    def read_again(self) -> None:
        """The rules have changed: become what the log says by those that there are now."""
        if self._state is not None:
            self._state = None
            self._has_begun()

    def hushes_changed(self) -> None:
        """People have asked for a silence, or ended one."""
        if self._has_begun():
            self._safely(self._hush)

    def _hush(self) -> None:
        assert self._state is not None
        self._now = max(self._now, self._scheduler.now())
        with self._scheduler.engine.connect() as connection:
            hushes = tuple(map(hush_of, queries.alert_silences(connection, to_us(self._now))))
        self._tell(hush(self._state, hushes, self._now))

    def _use(self, setup: AlertSetup) -> None:
        conditions = [rule.condition for rule in setup.rules]
        self._limits = [(one.resource, one.at_least) for one in conditions if isinstance(one, MachineLimit)]
        self._metrics = frozenset(one.metric for one in conditions if isinstance(one, MetricLimit))
        self._machines.clear()
        self._deliveries.is_read_from(setup.home, setup.rules_file)
        self._setup = setup

    def _begin(self) -> None:
        with self._scheduler.engine.connect() as connection:
            self._use(self._source.read(queries.own_alert_rules(connection)))
        now, rules = self._scheduler.now(), self._setup.rules
        first = now - looks_back(rule.condition for rule in rules)
        with self._scheduler.engine.connect() as connection:
            hushes = tuple(map(hush_of, queries.alert_silences(connection, to_us(first))))
            lines = [_line(row) for row in queries.alert_lines(connection, INTERESTING, since_us=to_us(first))]
            stale = any(isinstance(rule.condition, DataStale) for rule in rules)
            updates = queries.newest_updates(connection, to_us(first)) if stale else []
            known = queries.notice_keys(connection, to_us(first - NEWS_FOR))
            stored = queries.alert_rules(connection)
            waiting = queries.open_notices(connection)
        new = {rule.name: fingerprint(rule) for rule in rules}
        new = {name: mark for name, mark in new.items() if stored.get(name, ("", 0))[0] != mark}
        since = {rule.name: now if rule.name in new else from_us(stored[rule.name][1]) or now for rule in rules}
        state = AlertState(rules, first, since, hushes)
        notices = [notice for at, event in self._past(lines, updates, first) for notice in advance(state, event, at)]
        notices += advance(state, None, now)
        notices = [one for one in notices if one.at >= since[one.rule] and one.at > now - NEWS_FOR]
        notices += tell_anew(state, new, now)
        self._state, self._now, self._seen = state, now, self._scheduler.writer.newest_event
        places = {name: {"name": name, "fingerprint": mark, "since": now} for name, mark in new.items()}
        self._start(Delivery(**{**row, "at": from_us(row["at"]) or now}) for row in waiting)
        fresh = [notice for notice in notices if notice.key not in known]
        self._tell(fresh, [*(PutRow("alert_rule", row) for row in places.values()), *self._old()])

    def _past(
        self,
        lines: list[tuple[datetime, Record, datetime | None]],
        updates: list[tuple[str, str, int]],
        first: datetime,
    ) -> Iterator[tuple[datetime, Record]]:
        """What is so without the log, then its lines. Time never goes back."""
        world = self._scheduler.world
        for dag_id in sorted(world.plans):
            yield first, self._tags(dag_id)
        for name, uri, at_us in updates:
            yield from_us(at_us) or first, Record("asset.updated", body={"name": name, "uri": uri})
        for live in world.runs.values():
            if live.run.start_date is not None and live.run.start_date < first:
                yield live.run.start_date, Record("run.moved", live.run.dag_id, live.run.run_id, after="running")
        now = first
        for at, event in completed(lines, first, {dag_id: self._due(dag_id) for dag_id in world.dags}):
            now = max(now, at)
            yield now, event

    def _safely(self, call: Any) -> None:
        """A fault in a rule costs nobody else: what was committed is told to others all the same."""
        try:
            call()
        except (OperationalError, TimeoutError) as away:
            log.warning("alert rules wait for the database", error=str(away))
            self._timer = self._scheduler.later(1.0, self._wake)
        except Exception as fault:
            self.fault = f"{type(fault).__name__}: {fault}"
            log.error("alert rules could not take what happened", error=self.fault, exc_info=fault)


def _line_of(notice: Notice) -> Record:
    subject = notice.subject
    body = {
        "rule": notice.rule, "severity": notice.severity, "key": notice.key, "repeat": notice.repeat,
        "subject": subject.name,
    }  # fmt: skip
    return Record(
        "alert.fired" if notice.status == "firing" else "alert.recovered",
        subject.dag_id,
        subject.run_id,
        subject.task_id,
        reason=notice.sentence.replace("\0", "\N{REPLACEMENT CHARACTER}"),  # PostgreSQL has no such text
        body=body,
    )


def _record(event: Event) -> Record:
    return Record(
        event.name, event.dag_id, event.run_id, event.task_id, event.map_index, event.try_number, event.before,
        event.after, event.reason, event.body,
    )  # fmt: skip


def _line(row: queries.AlertLine) -> tuple[datetime, Record, datetime | None]:
    at = from_us(row.event.at_us)
    assert at is not None
    return at, _record(row.event), from_us(row.due_us)
