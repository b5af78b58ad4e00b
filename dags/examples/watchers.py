"""A run for each file that appears: a trigger watches for it, and each of its events updates the asset.

Unpause `watchers_read` and `touch /tmp/example-orders.flag`; the file is deleted, and a run follows.
"""

from datetime import datetime

from airflow.providers.standard.triggers.file import FileDeleteTrigger
from airflow.sdk import DAG, Asset, AssetWatcher, task

ARRIVED = FileDeleteTrigger(filepath="/tmp/example-orders.flag", poke_interval=1.0)
ORDERS = Asset("example_arrived_orders", watchers=[AssetWatcher(name="orders_flag", trigger=ARRIVED)])

with DAG("watchers_read", schedule=ORDERS, start_date=datetime(2026, 1, 1), tags=["example"]):

    @task
    def read(triggering_asset_events):
        for asset, events in triggering_asset_events.items():
            print(asset, [event.extra["payload"] for event in events])

    read()
