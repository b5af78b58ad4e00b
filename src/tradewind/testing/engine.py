"""The engine in memory: the scheduler's core in virtual time, and attempts that run in this process when they start.

Nothing runs beside anything else. A task's code runs at the moment of virtual time at which the task starts; its end is
reported when its duration has passed, so that pools, limits and timeouts see it run for so long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any

import msgspec

from tradewind.core.dag import DagSpec
from tradewind.core.decisions import StartTrigger, StopTrigger
from tradewind.core.errors import TradewindError
from tradewind.core.inputs import (
    AttemptStarted,
    CallbackFinished,
    CreateRun,
    PoolsChanged,
    TimerFired,
    TriggerAnswered,
)
from tradewind.core.records import Attempt, DagRun, Pool, Question, TaskKey
from tradewind.core.states import RunType
from tradewind.scheduler.named_runs import partitions_named, runs_ahead
from tradewind.scheduler.offers import Offers
from tradewind.scheduler.params import check_conf
from tradewind.scheduler.questions import answer_to
from tradewind.scheduler.reports import attempt_finished
from tradewind.sdk.execution.masking import masker
from tradewind.store.times import from_us, to_us
from tradewind.testing.answers import RunAnswers
from tradewind.testing.attempts import Actor, PlayedAttempt
from tradewind.testing.clock import VirtualClock
from tradewind.testing.dag_bag import IMPORT_SECONDS, DagBag
from tradewind.testing.replies import Replies, Reply
from tradewind.testing.stand_ins import StandIns
from tradewind.testing.surroundings import process_kept, surroundings
from tradewind.testing.triggers import Triggers
from tradewind.testing.world import Play
from tradewind.wire.logs import LogLine
from tradewind.wire.messages import Finished, Parsed
from tradewind.worker.importing import LoadedFile
from tradewind.worker.naming import name_runs
from tradewind.worker.partition_naming import name_partitions

DEFAULT_POOL_SLOTS = 128
DEFAULT_PARALLELISM = 32
MOST_STARTS = 20_000
"""More starts than this in one play mean that something goes round in circles."""


class GoesOnForEver(TradewindError):
    """A play has no end."""

    def __init__(self, task_id: str, now: datetime) -> None:
        super().__init__(
            f"After {MOST_STARTS} starts the play has come to {now.isoformat()} and is not over; {task_id!r} was to "
            "start next. Let it end sooner: a shorter timeout, an earlier to=, or a stand-in with outcomes=."
        )


class TimetableFailed(TradewindError):
    """The code of a Dag's own timetable cannot say when its runs are due."""


class Engine:
    """One installation that knows the Dags of a bag."""

    def __init__(
        self,
        bag: DagBag,
        clock: VirtualClock,
        stand_ins: StandIns,
        replies: Replies,
        *,
        variables: Mapping[str, Any] | None = None,
        connections: Mapping[str, Any] | None = None,
        pools: Mapping[str, int] | None = None,
        parallelism: int = DEFAULT_PARALLELISM,
    ) -> None:
        self.bag, self.clock, self._stand_ins = bag, clock, stand_ins
        self._replies = replies
        self.play = Play(now=clock.now, check=False, parallelism=parallelism, capacity=parallelism)
        self.answers = RunAnswers(self.play, variables, connections)
        self.attempts: dict[TaskKey, list[PlayedAttempt]] = {}
        """Every start of each task instance, oldest first."""
        self.callbacks: list[PlayedAttempt] = []
        """Those of Dags, and those of tasks that could not call themselves."""
        self.starts: list[TaskKey] = []
        self._given = set(variables or ()), set(connections or ())
        self._actor = Actor(clock, self.answers)
        self._offers = Offers(lambda run, task_id, key: self.answers.xcoms(run, [task_id], key))
        self._running: list[tuple[int, int, Finished]] = []
        self._said: list[tuple[datetime, int, Question, Reply]] = []
        """What people are going to answer, and when."""
        self._triggers = Triggers(clock, self._trigger_said)
        self._wakes = 0
        self._seen = {
            "offered": 0,
            "stopped": 0,
            "called": 0,
            "trigger_orders": 0,
            "asked_to_name": 0,
            "asked_for_partitions": 0,
        }
        self._until: datetime | None = None
        self._serve_queues()
        for name, slots in {"default_pool": DEFAULT_POOL_SLOTS, **(pools or {})}.items():
            self.play.world.set_pool(Pool(name=name, slots=slots))

    def load(self, dag_ids: list[str]) -> None:
        """These Dags become known, and are not paused."""
        for dag_id in dag_ids:
            self.play.load(self._spec(dag_id))
            self.play.unpause(dag_id)

    def create(self, dag_id: str, **wish: Any) -> DagRun:
        """A run that somebody asks for. Raises InvalidInput for a conf that does not fit the Dag's params."""
        check_conf(dag_id, self.bag.bagged[dag_id].spec.params, wish.get("conf") or {})
        run: DagRun = self.play.give(CreateRun(dag_id=dag_id, run_type=RunType.MANUAL, **wish))
        return run

    def run(self, until: datetime | None = None) -> None:
        """Play until every run is over, or waits for what cannot come. Runs that a schedule wants are made as far as
        they are due by `until`; without it none is."""
        self._until = until
        with self._stage():
            self.play.give(PoolsChanged())
            for dag_id in self._with_own_timetables() if until is not None else ():
                self._name_runs(dag_id)
            try:
                while self._act() or self._step():
                    pass
            finally:
                self._triggers.close()

    # --- setting the stage ---

    @contextmanager
    def _stage(self) -> Iterator[None]:
        variables, connections = self._given
        with surroundings(self.bag.folder, self.answers, variables=variables, connections=connections):
            masker().add(self.bag.secrets)
            yield

    def _serve_queues(self) -> None:
        queues = {task.queue for each in self.bag.bagged.values() for task in each.spec.tasks.values()}
        self.play.join_worker(queues=tuple(sorted({"default", *queues})))

    def _spec(self, dag_id: str) -> DagSpec:
        """A task for which something stands in goes to a worker, even one that never would."""
        spec = self.bag.bagged[dag_id].spec
        tasks = {
            task_id: replace(task, never_sent=False) if task.never_sent and self._stand_ins.sends(task_id) else task
            for task_id, task in spec.tasks.items()
        }
        return replace(spec, tasks=tasks)

    # --- one thing after the other ---

    def _act(self) -> bool:
        """Do what the core has asked for since the last time; false when it has not asked for anything."""
        stopped, called, offered = self._news("stopped"), self._news("called"), self._news("offered")
        triggers = self._news("trigger_orders")
        unnamed = self._news("asked_to_name") if self._until is not None else []
        unmapped = self._news("asked_for_partitions")
        for attempt in stopped:
            self._stop(attempt)
        for number in called:
            self._call(number)
        for attempt in offered:
            self._start(attempt)
        if triggers:
            self._order(triggers)
        for dag_id in unnamed:
            self._name_runs(dag_id)
        for dag_id in unmapped:
            self._name_partitions(dag_id)
        return bool(stopped or called or offered or triggers or unnamed or unmapped)

    def _with_own_timetables(self) -> list[str]:
        return [dag_id for dag_id, plan in self.play.world.plans.items() if plan.spec.timetable.kind == "custom"]

    def _name_runs(self, dag_id: str) -> None:
        """Have the code of a Dag's own timetable say which runs come next."""
        report = self._ask_code(dag_id, name_runs)
        if report.problems:
            raise TimetableFailed(report.problems[0].message)
        for named in report.named:
            self.play.load(self._spec(dag_id), ahead=runs_ahead(named, self.play.now))

    def _name_partitions(self, dag_id: str) -> None:
        """Have the code of a Dag's own partition mapper say for which partitions events are."""
        said = self._ask_code(dag_id, name_partitions).partitions
        self.play.load(self._spec(dag_id), partitions=[partitions_named(one) for one in said])

    def _ask_code(self, dag_id: str, ask: Callable[[LoadedFile, Any, float], None]) -> Parsed:
        bagged = self.bag.bagged[dag_id]
        report = Parsed(id=0, file=bagged.spec.file, specs=[msgspec.json.encode(bagged.spec)])
        loaded = LoadedFile(str(bagged.folder / bagged.spec.file), {dag_id: bagged.dag}, report)
        with process_kept(), self.clock.shown():
            ask(loaded, self.answers, IMPORT_SECONDS)
        return report

    def _news(self, name: str) -> list[Any]:
        told: list[Any] = getattr(self.play, name)
        news, self._seen[name] = told[self._seen[name] :], len(told)
        return news

    def _step(self) -> bool:
        """Let the next thing happen: the end of an attempt, or a timer. False when all is over, or nothing can come."""
        timer = self.play.world.next_timer()
        is_asked_for = timer is not None and timer <= self.play.now
        if not self.play.world.runs and not self._is_due() and not is_asked_for:
            return False
        ends = from_us(self._running[0][0]) if self._running else None
        coming = [
            (at, place, happens)
            for place, (at, happens) in enumerate(
                [
                    (ends, self._end),
                    (self._said[0][0] if self._said else None, self._reply),
                    (self._triggers.next_wake(), self._wake),
                    (timer, self._fire),
                ]
            )
            if at is not None
        ]
        if not coming:
            return False
        at, _, happens = min(coming, key=lambda each: each[:2])
        self._move_to(at)
        happens()
        return True

    def _end(self) -> None:
        _, _, report = heappop(self._running)
        self.play.give(attempt_finished(report))
        question = self.play.questions.get(f"{report.attempt}.question")
        if question is not None and (reply := self._replies.reply_to(question)) is not None:
            at = self.play.now + timedelta(seconds=reply.seconds)
            heappush(self._said, (at, len(self.play.questions), question, reply))

    def _reply(self) -> None:
        """Somebody answers, unless the question is asked no more."""
        _, _, question, reply = heappop(self._said)
        waits = self.play.world.deferrals.get(question.key)
        if waits is not None and waits.id == question.id and waits.answer is None:
            self.play.give(answer_to(question, reply.options, reply.params, reply.person(question)))

    def _fire(self) -> None:
        for kind, subject in self.play.world.due(self.play.now):
            if kind != "schedule" or self._is_due(str(subject)):
                self.play.give(TimerFired(kind=kind, subject=subject))

    def _wake(self) -> None:
        self._wakes += 1
        if self._wakes > MOST_STARTS:
            raise GoesOnForEver("a trigger", self.play.now)
        self._hear(self._triggers.wake())

    def _order(self, orders: list[StartTrigger | StopTrigger]) -> None:
        for order in orders:
            if isinstance(order, StartTrigger):
                self._triggers.start(order.deferral)
            else:
                self._triggers.stop(order.id)
        self._hear(self._triggers.settle())

    def _hear(self, answers: list[TriggerAnswered]) -> None:
        for answer in answers:
            self.play.triggers.pop(answer.id, None)  # it runs no longer
            self.play.give(answer)

    def _trigger_said(self, trigger: str, line: LogLine) -> None:
        """A trigger's line goes to the log of the attempt that deferred."""
        for attempts in self.attempts.values():
            for attempt in attempts:
                if trigger.startswith(attempt.offer.attempt):
                    attempt.lines.append(line)

    def _move_to(self, at: datetime) -> None:
        self.play.now = self.clock.now = max(self.play.now, at)

    def _is_due(self, dag_id: str | None = None) -> bool:
        """Whether a schedule wants a run within the time that is played."""
        records = self.play.world.dags.values()
        return self._until is not None and any(
            record.next_due is not None and not record.is_paused and record.next_due.run_after <= self._until
            for record in records
            if dag_id is None or record.dag_id == dag_id
        )

    # --- attempts ---

    def _start(self, attempt: Attempt) -> None:
        current, key = self.play.world.attempts.get(attempt.id), attempt.key
        offer = self._offers.offer(self.play.world, attempt)
        if current is None or current.cancel or offer is None:
            return
        if len(self.starts) >= MOST_STARTS:
            raise GoesOnForEver(key.task_id, self.play.now)
        self.starts.append(key)
        prepared = self.bag.bagged[offer.run.dag_id].prepared
        outcome = self._stand_ins.outcome(key.task_id, key.map_index, attempt.try_number)
        seconds = self._stand_ins.seconds(key.task_id, key.map_index)

        def started(start_us: int) -> None:
            self.play.give(AttemptStarted(attempt=attempt.id, start_date=from_us(start_us) or self.play.now))

        played = self._actor.attempt(prepared, offer, outcome, seconds, started)
        self.attempts.setdefault(key, []).append(played)
        heappush(self._running, (played.report.end_us or 0, len(self.starts), played.report))

    def _stop(self, attempt: Attempt) -> None:
        """Its code has run already: what it reports is not what it came to, but that it was stopped."""
        for place, (_, number, report) in enumerate(self._running):
            if report.attempt == attempt.id:
                report.outcome, report.error, report.value, report.xcoms = "cancelled", attempt.cancel, None, []
                report.end_us = to_us(self.play.now)
                self._running[place] = (report.end_us or 0, number, report)
                self._running.sort()
                return
        self.play.give(attempt_finished(Finished(attempt=attempt.id, outcome="cancelled", error=attempt.cancel)))

    def _call(self, number: str) -> None:
        row = self.play.callbacks[number]
        run = self.play.runs[row.key.run]
        fields = {
            "id": number, "kind": row.kind, "reason": row.reason, "task_id": row.key.task_id,
            "map_index": row.key.map_index, "try_number": row.try_number,
            "max_tries": self.play.tasks[row.key].max_tries if row.key.task_id else 0,
        }  # fmt: skip
        offer = self._offers.callback(self.play.world, fields, run)
        if offer is not None:
            played = self._actor.callback(self.bag.bagged[run.dag_id].prepared, offer)
            self.callbacks.append(played)
            asked, moment = (row.key, row.kind, row.reason), from_us(played.report.moment_us)
            self.play.give(CallbackFinished(id=number, error=played.error, asked=asked, moment=moment))
