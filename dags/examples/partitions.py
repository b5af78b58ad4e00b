"""A run for each partition of a piece of data: hours gather to a day, and each region has a run of its own.

Unpause all of them. `partitions_hours` names the hours of a day, whose run follows, as does one for each region.
"""

from datetime import datetime

from airflow.sdk import (
    DAG,
    Asset,
    CronPartitionTimetable,
    DayWindow,
    IdentityMapper,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    ProductMapper,
    RollupMapper,
    StartOfDayMapper,
    task,
)

HOURS = Asset("example_hours", "file:///tmp/example/hours")
SALES = Asset("example_sales", "file:///tmp/example/sales")
START = datetime(2026, 1, 1)

with DAG("partitions_hours", schedule=PartitionedAtRuntime(), start_date=START, tags=["example"]):

    @task(outlets=[HOURS, SALES])
    def collect(outlet_events, partition_key=None):
        if partition_key is None:
            outlet_events[HOURS].add_partitions([f"2026-01-01T{hour:02}:00:00" for hour in range(24)])
        for region in ("us", "eu"):
            outlet_events[SALES].add_partitions(f"{region}|2026-01-01T07:00:00")

    collect()

with DAG(
    "partitions_day",
    schedule=PartitionedAssetTimetable(
        assets=HOURS,
        default_partition_mapper=RollupMapper(upstream_mapper=StartOfDayMapper(), window=DayWindow()),
    ),
    start_date=START,
    tags=["example"],
):

    @task
    def sum_up(partition_key, partition_date, triggering_asset_events):
        for asset, events in triggering_asset_events.items():
            print(partition_key, partition_date, "is made of", len(events), "partitions of", asset)

    sum_up()

with DAG(
    "partitions_region",
    schedule=PartitionedAssetTimetable(
        assets=SALES, default_partition_mapper=ProductMapper(IdentityMapper(), StartOfDayMapper())
    ),
    start_date=START,
    tags=["example"],
):

    @task.bash
    def report() -> str:
        return "echo 'sales of {{ partition_key }}'"

    report()

with DAG(
    "partitions_by_the_clock",
    schedule=CronPartitionTimetable("0 3 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
    start_date=START,
    catchup=False,
    tags=["example"],
):

    @task
    def night(partition_key):
        print("the night run for the day before:", partition_key)

    night()
