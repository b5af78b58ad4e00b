"""Play: the scheduler's core, played step by step in virtual time with a worker that does what the test says.

There is no database. Play keeps its own copy of the rows that the operations describe, and after every step holds
memory against them and against counts made from scratch: what it accepts, the store would have accepted too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tradewind.core import inputs as i
from tradewind.core.assets import named_in
from tradewind.core.backfill_plan import Backfill, BackfillPlan, Reprocess
from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.core.decide import admit_ready, decide
from tradewind.core.decisions import (
    DropRows,
    DropTask,
    DropXComs,
    LookForRuns,
    NamePartitions,
    NameRuns,
    Operation,
    PutAssetEvent,
    PutAttempt,
    PutCallback,
    PutDeferral,
    PutQuestion,
    PutRow,
    PutRun,
    PutTask,
    PutXCom,
    Record,
    StartAttempt,
    StartCallback,
    StartTrigger,
    StartWatcher,
    StopAttempt,
    StopTrigger,
)
from tradewind.core.errors import TradewindError
from tradewind.core.explain import explain
from tradewind.core.past import PreviousRun, as_previous, newest_before
from tradewind.core.plan import Plan
from tradewind.core.reasons import Reason
from tradewind.core.records import (
    AssetEvent,
    Attempt,
    DagRun,
    Deferral,
    Pool,
    Question,
    TaskInstance,
    TaskKey,
    Watched,
)
from tradewind.core.rerun_plan import RerunPlan, RerunWish, plan_rerun
from tradewind.core.states import (
    ATTEMPT_ACTIVE,
    FINISHED,
    RUN_FINISHED,
    TASK_TRANSITIONS,
    AttemptState,
    RunState,
    RunType,
    TaskState,
)
from tradewind.core.timetables import RunsAhead
from tradewind.core.trigger_rules import UpstreamCounts
from tradewind.core.watching import awaited
from tradewind.core.world import IN_MOTION, LiveRun, World

START = datetime(2024, 1, 1, tzinfo=UTC)
LEGAL = {(str(before), str(after)) for (before, _), after in TASK_TRANSITIONS.items()}
MOST_STEPS = 20_000
"""More timers than this in one `advance` mean that something goes round in circles."""


class Play:
    """One installation with one worker. `run` defaults to the newest one everywhere."""

    def __init__(self, *, capacity: int = 5000, parallelism: int = 5000, now: datetime = START, check: bool = True):
        self.world = World(parallelism=parallelism)
        self.world.pools["default_pool"] = Pool(name="default_pool", slots=-1)
        self.now = now
        self.check = check
        self.runs: dict[int, DagRun] = {}
        self.tasks: dict[TaskKey, TaskInstance] = {}
        self.attempts: dict[str, Attempt] = {}
        self.xcoms: dict[tuple[TaskKey, str], PutXCom] = {}
        self.task_state_store: dict[tuple[TaskKey, str], Mapping[str, Any]] = {}
        self.asset_state_store: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        """By name, uri and key."""
        self.callbacks: dict[str, PutCallback] = {}
        self.records: list[Record] = []
        self.offered: list[Attempt] = []
        """Every StartAttempt, in order."""
        self.stopped: list[Attempt] = []
        self.deferrals: dict[TaskKey, Deferral] = {}
        self.questions: dict[str, Question] = {}
        """What was ever asked, by id."""
        self.triggers: dict[str, Deferral] = {}
        """Triggers that a worker was told to run, and not to stop."""
        self.watchers: dict[str, dict[str, Any]] = {}
        """Rows of watchers, by id."""
        self.watching: dict[str, Watched] = {}
        """Watchers that a worker was told to run, and not to stop."""
        self.asset_events: dict[int, AssetEvent] = {}
        """The ledger, by number."""
        self.asset_queue: set[tuple[str, int]] = set()
        """(dag_id, number) of what waits."""
        self.partition_queue: set[tuple[str, str, int]] = set()
        """(dag_id, partition, number) of what waits for Dags with partitions."""
        self.asset_runs: set[tuple[int, int]] = set()
        """(run, number) of what runs were made for."""
        self.called: list[str] = []
        """The id of every StartCallback, in order."""
        self.trigger_orders: list[StartTrigger | StopTrigger] = []
        """Every order about a trigger, in order."""
        self.deadlines: dict[tuple[int, str], datetime] = {}
        """Rows of deadlines that have not come, by (run, name)."""
        self.asked_to_name: list[str] = []
        self.asked_for_partitions: list[str] = []
        """Dags whose timetable's code was asked for its next runs, in order."""
        self.versions: dict[str, int] = {}
        self.plans: dict[str, Plan] = {}
        """Every version that was loaded."""
        self.backfills: dict[int, dict[str, Any]] = {}
        self.slots: dict[tuple[int, int], dict[str, Any]] = {}
        """Rows of backfills, and of their dates by (backfill, position)."""
        self.looks: list[str] = []
        """Dags whose backfill waits for an answer of the database."""
        self.answers_looks = True
        self.capacity = capacity
        self.epoch = 0
        self.join_worker()

    # --- Dags and runs ---

    def load(
        self,
        spec: DagSpec,
        *,
        paused: bool = False,
        ahead: RunsAhead | None = None,
        partitions: Iterable[i.PartitionsNamed] = (),
    ) -> None:
        """A parse found this Dag; a spec that differs from the known one is a new version. `ahead` are the runs that
        a custom timetable named, and `partitions` what a custom mapper said of events."""
        known = self.world.plans.get(spec.dag_id)
        if known is None or known.spec != spec:
            self.versions[spec.dag_id] = self.versions.get(spec.dag_id, 0) + 1
        number = self.versions[spec.dag_id]
        version = f"{spec.dag_id}-{number}"
        self.give(
            i.DagLoaded(
                spec=spec, version=version, encoded=b"", digest="", number=number, paused_at_creation=paused,
                ahead=ahead, partitions=tuple(partitions),
            )
        )  # fmt: skip
        self.plans[version] = self.world.plans[spec.dag_id]

    def start(self, spec: DagSpec | str, **wish: Any) -> DagRun:
        """Create a run of this Dag; what it looks like after everything that follows from it."""
        if isinstance(spec, DagSpec):
            if (known := self.world.plans.get(spec.dag_id)) is None or known.spec != spec:
                self.load(spec)
            spec = spec.dag_id
        wish.setdefault("run_type", RunType.MANUAL)
        if spec in self.world.plans:
            wish.setdefault("before", self._stored_before(spec, wish))
        run = self.give(i.CreateRun(dag_id=spec, **wish))
        return self.runs[run.number]

    def _stored_before(self, dag_id: str, wish: Mapping[str, Any]) -> PreviousRun | None:
        """What the command brings from the database."""
        at = wish.get("logical_date") or wish.get("run_after") or self.now
        number, kind = self.world.next_run_number, wish["run_type"]
        run = DagRun(
            number=number, dag_id=dag_id, run_id="", run_type=kind, state=RunState.QUEUED, version="", run_after=at
        )
        return self.stored_before(run)

    def pause(self, dag_id: str = "etl") -> None:
        self.give(i.SetPaused(dag_id=dag_id, paused=True))

    def unpause(self, dag_id: str = "etl") -> None:
        self.give(i.SetPaused(dag_id=dag_id, paused=False))

    def set_pool(self, name: str, slots: int) -> None:
        self.world.set_pool(Pool(name=name, slots=slots))
        self.give(i.PoolsChanged())

    def clear(self, tasks: Iterable[str | tuple[str, int]] | None = None, *, run: DagRun | None = None) -> None:
        """Clear these tasks (all instances where no index is given), or the whole run."""
        number = self._number(run)
        wanted = set(tasks) if tasks is not None else None
        chosen = [
            (key.task_id, key.map_index)
            for key in self.tasks
            if key.run == number
            if wanted is None or key.task_id in wanted or (key.task_id, key.map_index) in wanted
        ]
        self.rerun([self.runs[number]], instances=frozenset(chosen))

    def rerun(self, runs: Iterable[DagRun], *, dry_run: bool = False, **wish: Any) -> RerunPlan:
        """Clear what the wish chooses of these runs; what was planned."""
        keeps = wish.get("latest") is False
        lives = [self.world.runs.get(run.number) or self.stored_run(run.number, keeps_version=keeps) for run in runs]
        plan = plan_rerun(RerunWish(**wish), lives, self.world.plans[lives[0].run.dag_id])
        loaded = tuple(live for live in lives if live.run.number not in self.world.runs)
        self.give(i.Clear(plan=plan, loaded=loaded, dry_run=dry_run))
        return plan

    # --- backfills ---

    def backfill(
        self,
        dag_id: str,
        begin: datetime,
        end: datetime,
        *,
        dry_run: bool = False,
        reprocess: str = "none",
        **wish: Any,
    ) -> BackfillPlan:
        """Ask for the runs of a range; the plan."""
        asked = Backfill(id=0, dag_id=dag_id, from_date=begin, to_date=end, reprocess=Reprocess(reprocess), **wish)
        existing = {run.logical_date: run for run in self.runs.values() if run.dag_id == dag_id and run.logical_date}
        plan = self.give(i.CreateBackfill(backfill=asked, existing=existing, dry_run=dry_run))
        assert isinstance(plan, BackfillPlan)
        return plan

    def pause_backfill(self, number: int, *, paused: bool = True) -> None:
        self.give(i.PauseBackfill(id=number, paused=paused))

    def cancel_backfill(self, number: int) -> None:
        self.give(i.CancelBackfill(id=number))

    def answer_looks(self) -> None:
        """What the database says to every backfill that has asked."""
        while self.looks:
            dag_id = self.looks.pop(0)
            held = self.world.backfills.get(dag_id)
            if held is None:
                continue
            waiting = list(held.waiting)[: max(held.room, 0)]
            found = tuple((slot.position, *self._run_at(dag_id, slot.due.logical_date)) for slot in waiting)
            self.give(i.BackfillFound(dag_id=dag_id, id=held.record.id, found=found))

    def _run_at(self, dag_id: str, date: datetime | None) -> tuple[LiveRun | None, PreviousRun | None]:
        for run in self.runs.values():
            if run.dag_id == dag_id and run.logical_date == date:
                return self.world.runs.get(run.number) or self.stored_run(run.number), None
        return None, self._stored_before(dag_id, {"logical_date": date, "run_type": RunType.BACKFILL})

    def mark(self, task_id: str, state: str, map_index: int = -1, *, run: DagRun | None = None) -> None:
        number = self._number(run)
        loaded = self._loaded(number)
        live = self.world.runs.get(number) or loaded[0]
        wish = RerunWish(instances=frozenset({(task_id, map_index)}))
        plan = plan_rerun(wish, [live], self.world.plans[live.run.dag_id])
        self.give(i.MarkTasks(plan=plan, state=TaskState(state), loaded=loaded))

    def mark_run(self, state: str, *, run: DagRun | None = None) -> None:
        number = self._number(run)
        self.give(i.MarkRun(run=number, state=RunState(state), loaded=self._loaded(number)))

    # --- the worker ---

    def begin(self, task_id: str, map_index: int = -1, *, run: DagRun | None = None) -> Attempt:
        """The worker has begun the task's attempt."""
        attempt = self.attempt(task_id, map_index, run=run)
        self.give(i.AttemptStarted(attempt=attempt.id, start_date=self.now))
        return attempt

    def end(self, task_id: str, outcome: str, map_index: int = -1, *, run: DagRun | None = None, **report: Any) -> None:
        """The task's attempt is over (and had begun, unless it says that it never did)."""
        attempt = self.attempt(task_id, map_index, run=run)
        if attempt.state is AttemptState.ASSIGNED and outcome != "not_started":
            self.give(i.AttemptStarted(attempt=attempt.id, start_date=self.now))
        self.report(attempt, outcome, **report)

    def report(self, attempt: Attempt, outcome: str, **report: Any) -> None:
        self.give(i.AttemptFinished(attempt=attempt.id, outcome=outcome, end_date=self.now, **report))

    def succeed(
        self, task_id: str, map_index: int = -1, *, run: DagRun | None = None, value: Any = None, **report: Any
    ) -> None:
        if value is not None:
            length = len(value) if isinstance(value, (list, dict)) else None
            xcom = i.XCom(name="return_value", value=json.dumps(value).encode(), length=length)
            report["xcoms"] = (*report.get("xcoms", ()), xcom)
        self.end(task_id, "success", map_index, run=run, **report)

    def fail(self, task_id: str, map_index: int = -1, *, run: DagRun | None = None, **report: Any) -> None:
        self.end(task_id, "failed", map_index, run=run, **report)

    def skip(self, task_id: str, map_index: int = -1, *, run: DagRun | None = None, **report: Any) -> None:
        self.end(task_id, "skipped", map_index, run=run, **report)

    def lose_worker(self, name: str = "w1") -> None:
        """Its lease ends; another instance takes its place later, when the test says so or time goes on."""
        epoch = self.epoch
        self.give(i.WorkerLeft(name=name, epoch=epoch))
        self.give(i.WorkerExpired(name=name, epoch=epoch))
        self.join_worker(name)

    def join_worker(
        self,
        name: str = "w1",
        *,
        holds: Iterable[str] = (),
        fresh: bool = True,
        capacity: int | None = None,
        queues: tuple[str, ...] = ("default",),
    ) -> None:
        self.epoch += 1
        self.give(
            i.WorkerJoined(
                name=name,
                instance=f"{name}-{self.epoch}",
                epoch=self.epoch,
                capacity=self.capacity if capacity is None else capacity,
                queues=queues,
                holds=frozenset(holds),
                fresh=fresh,
            )
        )

    # --- time ---

    def advance(self, **duration: float) -> None:
        """Let time pass; every timer on the way fires at its moment."""
        until = self.now + timedelta(**duration)
        steps = 0
        while (due := self.world.next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            for kind, subject in self.world.due(self.now):
                self.give(i.TimerFired(kind=kind, subject=subject))
            steps += 1
            assert steps < MOST_STEPS, f"timers go round in circles: {kind} {subject}"
        self.now = until

    # --- looking ---

    def state(self, task_id: str, map_index: int = -1, *, run: DagRun | None = None) -> str:
        return self.task(task_id, map_index, run=run).state.value

    def states(self, *, run: DagRun | None = None) -> dict[str, str]:
        """State of every task; instances of mapped ones by `task[index]`."""
        number = self._number(run)
        found = sorted(k for k in self.tasks if k.run == number)
        name = "{0.task_id}[{0.map_index}]".format
        return {k.task_id if k.map_index < 0 else name(k): self.tasks[k].state.value for k in found}

    def task(self, task_id: str, map_index: int = -1, *, run: DagRun | None = None) -> TaskInstance:
        return self.tasks[TaskKey(self._number(run), task_id, map_index)]

    def run(self, run: DagRun | None = None) -> DagRun:
        return self.runs[self._number(run)]

    def run_state(self, run: DagRun | None = None) -> str:
        return self.run(run).state.value

    def attempt(self, task_id: str, map_index: int = -1, *, run: DagRun | None = None) -> Attempt:
        """The attempt that the task has now."""
        key = TaskKey(self._number(run), task_id, map_index)
        current = self.world.active_of.get(key)
        assert current is not None, f"{key} has no attempt: {self.tasks[key]}"
        return self.world.attempts[current]

    def active(self, *, run: DagRun | None = None) -> list[str]:
        """Task ids that hold a slot now, sorted; mapped ones once for each instance."""
        return sorted(a.key.task_id for a in self.world.attempts.values() if run is None or a.key.run == run.number)

    def why(self, task_id: str, map_index: int = -1, *, run: DagRun | None = None) -> list[Reason]:
        live = self.world.runs[self._number(run)]
        return explain(self.world, live, live.tasks[task_id, map_index], self.now)

    def moves(self, task_id: str) -> list[str]:
        """Every state that the task went to, in order."""
        return [str(r.after) for r in self.records if r.name == "task.moved" and r.task_id == task_id]

    # --- one step ---

    def give(self, event: i.Input) -> Any:
        """Decide one input, admit what is ready, and check everything."""
        try:
            operations, answer = decide(self.world, event, self.now)
        except TradewindError:
            self._check()  # a refused wish has changed nothing
            raise
        operations += admit_ready(self.world, self.now)
        offered_before = {attempt.id for attempt in self.offered} if self.check else set()
        for operation in operations:
            self._store(operation)
        if isinstance(event, i.WatcherFailed):
            self.watching.pop(event.id, None)  # it runs no longer
        if self.check:
            self._check()
        self._check_offers(operations, offered_before)
        if self.answers_looks:
            self.answer_looks()
        return answer

    def _check_offers(self, operations: list[Operation], offered_before: set[str]) -> None:
        if self.check:
            for operation in operations:
                if isinstance(operation, StartAttempt) and operation.attempt.id not in offered_before:
                    self._check_limits(operation.attempt)

    def _number(self, run: DagRun | None) -> int:
        return run.number if run is not None else max(self.runs)

    def _loaded(self, number: int) -> tuple[LiveRun, ...]:
        return () if number in self.world.runs else (self.stored_run(number),)

    def stored_run(self, number: int, *, keeps_version: bool = False) -> LiveRun:
        """A run that is over as the loader would bring it back: from the rows alone."""
        run = self.runs[number]
        own = keeps_version or run.pinned
        plan = self.plans[run.version] if own else self.world.plans[run.dag_id]
        live = LiveRun(run, plan, [t for k, t in self.tasks.items() if k.run == number])
        for (key, name), xcom in self.xcoms.items():
            if key.run == number:
                live.keep_xcom(key, name, b"", xcom.length)
        live.xcoms.clear()
        if live.plan.past:
            live.previous = self.stored_before(run)
        return live

    def stored_before(self, run: DagRun) -> PreviousRun | None:
        """The run before this one, from the rows alone."""
        others = [as_previous(r) for n, r in self.runs.items() if r.dag_id == run.dag_id and n != run.number]
        before = newest_before(run, others, catchup=self.world.plans[run.dag_id].spec.catchup)
        if before is not None:
            for key, task in sorted(self.tasks.items()):
                if key.run == before.number:
                    before.states[key.task_id] = (*before.states.get(key.task_id, ()), task.state)
        return before

    def _store(self, operation: Operation) -> None:
        """What the store does, with its check of `before`."""
        match operation:
            case PutRun(run=run, before=before_run):
                known_run = self.runs.get(run.number)
                assert (known_run.state if known_run else None) == before_run, f"{operation} but stored: {known_run}"
                if known_run is None:
                    same = [r for r in self.runs.values() if r.dag_id == run.dag_id]
                    assert run.run_id not in [r.run_id for r in same], f"run id {run.run_id} is taken"
                    dates = [r.logical_date for r in same if r.logical_date]
                    assert run.logical_date not in dates, f"logical date {run.logical_date} is taken"
                self.runs[run.number] = run
            case PutTask(task=task, before=before_task):
                known = self.tasks.get(task.key)
                assert (known.state if known else None) == before_task, f"{operation} but stored: {known}"
                self.tasks[task.key] = task
            case DropTask(key=key):
                del self.tasks[key]
            case PutAttempt(attempt=attempt, before=before):
                stored = self.attempts.get(attempt.id)
                assert (stored.state if stored else None) == before, f"{operation} but stored: {stored}"
                self.attempts[attempt.id] = attempt
            case PutXCom(key=key, name=name):
                self.xcoms[key, name] = operation
            case DropXComs(key=key):
                for found in [x for x in self.xcoms if x[0] == key]:
                    del self.xcoms[found]
            case PutRow(table="task_state_store", row=row):
                self.task_state_store[TaskKey(row["run"], row["task_id"], row["map_index"]), row["key"]] = row
            case PutRow(table="asset_state_store", row=row):
                self.asset_state_store[row["name"], row["uri"], row["key"]] = row
            case DropRows(table="task_state_store", where=where):
                _drop_where(self.task_state_store, where)
            case DropRows(table="asset_state_store", where=where):
                _drop_where(self.asset_state_store, where)
            case PutCallback():
                self.callbacks[operation.id] = operation
            case PutRow(table="deadline", row=row):
                self.deadlines[row["run"], row["name"]] = row["at"]
            case DropRows(table="deadline", where=where):
                for found in [each for each in self.deadlines if each[0] == where["run"]]:
                    if where.get("name", found[1]) == found[1]:
                        del self.deadlines[found]
            case PutDeferral(deferral=deferral):
                self.deferrals[deferral.key] = deferral
            case PutQuestion(question=question):
                known_question = self.questions.get(question.id)
                assert known_question is None or known_question.answered_at is None, f"{question.id} was answered twice"
                self.questions[question.id] = question
            case DropRows(table="deferral", where=where):
                del self.deferrals[TaskKey(where["run"], where["task_id"], where["map_index"])]
            case PutAssetEvent(event=event):
                assert event.number not in self.asset_events, f"{event} is in the ledger"
                assert event.id not in {known.id for known in self.asset_events.values()}, f"{event} came twice"
                self.asset_events[event.number] = event
            case PutRow(table="asset_queue", row=row):
                self.asset_queue.add((row["dag_id"], row["event"]))
            case DropRows(table="asset_queue", where=where):
                self.asset_queue.remove((where["dag_id"], where["event"]))
            case PutRow(table="partition_queue", row=row):
                self.partition_queue.add((row["dag_id"], row["partition"], row["event"]))
            case DropRows(table="partition_queue", where=where):
                self.partition_queue.remove((where["dag_id"], where["partition"], where["event"]))
            case PutRow(table="asset_run", row=row):
                self._take_event(row["run"], row["event"])
            case PutRow(table="backfill", row=row):
                self.backfills[row["id"]] = dict(row)
            case PutRow(table="backfill_run", row=row):
                self.slots[row["backfill"], row["position"]] = dict(row)
            case LookForRuns(dag_id=dag_id):
                self.looks.append(dag_id)
            case StartTrigger(deferral=deferral):
                self.triggers[deferral.id] = deferral
                self.trigger_orders.append(operation)
            case PutRow(table="watcher", row=row):
                self.watchers[row["id"]] = dict(row)
            case DropRows(table="watcher", where=where):
                del self.watchers[where["id"]]
            case StartWatcher(watched=watched):
                assert watched.id not in self.watching, f"{watched} runs already"
                self.watching[watched.id] = watched
            case StopTrigger(id=trigger) if trigger in self.watching:
                del self.watching[trigger]
            case StopTrigger(id=trigger):
                del self.triggers[trigger]
                self.trigger_orders.append(operation)
            case Record():
                self.records.append(operation)
                if operation.name == "task.moved":
                    assert (str(operation.before), str(operation.after)) in LEGAL, operation
            case StartAttempt(attempt=attempt):
                assert not attempt.cancel, f"an attempt that is being stopped was offered: {attempt}"
                self.offered.append(attempt)
            case NameRuns(dag_id=dag_id):
                self.asked_to_name.append(dag_id)
            case NamePartitions(dag_id=dag_id):
                self.asked_for_partitions.append(dag_id)
            case StopAttempt(attempt=attempt):
                self.stopped.append(attempt)
            case StartCallback(id=number):
                self.called.append(number)

    def _take_event(self, run: int, number: int) -> None:
        """A run was made for an event, which no other run of its Dag, for the same partition, had."""
        numbers = {made for made, taken in self.asset_runs if taken == number}
        taker = {made: (self.runs[made].dag_id, self.runs[made].partition_key) for made in numbers}
        mine = self.world.runs[run].run
        assert (mine.dag_id, mine.partition_key) not in taker.values(), f"event {number} was taken twice: {taker}"
        self.asset_runs.add((run, number))

    # --- what must always hold ---

    def _check(self) -> None:
        check_world(self.world)
        self._check_rows()
        for live in self.world.runs.values():
            for task in live.tasks.values():
                if task.state not in FINISHED:
                    reasons = explain(self.world, live, task, self.now)
                    assert reasons, f"{task} waits in silence"
                    assert reasons[0].code != "next_turn", f"{task} waits for nothing: {reasons}"

    def _check_limits(self, attempt: Attempt) -> None:
        """An attempt that has just started overdraws nothing."""
        world, key = self.world, attempt.key
        live = world.runs[key.run]
        spec, dag_id = live.plan.spec.tasks[key.task_id], live.run.dag_id
        pool = world.pools[attempt.pool]
        assert pool.slots < 0 or world.pool_used[pool.name] <= pool.slots, f"pool {pool.name} is overdrawn"
        assert world.total_active <= world.parallelism
        assert world.dag_active[dag_id] <= live.plan.spec.max_active_tasks, f"{dag_id} runs too many tasks"
        in_dag, in_run = ("task", dag_id, key.task_id), ("task_in_run", str(key.run), key.task_id)
        assert world.task_active[in_dag] <= (spec.max_active_tis_per_dag or 2**31)
        assert world.task_active[in_run] <= (spec.max_active_tis_per_dagrun or 2**31)
        worker = world.workers[attempt.worker]
        assert worker.used <= worker.capacity
        assert not world.dags[dag_id].is_paused

    def _check_rows(self) -> None:
        """Memory and rows say the same."""
        by_run: dict[int, dict[tuple[str, int], TaskInstance]] = {number: {} for number in self.world.runs}
        for key, task in self.tasks.items():
            if key.run in by_run:
                by_run[key.run][key.task_id, key.map_index] = task
        for number, live in self.world.runs.items():
            assert live.run == self.runs[number]
            assert live.tasks == by_run[number]
        open_rows = {number for number, run in self.runs.items() if run.state not in RUN_FINISHED}
        assert open_rows <= self.world.runs.keys(), "a run that is not over has left memory"
        active = {id: a for id, a in self.attempts.items() if a.state in ATTEMPT_ACTIVE}
        assert self.world.attempts == active
        assert self.world.deferrals == self.deferrals
        for deferral in self.deferrals.values():
            if deferral.question is not None:
                assert self.questions[deferral.id] == deferral.question
        queues = self.world.assets.queues
        assert {(dag_id, n) for dag_id, queue in queues.items() for n in queue.events} == self.asset_queue
        gathered = self.world.assets.partitions
        waits = {(d, key, n) for d, queue in gathered.items() for key, found in queue.events.items() for n in found}
        assert waits == self.partition_queue
        late = {number: live.deadlines for number, live in self.world.runs.items()}
        late |= {number: over.deadlines for number, over in self.world.overdue.items()}
        kept = {(number, name): at for number, moments in late.items() for name, at in moments.items()}
        assert kept == self.deadlines
        self._check_backfills()
        rows = {w.id: {**w._asdict(), "assets": [list(a) for a in w.assets]} for w in self._watched()}
        assert rows == self.watchers
        assert {w.id for w in self._watched() if w.retry_at is None} == self.watching.keys()
        waiting = {d.id for d in self.deferrals.values() if d.needs_triggerer}
        assert waiting == self.triggers.keys(), "triggers that run are not those that somebody waits for"

    def _watched(self) -> Iterable[Watched]:
        return self.world.watchers.active.values()

    def _looks_back(self, number: int) -> bool:
        return bool(self.world.runs[number].plan.past)

    def _check_backfills(self) -> None:
        held = {one.record.id: one for one in self.world.backfills.values()}
        assert held.keys() == {number for number, row in self.backfills.items() if row["state"] == "active"}
        for number, one in held.items():
            waiting = [p for (b, p), row in sorted(self.slots.items()) if b == number and not row["is_done"]]
            assert [slot.position for slot in one.waiting] == waiting
            lives = {n for n, run in self.runs.items() if run.backfill == number and run.state not in RUN_FINISHED}
            assert one.open.keys() == lives
            # One that waited for the run before it held no place, and goes on as soon as it may.
            running = [n for n in one.open if self.runs[n].state is RunState.RUNNING and not self._looks_back(n)]
            assert len(running) <= one.record.max_active
            paused = one.record.is_paused or self.world.dags[one.record.dag_id].is_paused
            assert one.asked or paused or not one.waiting or one.room <= 0, f"backfill {number} waits for nothing"


def check_world(world: World) -> None:
    """Every count that World keeps equals the same count made from scratch. Raises AssertionError."""
    attempts = world.attempts.values()
    for number, live in world.runs.items():
        _check_run(live, sum(a.key.run == number for a in attempts))
        assert number in world.open_runs[live.run.dag_id]
        assert live.previous is None or number in world.followers[live.previous.number]
    assert {a.key: a.id for a in attempts} == world.active_of, "two attempts of one task"
    assert world.total_active == len(attempts)
    assert _nonzero(world.pool_used) == _summed((a.pool, a.pool_slots) for a in attempts)
    dag_of = {a.id: world.runs[a.key.run].run.dag_id for a in attempts}
    assert _nonzero(world.dag_active) == _summed((dag_of[a.id], 1) for a in attempts)
    waiting = [deferral for deferral in world.deferrals.values() if deferral.answer is None]
    counted = [a.key for a in attempts] + [deferral.key for deferral in waiting]
    by_task = [(("task", world.runs[key.run].run.dag_id, key.task_id), 1) for key in counted]
    by_run = [(("task_in_run", str(key.run), key.task_id), 1) for key in counted]
    assert _nonzero(world.deferred_slots) == _nonzero(_summed((d.pool, d.pool_slots) for d in waiting))
    assert world.deferred_as == {d.id: d.key for d in world.deferrals.values()}
    at_work = [live for live in world.runs.values() if not live.quarantine]
    for state, asks in ((TaskState.DEFERRED, False), (TaskState.AWAITING_INPUT, True)):
        there = {t.key for live in at_work for t in live.tasks.values() if t.state is state}
        held = {d.key for d in waiting if (d.question is not None) is asks}
        assert there == {key for key in held if not world.runs[key.run].quarantine}, state
    assert world.task_active == _summed([*by_task, *by_run])
    named = {(key, dag_id) for dag_id, plan in world.plans.items() for key in named_in(plan.spec.assets)}
    assert {(key, dag_id) for key, dags in world.assets.consumers.items() for dag_id in dags} == named
    assert all(queue.events for queue in world.assets.queues.values())
    assert world.watchers.active.keys() == {id for id in world.watchers.ids if awaited(world, id)}
    for watched in world.watchers.active.values():
        assert watched.assets == awaited(world, watched.id), watched
    for before, after in world.followers.items():
        assert after
        assert all((found := world.runs[n].previous) is not None and found.number == before for n in after), before
    for gathered in world.assets.partitions.values():
        assert gathered.events
        assert all(gathered.events.values())
        assert gathered.due.keys() <= gathered.events.keys()
    for worker in world.workers.values():
        assert worker.used == sum(a.worker == worker.name for a in attempts), worker
    queued = {entry.key for entry in world.ready.waiting()}
    ready = {t.key for live in at_work for t in live.tasks.values() if t.state is TaskState.SCHEDULED}
    assert ready <= queued, f"ready but in no queue: {ready - queued}"


def same_world(memory: World, loaded: World, now: datetime) -> None:
    """What the database gives back is what memory holds."""
    check_world(memory)
    check_world(loaded)
    assert memory.dags == loaded.dags
    assert memory.runs.keys() == loaded.runs.keys()
    for number, live in memory.runs.items():
        other = loaded.runs[number]
        assert live.run == other.run
        assert live.tasks == other.tasks
        assert live.counts == other.counts
        assert (live.unfinished, live.in_motion, live.active) == (other.unfinished, other.in_motion, other.active)
        assert live.deadlines == other.deadlines
        assert {k: n for k, n in live.lengths.items() if n} == {k: n for k, n in other.lengths.items() if n}
        for task_id in live.plan.past:
            mine, theirs = memory.states_before(live, task_id), loaded.states_before(other, task_id)
            assert sorted(mine or ()) == sorted(theirs or ()), task_id
        if live.plan.past:
            mine_after, theirs_after = memory.followers_of(live), loaded.followers_of(other)
            assert {n.run.number for n in mine_after} == {n.run.number for n in theirs_after}
    assert memory.attempts == loaded.attempts
    assert memory.active_of == loaded.active_of
    assert memory.deferrals == loaded.deferrals
    assert memory.assets.consumers.keys() == loaded.assets.consumers.keys()
    assert memory.assets.names == loaded.assets.names
    queues = [{d: (q.events, q.updated) for d, q in w.assets.queues.items()} for w in (memory, loaded)]
    assert queues[0] == queues[1]
    gathered = [{d: q.events for d, q in w.assets.partitions.items()} for w in (memory, loaded)]
    assert gathered[0] == gathered[1]
    assert (memory.assets.next_number, memory.assets.last_at) == (loaded.assets.next_number, loaded.assets.last_at)
    assert memory.watchers.active == loaded.watchers.active
    assert memory.pools == loaded.pools
    assert memory.runtimes == loaded.runtimes
    assert memory.overdue == loaded.overdue
    assert memory.backfills == loaded.backfills

    def ready(world: World) -> set[Any]:
        entries = {entry.key for entry in world.ready.waiting()}
        at_work = [key for key in entries if key.run in world.runs and not world.runs[key.run].quarantine]
        return {key for key in at_work if (t := world.task(key)) and t.state is TaskState.SCHEDULED}

    assert ready(memory) == ready(loaded)
    assert timers(memory, now) == timers(loaded, now)


def timers(world: World, now: datetime) -> set[Any]:
    """The timers that still mean something."""

    def holds(at: datetime, kind: str, subject: Any) -> bool:
        match kind:
            case "task" | "deferral" if subject.run in world.runs and world.runs[subject.run].quarantine:
                return False
            case "task":
                task = world.task(subject)
                waiting = (TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE)
                return task is not None and task.state in waiting and task.not_before == at
            case "deferral" | "question":
                waits = world.deferrals.get(subject)
                return waits is not None and waits.answer is None and at in (waits.at, waits.timeout_at)
            case "watcher":
                found = world.watchers.active.get(subject)
                return found is not None and found.retry_at == at
            case "deadline":
                number, name = subject
                late = world.overdue.get(number) or world.runs.get(number)
                return late is not None and late.deadlines.get(name) == at
            case "schedule":  # one that is due already waits for the end of a run
                record = world.dags[subject]
                return at > now and not record.is_paused and record.next_due is not None
            case _:
                return False

    return {(at, kind, subject) for at, _, kind, subject in world.timers if holds(at, kind, subject)}


def _check_run(live: LiveRun, active: int) -> None:
    tasks = live.tasks.values()
    name = live.run.run_id
    assert live.unfinished == sum(t.state not in FINISHED for t in tasks), name
    assert live.in_motion == sum(t.state in IN_MOTION for t in tasks), name
    assert live.active == active, name
    index: dict[str, set[int]] = {}
    for t in tasks:
        index.setdefault(t.key.task_id, set()).add(t.key.map_index)
    assert {t: set(ms) for t, ms in live.instances.items() if ms} == index, name
    waiting = {t.key for t in tasks if t.state is TaskState.NONE}
    assert {TaskKey(live.run.number, t, m) for t, ms in live.waiting.items() for m in ms} == waiting, name
    for task_id, spec in live.plan.spec.tasks.items():
        counts = UpstreamCounts()
        for above in _outside(live, spec):
            for map_index in index.get(above, ()):
                state = live.tasks[above, map_index].state
                counts.add(state, setup=live.plan.spec.tasks[above].is_setup)
        for t in tasks:
            if live.plan.share_a_group(t.key.task_id, task_id):
                continue
            if task_id in live.plan.needed_by.get(t.key.task_id, ()):
                counts.add_indirect_setup(t.state)
            if task_id in live.plan.closed_by.get(t.key.task_id, ()):
                counts.add_between(t.state)
        assert live.counts[task_id] == counts, f"{name}: upstream counts of {task_id}"


def _outside(live: LiveRun, spec: TaskSpec) -> list[str]:
    """The upstream that is not inside the same mapped group: only that is counted for all instances together."""
    return [above for above in spec.upstream if not live.plan.share_a_group(above, spec.task_id)]


def _drop_where(rows: dict[Any, Mapping[str, Any]], where: Mapping[str, Any]) -> None:
    """Forget the rows whose columns are these."""
    for place in [place for place, row in rows.items() if where.items() <= row.items()]:
        del rows[place]


def _nonzero(counts: dict[Any, int]) -> dict[Any, int]:
    return {name: count for name, count in counts.items() if count}


def _summed(pairs: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    total: Counter[Any] = Counter()
    for name, count in pairs:
        total[name] += count
    return dict(total)
