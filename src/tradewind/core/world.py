"""World: everything unfinished, as the owner holds it in memory, with the counters that make an event cheap.

The database holds the same facts; `World` can always be built again from it. Only `Turn` (see `turn.py`) changes it,
and every change is also an operation. When a commit fails, the memory is thrown away and built again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import heappop, heappush

from tradewind.core.asset_index import AssetIndex
from tradewind.core.backfill_plan import LiveBackfill
from tradewind.core.dag import TaskSpec
from tradewind.core.fair_queue import Entry
from tradewind.core.limits import QueueKey, ReadyQueues
from tradewind.core.past import PreviousRun, as_previous, worth_keeping
from tradewind.core.plan import Edges, Plan
from tradewind.core.plans import Packing, Plans
from tradewind.core.records import Attempt, DagRun, Deferral, Overdue, Pool, SetAside, TaskInstance, TaskKey
from tradewind.core.states import ATTEMPT_ACTIVE, FINISHED, RUN_FINISHED, TaskState
from tradewind.core.timetables import DueRun, RunsAhead
from tradewind.core.trigger_rules import UpstreamCounts
from tradewind.core.watcher_index import WatcherIndex

MOST_OVER = 16
"""Runs of one Dag that are over and stay known; a command that makes a run brings what is older from the database."""

IN_MOTION = frozenset(TaskState) - FINISHED - {TaskState.NONE}
"""States that end by themselves: an event or a timer is sure to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRecord:
    """A known Dag: what the database's `dag` row says."""

    dag_id: str
    file: str
    version: str
    is_paused: bool
    is_stale: bool = False
    last_due: DueRun | None = None
    """The newest run that the timetable made."""
    next_due: DueRun | None = None
    failures_in_a_row: int = 0
    isolation: str = "fork"
    isolation_reason: str = ""
    created_at: datetime | None = None

    @property
    def is_listening(self) -> bool:
        """Whether updates of assets are for it: as in Airflow, what happens while a Dag is paused is not."""
        return not self.is_paused and not self.is_stale


@dataclass(slots=True, kw_only=True)
class Worker:
    """A connected agent."""

    name: str
    instance: str
    epoch: int
    capacity: int
    queues: tuple[str, ...]
    used: int = 0
    draining: bool = False


class LiveRun:
    """A run that is not over, with its tasks and the counts that trigger rules look at."""

    __slots__ = (
        "active", "counts", "deadlines", "given_back", "in_motion", "instances", "lengths", "order_us",
        "plan", "previous", "pushed", "run", "tasks", "unfinished", "waiting", "xcoms",
    )  # fmt: skip

    def __init__(self, run: DagRun, plan: Plan, tasks: Iterable[TaskInstance] = ()) -> None:
        self.run = run
        self.plan = plan
        self.tasks: dict[tuple[str, int], TaskInstance] = {}
        self.instances: dict[str, list[int]] = {}
        self.waiting: dict[str, dict[int, None]] = {}
        self.counts: dict[str, UpstreamCounts] = {t: UpstreamCounts() for t in plan.spec.tasks}
        self.unfinished = 0
        self.in_motion = 0
        self.active = 0
        """Attempts that hold slots; a finished run stays in memory until they are gone."""
        self.lengths: dict[tuple[str, str], int] = {}
        """(task_id, key) → length of an unmapped task's XCom, for expansion."""
        self.pushed: set[tuple[str, int, str]] = set()
        self.xcoms: dict[tuple[str, int, str], bytes] = {}
        """XComs that offers will carry; only what some task `reads`."""
        self.previous: PreviousRun | None = None
        self.given_back: dict[tuple[str, int], int] = {}
        """How often in a row workers have handed a task back unstarted. A restart begins to count anew."""
        self.deadlines: dict[str, datetime] = {}
        """Moments at which somebody is told that the run, or a task of it, is late."""
        self.order_us = int((run.logical_date or run.run_after).timestamp() * 1e6)
        """The place of its ready tasks among those of other runs: the older goes first."""
        self._take_in(tasks)

    def _take_in(self, tasks: Iterable[TaskInstance]) -> None:
        """Many records at once. What a restart of the scheduler with many live tasks costs is mostly this."""
        found: dict[tuple[str, TaskState], int] = {}
        for task in tasks:
            _, task_id, map_index = task.key
            self.tasks[task_id, map_index] = task
            self.instances.setdefault(task_id, []).append(map_index)
            if task.state is TaskState.NONE:
                self.waiting.setdefault(task_id, {})[map_index] = None
            found[task_id, task.state] = found.get((task_id, task.state), 0) + 1
        for (task_id, state), times in found.items():
            self._count_state(task_id, state, times)

    @property
    def quarantine(self) -> str:
        return self.run.quarantine

    def spec_of(self, task_id: str) -> TaskSpec | None:
        return self.plan.spec.tasks.get(task_id)

    def put(self, new: TaskInstance, old: TaskInstance | None) -> None:
        """Take in a task instance's new record and keep every count true. Costs its direct downstream."""
        task_id, map_index = new.key.task_id, new.key.map_index
        self.tasks[task_id, map_index] = new
        if old is None:
            self.instances.setdefault(task_id, []).append(map_index)
        before = old.state if old else None
        self._count(new.key, before, new.state)

    def drop(self, task: TaskInstance) -> None:
        """Forget an instance (an unexpanded placeholder, once its instances exist)."""
        del self.tasks[task.key.task_id, task.key.map_index]
        self.instances[task.key.task_id].remove(task.key.map_index)
        self._count(task.key, task.state, None)

    def keep_xcom(self, key: TaskKey, name: str, value: bytes, length: int | None) -> None:
        """Remember of an XCom what this run will still ask for: its length, and the value where an offer carries it."""
        if key.map_index >= 0:
            # Downstream sees the values of all instances as one sequence.
            if (key.task_id, key.map_index, name) not in self.pushed:
                self.pushed.add((key.task_id, key.map_index, name))
                self.lengths[key.task_id, name] = self.lengths.get((key.task_id, name), 0) + 1
        elif length is not None:
            self.lengths[key.task_id, name] = length
        else:
            self.lengths.pop((key.task_id, name), None)
        if name in self.plan.feeds.get(key.task_id, ()):
            self.xcoms[key.task_id, key.map_index, name] = value

    def length_left(self, task_id: str, key: str) -> int | None:
        """How long the value is that a task has left, for whoever expands over it; None while there is none."""
        source = self.spec_of(task_id)
        # The results of a mapped task are one sequence: an empty one where none of its instances left a value.
        none = 0 if source is not None and source.map is not None else None
        return self.lengths.get((task_id, key), none)

    def forget_xcom(self, key: TaskKey, name: str) -> None:
        """One value is gone."""
        owner = (key.task_id, key.map_index, name)
        self.xcoms.pop(owner, None)
        if key.map_index < 0:
            self.lengths.pop((key.task_id, name), None)
        elif owner in self.pushed:
            self.pushed.discard(owner)
            self.lengths[key.task_id, name] -= 1

    def forget_xcoms(self, key: TaskKey) -> None:
        """A new try begins: what the last one left is gone."""
        for owner in [x for x in self.xcoms if x[:2] == (key.task_id, key.map_index)]:
            del self.xcoms[owner]
        for owner in [x for x in self.pushed if x[:2] == (key.task_id, key.map_index)]:
            self.pushed.discard(owner)
            self.lengths[key.task_id, owner[2]] -= 1
        if key.map_index < 0:
            for name in [n for n in self.lengths if n[0] == key.task_id]:
                del self.lengths[name]

    def _count(self, key: TaskKey, before: TaskState | None, after: TaskState | None) -> None:
        if before is after:
            return
        waiting = self.waiting.setdefault(key.task_id, {})
        if after is TaskState.NONE:
            waiting[key.map_index] = None
        elif before is TaskState.NONE:
            waiting.pop(key.map_index, None)
        if before is not None:
            self._count_state(key.task_id, before, -1)
        if after is not None:
            self._count_state(key.task_id, after, 1)

    def _count_state(self, task_id: str, state: TaskState, times: int) -> None:
        """So many more instances of a task are in a state."""
        if state not in FINISHED:
            self.unfinished += times
        if state in IN_MOTION:
            self.in_motion += times
        spec = self.plan.spec.tasks.get(task_id)
        setup = spec is not None and spec.is_setup
        down, needed_by, closed_by = self.plan.counted
        for downstream in down.get(task_id, ()):
            self.counts[downstream].add(state, setup=setup, times=times)
        if needed_by:
            self._count_further(needed_by, closed_by, task_id, state, times)

    def _count_further(self, needed_by: Edges, closed_by: Edges, task_id: str, state: TaskState, times: int) -> None:
        """What setups and teardowns make of it, beyond the direct downstream."""
        for needing in needed_by.get(task_id, ()):
            self.counts[needing].add_indirect_setup(state, times=times)
        for teardown in closed_by.get(task_id, ()):
            self.counts[teardown].add_between(state, times=times)


class World:
    """Dags, live runs, active attempts, limits and timers."""

    __slots__ = (
        "active_of", "ahead", "assets", "attempts", "backfills", "came_back", "dag_active", "dags", "deferrals",
        "deferred_as", "deferred_slots", "followers", "last_states", "max_retry_delay_seconds",
        "next_run_number", "open_runs", "overdue", "parallelism", "plans", "pool_used", "pools", "ready",
        "runs", "runtimes", "sequence", "set_aside", "success_clears_store", "task_active", "timers",
        "total_active", "unplanned", "unread", "watchers", "workers",
    )  # fmt: skip

    def __init__(
        self,
        *,
        parallelism: int = 32,
        max_retry_delay_seconds: float = 86400.0,
        success_clears_store: bool = False,
        packing: Packing | None = None,
    ) -> None:
        self.dags: dict[str, DagRecord] = {}
        self.plans = Plans(packing)
        """Newest good plan by dag_id."""
        self.ahead: dict[str, RunsAhead] = {}
        """By dag_id, what custom timetables have named. Memory alone has it: every parse of a file brings it anew."""
        self.runs: dict[int, LiveRun] = {}
        self.followers: dict[int, dict[int, None]] = {}
        """By number of a run, live or over, the live runs that have it before them."""
        self.open_runs: dict[str, dict[int, None]] = {}
        """Numbers of the live runs of each Dag, oldest first."""
        self.backfills: dict[str, LiveBackfill] = {}
        """The backfill under way of each Dag that has one."""
        self.attempts: dict[str, Attempt] = {}
        self.active_of: dict[TaskKey, str] = {}
        self.deferrals: dict[TaskKey, Deferral] = {}
        """What deferred tasks wait for, and what those that go on were answered."""
        self.deferred_as: dict[str, TaskKey] = {}
        """Task instances by the id of their trigger."""
        self.deferred_slots: dict[str, int] = {}
        """Slots that deferred tasks would hold, by pool; they do in a pool that includes them."""
        self.assets = AssetIndex()
        self.watchers = WatcherIndex()
        self.pools: dict[str, Pool] = {}
        self.pool_used: dict[str, int] = {}
        self.dag_active: dict[str, int] = {}
        self.task_active: dict[tuple[str, ...], int] = {}
        self.total_active = 0
        self.workers: dict[str, Worker] = {}
        self.ready = ReadyQueues(self._is_open)
        self.timers: list[tuple[datetime, int, str, object]] = []
        self.last_states: dict[str, list[PreviousRun]] = {}
        """The runs of each Dag that are over and may be the one before a run to come, for depends_on_past."""
        self.overdue: dict[int, Overdue] = {}
        """By number, runs that are over and have deadlines that they have not met."""
        self.runtimes: dict[str, tuple[float, ...]] = {}
        """Seconds that the last runs took, newest first, of Dags with a deadline that looks at them."""
        self.sequence = 0
        self.parallelism = parallelism
        self.max_retry_delay_seconds = max_retry_delay_seconds
        """The installation's cap on delays that grow."""
        self.success_clears_store = success_clears_store
        """Whether a task that has succeeded forgets what it kept in its task state store."""
        self.next_run_number = 1
        self.set_aside: dict[tuple[str, str], SetAside] = {}
        """What the database holds and memory does without, since it is not what it should be; by table and row."""
        self.unplanned: dict[str, DagRecord] = {}
        """Dags whose stored version cannot be read. The next parse of their file brings it anew."""
        self.unread: set[str] = set()
        """Attempts under way of runs that are set aside: their workers keep them, and what they report."""
        self.came_back: set[str] = set()
        """Attempts of runs that were set aside until now; whether their workers still have them is to be seen."""

    # --- what cannot be used ---

    def leave(self, found: SetAside) -> None:
        """Do without a stored row."""
        self.set_aside[found.table, found.name] = found

    def take_back(self, dag_id: str) -> None:
        """A Dag is as it should be again. Its runs are read again by whoever reads."""
        for key, found in list(self.set_aside.items()):
            if found.dag_id == dag_id and found.table == "dag_version":
                del self.set_aside[key]

    def fault_of_dag(self, dag_id: str) -> str:
        """Why a Dag that is stored is not in memory; empty when it is, or there is none."""
        faults = (s.reason for s in self.set_aside.values() if s.dag_id == dag_id and s.table in ("dag", "dag_version"))
        return next(faults, "")

    def refuses(self, dag_id: str) -> str:
        """Why a Dag cannot be taken in from its file again: its own row, which only a person can mend, is wrong."""
        return "" if dag_id in self.unplanned else self.fault_of_dag(dag_id)

    def fault_of_run(self, number: int) -> str:
        """Why an unfinished run is not in memory; empty when it is, or is over."""
        return next((s.reason for s in self.set_aside.values() if s.run == number and s.is_out), "")

    # --- timers ---

    def at(self, when: datetime, kind: str, subject: object) -> None:
        """Have a timer fire at `when`. Timers are hints: whoever handles one looks whether it still means anything."""
        self.sequence += 1
        heappush(self.timers, (when, self.sequence, kind, subject))

    def due(self, now: datetime) -> list[tuple[str, object]]:
        """Timers that have come due, oldest first; they are taken out."""
        fired = []
        while self.timers and self.timers[0][0] <= now:
            _, _, kind, subject = heappop(self.timers)
            fired.append((kind, subject))
        return fired

    def next_timer(self) -> datetime | None:
        return self.timers[0][0] if self.timers else None

    # --- runs and tasks ---

    def task(self, key: TaskKey) -> TaskInstance | None:
        live = self.runs.get(key.run)
        return live.tasks.get((key.task_id, key.map_index)) if live else None

    def add_run(self, live: LiveRun) -> None:
        """A run begins to live in memory: a new one, or one that is over and is looked at again."""
        number, dag_id = live.run.number, live.run.dag_id
        self.runs[number] = live
        self.note_backfill(live.run)
        self.open_runs.setdefault(dag_id, {})[number] = None
        if live.previous is not None:
            self.followers.setdefault(live.previous.number, {})[number] = None

    def forget_run(self, number: int) -> None:
        live = self.runs.pop(number, None)
        if live:
            self.open_runs.get(live.run.dag_id, {}).pop(number, None)
            self._follows_no_more(live)

    def _follows_no_more(self, live: LiveRun) -> None:
        if live.previous is None:
            return
        after = self.followers.get(live.previous.number, {})
        after.pop(live.run.number, None)
        if not after:
            self.followers.pop(live.previous.number, None)

    def backfill_of(self, run: DagRun) -> LiveBackfill | None:
        """The backfill that a run belongs to, while that is under way."""
        held = self.backfills.get(run.dag_id)
        return held if held is not None and held.record.id == run.backfill else None

    def note_backfill(self, run: DagRun) -> bool:
        """A run lives or has ended: its backfill, if it has one, counts it."""
        held = self.backfill_of(run)
        if held is None:
            return False
        if run.state in RUN_FINISHED:
            held.open.pop(run.number, None)
        else:
            held.open[run.number] = None
        return True

    def queue_ready(self, live: LiveRun, task: TaskInstance, spec: TaskSpec) -> None:
        """A task became `scheduled`: it takes its place in the queue of its pool."""
        self.sequence += 1
        run, _, map_index = task.key
        self.ready.push(
            Entry(
                -spec.effective_weight,
                live.order_us,
                run,
                self.sequence,
                map_index,
                task.key,
                spec.queue,
                spec.pool,
                live.run.dag_id,
            )
        )

    # --- attempts and the limits they count against ---

    def put_attempt(self, new: Attempt) -> None:
        """Take in an attempt's record; its slots are held exactly while it is assigned or running."""
        old = self.attempts.get(new.id)
        active = new.state in ATTEMPT_ACTIVE
        if active:
            self.attempts[new.id] = new
        if active is (old is not None):
            return
        if active:
            self.active_of[new.key] = new.id
        else:
            del self.attempts[new.id]
            self.active_of.pop(new.key, None)
        self._count_slots(new, 1 if active else -1)

    def _count_slots(self, attempt: Attempt, step: int) -> None:
        live = self.runs[attempt.key.run]
        live.active += step
        dag_id, key = live.run.dag_id, attempt.key
        self.total_active += step
        self.pool_used[attempt.pool] = self.pool_used.get(attempt.pool, 0) + step * attempt.pool_slots
        self.dag_active[dag_id] = self.dag_active.get(dag_id, 0) + step
        self._count_task(dag_id, key, step)
        if worker := self.workers.get(attempt.worker):
            worker.used += step
        if step < 0:
            self._release_pool(attempt.pool)
            self.ready.release(("dag", dag_id))
            self._release_task(dag_id, key)
            self.ready.release(("attempt", str(key.run), key.task_id, str(key.map_index)))

    def _count_task(self, dag_id: str, key: TaskKey, step: int) -> None:
        """Towards max_active_tis_per_dag and max_active_tis_per_dagrun."""
        for limit in (("task", dag_id, key.task_id), ("task_in_run", str(key.run), key.task_id)):
            self.task_active[limit] = self.task_active.get(limit, 0) + step
            if not self.task_active[limit]:
                del self.task_active[limit]

    def _release_task(self, dag_id: str, key: TaskKey) -> None:
        self.ready.release(("task", dag_id, key.task_id))
        self.ready.release(("task_in_run", str(key.run), key.task_id))

    # --- deferred tasks ---

    def put_deferral(self, new: Deferral) -> None:
        """What a task instance waits for, or was answered."""
        self.drop_deferral(new.key)
        self.deferrals[new.key] = new
        self.deferred_as[new.id] = new.key
        if new.answer is None:
            self._count_deferred(new, 1)

    def drop_deferral(self, key: TaskKey) -> Deferral | None:
        """Forget what a task instance waited for; what it was."""
        deferral = self.deferrals.pop(key, None)
        if deferral is not None:
            del self.deferred_as[deferral.id]
            if deferral.answer is None:
                self._count_deferred(deferral, -1)
        return deferral

    def _count_deferred(self, deferral: Deferral, step: int) -> None:
        """While it waits it counts towards its task's own limits, and its pool where that includes deferred tasks."""
        pool, dag_id = deferral.pool, self.runs[deferral.key.run].run.dag_id
        self.deferred_slots[pool] = self.deferred_slots.get(pool, 0) + step * deferral.pool_slots
        self._count_task(dag_id, deferral.key, step)
        if step < 0:
            self._release_pool(pool)
            self._release_task(dag_id, deferral.key)

    def set_pool(self, pool: Pool) -> None:
        """A pool is new or has another size; tasks that did not fit look again."""
        self.pools[pool.name] = pool
        self.set_aside.pop(("pool", pool.name), None)
        self._release_pool(pool.name)

    def _release_pool(self, name: str) -> None:
        free = self.pool_free(name) or 0
        for size in self.ready.sizes(name):
            if size <= free:
                self.ready.release(("pool", name, str(size)), free // size)

    def pool_free(self, name: str) -> int | None:
        """Free slots of a pool; None when the pool does not exist, a large number when it is without limit."""
        pool = self.pools.get(name)
        if pool is None:
            return None
        if pool.slots < 0:
            return 2**31
        deferred = self.deferred_slots.get(name, 0) if pool.include_deferred else 0
        return pool.slots - self.pool_used.get(name, 0) - deferred

    def _is_open(self, name: QueueKey) -> bool:
        queue, pool = name
        return (self.pool_free(pool) or 0) > 0 and self.worker_for(queue) is not None

    def worker_for(self, queue: str) -> Worker | None:
        """The worker of this queue with the most free slots, or None."""
        free = [w for w in self.workers.values() if queue in w.queues and w.used < w.capacity and not w.draining]
        return max(free, key=lambda w: w.capacity - w.used, default=None)

    def set_dag(self, record: DagRecord, plan: Plan | None = None, encoded: bytes = b"") -> None:
        self.dags[record.dag_id] = record
        if plan is not None:
            self.set_plan(plan, encoded)

    def set_plan(self, plan: Plan, encoded: bytes = b"") -> None:
        """The Dag is like this now; `encoded` is its spec as it is stored."""
        known = self.plans.get(plan.spec.dag_id)
        self.plans.put(plan, encoded)
        self.assets.change(known.spec if known else None, plan.spec)
        self.watchers.change(known.spec if known else None, plan.spec)

    def forget_dag(self, dag_id: str) -> None:
        """The Dag is deleted."""
        self.dags.pop(dag_id, None)
        self.runtimes.pop(dag_id, None)
        plan = self.plans.get(dag_id)
        self.plans.drop(dag_id)
        self.assets.forget(dag_id)
        if plan is not None:
            self.assets.change(plan.spec, None)
            self.watchers.change(plan.spec, None)

    def states_before(self, live: LiveRun, task_id: str) -> tuple[TaskState, ...] | None:
        """States of a task's instances in the run before, as they are now; None when that run lacks the task."""
        if live.previous is None:
            return None
        before = self.runs.get(live.previous.number)
        if before is None:
            return live.previous.states.get(task_id)
        indexes = before.instances.get(task_id)
        return None if indexes is None else tuple(before.tasks[task_id, index].state for index in indexes)

    def set_previous(self, live: LiveRun, previous: PreviousRun) -> None:
        """Another run has become the one before a live run."""
        self._follows_no_more(live)
        live.previous = previous
        self.followers.setdefault(previous.number, {})[live.run.number] = None

    def followers_of(self, live: LiveRun) -> Iterator[LiveRun]:
        """Live runs that have this one before them."""
        yield from (self.runs[number] for number in tuple(self.followers.get(live.run.number, ())))

    def remember_states(self, live: LiveRun) -> None:
        """A run that is over leaves memory: the runs after it, made or to come, keep what they need to know of it."""
        looks_back, followers = bool(live.plan.past), list(self.followers_of(live))
        states: dict[str, tuple[TaskState, ...]] = {}
        if looks_back or followers:
            states = {t: tuple(live.tasks[t, m].state for m in ms) for t, ms in live.instances.items()}
        for after in followers:
            after.previous = replace(as_previous(live.run), states=states)
        known = [over for over in self.last_states.get(live.run.dag_id, ()) if over.number != live.run.number]
        known.append(replace(as_previous(live.run), states=states if looks_back else {}))
        self.last_states[live.run.dag_id] = worth_keeping(known, most=MOST_OVER if looks_back else 0)
