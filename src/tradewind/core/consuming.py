"""Asset events: what an update brings about, and the runs that take what waits for them.

An event is in the ledger, waits for the Dags that asked for it, or has been taken by their runs in one commit: what
makes the run also says which events it is for.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from tradewind.core import partitioned, runs, watching
from tradewind.core.asset_queue import Taken, WaitingEvent
from tradewind.core.assets import keys_of, named_in
from tradewind.core.dag import DagSpec
from tradewind.core.decisions import DropRows, PutAssetEvent, PutRow, Record
from tradewind.core.ids import run_id_for
from tradewind.core.inputs import AssetsUpdated, AssetUpdate, WatcherFired
from tradewind.core.plan import Plan
from tradewind.core.records import AssetEvent, DagRun, TaskKey
from tradewind.core.states import RunType
from tradewind.core.timetables import DueRun, manual_interval
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun

_MOMENT = timedelta(microseconds=1)


def updated_by_task(turn: Turn, live: LiveRun, key: TaskKey, attempt: str, updates: Iterable[AssetUpdate]) -> None:
    """A successful attempt updated these assets."""
    run = live.run
    source = {"dag_id": run.dag_id, "run_id": run.run_id, "task_id": key.task_id, "map_index": key.map_index}
    _record(turn, [
        _event(turn, update, f"{attempt}.{n}", **source, **_partition(run, update)) for n, update in enumerate(updates)
    ])  # fmt: skip


def updated_from_outside(turn: Turn, news: AssetsUpdated) -> list[AssetEvent]:
    """Somebody says that these assets were updated."""
    events = [
        _event(turn, update, f"{news.id}.{n}", actor=news.actor, partition_key=update.partition_key)
        for n, update in enumerate(news.updates)
    ]
    _record(turn, events)
    return events


def updated_by_watcher(turn: Turn, news: WatcherFired) -> None:
    """A trigger says that the assets which it watches were updated."""
    watched = turn.world.watchers.active.get(news.watcher)
    if watched is None:
        turn.do(Record("watcher.stale_event", body={"watcher": news.watcher}))
        return
    watching.heard(turn, watched)
    extra = b'{"from_trigger": true, "payload": ' + news.event + b"}"
    updates = [AssetUpdate(name=name, uri=uri, group=group, extra=extra) for name, uri, group in watched.assets]
    actor = f"watcher {watched.name}"
    _record(turn, [_event(turn, update, f"{news.id}.{n}", actor=actor) for n, update in enumerate(updates)])


def look_at(turn: Turn, dag_id: str, fresh: Collection[int] = ()) -> None:
    """Make the runs for which enough has been updated, as far as the Dag's limit allows; the rest waits on. `fresh`
    events wait since this turn, and are not stored as waiting yet."""
    world = turn.world
    record, plan = world.dags.get(dag_id), world.plans.get(dag_id)
    if record is None or plan is None or record.is_paused or record.is_stale:
        return
    if plan.partitions is not None:
        partitioned.look_at(turn, plan)
        return
    while (queue := world.assets.queues.get(dag_id)) is not None and runs.has_room(turn, dag_id):
        taken = queue.take(plan.spec.assets, plan.spec.asset_policy)
        if taken is None:
            return
        _make_run(turn, plan, taken, fresh)


def fit(turn: Turn, dag_id: str, old: DagSpec | None = None) -> None:
    """The Dag has changed from what it was: of what waits it keeps what its condition names."""
    plan, queue = turn.world.plans[dag_id], turn.world.assets.queues.get(dag_id)
    partitioned.fit(turn, old, plan)
    if queue is not None:
        # Once it runs for each partition, what waits without one is for none.
        named = set(named_in(plan.spec.assets)) if plan.partitions is None else set()
        _forget(turn, dag_id, [n for n, event in queue.events.items() if named.isdisjoint(event.keys)])
    if turn.world.assets.waits(dag_id):
        turn.world.at(turn.now, "assets", dag_id)


def _partition(run: DagRun, update: AssetUpdate) -> dict[str, object]:
    """Which partition a task updated: the one that it named, else that of its run, of which alone the date is known."""
    key = run.partition_key if update.partition_key is None else update.partition_key
    return {"partition_key": key, "partition_date": run.partition_date if key == run.partition_key else None}


def _event(turn: Turn, update: AssetUpdate, id: str, **source: object) -> AssetEvent:
    assets = turn.world.assets
    name, uri = assets.identity(update.name, update.uri)
    at = turn.now if assets.last_at is None else max(turn.now, assets.last_at + _MOMENT)
    number, assets.last_at = assets.next_number, at
    assets.next_number += 1
    return AssetEvent(
        number=number, id=id, name=name, uri=uri, group=update.group, extra=update.extra, aliases=update.aliases, at=at,
        **source,  # type: ignore[arg-type]
    )  # fmt: skip


def _record(turn: Turn, events: Iterable[AssetEvent]) -> None:
    """Put events into the ledger and before those who wait for them. A run takes all of one attempt together."""
    fresh: dict[str, list[int]] = {}
    gathered: dict[str, list[tuple[str, int]]] = {}
    for event in events:
        turn.do(PutAssetEvent(event))
        body = {"name": event.name, "uri": event.uri, "number": event.number}
        turn.do(
            Record("asset.updated", event.dag_id, event.run_id, event.task_id, event.map_index, 0, reason=event.actor,
                   body=body)
        )  # fmt: skip
        keys = keys_of(event.name, event.uri, event.aliases)
        waiting = WaitingEvent(event.number, event.at, keys, event.partition_key, event.partition_date)
        for dag_id in turn.world.assets.consumers_of(waiting.keys):
            if not _listens(turn, dag_id):
                continue
            plan = turn.world.plans[dag_id]
            if plan.partitions is not None:
                gathered.setdefault(dag_id, []).extend(partitioned.gather(turn, plan, waiting))
            elif event.partition_key is None:
                # As in Airflow, the update of a partition is not one of the asset as a whole.
                turn.world.assets.put(dag_id, waiting)
                fresh.setdefault(dag_id, []).append(event.number)
    for dag_id, numbers in fresh.items():
        look_at(turn, dag_id, fresh=frozenset(numbers))
        left = turn.world.assets.queues.get(dag_id)
        for number in numbers:
            if left is not None and number in left.events:
                turn.do(PutRow("asset_queue", {"dag_id": dag_id, "event": number}))
    for dag_id, waits in gathered.items():
        partitioned.look_at(turn, turn.world.plans[dag_id], frozenset(waits))
        partitioned.store_waiting(turn, dag_id, waits)


def _listens(turn: Turn, dag_id: str) -> bool:
    record = turn.world.dags.get(dag_id)
    return record is not None and record.is_listening


def _make_run(turn: Turn, plan: Plan, taken: Taken, fresh: Collection[int]) -> None:
    world, dag_id = turn.world, plan.spec.dag_id
    number = world.next_run_number
    # Code written for Airflow 2 counts on a logical date.
    logical = _free_date(turn, dag_id, taken.seen[-1].at) if plan.spec.generation < 3 else None
    interval = manual_interval(plan.spec.timetable, logical) if logical else None
    run_id = run_id_for(RunType.ASSET_TRIGGERED, logical or turn.now, number)
    due = DueRun(logical, interval, turn.now, run_id)
    _forget(turn, dag_id, [event.number for event in (*taken.seen, *taken.passed_over)], fresh)
    for event in taken.seen:
        turn.do(PutRow("asset_run", {"run": number, "event": event.number}))
    runs.add(turn, runs.new_run(turn, plan, due, RunType.ASSET_TRIGGERED)._replace(triggered_by="asset"))
    runs.start_queued(turn, dag_id)


def _forget(turn: Turn, dag_id: str, numbers: Iterable[int], fresh: Collection[int] = ()) -> None:
    gone = list(numbers)
    turn.world.assets.drop(dag_id, gone)
    for number in gone:
        if number not in fresh:
            turn.do(DropRows("asset_queue", {"dag_id": dag_id, "event": number}))


def _free_date(turn: Turn, dag_id: str, at: datetime) -> datetime:
    """The time of the newest event, or the first moment after it that no open run of the Dag has."""
    world = turn.world
    taken = {world.runs[number].run.logical_date for number in world.open_runs.get(dag_id, ())}
    while at in taken:
        at += _MOMENT
    return at
