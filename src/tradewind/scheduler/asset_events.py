"""Asset events between the core's records and those who ask or report."""

from tradewind.core.records import AssetEvent
from tradewind.store.times import to_us
from tradewind.wire.messages import AssetEventInfo


def event_info(event: AssetEvent) -> AssetEventInfo:
    """An event as a task child sees it."""
    return AssetEventInfo(
        number=event.number,
        name=event.name,
        uri=event.uri,
        at_us=to_us(event.at),
        group=event.group,
        extra=event.extra,
        aliases=list(event.aliases),
        dag_id=event.dag_id,
        run_id=event.run_id,
        task_id=event.task_id,
        map_index=event.map_index,
        actor=event.actor,
        partition_key=event.partition_key,
    )
