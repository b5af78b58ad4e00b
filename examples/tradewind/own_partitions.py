"""Partitions in words of one's own: shops that close at noon and at night send two halves, and a run adds up the day.

The mapper reads and writes such keys, and the window says of what a day is made. Airflow wants a plugin for both; here
their code runs where this file is imported, never in the scheduler. Unpause all and run `own_partitions_shop` by hand.
"""

from datetime import datetime

from airflow.sdk import (
    DAG,
    Asset,
    FanOutMapper,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    PartitionMapper,
    RollupMapper,
    StartOfDayMapper,
    Window,
    task,
)

HALVES = Asset("example_halves", "file:///tmp/example/halves")
DAYS = Asset("example_days", "file:///tmp/example/days")
START = datetime(2026, 1, 1)


class HalvesOfADay(Window):
    """Until noon, and after it."""

    expected_decoded_type = datetime

    def to_upstream(self, decoded_downstream: datetime) -> list[datetime]:
        return [decoded_downstream, decoded_downstream.replace(hour=12)]


class HalfDay(PartitionMapper):
    """`2026-01-05 AM` is for `2026-01-05`."""

    expected_decoded_type = datetime

    def to_downstream(self, key: str) -> str:
        return key.removesuffix(" AM").removesuffix(" PM")

    def decode_downstream(self, downstream_key: str) -> datetime:
        return datetime.strptime(downstream_key, "%Y-%m-%d")

    def encode_upstream(self, decoded: datetime) -> str:
        return decoded.strftime("%Y-%m-%d %p")

    format = encode_upstream  # how a fan-out writes a half


def partitioned(asset: Asset, mapper: PartitionMapper) -> PartitionedAssetTimetable:
    return PartitionedAssetTimetable(assets=asset, default_partition_mapper=mapper)


with DAG("own_partitions_shop", schedule=PartitionedAtRuntime(), start_date=START, tags=["example"]):

    @task(outlets=[HALVES])
    def send(outlet_events):
        outlet_events[HALVES].add_partitions(["2026-01-05 AM", "2026-01-05 PM", "2026-01-06 AM"])

    send()

gathers = RollupMapper(upstream_mapper=HalfDay(), window=HalvesOfADay())
with DAG("own_partitions_day", schedule=partitioned(HALVES, gathers), start_date=START, tags=["example"]):

    @task(outlets=[DAYS])
    def add_up(partition_key, outlet_events) -> str:
        outlet_events[DAYS].add_partitions(f"{partition_key}T00:00:00")
        return partition_key

    add_up()

spreads = FanOutMapper(upstream_mapper=StartOfDayMapper(), window=HalvesOfADay(), downstream_mapper=HalfDay())
with DAG("own_partitions_thanks", schedule=partitioned(DAYS, spreads), start_date=START, tags=["example"]):

    @task
    def thank(partition_key) -> str:
        return f"thanks for {partition_key}"

    thank()
