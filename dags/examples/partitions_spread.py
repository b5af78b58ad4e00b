"""One partition that is for many, and many that wait only for some: fan-out, segments, and patience.

Unpause all of them and run `partitions_sources` by hand. The week's partition makes seven runs of `partitions_of_days`;
two of three regions are enough for `partitions_early`; `partitions_known` takes only keys that it knows.
"""

from datetime import datetime

from airflow.sdk import (
    DAG,
    AllowedKeyMapper,
    Asset,
    ChainMapper,
    FanOutMapper,
    FixedKeyMapper,
    MinimumCount,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
    RollupMapper,
    SegmentWindow,
    StartOfDayMapper,
    StartOfWeekMapper,
    WeekWindow,
    task,
)

WEEKS = Asset("example_weeks", "file:///tmp/example/weeks")
REGIONS = Asset("example_regions", "file:///tmp/example/regions")
START = datetime(2026, 1, 1)

SCHEDULES = {
    # A week is for each of its days; each is written as the default mapper of a week's days writes it.
    "partitions_of_days": (WEEKS, FanOutMapper(upstream_mapper=StartOfWeekMapper(), window=WeekWindow())),
    # Everything is for the one partition `all`, whose run waits for two of the three words.
    "partitions_early": (
        REGIONS,
        RollupMapper(
            upstream_mapper=FixedKeyMapper("all"),
            window=SegmentWindow(["us", "eu", "kr"]),
            wait_policy=MinimumCount(2),
        ),
    ),
    "partitions_known": (REGIONS, AllowedKeyMapper(["kr"])),
    # One mapper after another.
    "partitions_of_the_week": (
        WEEKS,
        ChainMapper(StartOfDayMapper(), StartOfWeekMapper(input_format="%Y-%m-%d", output_format="%G-W%V")),
    ),
}

with DAG("partitions_sources", schedule=PartitionedAtRuntime(), start_date=START, tags=["example"]):

    @task(outlets=[WEEKS, REGIONS])
    def collect(outlet_events):
        outlet_events[WEEKS].add_partitions("2026-01-05T00:00:00")
        outlet_events[REGIONS].add_partitions(["us", "kr"])

    collect()

for dag_id, (asset, mapper) in SCHEDULES.items():
    with DAG(
        dag_id,
        schedule=PartitionedAssetTimetable(assets=asset, default_partition_mapper=mapper),
        start_date=START,
        tags=["example"],
    ) as dag:

        @task
        def work(partition_key) -> str:
            return partition_key

        work()
    globals()[dag_id] = dag
