"""Backfills as they go on: their runs begin as others end, at most so many at once, in the order of their plan.

A run is made when it may start. What there is for a date by then is only known to the database, so memory asks for it
(`LookForRuns`) and decides when the answer comes. A run that ends costs its backfill one such question.
"""

from collections import deque
from dataclasses import replace

from tradewind.core import reruns, runs
from tradewind.core.backfill_plan import Action, Backfill, BackfillPlan, LiveBackfill, Slot, decision, plan_backfill
from tradewind.core.decisions import LookForRuns, PutRow, Record
from tradewind.core.errors import BackfillConflict, BackfillNotFound, DagNotFound
from tradewind.core.inputs import BackfillFound, CancelBackfill, CreateBackfill, PauseBackfill
from tradewind.core.past import PreviousRun
from tradewind.core.records import DagRun
from tradewind.core.states import RunState, RunType
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun


def create(turn: Turn, wish: CreateBackfill) -> BackfillPlan:
    """Store a backfill and begin it; with dry_run only say what it would do."""
    world, dag_id = turn.world, wish.backfill.dag_id
    plan, record = world.plans.get(dag_id), world.dags.get(dag_id)
    if plan is None or record is None or record.is_stale:
        raise DagNotFound(dag_id)
    if (other := world.backfills.get(dag_id)) is not None:
        raise BackfillConflict(
            f"Backfill {other.record.id} of {dag_id} is not over, and a Dag has one at a time; "
            f"`tradewind backfill cancel {other.record.id}` ends it."
        )
    made = plan_backfill(plan.spec, wish.backfill, wish.existing, turn.now)
    if wish.dry_run:
        return made
    made = replace(made, backfill=replace(made.backfill, id=world.next_run_number, created_at=turn.now))
    world.next_run_number += 1
    held = LiveBackfill(made.backfill, deque(slot for slot in made.slots if not slot.is_done))
    world.backfills[dag_id] = held
    _put(turn, held.record)
    for slot in made.slots:
        _put_slot(turn, held, slot)
    _record(turn, "backfill.created", held.record)
    turn.backfills[dag_id] = None
    return made


def set_paused(turn: Turn, wish: PauseBackfill) -> Backfill:
    """Let no further run of a backfill start, or let it go on. What runs goes on anyhow."""
    held = _held(turn, wish.id)
    if held.record.is_paused is not wish.paused:
        held.record = replace(held.record, is_paused=wish.paused, reason=wish.reason)
        _put(turn, held.record)
        _record(turn, "backfill.paused" if wish.paused else "backfill.unpaused", held.record, wish.reason)
        turn.backfills[held.record.dag_id] = None
    return held.record


def cancel(turn: Turn, wish: CancelBackfill) -> Backfill:
    """End a backfill: no further run starts, queued ones have failed, those that run go on as ordinary ones."""
    held = _held(turn, wish.id)
    queued = [number for number in held.open if turn.world.runs[number].run.state is RunState.QUEUED]
    record = _end(turn, held, "cancelled")
    for number in queued:
        runs.mark(turn, number, RunState.FAILED)
    return record


def found(turn: Turn, news: BackfillFound) -> None:
    """What the database has for the next dates: those for which there is room begin."""
    held = turn.world.backfills.get(news.dag_id)
    if held is None or held.record.id != news.id:
        return
    held.asked = False
    for position, live, before in news.found:
        if not _may_start(turn, held) or held.room <= 0 or not held.waiting or held.waiting[0].position != position:
            break
        _begin(turn, held, held.waiting.popleft(), live, before)
    turn.backfills[news.dag_id] = None


def follow(turn: Turn) -> bool:
    """Let every backfill that something has changed for go on; whether there was one."""
    changed, turn.backfills = list(turn.backfills), {}
    for dag_id in changed:
        if (held := turn.world.backfills.get(dag_id)) is not None:
            _go_on(turn, held)
    return bool(changed)


def _go_on(turn: Turn, held: LiveBackfill) -> None:
    if not held.waiting and not held.open:
        _end(turn, held, "completed")
        return
    if not _may_start(turn, held):
        return
    _start_queued(turn, held)
    if held.waiting and held.room > 0 and not held.asked:
        held.asked = True
        turn.do(LookForRuns(held.record.dag_id))


def _may_start(turn: Turn, held: LiveBackfill) -> bool:
    record = turn.world.dags.get(held.record.dag_id)
    return record is not None and not record.is_paused and not record.is_stale and not held.record.is_paused


def _start_queued(turn: Turn, held: LiveBackfill) -> None:
    lives = [turn.world.runs[number] for number in held.open]
    # One that only waits for the run before it holds no place, as among the runs of a Dag: that may be queued here.
    running = sum(live.run.state is RunState.RUNNING and not runs.only_waits_on_past(turn, live) for live in lives)
    for live in lives:
        if live.run.state is RunState.QUEUED and not live.quarantine and running < held.record.max_active:
            running += 1
            runs.start(turn, live)


def _begin(turn: Turn, held: LiveBackfill, slot: Slot, live: LiveRun | None, before: PreviousRun | None) -> None:
    if live is not None and live.run.number in turn.world.runs:
        live = turn.world.runs[live.run.number]
    action, reason = decision(live.run if live else None, held.record.reprocess)
    number = live.run.number if live else turn.world.next_run_number
    if action is not Action.LEAVE and held.first is None:
        held.first = number
    match action:
        case Action.CREATE:
            runs.add(turn, _run_for(turn, held.record, slot), before)
        case Action.CLEAR:
            assert live is not None
            live.run = live.run._replace(backfill=held.record.id)
            reruns.clear_whole(turn, live, latest=held.record.latest)
        case Action.LEAVE:
            pass
    _put_slot(turn, held, replace(slot, action=action, reason=reason, run=number, is_done=True))


def _run_for(turn: Turn, backfill: Backfill, slot: Slot) -> DagRun:
    plan = turn.world.plans[backfill.dag_id]
    return runs.new_run(turn, plan, slot.due, RunType.BACKFILL)._replace(
        conf=backfill.conf, triggered_by="backfill", triggering_user=backfill.user, backfill=backfill.id
    )


def _held(turn: Turn, number: int) -> LiveBackfill:
    for held in turn.world.backfills.values():
        if held.record.id == number:
            return held
    raise BackfillNotFound(number)


def _end(turn: Turn, held: LiveBackfill, state: str) -> Backfill:
    del turn.world.backfills[held.record.dag_id]
    held.record = replace(held.record, state=state, completed_at=turn.now)
    _put(turn, held.record)
    _record(turn, "backfill.cancelled" if state == "cancelled" else "backfill.completed", held.record)
    return held.record


def _record(turn: Turn, name: str, backfill: Backfill, reason: str = "") -> None:
    turn.do(Record(name, backfill.dag_id, reason=reason, body={"backfill": backfill.id}))


def _put(turn: Turn, backfill: Backfill) -> None:
    row = {
        "id": backfill.id,
        "dag_id": backfill.dag_id,
        "from_date": backfill.from_date,
        "to_date": backfill.to_date,
        "conf": dict(backfill.conf),
        "reprocess": backfill.reprocess.value,
        "max_active": backfill.max_active,
        "backwards": backfill.backwards,
        "latest": backfill.latest,
        "is_paused": backfill.is_paused,
        "state": backfill.state,
        "reason": backfill.reason,
        "triggering_user": backfill.user,
        "created_at": backfill.created_at,
        "updated_at": turn.now,
        "completed_at": backfill.completed_at,
    }
    turn.do(PutRow("backfill", row))


def _put_slot(turn: Turn, held: LiveBackfill, slot: Slot) -> None:
    interval = slot.due.data_interval
    row = {
        "backfill": held.record.id,
        "position": slot.position,
        "logical_date": slot.due.logical_date,
        "data_interval_start": interval.start if interval else None,
        "data_interval_end": interval.end if interval else None,
        "run_after": slot.due.run_after,
        "action": slot.action.value,
        "reason": slot.reason,
        "run": slot.run,
        "is_done": slot.is_done,
    }
    turn.do(PutRow("backfill_run", row))
