"""What each condition remembers of the event log, and what it says about its subjects at a moment.

A watch takes lines of the log in their order. What it keeps is bounded by what is open now, by its window, or by
`MOST_SUBJECTS`; the oldest goes first.
"""

import math
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Protocol, assert_never

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
from tradewind.core.alert_words import counted, shown, span
from tradewind.core.decisions import Record

MOST_SUBJECTS = 10_000
MOST_RUNS = 1_000
"""Of more runs within the window of a failure rate, the newest count."""

RUN_OVER = ("success", "failed")
DUE = "dag.due"
"""Not a line of the log: a Dag's next run is due at `run_after`, or none is."""
MEASURED = "metric.recorded"
MACHINE = "worker.measured"


class Subject(NamedTuple):
    """What an alert is about; what does not apply is empty."""

    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    name: str = ""
    """A worker, an asset, a deadline."""


class Verdict(NamedTuple):
    """What is so now. `sentence` lacks the rule's name."""

    holds: bool
    value: float
    limit: float
    sentence: str
    is_final: bool = False
    """Nothing that comes later changes it."""


class Watch(Protocol):
    """What one rule remembers."""

    def begin(self, now: datetime) -> Iterable[Subject]:
        """What is watched although nothing was heard of it."""
        ...

    def take(self, event: Record, now: datetime) -> Iterable[Subject]:
        """A line of the log; returns what it is about."""
        ...

    def look(self, subject: Subject, now: datetime) -> Verdict | None:
        """None: nothing can be said, and what was so stays so."""
        ...

    def wakes(self, subject: Subject, now: datetime) -> datetime | None:
        """The next moment at which `look` says something else, though nothing happens."""
        ...

    def forget(self, subject: Subject) -> None: ...


def watch_of(condition: Condition) -> Watch:
    """An empty memory for a condition."""
    match condition:
        case FailureRate():
            return FailureWatch(condition)
        case RunLongerThan():
            return DurationWatch(condition)
        case MetricLimit():
            return MetricWatch(condition)
        case MachineLimit():
            return MachineWatch(condition)
        case DeadlineMissed():
            return DeadlineWatch()
        case RunDidNotStart():
            return StartWatch(condition)
        case DataStale():
            return AssetWatch(condition)
        case _:
            assert_never(condition)


class FailureWatch:
    """The ends of runs within the window, by Dag or all together."""

    def __init__(self, condition: FailureRate) -> None:
        self._condition = condition
        self._ends: dict[Subject, deque[tuple[datetime, bool]]] = {}

    def begin(self, now: datetime) -> Iterable[Subject]:
        return ()

    def take(self, event: Record, now: datetime) -> Iterable[Subject]:
        if event.name != "run.moved" or event.after not in RUN_OVER:
            return ()
        subject = Subject() if self._condition.together else Subject(event.dag_id)
        ends = self._ends.setdefault(subject, deque(maxlen=MOST_RUNS))
        ends.append((now, event.after == "failed"))
        return (subject,)

    def look(self, subject: Subject, now: datetime) -> Verdict | None:
        ends, condition = self._ends.get(subject), self._condition
        while ends and ends[0][0] <= now - condition.window:
            ends.popleft()
        if not ends:
            self.forget(subject)
            return None
        if len(ends) < condition.minimum_runs:
            return None
        failed, count = sum(has_failed for _, has_failed in ends), len(ends)
        percent, limit = 100 * failed / count, float(100 * condition.at_least)
        of = f"the Dag {subject.dag_id}" if subject.dag_id else "all Dags"
        sentence = (
            f"{failed} of {counted(count, 'run')} of {of} failed within {span(condition.window)}, {percent:.4g} %; "
            f"the limit is {limit:.4g} %."
        )
        return Verdict(failed >= condition.at_least * count, percent, limit, sentence)

    def wakes(self, subject: Subject, now: datetime) -> datetime | None:
        ends = self._ends.get(subject)
        return later(ends[0][0], self._condition.window) if ends else None

    def forget(self, subject: Subject) -> None:
        if not self._ends.get(subject):
            self._ends.pop(subject, None)


class _Running(NamedTuple):
    started: datetime
    limit: timedelta | None
    ended: datetime | None = None


class DurationWatch:
    """When runs that are not over began, and how long those before them took."""

    def __init__(self, condition: RunLongerThan) -> None:
        self._condition = condition
        self._running: dict[Subject, _Running] = {}
        self._took: dict[str, deque[float]] = {}

    def begin(self, now: datetime) -> Iterable[Subject]:
        return ()

    def take(self, event: Record, now: datetime) -> Iterable[Subject]:
        subject = Subject(event.dag_id, event.run_id)
        known = self._running.get(subject)
        if event.name == "run.moved" and event.after == "running":
            self._running[subject] = _Running(now, self._limit(event.dag_id))
            return (subject,)
        if known is None or known.ended is not None or event.name not in ("run.moved", "run.deleted"):
            return ()
        if event.after == "success":
            took = self._took.setdefault(event.dag_id, deque(maxlen=self._condition.last_runs))
            took.append((now - known.started).total_seconds())
            shorten(self._took)
        self._running[subject] = known._replace(ended=now)
        return (subject,)

    def _limit(self, dag_id: str) -> timedelta | None:
        condition, took = self._condition, self._took.get(dag_id, ())
        limits = [condition.limit] if condition.limit is not None else []
        if condition.times is not None and took and len(took) >= condition.minimum_runs:
            limits.append(timedelta(seconds=condition.times * sum(took) / len(took)))
        return min(limits, default=None)

    def look(self, subject: Subject, now: datetime) -> Verdict | None:
        run = self._running.get(subject)
        if run is None:
            return None
        elapsed = (run.ended or now) - run.started
        limit = run.limit.total_seconds() if run.limit is not None else math.inf
        verb = "has run for" if run.ended is None else "took"
        sentence = f"The run {subject.run_id} of the Dag {subject.dag_id} {verb} {span(elapsed)}"
        sentence += f"; the limit is {span(run.limit)}." if run.limit is not None else "."
        seconds, is_over = elapsed.total_seconds(), run.ended is not None
        return Verdict(not is_over and seconds >= limit, seconds, limit, sentence, is_final=is_over)

    def wakes(self, subject: Subject, now: datetime) -> datetime | None:
        run = self._running.get(subject)
        return later(run.started, run.limit) if run and run.limit is not None and run.ended is None else None

    def forget(self, subject: Subject) -> None:
        if (run := self._running.get(subject)) is not None and run.ended is not None:
            del self._running[subject]


class MetricWatch:
    """The newest value that a task measured, while it breaks the limit."""

    def __init__(self, condition: MetricLimit) -> None:
        self._condition = condition
        self._values: dict[Subject, tuple[float, str]] = {}

    def begin(self, now: datetime) -> Iterable[Subject]:
        return ()

    def take(self, event: Record, now: datetime) -> Iterable[Subject]:
        if event.name != MEASURED or event.body.get("name") != self._condition.metric:
            return ()
        value = number(event.body.get("value"))
        if value is None:
            return ()
        labels = event.body.get("labels")
        text = ", ".join(f"{key}={labels[key]}" for key in sorted(labels)) if isinstance(labels, dict) else ""
        subject = Subject(event.dag_id, "", event.task_id, text)
        self._values.pop(subject, None)
        self._values[subject] = (value, event.run_id)
        shorten(self._values)
        return (subject,)

    def look(self, subject: Subject, now: datetime) -> Verdict | None:
        if subject not in self._values:
            return None
        (value, run_id), condition = self._values[subject], self._condition
        holds = value < condition.limit if condition.is_below else value >= condition.limit
        place = f"the Dag {subject.dag_id}" if subject.dag_id else "nobody's Dag"
        place += f", run {run_id}" if run_id else ""
        place += f", task {subject.task_id}" if subject.task_id else ""
        labels = f" ({subject.name})" if subject.name else ""
        word = "least" if condition.is_below else "limit"
        sentence = f"{condition.metric}{labels} of {place} is {value:.6g}; the {word} is {condition.limit:.6g}."
        return Verdict(holds, value, condition.limit, sentence, is_final=not holds)

    def wakes(self, subject: Subject, now: datetime) -> datetime | None:
        return None

    def forget(self, subject: Subject) -> None:
        self._values.pop(subject, None)


class MachineWatch:
    """What workers' machines use, while it breaks the limit."""

    def __init__(self, condition: MachineLimit) -> None:
        self._condition = condition
        self._values: dict[Subject, float | None] = {}

    def begin(self, now: datetime) -> Iterable[Subject]:
        return ()

    def take(self, event: Record, now: datetime) -> Iterable[Subject]:
        subject = Subject(name=str(event.body.get("worker", "")))
        if event.name == "worker.lost" and subject in self._values:
            self._values[subject] = None
            return (subject,)
        value = number(event.body.get(f"{self._condition.resource}_percent")) if event.name == MACHINE else None
        if value is None:
            return ()
        self._values[subject] = value
        shorten(self._values)
        return (subject,)

    def look(self, subject: Subject, now: datetime) -> Verdict | None:
        if subject not in self._values:
            return None
        value, limit, resource = self._values[subject], self._condition.at_least, self._condition.resource
        if value is None:
            return Verdict(False, 0.0, limit, f"The worker {subject.name} is gone.", is_final=True)
        sentence = (
            f"{value:.4g} % of the {resource} of the worker {subject.name} is in use; the limit is {limit:.4g} %."
        )
        return Verdict(value >= limit, value, limit, sentence, is_final=value < limit)

    def wakes(self, subject: Subject, now: datetime) -> datetime | None:
        return None

    def forget(self, subject: Subject) -> None:
        self._values.pop(subject, None)


class _Missed(NamedTuple):
    deadline: datetime
    run_goes_on: bool
    """Its run was not over then, so that there is an end to wait for."""
    is_over: bool = False


class DeadlineWatch:
    """Runs that are not over, and what they and their tasks were late with."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[Subject]] = {}
        self._missed: dict[Subject, _Missed] = {}

    def begin(self, now: datetime) -> Iterable[Subject]:
        return ()

    def take(self, event: Record, now: datetime) -> Iterable[Subject]:
        run = (event.dag_id, event.run_id)
        if event.name == "run.deadline_missed":
            subject = Subject(*run, event.task_id, str(event.body.get("deadline", "")))
            self._missed[subject] = _Missed(moment(event.reason) or now, run in self._open)
            self._open.get(run, []).append(subject)
            shorten(self._missed)
            return (subject,)
        if event.name == "run.deleted" or (event.name == "run.moved" and event.after in RUN_OVER):
            missed = [subject for subject in self._open.pop(run, ()) if subject in self._missed]
            self._missed.update({subject: self._missed[subject]._replace(is_over=True) for subject in missed})
            return missed
        if event.name in ("run.created", "run.moved"):
            self._open.setdefault(run, [])
        return ()

    def look(self, subject: Subject, now: datetime) -> Verdict | None:
        missed = self._missed.get(subject)
        if missed is None:
            return None
        what = f"The task {subject.task_id} of the run" if subject.task_id else "The run"
        verb = "is over now; it was to be by" if missed.is_over else "was not over by"
        sentence = f"{what} {subject.run_id} of the Dag {subject.dag_id} {verb} {shown(missed.deadline)}."
        late = max(0.0, (now - missed.deadline).total_seconds())
        return Verdict(not missed.is_over, late, 0.0, sentence, is_final=missed.is_over or not missed.run_goes_on)

    def wakes(self, subject: Subject, now: datetime) -> datetime | None:
        return None

    def forget(self, subject: Subject) -> None:
        self._missed.pop(subject, None)


class _Due(NamedTuple):
    at: datetime
    run_id: str = ""
    settled: str = ""
    """Why nobody waits for it any more."""


class StartWatch:
    """Runs that are due or made, and have not started."""

    def __init__(self, condition: RunDidNotStart) -> None:
        self._within = condition.within
        self._due: dict[Subject, _Due] = {}
        self._next: dict[str, Subject] = {}
        """By Dag, what its schedule makes next."""
        self._made: dict[tuple[str, str], Subject] = {}

    def begin(self, now: datetime) -> Iterable[Subject]:
        return ()

    def take(self, event: Record, now: datetime) -> Iterable[Subject]:
        run = (event.dag_id, event.run_id)
        if event.name == DUE:
            return self._planned(event.dag_id, moment(event.body.get("run_after")), now)
        if event.name == "run.created":
            return self._created(event, run, now)
        if event.name == "run.deleted" or (event.name == "run.moved" and event.after != "queued"):
            subject = self._made.pop(run, None)
            if subject is not None:
                how = "has started" if event.after == "running" else "is over" if event.after else "was deleted"
                self._due[subject] = self._due[subject]._replace(settled=f"it {how}")
                return (subject,)
        return ()

    def _planned(self, dag_id: str, at: datetime | None, now: datetime) -> Iterable[Subject]:
        subject = Subject(dag_id, name=at.isoformat()) if at is not None else None
        before = self._next.get(dag_id)
        if before == subject:
            return ()
        touched = []
        if before is not None:
            del self._next[dag_id]
            self._due[before] = self._due[before]._replace(settled="the Dag's schedule goes on without it")
            touched.append(before)
        if subject is not None and at is not None and subject not in self._due:
            self._next[dag_id] = subject
            self._due[subject] = _Due(max(at, now))  # what is made up for is not late by years
            touched.append(subject)
        return touched

    def _created(self, event: Record, run: tuple[str, str], now: datetime) -> Iterable[Subject]:
        if event.reason == "backfill":
            return ()  # a backfill makes its runs as it may start them
        due = moment(event.body.get("run_after")) or now
        subject = Subject(event.dag_id, event.run_id)
        if event.reason == "timetable" and (planned := self._next.pop(event.dag_id, None)) is not None:
            subject, due = planned, self._due[planned].at
        self._made[run] = subject
        self._due[subject] = _Due(due, event.run_id)
        return (subject,)

    def look(self, subject: Subject, now: datetime) -> Verdict | None:
        due = self._due.get(subject)
        if due is None:
            return None
        late, limit = (now - due.at).total_seconds(), self._within.total_seconds()
        what = (
            f"The run {due.run_id} of the Dag {subject.dag_id}" if due.run_id else f"A run of the Dag {subject.dag_id}"
        )
        if due.settled:
            sentence = f"{what}, due at {shown(due.at)}, is waited for no longer: {due.settled}."
        else:
            made = "" if due.run_id else " and was not made"
            sentence = f"{what} was due at {shown(due.at)}{made}, and has not started within {span(self._within)}."
        return Verdict(not due.settled and late >= limit, late, limit, sentence, is_final=bool(due.settled))

    def wakes(self, subject: Subject, now: datetime) -> datetime | None:
        due = self._due.get(subject)
        return later(due.at, self._within) if due and not due.settled else None

    def forget(self, subject: Subject) -> None:
        if (due := self._due.get(subject)) is not None and due.settled:
            del self._due[subject]


class AssetWatch:
    """When assets were last updated."""

    def __init__(self, condition: DataStale) -> None:
        self._condition = condition
        self._updated: dict[Subject, datetime] = {}
        self._never: set[Subject] = set()

    def begin(self, now: datetime) -> Iterable[Subject]:
        """Assets that are named whole are waited for from the beginning."""
        for name in self._condition.assets:
            if not any(mark in name for mark in "*?["):
                self._updated[Subject(name=name)] = now
                self._never.add(Subject(name=name))
        return list(self._updated)

    def take(self, event: Record, now: datetime) -> Iterable[Subject]:
        if event.name != "asset.updated":
            return ()
        names = [str(event.body[key]) for key in ("name", "uri") if event.body.get(key)]
        subjects = [known for name in names if (known := Subject(name=name)) in self._updated]
        if (
            not subjects
            and names
            and any(fnmatchcase(name, pattern) for name in names for pattern in self._condition.assets)
        ):
            subjects = [Subject(name=names[0])]
        for subject in subjects:
            self._updated.pop(subject, None)
            self._updated[subject] = now
            self._never.discard(subject)
        shorten(self._updated)
        return subjects

    def look(self, subject: Subject, now: datetime) -> Verdict | None:
        updated = self._updated.get(subject)
        if updated is None:
            return None
        age, limit = now - updated, self._condition.after
        if subject in self._never:
            sentence = f"The asset {subject.name} was never updated in the {span(age)} that it is watched"
        else:
            sentence = f"The asset {subject.name} was last updated {span(age)} ago, at {shown(updated)}"
        sentence += f"; the limit is {span(limit)}."
        return Verdict(age >= limit, age.total_seconds(), limit.total_seconds(), sentence)

    def wakes(self, subject: Subject, now: datetime) -> datetime | None:
        updated = self._updated.get(subject)
        return later(updated, self._condition.after) if updated is not None else None

    def forget(self, subject: Subject) -> None:
        """What was updated once is waited for again."""


# --- values ---


def number(value: Any) -> float | None:
    """A finite number, if it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def moment(text: Any) -> datetime | None:
    """An ISO moment with its offset, if it is one."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def later(at: datetime, time: timedelta) -> datetime | None:
    try:
        return at + time
    except OverflowError:
        return None  # no calendar has that moment


def shorten(known: dict[Any, Any]) -> None:
    while len(known) > MOST_SUBJECTS:
        del known[next(iter(known))]
