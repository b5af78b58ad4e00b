"""Bugs planted in backfills, deadlines, state stores and questions; see teeth."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from tradewind.core import backfills, deadlines, questions, runs, state_stores, tasks
from tradewind.core.backfill_plan import Action, LiveBackfill
from tradewind.core.decisions import DropRows, PutQuestion
from tradewind.scheduler import questions as wishes
from tradewind.scheduler import reruns
from tradewind.scheduler.callbacks import Callbacks
from tradewind.scheduler.execution import Endpoint
from tradewind.store import loader

# --- backfills ---------------------------------------------------------------------------------------------------


def _makes_runs_after_a_cancel() -> Any:
    """One more run is made for the next date of a backfill that somebody has cancelled."""
    real = backfills._end

    def end(turn: Any, held: LiveBackfill, state: str) -> Any:
        record = real(turn, held, state)
        if state == "cancelled" and held.waiting and held.waiting[0].action is Action.CREATE:
            runs.add(turn, backfills._run_for(turn, record, held.waiting[0]))
        return record

    return patch.object(backfills, "_end", end)


def _makes_the_runs_of_a_backfill_twice() -> Any:
    """A restart forgets which dates of a backfill have had their turn, and nobody looks whether there is a run."""

    def load(connection: Any, world: Any) -> None:
        real(connection, world)
        for held in world.backfills.values():
            held.waiting.clear()
            rows = loader.read(connection, loader.select(loader.t.backfill_run).order_by("position"))
            held.waiting.extend(
                loader.slot_of(row) for row in rows if row["backfill"] == held.record.id and row["action"] != "leave"
            )

    real = loader._load_backfills
    again = patch.object(reruns.queries, "run_taking", lambda *_: None)
    return _both(patch.object(loader, "_load_backfills", load), again)


def _has_more_runs_than_its_limit() -> Any:
    """The limit of a backfill holds for what runs, and not for what is made."""
    return patch.object(LiveBackfill, "room", property(lambda self: self.record.max_active))


def _goes_on_while_it_is_paused() -> Any:
    return patch.object(backfills, "_may_start", lambda turn, held: True)


def _forgets_a_backfill_whose_runs_end() -> Any:
    """The end of a run does not let the next date have its turn."""
    real = backfills.follow

    def follow(turn: Any) -> bool:
        turn.backfills = {d: None for d in turn.backfills if not _has_ended_one(turn, d)}
        return real(turn)

    return patch.object(backfills, "follow", follow)


def _has_ended_one(turn: Any, dag_id: str) -> bool:
    held = turn.world.backfills.get(dag_id)
    return held is not None and held.first is not None and bool(held.waiting) and not held.open


# --- deadlines ---------------------------------------------------------------------------------------------------


def _forgets_a_deadlines_callback_at_a_takeover() -> Any:
    real = Callbacks._open
    return patch.object(
        Callbacks, "_open", lambda self: [row for row in real(self) if not row["kind"].startswith("deadline:")]
    )


def _sets_no_deadlines_at_a_restart() -> Any:
    def set_timers(world: Any, now: Any) -> None:
        real(world, now)
        world.timers[:] = [each for each in world.timers if each[2] != "deadline"]
        world.timers.sort()

    real = loader._set_timers
    return patch.object(loader, "_set_timers", set_timers)


def _tells_a_deadline_again() -> Any:
    """The row of a deadline that was told stays: after a restart it is told once more."""
    return patch.object(deadlines, "DropRows", lambda table, where: DropRows(table, {**where, "name": "none"}))


def _tells_of_deadlines_that_were_met() -> Any:
    """The end of a run does not drop its deadlines: when it goes on, those that are past are told."""
    real = deadlines.watch

    def watch(turn: Any, live: Any, *, again: bool = False) -> None:
        real(turn, live, again=False)

    return patch.object(deadlines, "watch", watch)


def _forgets_how_long_runs_took_at_a_restart() -> Any:
    """The average begins anew with each owner."""

    def load(connection: Any, world: Any) -> None:
        real(connection, world)
        world.runtimes.clear()

    real = loader._load_deadlines
    return patch.object(loader, "_load_deadlines", load)


# --- the past ----------------------------------------------------------------------------------------------------


def _does_not_look_back_in_a_backfill() -> Any:
    """depends_on_past holds for runs of the schedule alone."""
    real = tasks.past_is_met

    def past_is_met(turn: Any, live: Any, spec: Any) -> bool:
        return live.run.backfill is not None or real(turn, live, spec)

    return patch.object(tasks, "past_is_met", past_is_met)


# --- state stores ------------------------------------------------------------------------------------------------


def _acknowledges_state_before_it_commits() -> Any:
    real = Endpoint._keep

    def keep(self: Any, change: Any, reply: Callable[[Any, Any], None]) -> None:
        reply(None, None)
        real(self, change, lambda value, error: None)

    return patch.object(Endpoint, "_keep", keep)


def _keeps_one_state_for_all_instances() -> Any:
    """The map index is no part of where a task's state is."""
    real = state_stores._change

    def change(turn: Any, table: str, place: dict[str, Any], *rest: Any) -> None:
        real(turn, table, {**place, "map_index": -1} if "map_index" in place else place, *rest)

    return patch.object(state_stores, "_change", change)


# --- questions ---------------------------------------------------------------------------------------------------


def _takes_an_answer_after_the_default() -> Any:
    """An answer is stored as long as its task has not ended, whoever answered before."""
    real, real_pending = questions.answered, wishes._pending

    def pending(context: Any, key: Any, name: str) -> Any:
        held = context.world().deferrals.get(key)
        return held.question if held is not None and held.question else real_pending(context, key, name)

    def answered(turn: Any, wish: Any) -> Any:
        held = turn.world.deferrals.get(wish.key)
        question = held.question if held is not None else None
        if question is None or question.id != wish.id or question.answered_at is None:
            return real(turn, wish)
        late = question._replace(chosen=wish.chosen, answered_at=turn.now, answered_by=wish.by)
        turn.put_deferral(held._replace(question=late))
        turn.do(PutQuestion(late))
        return late

    return _both(patch.object(questions, "answered", answered), patch.object(wishes, "_pending", pending))


def _lets_a_task_go_on_with_its_default() -> Any:
    """Whoever answers, the task is told the default."""
    real = questions._event

    def event(question: Any) -> Any:
        return {**real(question), "chosen_options": list(question.defaults or question.chosen)}

    return patch.object(questions, "_event", event)


def _both(*plants: Any) -> ExitStack:
    stack = ExitStack()
    for plant in plants:
        stack.enter_context(plant)
    return stack


BUGS_OF_JOBS: dict[str, Callable[[], Any]] = {
    "makes runs after a cancel": _makes_runs_after_a_cancel,
    "makes the runs of a backfill twice": _makes_the_runs_of_a_backfill_twice,
    "has more runs than its limit": _has_more_runs_than_its_limit,
    "goes on while it is paused": _goes_on_while_it_is_paused,
    "forgets a backfill whose runs end": _forgets_a_backfill_whose_runs_end,
    "forgets a deadline's callback at a takeover": _forgets_a_deadlines_callback_at_a_takeover,
    "sets no deadlines at a restart": _sets_no_deadlines_at_a_restart,
    "tells a deadline again": _tells_a_deadline_again,
    "tells of deadlines that were met": _tells_of_deadlines_that_were_met,
    "forgets how long runs took at a restart": _forgets_how_long_runs_took_at_a_restart,
    "does not look back in a backfill": _does_not_look_back_in_a_backfill,
    "acknowledges state before it commits": _acknowledges_state_before_it_commits,
    "keeps one state for all instances": _keeps_one_state_for_all_instances,
    "takes an answer after the default": _takes_an_answer_after_the_default,
    "lets a task go on with its default": _lets_a_task_go_on_with_its_default,
}
"""Sought in workloads with jobs."""
