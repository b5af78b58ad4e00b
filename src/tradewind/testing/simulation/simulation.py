"""Simulation: the whole engine in one thread, on virtual time, with everything that goes wrong drawn from one seed.

Scheduler, Desk, Owner, store, Agent and Front are the classes that production drives; time, network, disk, processes
and the database's moods are ours.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from unittest.mock import patch

import structlog

from tradewind.core.dag import DagSpec
from tradewind.core.ids import attempt_id
from tradewind.core.records import TaskKey
from tradewind.scheduler import desk as desk_module
from tradewind.scheduler import owner as owner_module
from tradewind.store.loader import load_world
from tradewind.store.times import to_us
from tradewind.store.writer import LEASE_MS
from tradewind.testing.simulation.asset_book import AssetBook
from tradewind.testing.simulation.asset_workload import has_assets, with_assets
from tradewind.testing.simulation.checks import (
    Broken,
    check_limits,
    check_memory,
    check_patience,
    check_rows,
    check_running,
    check_silence,
)
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.event_log import EventLog
from tradewind.testing.simulation.expected import runs_of
from tradewind.testing.simulation.faults import Plan, draw_plan
from tradewind.testing.simulation.job_actions import JobAction
from tradewind.testing.simulation.jobs import Jobs
from tradewind.testing.simulation.jobs_workload import asked_for, have_jobs, jobs_of, run_again, with_jobs
from tradewind.testing.simulation.judge import judge
from tradewind.testing.simulation.kept_values import Keeping
from tradewind.testing.simulation.ledger import Ledger, key_of
from tradewind.testing.simulation.machine import Child, Machine
from tradewind.testing.simulation.nature import Nature
from tradewind.testing.simulation.network import TYPICAL_SECONDS, End
from tradewind.testing.simulation.own_code import WATCHING, has_watchers, with_code
from tradewind.testing.simulation.person import Person, command_of
from tradewind.testing.simulation.reference import verdicts
from tradewind.testing.simulation.scheduler_process import SchedulerProcess
from tradewind.testing.simulation.timeline import Timeline
from tradewind.testing.simulation.values import Values
from tradewind.testing.simulation.watcher_book import WatcherBook
from tradewind.testing.simulation.workload import (
    BEGIN,
    Action,
    Clear,
    Edit,
    Mark,
    Outcome,
    Pause,
    Resize,
    RunKey,
    Workload,
    draw_workload,
)
from tradewind.wire.messages import Finished, Message, Offer

HEALING_SECONDS = 24 * 3600.0
"""After the last fault: in so much virtual time every run is over, or nothing moves any more."""

MOST_EVENTS = 1_000_000
"""A play goes through some thousands: one that is here does the same for ever, with hardly any time between."""

QUIET_SECONDS = 120.0
"""Nothing was stored for so long, no timer is set and nothing runs: nothing will move any more."""

COMPARE_EVERY = 25
"""Changes between two comparisons of all memory with the database; as many as there are tasks where these are more."""

MOST_LOOKED_AT = 64
"""A run of at most so many tasks is compared with the database after every change; a larger one now and then."""


@dataclass(frozen=True, slots=True)
class Result:
    """One simulation: what broke (empty when nothing), how many calls it took, and their hash."""

    seed: int
    broken: str
    played: int
    trace: str
    attempts: int = 0
    """How many began."""
    covered: frozenset[tuple[str, str]] = frozenset()
    """Pairs of (fault, state of a task at that moment)."""


def drawn_for(seed: int) -> Workload:
    """What a seed gives an installation to do: some have jobs, some of the others have assets."""
    workload = draw_workload(Random(f"{seed}/workload"))
    if have_jobs(jobs_of(seed)):
        return with_jobs(workload, jobs_of(seed))
    return with_code(with_assets(workload, Random(f"{seed}/assets")), Random(f"{seed}/code"))


class Simulation:
    """One installation, one workload, one plan of faults."""

    def __init__(self, seed: int, database: Database, *, workload: Workload | None = None, plan: Plan | None = None):
        self.seed = seed
        self.database = database
        self.workload = workload if workload is not None else drawn_for(seed)
        self.plan = plan if plan is not None else draw_plan(Random(f"{seed}/faults"))
        self.timeline = Timeline(Random(f"{seed}/ties"))
        self.healed = False
        self.expected_runs = [key for spec in self.workload.dags for key in runs_of(self.workload, spec)]
        self.assets = AssetBook(self) if has_assets(self.workload) else None
        known = frozenset(self.expected_runs) | set(asked_for(self.workload))
        self.watchers = WatcherBook(self) if has_watchers(self.workload) else None
        self.log = EventLog(database, known, made_by_assets=self.assets is not None)
        self.ledger = Ledger(self._allowance)
        self.values = Values(self.plan.xcom_inline_bytes)
        self.specs = {spec.dag_id: spec for spec in self.workload.dags}
        self.texts = {dag_id: [spec] for dag_id, spec in self.specs.items()}
        """What has stood in each Dag's file, one after the other."""
        self.first_texts: dict[str, int] = {}
        """By the name of a version, the first text of its file that gives it."""
        self.version_numbers: dict[str, int] = {}
        self.versions: dict[str, DagSpec] = {}
        """Every version of a Dag that was loaded, by its name."""
        self.pool_sizes = {**dict(self.workload.pools), "default_pool": self.plan.default_pool_slots}
        self.schedulers: list[SchedulerProcess] = []
        self.listening: SchedulerProcess | None = None
        self.covered: set[tuple[str, str]] = set()
        self._clears = Counter(RunKey(a.dag_id, a.run_id) for a in self.workload.actions if isinstance(a, Clear))
        self._clears.update(run_again(self.workload))
        self.touched = {RunKey(a.dag_id, a.run_id) for a in self.workload.actions if isinstance(a, Clear | Mark)}
        self.touched.update(run_again(self.workload))
        self._edited = {a.dag_id for a in self.workload.actions if isinstance(a, Edit)}
        self.jobs = Jobs(self)
        self._changes = 0
        self._look = Random(f"{seed}/checks")
        database.clear(lambda: self.timeline.now)

    # --- the play ---

    def run(self) -> Result:
        """Play until everything is over. Never raises for what the engine does: that is in the result."""
        logging_as, broken = structlog.get_config(), ""
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        try:
            with self._settings():
                self._play()
        except Broken as error:
            broken = str(error)
        except AssertionError as error:
            broken = f"assertion: {error}"
        except Exception as error:
            broken = f"{type(error).__name__}: {error}"
            if self.timeline.story is not None:
                raise
        finally:
            structlog.configure(**logging_as)
            for process in self.schedulers:
                process.writer.close()
        timeline, attempts = self.timeline, len(self.ledger.starts)
        return Result(self.seed, broken, timeline.played, timeline.trace, attempts, frozenset(self.covered))

    def _settings(self) -> ExitStack:
        """What production has as constants, as the plan wants it."""
        stack = ExitStack()
        stack.enter_context(patch.object(owner_module, "MOST_INPUTS", self.plan.most_inputs))
        stack.enter_context(patch.object(desk_module, "LEASE_SECONDS", self.plan.worker_lease_seconds))
        return stack

    def _play(self) -> None:
        timeline, plan = self.timeline, self.plan
        self.nature = self.weather = Nature(self)
        self.schedulers = [SchedulerProcess(self, "scheduler")]
        if plan.standby:
            self.schedulers.append(SchedulerProcess(self, "standby"))
        self.machines = [
            Machine(
                self, f"w{n}", capacity=plan.capacity, lease=plan.worker_lease_seconds,
                rng=Random(f"{self.seed}/w{n}"), habits=plan.habits, memory_bytes=plan.memory_bytes,
            )
            for n in range(plan.machines)
        ]  # fmt: skip
        for machine, offset in zip(self.machines, plan.offsets, strict=False):
            machine.clock_offset = offset
        self.person = Person(self)
        for n, (name, slots) in enumerate(self.workload.pools):
            self._wish(timedelta(0), f"pool{n}", "pool.set", name=name, slots=slots)
        for n, action in enumerate(self.workload.actions):
            self._schedule(n, action)
        end = round((self.nature.heals_at + HEALING_SECONDS) * 1e6)
        while timeline.now <= end and timeline.step():
            if self.healed and timeline.played % 32 == 0 and self._is_over():
                break
            if timeline.played > MOST_EVENTS:
                raise Broken(f"it has come to no end after {MOST_EVENTS:,} events")
        judge(self)

    def _is_over(self) -> bool:
        """Every run is over, or nothing will move any more."""
        scheduler = self.listening.scheduler if self.listening else None
        owner = scheduler.owner if scheduler is not None else None
        if owner is None or owner.has_work or self.person.waiting or not all(m.agent.idle for m in self.machines):
            return False
        if self.timeline.now < self._last_action() or owner.world.attempts:
            return False
        if self.listening.files.is_busy or (self.watchers is not None and not self.watchers.is_settled()):
            return self._is_quiet()
        if self.assets is not None and self.assets.due() and not self._is_quiet():
            return False
        is_due = any(record.next_due is not None for record in owner.world.dags.values())
        if not (owner.world.runs or owner.world.backfills or is_due):
            return not self.database.rows("SELECT id FROM callback") or self._is_quiet()
        return owner.world.next_timer() is None and self._is_quiet()

    def _is_quiet(self) -> bool:
        # A machine that thaws with the last fault has still to be heard of.
        since = max(self.log.changed_us, round(self.nature.heals_at * 1e6))
        return self.timeline.now - since > QUIET_SECONDS * 1e6

    def _last_action(self) -> float:
        moments = [getattr(action, "until", action.at) for action in self.workload.actions]
        return (max(moments, default=timedelta(0)) + timedelta(seconds=2)) / timedelta(microseconds=1)

    # --- what people do ---

    def _schedule(self, n: int, action: Action) -> None:
        if isinstance(action, Edit):
            self.nature.at(action.at.total_seconds(), "edit", lambda: self._edit(action))
            return
        if isinstance(action, JobAction):
            self.jobs.schedule(n, action)
            return
        kind, body = command_of(action)
        self._wish(action.at, f"action{n}", kind, **body)
        if isinstance(action, Pause):
            self._wish(action.until, f"action{n}b", "dag.unpause", dag_id=action.dag_id)
        if isinstance(action, Resize):
            sizes = dict(self.workload.pools)
            self.pool_sizes[action.pool] = max(self.pool_sizes[action.pool], action.slots)
            self._wish(action.until, f"action{n}b", "pool.set", name=action.pool, slots=sizes[action.pool])

    def _wish(self, at: timedelta, key: str, kind: str, **body: Any) -> None:
        self.nature.at(at.total_seconds() + 0.1, kind, lambda: self.person.wish(key, kind, **body))

    def _edit(self, edit: Edit) -> None:
        spec = next(s for at, s in reversed(self.workload.versions(edit.dag_id)) if at <= edit.at)
        self.specs[edit.dag_id] = spec
        self.texts[edit.dag_id].append(spec)
        if (listening := self.listening) is not None:
            self.timeline.after(TYPICAL_SECONDS, listening.actor, "edited", lambda: listening.edited(edit.dag_id))

    # --- what machines and schedulers ask ---

    def kill_processes_of(self, worker: str) -> None:
        for machine in self.machines:
            if machine.name == worker:
                machine.kill_hosts()

    def clock_us(self, offset: float) -> int:
        return to_us(BEGIN) + self.timeline.now + round(offset * 1e6)

    def owner_lease_ms(self) -> int:
        """A lease as short as the beat behind it is a fault, like the others: it heals."""
        return LEASE_MS if self.healed else self.plan.owner_lease_ms

    def outcome(self, offer: Offer) -> Outcome:
        spec = self.specs[offer.run.dag_id].tasks.get(offer.task_id)
        # What asks people begins with that in each try, however often the try was given back before it began.
        begins = spec is not None and spec.extra.get("mode") == "ask" and not offer.resume_question
        found = self.workload.outcome(
            offer.run.dag_id, offer.run.run_id, offer.task_id, offer.map_index, offer.try_number,
            0 if begins else offer.leg,
        )  # fmt: skip
        return self.jobs.obeyed(offer, found)

    def keeping(self, offer: Offer, send: Callable[[Message], None]) -> Keeping | None:
        return self.jobs.keeping(offer, send)

    def execution_timeout(self, offer: Offer) -> float | None:
        spec = self.specs[offer.run.dag_id].tasks.get(offer.task_id)
        return spec.execution_timeout_seconds if spec is not None else None

    def dial(self, machine: Machine) -> End | None:
        listening = self.listening
        if listening is None or not listening.actor.alive or self.timeline.now < machine.unplugged_until:
            return None
        return listening.accept(machine.actor, machine.rng, machine.from_scheduler, machine.scheduler_gone)

    def listens(self, process: SchedulerProcess) -> None:
        """A new owner listens at the socket's path, in the place of whoever did before."""
        self.listening = process

    def text_of(self, file: str) -> int:
        """0 for a file of another name than its Dag: only those of one Dag are edited."""
        return len(self.texts.get(file.removesuffix(".py"), (None,))) - 1

    def began(self, offer: Offer, child: Child) -> None:
        key = RunKey(offer.run.dag_id, offer.run.run_id)
        if child.text < (least := self.first_texts[offer.version]):
            raise Broken(f"I20: {key_of(offer)} runs text {child.text} of its file and was offered with text {least}")
        self.ledger.began(offer, child.actor, self.timeline.now, self._clears[key])
        self.jobs.began(offer)
        if key not in self.touched:
            self.values.check(offer, self.ledger.ends)
        before = attempt_id(key_of(offer), offer.try_number, offer.leg - 1)
        if self.ledger.ends.get(before) == "deferred" and not (offer.event or offer.resume_error):
            raise Broken(f"I3: attempt {offer.attempt} goes on and is not told what its trigger said")
        said = json.loads(offer.event) if offer.event and not offer.resume_error else None
        if isinstance(said, str) and self.ledger.ends.get(said) != "deferred":  # people answer otherwise
            raise Broken(f"I3: attempt {offer.attempt} goes on with what was said to {offer.event!r}")
        if offer.try_number == 1 and offer.leg == 0 and key not in self.touched and key.dag_id not in self._edited:
            self._check_upstream(offer)

    def ended(self, offer: Offer, child: Child, how: str) -> None:
        self.ledger.ended(offer, how)

    def called_back(self, offer: Offer) -> None:
        self.jobs.called_back(offer)
        self.ledger.called_back[(offer.run.dag_id, offer.run.run_id), offer.callback, offer.attempt] += 1

    def mailed(self, callback: Offer) -> None:
        self.ledger.mails(callback.attempt)

    def asks(self, offer: Offer, seconds: float) -> None:
        self.jobs.questions.asks(offer, seconds)

    def gave_up(self, callback: Offer) -> None:
        self.ledger.given_up.add((callback.run.dag_id, callback.run.run_id))

    def acknowledged(self, report: Finished) -> None:
        """An agent may forget this report: what it says is durable, or came too late to change anything."""
        query = "SELECT state, run, task_id, map_index FROM attempt WHERE id = ?"
        for state, *key in self.database.rows(query, report.attempt):
            if state in ("assigned", "running"):
                raise Broken(f"I6: the report of attempt {report.attempt} was acknowledged before its commit")
            self.ledger.acknowledged(TaskKey(*key), report.attempt, state, self.timeline.now)
            self.jobs.kept.ended(report.attempt)

    @property
    def is_there_news(self) -> bool:
        return self.timeline.now < WATCHING / timedelta(microseconds=1)

    def watcher_says(self, watcher: str, said: str) -> None:
        assert self.watchers is not None
        self.watchers.says(watcher, said)

    def news_acknowledged(self, said: str) -> None:
        assert self.watchers is not None
        self.watchers.acknowledged(said)

    def trigger_failed(self, attempt: str) -> None:
        self.ledger.triggers_failed.add(attempt)

    def cover(self, kind: str) -> None:
        """A fault strikes: note the states that tasks are in."""
        scheduler = self.listening.scheduler if self.listening else None
        if scheduler is not None and scheduler.owner is not None:
            for live in scheduler.world.runs.values():
                self.covered.update((kind, task.state.value) for task in live.tasks.values())

    # --- looking ---

    def after_turn(self, process: SchedulerProcess) -> None:
        """The owner has had a turn: look at what it changed, now and then at all of it."""
        owner = process.scheduler.owner
        if owner is None or owner.pending is not None or process is not self.listening:
            return
        if process.writer.newest_event == self.log.last:
            return
        lead = timedelta(seconds=max(s.clock_offset for s in self.schedulers))
        if not self.log.read(self.timeline.now, lead):
            return
        if self.assets is not None:
            self.assets.read()
            if self.watchers is not None:
                self.watchers.look(self.assets.specs)
        self.jobs.look()
        world = owner.world
        check_limits(world, self.pool_sizes)
        check_running(world, self.ledger.starts)
        self._changes += 1
        if owner.has_work or self.database.away:
            return
        size = sum(len(live.tasks) for live in world.runs.values())
        if self._changes % max(COMPARE_EVERY, size) == 0:
            self.compare(process)
        elif world.runs:
            live = self._look.choice([*world.runs.values()])
            if len(live.tasks) <= MOST_LOOKED_AT or self._look.random() < MOST_LOOKED_AT / len(live.tasks):
                check_rows(live, self.database)
                check_silence(world, live, process.scheduler.now())
                check_patience(live, process.scheduler.now(), lead)

    def compare(self, process: SchedulerProcess) -> None:
        """All memory against the database; and nobody waits in silence."""
        scheduler = process.scheduler
        world, now = scheduler.world, scheduler.now()
        away, self.database.away = self.database.away, False
        rebuilt = load_world(
            self.database.engine, parallelism=world.parallelism, next_run_number=world.next_run_number, now=now,
            max_retry_delay_seconds=world.max_retry_delay_seconds,
        )  # fmt: skip
        self.database.away = away
        rebuilt.workers = world.workers
        check_memory(world, rebuilt, now)
        for live in world.runs.values():
            check_silence(world, live, now)

    def _allowance(self, offer: Offer) -> int:
        versions = self.workload.versions(offer.run.dag_id)
        return 1 + max(spec.tasks[offer.task_id].retries for _, spec in versions if offer.task_id in spec.tasks)

    def _check_upstream(self, offer: Offer) -> None:
        """I7, at the start already: no task begins before its trigger rule allows it, by the model's own rules."""
        spec = self.specs[offer.run.dag_id]
        task = spec.tasks[offer.task_id]
        rows = self.database.rows("SELECT task_id, map_index, state FROM task_instance WHERE run = ?", offer.run.number)
        beside = {name for name in task.upstream if task.mapped_group and spec.tasks[name].mapped_group}
        above = [
            (name, _as_in_the_model(state))
            for name, index, state in rows
            if name in task.upstream and (name not in beside or index == offer.map_index)
        ]
        setups = frozenset(state for name, state in above if spec.tasks[name].is_setup)
        if "run" not in verdicts(str(task.trigger_rule), frozenset(state for _, state in above), setups):
            raise Broken(f"I7: {key_of(offer)} began with {task.trigger_rule} while its upstream was {above}")


def _as_in_the_model(state: str) -> str:
    return state if state in ("success", "failed", "skipped", "upstream_failed") else "none"
