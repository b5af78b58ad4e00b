"""Partition mappers of an author's own are asked here, in the code host, so that the scheduler needs no author code."""

from collections.abc import Iterable, Iterator
from typing import Any

from tradewind.core.assets import keys_of
from tradewind.core.errors import TradewindError
from tradewind.core.partition_mappers import Mapper, Needed
from tradewind.core.partition_queue import Partitions
from tradewind.sdk.execution.outcome import one_line
from tradewind.sdk.execution.runtime import Runtime, RuntimeRequestError
from tradewind.sdk.timetables import PartitionedAssetTimetable
from tradewind.wire.messages import NamedPartitions
from tradewind.worker.importing import ImportTimeout, LoadedFile, within

MOST_TOLD = 100_000
"""Keys of which partitions are made that one answer may have; the partition that passes it is its last."""


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
    event, told = 0, 0
    try:
        with within(timeout_seconds):
            for event, name, uri, *asked in events:
                said = _named(dag_id, mappers.mapper(keys_of(name, uri, ())[0]), event, *asked)
                told += sum(len(keys) for keys, _ in said.needs.values())
                yield said
                if told > MOST_TOLD:
                    return  # the scheduler asks for the others next
    except ImportTimeout:
        error = f"its mapper took longer than {timeout_seconds:g} s"
        yield NamedPartitions(dag_id=dag_id, event=event, error=error)


def _named(dag_id: str, mapper: Mapper, event: int, key: str, partition: str = "") -> NamedPartitions:
    try:
        keys = () if partition else mapper.downstream(key)
        needs = {one: _made_of(needed) for one in keys or (partition,) if (needed := mapper.needed(one)) is not None}
    except ImportTimeout:
        raise
    except TradewindError as error:
        return NamedPartitions(dag_id=dag_id, event=event, error=str(error))
    except BaseException as error:  # sys.exit() too
        return NamedPartitions(dag_id=dag_id, event=event, error=one_line(error))
    return NamedPartitions(dag_id=dag_id, event=event, keys=list(keys), needs=needs)


def _made_of(needed: Needed) -> tuple[list[str], int]:
    return sorted(needed.keys), needed.least
