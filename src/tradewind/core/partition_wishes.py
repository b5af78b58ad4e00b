"""The partition that somebody asks a run for."""

from datetime import datetime
from typing import Any

from tradewind.core.errors import InvalidInput
from tradewind.core.partition_mappers import LONGEST_KEY, UnfitPartition
from tradewind.core.plan import Plan
from tradewind.core.timetables.partitions import date_of_key


def checked_key(key: str) -> str:
    """A key as it may be stored. Raises InvalidInput."""
    if not key.strip() or len(key) > LONGEST_KEY:
        raise InvalidInput(f"A partition key has 1 to {LONGEST_KEY} characters, and not only blanks: {key!r}.")
    return key


def asked_partition(plan: Plan, key: str | None) -> dict[str, Any]:
    """The fields of a run for the partition of that key, its date too where the key says one; nothing for no key.
    Raises InvalidInput where the Dag has no partitions, or none of that key."""
    if key is None:
        return {}
    spec = plan.spec
    timetable = spec.timetable
    if not (spec.partitions or timetable.partition or timetable.partitioned_at_runtime):
        raise InvalidInput(
            f"Dag {spec.dag_id!r} has no partitions, so its run cannot be for {key!r}; leave the partition key out, or "
            "schedule the Dag by CronPartitionTimetable, PartitionedAssetTimetable or PartitionedAtRuntime."
        )
    try:
        date = _date(plan, checked_key(key))
    except (UnfitPartition, ValueError, OverflowError) as error:
        raise InvalidInput(f"Partition key {key!r} does not fit Dag {spec.dag_id!r}: {error}.") from None
    return {"partition_key": key, "partition_date": date}


def _date(plan: Plan, key: str) -> datetime | None:
    if plan.partitions is not None:
        return plan.partitions.date_of_key(plan.spec.assets, key)
    return None if plan.spec.timetable.partitioned_at_runtime else date_of_key(plan.spec.timetable, key)
