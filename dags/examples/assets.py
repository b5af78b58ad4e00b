"""A Dag for each update of a piece of data: what one task updates makes a run of whoever waits for it.

Unpause all of them and run `assets_collect` by hand; the others follow.
"""

from datetime import datetime

from airflow.sdk import DAG, Asset, AssetAlias, AssetOrTimeSchedule, CronTriggerTimetable, Metadata, task

ORDERS = Asset("example_orders", "file:///tmp/example/orders.csv")
PRICES = Asset("example_prices", "file:///tmp/example/prices.csv")
FOUND = AssetAlias("example_found")
START = datetime(2026, 1, 1)

with DAG("assets_collect", schedule=None, start_date=START, tags=["example"]):

    @task(outlets=[ORDERS])
    def orders():
        yield Metadata(ORDERS, {"rows": 42})

    @task(outlets=[PRICES, FOUND])
    def prices(outlet_events):
        outlet_events[PRICES].extra = {"rows": 7}
        outlet_events[FOUND].add(Asset("example_rates", "file:///tmp/example/rates.csv"), extra={"rows": 3})

    orders() >> prices()

with DAG("assets_join", schedule=ORDERS & PRICES, start_date=START, tags=["example"]):

    @task(inlets=[ORDERS])
    def join(triggering_asset_events, inlet_events):
        for asset, events in triggering_asset_events.items():
            print(asset, [event.extra for event in events])
        print("orders before:", [event.extra for event in inlet_events[ORDERS]][:-1])

    join()

with DAG("assets_any_found", schedule=FOUND, start_date=START, tags=["example"]):

    @task.bash
    def report() -> str:
        return "echo run {{ run_id }} of {{ triggering_asset_events | length }} assets"

    report()

with DAG(
    "assets_or_each_night",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 3 * * *", timezone="UTC"), assets=(ORDERS | PRICES)
    ),
    start_date=START,
    tags=["example"],
):  # fmt: skip

    @task
    def check(dag_run):
        print("made by", dag_run.run_type)

    check()
