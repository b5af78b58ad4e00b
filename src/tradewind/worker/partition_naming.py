"""Partition mappers of an author's own are asked here, in the code host, so that the scheduler needs no author code."""

from collections.abc import Iterable, Iterator
from typing import Any

from tradewind.core.assets import keys_of
from tradewind.core.errors import TradewindError
from tradewind.core.partition_queue import Partitions
from tradewind.sdk.execution.outcome import one_line
from tradewind.sdk.execution.runtime import Runtime, RuntimeRequestError
from tradewind.sdk.timetables import PartitionedAssetTimetable
from tradewind.wire.messages import NamedPartitions
from tradewind.worker.importing import ImportTimeout, LoadedFile, within


def name_partitions(loaded: LoadedFile, runtime: Runtime, timeout_seconds: float) -> None:
    """Put into the file's report for which partitions the events are that wait for its mappers, or why for none."""
    mappers = {dag_id: found for dag_id, dag in loaded.dags.items() if (found := mappers_with_code(dag.schedule))}
    if not mappers:
        return
    try:
        wanted = runtime.request("partitions.wanted", dag_ids=list(mappers))
    except RuntimeRequestError:
        return  # what waits goes on waiting, until the file is parsed again
    for dag_id, events in wanted.items():
        loaded.report.partitions += named_partitions(dag_id, mappers[dag_id], events, timeout_seconds)


def mappers_with_code(schedule: Any) -> Partitions | None:
    """What computes a Dag's partitions by code of its author's own; None where there is no such code."""
    if not isinstance(schedule, PartitionedAssetTimetable) or not schedule.has_code:
        return None
    return Partitions(schedule.partitions_by_code())


def named_partitions(
    dag_id: str, mappers: Partitions, events: Iterable[Any], timeout_seconds: float
) -> Iterator[NamedPartitions]:
    """For which partitions each of these events is, for as long as it may take. Who takes too long is for none."""
    event = 0
    try:
        with within(timeout_seconds):
            for event, name, uri, key in events:
                yield _named(dag_id, mappers, event, name, uri, key)
    except ImportTimeout:
        error = f"its mapper took longer than {timeout_seconds:g} s"
        yield NamedPartitions(dag_id=dag_id, event=event, error=error)


def _named(dag_id: str, mappers: Partitions, event: int, name: str, uri: str, key: str) -> NamedPartitions:
    try:
        keys = mappers.mapper(keys_of(name, uri, ())[0]).downstream(key)
    except ImportTimeout:
        raise
    except TradewindError as error:
        return NamedPartitions(dag_id=dag_id, event=event, error=str(error))
    except BaseException as error:  # sys.exit() too
        return NamedPartitions(dag_id=dag_id, event=event, error=one_line(error))
    return NamedPartitions(dag_id=dag_id, event=event, keys=list(keys))
