"""Why a Dag has no run now: it is set aside, or waits for assets."""

from tradewind.core.assets import waits_for
from tradewind.core.explain import paused, quarantined
from tradewind.core.partition_queue import partitions_wait
from tradewind.core.reasons import Reason, reason
from tradewind.core.watcher_words import failure_of, watches
from tradewind.core.world import World


def explain_dag(world: World, dag_id: str) -> list[Reason]:
    """What keeps a Dag that cannot be read, or the next run of one that assets are to start; empty for every other."""
    if fault := world.fault_of_dag(dag_id):
        return [quarantined("dag", fault, dag_id=dag_id)]
    record, plan = world.dags.get(dag_id), world.plans.get(dag_id)
    if record is None or plan is None or record.is_stale or not plan.spec.assets:
        return []
    failing = [
        reason("watcher", {"what": sentence}, {"watcher": watched.id})
        for watched in world.watchers.active.values()
        if watches(watched.assets, plan.spec.assets) and (sentence := failure_of(watched))
    ]
    if plan.partitions is not None:
        gathered = world.assets.partitions.get(dag_id)
        by_key = {key: found.values() for key, found in gathered.events.items()} if gathered is not None else {}
        heard = gathered.heard if gathered is not None else {}
        said = partitions_wait(plan.partitions, plan.spec.assets, by_key, heard)
        waits = reason("assets", {"what": said}, {"partitions": len(by_key)})
        return [paused(dag_id), waits] if record.is_paused else [waits, *failing]
    queue = world.assets.queues.get(dag_id)
    updated = queue.updated if queue is not None else {}
    events = len(queue.events) if queue is not None else 0
    waits = reason("assets", {"what": waits_for(plan.spec.assets, updated)}, {"events": events})
    return [paused(dag_id), waits] if record.is_paused else [waits, *failing]


def explain_unread(world: World, number: int) -> list[Reason]:
    """Why a run that is stored stands still without being in memory; empty when that is not so."""
    fault = world.fault_of_run(number)
    return [quarantined("run", fault)] if fault else []
