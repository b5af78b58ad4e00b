"""What running tasks are told of Dags and tasks; a play answers them in the same words."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from tradewind.core.errors import InvalidInput
from tradewind.core.partition_queue import UNNAMED, PartitionQueue
from tradewind.core.world import World
from tradewind.scheduler.named_runs import named_run

MOST_ASKED = 1000
"""Events whose partitions code is asked for at once."""


def dag_facts(world: World, dag_id: str) -> dict[str, Any] | None:
    """What one Dag is and what it holds, or None where nobody knows it."""
    record, plan = world.dags.get(dag_id), world.plans.get(dag_id)
    if record is None or plan is None:
        return None
    groups = {group.group_id: list(group.task_ids) for group in plan.spec.groups if group.group_id}
    facts = {"dag_id": dag_id, "is_paused": record.is_paused, "is_stale": record.is_stale}
    return {**facts, "task_ids": list(plan.spec.tasks), "groups": groups}


def wanted_runs(world: World, dag_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """After which run each of these Dags with a custom timetable wants its next ones named."""
    lasts = {dag_id: record.last_due if (record := world.dags.get(dag_id)) else None for dag_id in dag_ids}
    return {dag_id: {"last": None if last is None else named_run(last)} for dag_id, last in lasts.items()}


def wanted_partitions(world: World, dag_ids: Iterable[str]) -> dict[str, list[list[Any]]]:
    """What the code of each Dag's partition mapper is to say. Of events that wait for it to name their partitions:
    number, name, uri and key, oldest first. Then, with one more value, of partitions that wait: of what each is made;
    also of those of which it has been said, since the code may be another now."""
    queues = {dag_id: queue for dag_id in dag_ids if (queue := world.assets.partitions.get(dag_id)) is not None}
    return {dag_id: list(islice(_asked(world, dag_id, queue), MOST_ASKED)) for dag_id, queue in queues.items()}


def _asked(world: World, dag_id: str, queue: PartitionQueue) -> Iterator[list[Any]]:
    for event in queue.events.get(UNNAMED, {}).values():
        yield [event.number, event.keys[0].name, event.keys[0].uri, event.partition]
    plan = world.plans.get(dag_id)
    for key, event in queue.by_asset() if plan is not None else ():
        if plan is not None and plan.partitions is not None and plan.partitions.asks_what_is_needed(event):
            yield [event.number, event.keys[0].name, event.keys[0].uri, event.partition, key]


def states_by_run(tasks: Iterable[tuple[str, str, int, str]]) -> dict[str, dict[str, str | None]]:
    """States of (run_id, task_id, map_index, state) by run and by `task_id`, or `task_id_index` of a mapped task."""
    states: dict[str, dict[str, str | None]] = {}
    for run_id, task_id, index, state in tasks:
        name = task_id if index < 0 else f"{task_id}_{index}"
        states.setdefault(run_id, {})[name] = None if state == "none" else state
    return states


def uri_named(world: World, name: str) -> str | None:
    """The uri of the asset of that name; None where no Dag defines one."""
    known = world.assets.known(name, "") if name else None
    return known[1] if known else None


def check_asset_named(name: str, uri: str, alias: str) -> None:
    """Asset events are asked for by one of these. Raises InvalidInput."""
    if not (name or uri or alias):
        raise InvalidInput("Asset events are asked for by name, uri or alias; name one.")
