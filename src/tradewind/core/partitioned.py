"""Runs by partitions of assets: events gather by the partition that they are for, and each complete one gets its run.

As with other runs by assets, what makes the run also says which events it is for: one commit.
"""

from collections.abc import Collection, Iterable

from tradewind.core import runs
from tradewind.core.asset_queue import WaitingEvent
from tradewind.core.assets import named_in
from tradewind.core.dag import DagSpec
from tradewind.core.decisions import DropRows, NamePartitions, PutRow, Record
from tradewind.core.ids import run_id_for
from tradewind.core.inputs import PartitionsNamed
from tradewind.core.partition_mappers import UnfitPartition
from tradewind.core.partition_queue import UNNAMED
from tradewind.core.plan import Plan
from tradewind.core.states import RunType
from tradewind.core.timetables import DueRun
from tradewind.core.turn import Turn

Fresh = Collection[tuple[str, int]]
"""(partition, event number) of what waits since this turn, and is not stored as waiting yet."""


def gather(turn: Turn, plan: Plan, event: WaitingEvent) -> Fresh:
    """An asset that a Dag with partitions waits for was updated: the event waits in each partition that it is for."""
    assert plan.partitions is not None
    dag_id, asset = plan.spec.dag_id, event.keys[0].name
    if event.partition is None:
        _note(turn, dag_id, event, f"{asset} was updated without a partition key")
        return ()
    try:
        targets = plan.partitions.targets(event)
    except UnfitPartition as problem:
        _note_unfit(turn, dag_id, event, problem)
        return ()
    for key in targets:
        turn.world.assets.put_partition(dag_id, key, event)
    if UNNAMED in targets:
        turn.do(NamePartitions(dag_id))
    return [(key, event.number) for key in targets]


def named(turn: Turn, dag_id: str, said: Iterable[PartitionsNamed]) -> None:
    """The code of a Dag's mapper has said for which partitions events are that waited for it, and of what those are
    made."""
    plan, is_news, is_further = turn.world.plans[dag_id], False, False
    for one in said if plan.partitions is not None else ():
        queue = turn.world.assets.partitions.get(dag_id)
        if queue is None:
            return
        if (event := queue.events.get(UNNAMED, {}).get(one.event)) is not None:
            _take_names(turn, plan, one, event)
            is_news = is_further = True
        elif not one.error:
            known = len(queue.heard)
            is_news |= _hear(turn, plan, one)
            is_further |= len(queue.heard) > known
    if is_news:
        turn.world.at(turn.now, "assets", dag_id)
    # Only where it got further: code that says something else each time would be asked for ever.
    if is_further and _has_to_be_asked(turn, plan):
        turn.do(NamePartitions(dag_id))  # for those that came meanwhile, or were too many


def _take_names(turn: Turn, plan: Plan, said: PartitionsNamed, event: WaitingEvent) -> None:
    assert plan.partitions is not None
    dag_id = plan.spec.dag_id
    _forget(turn, dag_id, UNNAMED, [event.number])
    try:
        if said.error:
            raise UnfitPartition(said.error)
        keys = plan.partitions.fitting(event, said.keys)
    except UnfitPartition as problem:
        _note_unfit(turn, dag_id, event, problem)
        return
    for key in keys:
        turn.world.assets.put_partition(dag_id, key, event)
    store_waiting(turn, dag_id, [(key, event.number) for key in keys])
    _hear(turn, plan, said)


def _hear(turn: Turn, plan: Plan, said: PartitionsNamed) -> bool:
    """Take what partitions are made of; whether anything of that is new."""
    assert plan.partitions is not None
    queue, is_news = turn.world.assets.partitions.get(plan.spec.dag_id), False
    for key, needed in said.needs.items() if queue is not None else ():
        event = queue.events.get(key, {}).get(said.event) if queue is not None and key != UNNAMED else None
        if queue is None or event is None or not plan.partitions.asks_what_is_needed(event):
            continue
        if queue.heard.get((event.keys[0], key)) != needed:
            queue.hear(key, event, needed)
            is_news = True
    return is_news


def _has_to_be_asked(turn: Turn, plan: Plan) -> bool:
    queue = turn.world.assets.partitions.get(plan.spec.dag_id)
    if queue is None or plan.partitions is None:
        return False
    return UNNAMED in queue.events or any(
        (event.keys[0], key) not in queue.heard and plan.partitions.asks_what_is_needed(event)
        for key, event in queue.by_asset()
    )


def look_at(turn: Turn, plan: Plan, fresh: Fresh = ()) -> None:
    """Make the runs of partitions that are complete, as far as the Dag's limit allows; the rest waits on."""
    assert plan.partitions is not None
    assets, dag_id = turn.world.assets, plan.spec.dag_id
    while (queue := assets.partitions.get(dag_id)) is not None and queue.due:
        key = next(iter(queue.due))
        events = queue.events[key]
        if not plan.partitions.is_complete(plan.spec.assets, key, events.values(), queue.heard):
            del queue.due[key]
        elif runs.has_room(turn, dag_id):
            _make_run(turn, plan, key, tuple(events.values()), fresh)
        else:
            return  # looked at again when a run of this Dag ends


def store_waiting(turn: Turn, dag_id: str, fresh: Fresh) -> None:
    """Of what has begun to wait in this turn, store what no run has taken."""
    queue = turn.world.assets.partitions.get(dag_id)
    for key, number in fresh:
        if queue is not None and number in queue.events.get(key, ()):
            turn.do(PutRow("partition_queue", {"dag_id": dag_id, "partition": key, "event": number}))


def fit(turn: Turn, old: DagSpec | None, plan: Plan) -> None:
    """The Dag has changed. What gathered by other mappers would mean something else now, and is dropped."""
    dag_id = plan.spec.dag_id
    queue = turn.world.assets.partitions.get(dag_id)
    if queue is None:
        return
    changed = old is None or old.partitions != plan.spec.partitions
    named = set(named_in(plan.spec.assets))
    for key, events in list(queue.events.items()):
        _forget(turn, dag_id, key, [n for n, event in events.items() if changed or named.isdisjoint(event.keys)])
    if changed:
        turn.do(Record("partition.dropped", dag_id, reason="the Dag's partition mappers have changed"))
    queue.look_at_all()


def _make_run(turn: Turn, plan: Plan, key: str, events: tuple[WaitingEvent, ...], fresh: Fresh) -> None:
    assert plan.partitions is not None
    world, dag_id = turn.world, plan.spec.dag_id
    number = world.next_run_number
    due = DueRun(None, None, turn.now, run_id_for(RunType.ASSET_TRIGGERED, turn.now, number))
    date = plan.partitions.date(key, events)
    _forget(turn, dag_id, key, [event.number for event in events], fresh)
    for event in events:
        turn.do(PutRow("asset_run", {"run": number, "event": event.number}))
    run = runs.new_run(turn, plan, due, RunType.ASSET_TRIGGERED)
    runs.add(turn, run._replace(triggered_by="asset", partition_key=key, partition_date=date))
    runs.start_queued(turn, dag_id)


def _forget(turn: Turn, dag_id: str, key: str, numbers: Iterable[int], fresh: Fresh = ()) -> None:
    gone = list(numbers)
    turn.world.assets.drop_partition(dag_id, key, gone)
    for number in gone:
        if (key, number) not in fresh:
            turn.do(DropRows("partition_queue", {"dag_id": dag_id, "partition": key, "event": number}))


def _note_unfit(turn: Turn, dag_id: str, event: WaitingEvent, problem: UnfitPartition) -> None:
    asset = event.keys[0].name
    _note(turn, dag_id, event, f"partition {event.partition!r} of {asset} is for none of the Dag's: {problem}")


def _note(turn: Turn, dag_id: str, event: WaitingEvent, reason: str) -> None:
    body = {"name": event.keys[0].name, "number": event.number}
    turn.do(Record("partition.unfit", dag_id, reason=f"{reason}.", body=body))
