"""Teeth: bugs planted on purpose. A simulator that does not find them proves nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from unittest.mock import patch

from tradewind.core import admission, attempts, runs, tasks
from tradewind.core.inputs import AttemptFinished, WorkerJoined
from tradewind.core.records import Attempt, TaskKey
from tradewind.core.trigger_rules import Verdict
from tradewind.core.world import World
from tradewind.scheduler import desk as desk_module
from tradewind.scheduler import offers
from tradewind.scheduler import owner as owner_module
from tradewind.scheduler.callbacks import Callbacks
from tradewind.scheduler.desk import Desk
from tradewind.scheduler.owner import Owner
from tradewind.scheduler.scheduler import Scheduler
from tradewind.store import loader
from tradewind.store.times import from_us
from tradewind.store.writer import StoreUnavailable, Writer
from tradewind.testing.simulation.asset_teeth import ASSET_BUGS
from tradewind.testing.simulation.asset_workload import with_assets
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.jobs_workload import jobs_of, with_jobs
from tradewind.testing.simulation.own_code import with_code
from tradewind.testing.simulation.simulation import Result, Simulation, drawn_for
from tradewind.testing.simulation.teeth_of_code import BUGS_OF_CODE
from tradewind.testing.simulation.teeth_of_jobs import BUGS_OF_JOBS
from tradewind.testing.simulation.workload import Workload, draw_workload
from tradewind.wire.messages import Ack, Hello
from tradewind.wire.xcom_files import XComFiles
from tradewind.worker.agent import Agent

Plant = Callable[[], Any]
"""Gives a context manager in which the bug is there."""


def _both(*plants: Any) -> ExitStack:
    stack = ExitStack()
    for plant in plants:
        stack.enter_context(plant)
    return stack


@dataclass(frozen=True)
class Found:
    """What finding a planted bug took."""

    name: str
    seeds: int
    result: Result | None
    seconds: float


# --- the store and the owner -------------------------------------------------------------------------------------


def _skips_the_epoch_check() -> Any:
    real = Writer.commit

    def commit(self: Any, lease: Any, *rest: Any, **more: Any) -> Any:
        cursor = self._cursor
        if cursor is not None:
            holder, epoch = cursor.execute("SELECT holder, epoch FROM owner WHERE id=1").fetchone()
            lease = replace(lease, holder=holder, epoch=epoch)
        return real(self, lease, *rest, **more)

    return patch.object(Writer, "commit", commit)


def _tells_before_it_commits() -> Any:
    real = Owner._commit

    def commit(self: Any, batch: Any) -> bool:
        told = [o for o in batch.operations if isinstance(o, owner_module.Told)]
        if told and not batch.tries:
            self._outlet.tell(told)
        return real(self, batch)

    return patch.object(Owner, "_commit", commit)


def _swaps_memory_before_the_commit() -> Any:
    def write(self: Any, batch: Any) -> Any:
        try:
            return self._writer.commit(self.lease, batch.id, batch.operations, batch.now, self.world.next_run_number)
        except StoreUnavailable:
            self._writer.connect()
            return []

    return patch.object(Owner, "_write", write)


def _repeats_a_commit_without_asking() -> Any:
    def write(self: Any, batch: Any) -> Any:
        if batch.tries:
            self._writer.connect()
        return self._writer.commit(self.lease, batch.id, batch.operations, batch.now, self.world.next_run_number)

    return patch.object(Owner, "_write", write)


def _forgets_a_finally() -> Any:
    real = Scheduler._turn

    def turn(self: Any) -> None:
        real(self)
        if self.owner is not None and self.owner.pending is not None:
            self._turn_is_due = True  # as if the flag were put back only after a commit that went well

    return patch.object(Scheduler, "_turn", turn)


def _counts_events_twice() -> Any:
    real = Writer.events_committed
    return patch.object(Writer, "events_committed", lambda self, count: real(self, 2 * count))


def _forgets_timers_at_a_restart() -> Any:
    return patch.object(loader, "_set_timers", lambda world, now: None)


# --- reports and attempts ----------------------------------------------------------------------------------------


def _applies_reports_without_their_attempt_check() -> Any:
    keys: dict[str, TaskKey] = {}
    put, real = World.put_attempt, attempts.finished

    def put_attempt(self: Any, new: Attempt) -> None:
        keys[new.id] = new.key
        put(self, new)

    def finished(turn: Any, report: AttemptFinished) -> None:
        # As if a report named its task, and not its attempt.
        current = turn.world.active_of.get(keys.get(report.attempt))
        real(turn, replace(report, attempt=current or report.attempt))

    return _both(patch.object(World, "put_attempt", put_attempt), patch.object(attempts, "finished", finished))


def _trusts_what_was_published() -> Any:
    return patch.object(Desk, "_compare", lambda self, peer, holds: None)


def _forgets_callbacks_that_got_lost() -> Any:
    return patch.object(Callbacks, "to_repeat", lambda self, worker, holds, now: [])


def _greets_again_on_one_connection() -> Any:
    real = Desk.on_message

    def on_message(self: Any, peer: Any, message: Any) -> None:
        if isinstance(message, Hello):
            self._hello(peer, message)
        else:
            real(self, peer, message)

    return patch.object(Desk, "on_message", on_message)


def _believes_a_workers_clock() -> Any:
    return patch.object(attempts, "_ended", lambda turn, task, report: report.end_date or turn.now)


def _judges_workers_at_once() -> Any:
    real = Desk.expire
    patience = desk_module.LEASE_SECONDS + attempts.LOST_GRACE.total_seconds()
    return _and_kills_nothing(patch.object(Desk, "expire", lambda self, now: real(self, now + patience)))


def _and_kills_nothing(bug: Any) -> Any:
    """A worker that is given up too early does no harm while what it left is killed before: here it is not."""
    both = ExitStack()
    both.enter_context(bug)
    both.enter_context(patch.object(Scheduler, "fence", lambda self, worker: None))
    return both


def _compares_wall_clocks() -> Any:
    real = Desk._beat

    def beat(self: Any, peer: Any, beat: Any) -> None:
        real(self, peer, beat)
        sent = from_us(beat.sent_us)
        assert sent is not None
        self.beats[peer.name] -= (self._scheduler.now() - sent).total_seconds()

    return _and_kills_nothing(patch.object(Desk, "_beat", beat))


def _retries_before_the_kill_grace() -> Any:
    real = admission.full_limit

    def full_limit(world: Any, live: Any, spec: Any, task: Any) -> Any:
        limit = real(world, live, spec, task)
        if limit is None or limit[0] != "attempt":
            return limit
        with patch.dict(world.active_of):
            del world.active_of[task.key]
            return real(world, live, spec, task)

    return patch.object(admission, "full_limit", full_limit)


def _tries_once_too_often() -> Any:
    return patch.object(attempts, "is_eligible", lambda try_number, max_tries: 0 < try_number <= max_tries + 1)


def _acknowledges_before_it_commits() -> Any:
    real = Desk._finished

    def finished(self: Any, peer: Any, report: Any) -> None:
        peer.send(Ack(attempts=[report.attempt]))
        real(self, peer, report)

    return patch.object(Desk, "_finished", finished)


def _does_not_keep_reports() -> Any:
    def report(self: Any, message: Any) -> None:
        self._ports.tell_scheduler(message)

    return patch.object(Agent, "_report", report)


def _starts_a_late_offer_again() -> Any:
    real = Agent._offered

    def offered(self: Any, offer: Any) -> None:
        self._done.clear()
        real(self, offer)

    return patch.object(Agent, "_offered", offered)


def _does_not_ask_what_a_worker_holds() -> Any:
    real = attempts.worker_joined

    def joined(turn: Any, news: WorkerJoined) -> None:
        real(turn, replace(news, holds=frozenset()))

    return patch.object(attempts, "worker_joined", joined)


# --- limits ------------------------------------------------------------------------------------------------------


def _frees_a_slot_twice() -> Any:
    real = World._count_slots

    def count(self: Any, attempt: Any, step: int) -> None:
        real(self, attempt, step)
        if step < 0:
            self.pool_used[attempt.pool] = max(0, self.pool_used[attempt.pool] - attempt.pool_slots)

    return patch.object(World, "_count_slots", count)


def _forgets_parked_tasks() -> Any:
    return patch.object(World, "_release_pool", lambda self, name: None)


def _removes_the_values_of_all_instances() -> Any:
    def forget(self: Any, run: int, task_id: str, map_index: int) -> None:
        self._remove(f"{self.folder}/{run}/{task_id}")

    return patch.object(XComFiles, "forget_instance", forget)


def _takes_every_value_for_its_reference() -> Any:
    return patch.object(XComFiles, "read", lambda self, stored: stored)


def _forgets_what_a_trigger_has_said() -> Any:
    return patch.object(offers, "_resume", lambda world, attempt: {})


# --- rules -------------------------------------------------------------------------------------------------------


def _expands_twice() -> Any:
    real = tasks.expansion_length

    def length(map: Any, lengths: Any) -> int | None:
        found = real(map, lengths)
        return found * 2 if found else found

    return patch.object(tasks, "expansion_length", length)


def _starts_an_element_before_its_own_upstream() -> Any:
    return patch.object(tasks, "counts_of", lambda live, spec, map_index: live.counts[spec.task_id])


def _forgets_the_past() -> Any:
    return patch.object(tasks, "past_is_met", lambda turn, live, spec: True)


def _runs_what_should_be_skipped() -> Any:
    real = tasks.evaluate

    def evaluate(rule: Any, counts: Any) -> Verdict:
        verdict = real(rule, counts)
        return Verdict.RUN if verdict is Verdict.SKIP else verdict

    return patch.object(tasks, "evaluate", evaluate)


def _does_not_wait_for_all_of_its_upstream() -> Any:
    real = tasks.evaluate

    def evaluate(rule: Any, counts: Any) -> Verdict:
        verdict = real(rule, counts)
        return Verdict.RUN if verdict is Verdict.WAIT and counts.done else verdict

    return patch.object(tasks, "evaluate", evaluate)


def _forgets_queued_runs() -> Any:
    real = runs._finish

    def finish(turn: Any, live: Any, state: Any, reason: str) -> None:
        with patch.object(runs, "start_queued", lambda turn, dag_id: None):
            real(turn, live, state, reason)

    return patch.object(runs, "_finish", finish)


BUGS: dict[str, Plant] = {
    "skips the epoch check": _skips_the_epoch_check,
    "tells before it commits": _tells_before_it_commits,
    "swaps memory before the commit": _swaps_memory_before_the_commit,
    "repeats a commit without asking": _repeats_a_commit_without_asking,
    "counts events twice": _counts_events_twice,
    "forgets a finally": _forgets_a_finally,
    "forgets timers at a restart": _forgets_timers_at_a_restart,
    "applies reports without their attempt check": _applies_reports_without_their_attempt_check,
    "acknowledges before it commits": _acknowledges_before_it_commits,
    "does not keep reports": _does_not_keep_reports,
    "starts a late offer again": _starts_a_late_offer_again,
    "does not ask what a worker holds": _does_not_ask_what_a_worker_holds,
    "trusts what was published": _trusts_what_was_published,
    "forgets callbacks that got lost": _forgets_callbacks_that_got_lost,
    "greets again on one connection": _greets_again_on_one_connection,
    "believes a worker's clock": _believes_a_workers_clock,
    "judges workers at once": _judges_workers_at_once,
    "compares wall clocks": _compares_wall_clocks,
    "retries before the kill grace": _retries_before_the_kill_grace,
    "tries once too often": _tries_once_too_often,
    "frees a slot twice": _frees_a_slot_twice,
    "forgets parked tasks": _forgets_parked_tasks,
    "removes the values of all instances": _removes_the_values_of_all_instances,
    "takes every value for its reference": _takes_every_value_for_its_reference,
    "forgets what a trigger has said": _forgets_what_a_trigger_has_said,
    "starts an element before its own upstream": _starts_an_element_before_its_own_upstream,
    "expands twice": _expands_twice,
    "forgets the past": _forgets_the_past,
    "runs what should be skipped": _runs_what_should_be_skipped,
    "does not wait for all of its upstream": _does_not_wait_for_all_of_its_upstream,
    "forgets queued runs": _forgets_queued_runs,
    **ASSET_BUGS,
    **BUGS_OF_CODE,
    **BUGS_OF_JOBS,
}
"""Every bug that can be planted, by what it does."""


NEEDS_PLAIN_ONES = {"compares wall clocks"}
"""Too rare among workloads with deferrals and mapped groups: sought in those without."""


def _workload_for(name: str, seed: int) -> Workload:
    """What a seed gives an installation to do, with the parts in which this bug can show."""
    if name in NEEDS_PLAIN_ONES:
        return draw_workload(Random(f"{seed}/workload"), plain=True)
    if name in BUGS_OF_CODE:
        with_parts = with_assets(draw_workload(Random(f"{seed}/workload")), Random(f"{seed}/assets"), chance=1.0)
        return with_code(with_parts, Random(f"{seed}/code"), chance=1.0)
    if name in BUGS_OF_JOBS:
        return with_jobs(draw_workload(Random(f"{seed}/workload")), jobs_of(seed), always=True)
    return drawn_for(seed)


def find(name: str, seeds: int = 300, first: int = 0) -> Found:
    """Plant a bug and play until something breaks."""
    database = Database()
    began = time.monotonic()
    try:
        with BUGS[name]():
            for count, seed in enumerate(range(first, first + seeds), 1):
                workload = _workload_for(name, seed)
                result = Simulation(seed, database, workload=workload).run()
                if result.broken:
                    return Found(name, count, result, time.monotonic() - began)
    finally:
        database.close()
    return Found(name, seeds, None, time.monotonic() - began)


def show(seeds: int = 300, first: int = 0) -> int:
    """Print a line for each bug. Exit status 0 when every one was found."""
    missed = 0
    print(f"{len(BUGS)} planted bugs, each given {seeds} seeds")
    for name in BUGS:
        found = find(name, seeds, first)
        missed += found.result is None
        how = f"after {found.seeds:3} seeds: {found.result.broken[:90]}" if found.result else "NOT FOUND"
        print(f"  {name:44} {how} ({found.seconds:.1f} s)", flush=True)
    print("every one was found" if not missed else f"{missed} were not found")
    return 1 if missed else 0
