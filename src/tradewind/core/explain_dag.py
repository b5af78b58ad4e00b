"""Why a Dag that waits for assets has no run now."""

from tradewind.core.assets import waits_for
from tradewind.core.explain import Reason, paused
from tradewind.core.partition_queue import partitions_wait
from tradewind.core.watcher_words import failure_of, watches
from tradewind.core.world import World


def explain_dag(world: World, dag_id: str) -> list[Reason]:
    """What keeps the next run of a Dag that assets are to start; empty for every other Dag."""
    record, plan = world.dags.get(dag_id), world.plans.get(dag_id)
    if record is None or plan is None or record.is_stale or not plan.spec.assets:
        return []
    failing = [
        Reason("watcher", f"{sentence}.", {"watcher": watched.id})
        for watched in world.watchers.active.values()
        if watches(watched.assets, plan.spec.assets) and (sentence := failure_of(watched))
    ]
    if plan.partitions is not None:
        gathered = world.assets.partitions.get(dag_id)
        by_key = {key: found.values() for key, found in gathered.events.items()} if gathered is not None else {}
        said = partitions_wait(plan.spec.partitions, plan.spec.assets, by_key)
        waits = Reason("assets", f"It waits for: {said}.", {"partitions": len(by_key)})
        return [paused(dag_id), waits] if record.is_paused else [waits, *failing]
    queue = world.assets.queues.get(dag_id)
    updated = queue.updated if queue is not None else {}
    events = len(queue.events) if queue is not None else 0
    waits = Reason("assets", f"It waits for: {waits_for(plan.spec.assets, updated)}.", {"events": events})
    return [paused(dag_id), waits] if record.is_paused else [waits, *failing]
