"""Teeth about assets and partitions: bugs planted on purpose, to be found by the book of assets."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from tradewind.core import attempts, consuming, partitioned, runs
from tradewind.core.assets import is_met, keys_of
from tradewind.core.decisions import DropRows, PutAssetEvent, PutRow
from tradewind.core.partition_mappers import KINDS
from tradewind.core.partition_queue import PartitionQueue, Partitions
from tradewind.store import loader
from tradewind.store.writer import Writer


def _in_the_next_commit(is_late: Any) -> Any:
    """What is chosen is not written with what it belongs to, but with whatever is committed next."""
    real, late = Writer.commit, list[Any]()

    def commit(self: Any, lease: Any, batch: str, operations: Any, *rest: Any, **more: Any) -> Any:
        held = [operation for operation in operations if is_late(operation)]
        now = [*late, *(operation for operation in operations if not is_late(operation))]
        told = real(self, lease, batch, now, *rest, **more)
        late[:] = held
        return told

    return patch.object(Writer, "commit", commit)


def _takes_events_after_the_commit_of_their_run() -> Any:
    def is_taking(operation: Any) -> bool:
        takes = isinstance(operation, PutRow) and operation.table == "asset_run"
        return takes or (isinstance(operation, DropRows) and operation.table in ("asset_queue", "partition_queue"))

    return _in_the_next_commit(is_taking)


def _stores_updates_after_the_commit_of_their_success() -> Any:
    return _in_the_next_commit(lambda operation: isinstance(operation, PutAssetEvent))


def _leaves_what_was_taken_in_its_rows() -> Any:
    def drop_rows(table: str, where: Any) -> Any:
        return DropRows(table, {**where, "event": -1})

    both = ExitStack()
    for module in (consuming, partitioned):
        both.enter_context(patch.object(module, "DropRows", drop_rows))
    return both


def _keeps_what_a_failed_attempt_updated() -> Any:
    real = attempts._conclude

    def conclude(turn: Any, live: Any, spec: Any, task: Any, attempt: Any, report: Any) -> None:
        real(turn, live, spec, task, attempt, report)
        if report.outcome == "failed" and report.asset_events:
            consuming.updated_by_task(turn, live, task.key, attempt.id, report.asset_events)

    return patch.object(attempts, "_conclude", conclude)


def _forgets_through_which_alias() -> Any:
    return patch.object(consuming, "keys_of", lambda name, uri, aliases: keys_of(name, uri))


def _counts_a_partition_each_time_that_it_comes() -> Any:
    def is_complete(self: Any, condition: Any, key: str, events: Any, heard: Any = None) -> bool:
        waiting = tuple(events)
        come = {event.keys[0]: sum(e.keys[0] == event.keys[0] for e in waiting) for event in waiting}
        needed = {asset: self.mapper(asset).needs(key) or () for asset in come}
        enough = {asset for asset, count in come.items() if count >= len(needed[asset])}
        met = {name for event in waiting if event.keys[0] in enough for name in event.keys}
        return is_met(condition, met)

    return patch.object(Partitions, "is_complete", is_complete)


def _takes_some_of_a_period_for_all_of_it() -> Any:
    return patch.object(KINDS["rollup"], "is_enough", lambda self, key, come: bool(come))


def _does_not_look_at_a_partition_again() -> Any:
    real = PartitionQueue.put

    def put(self: Any, key: str, event: Any) -> None:
        known = key in self.events
        real(self, key, event)
        if known:
            self.due.pop(key, None)  # as if a partition that was looked at once were not looked at again

    return patch.object(PartitionQueue, "put", put)


def _tells_paused_dags() -> Any:
    return patch.object(consuming, "_listens", lambda turn, dag_id: dag_id in turn.world.dags)


def _forgets_the_limit_of_runs() -> Any:
    return patch.object(runs, "has_room", lambda turn, dag_id: True)


def _forgets_what_waits_when_a_run_ends() -> Any:
    real = runs._finish

    def finish(turn: Any, live: Any, state: Any, reason: str) -> None:
        with patch.object(type(turn.world.assets), "waits", lambda self, dag_id: False):
            real(turn, live, state, reason)

    return patch.object(runs, "_finish", finish)


def _forgets_what_waits_at_a_restart() -> Any:
    def load(connection: Any, world: Any) -> None:
        real(connection, world)
        world.assets.queues.clear()
        world.assets.partitions.clear()

    real = loader._load_asset_events
    return patch.object(loader, "_load_asset_events", load)


def _keeps_what_an_edit_has_dropped() -> Any:
    return patch.object(consuming, "fit", lambda turn, dag_id, old=None: None)


ASSET_BUGS = {
    "takes events after the commit of their run": _takes_events_after_the_commit_of_their_run,
    "stores updates after the commit of their success": _stores_updates_after_the_commit_of_their_success,
    "leaves what was taken in its rows": _leaves_what_was_taken_in_its_rows,
    "keeps what a failed attempt updated": _keeps_what_a_failed_attempt_updated,
    "forgets through which alias": _forgets_through_which_alias,
    "counts a partition each time that it comes": _counts_a_partition_each_time_that_it_comes,
    "takes some of a period for all of it": _takes_some_of_a_period_for_all_of_it,
    "does not look at a partition again": _does_not_look_at_a_partition_again,
    "tells paused Dags": _tells_paused_dags,
    "forgets the limit of runs": _forgets_the_limit_of_runs,
    "forgets what waits when a run ends": _forgets_what_waits_when_a_run_ends,
    "forgets what waits at a restart": _forgets_what_waits_at_a_restart,
    "keeps what an edit has dropped": _keeps_what_an_edit_has_dropped,
}
"""By what they do."""
