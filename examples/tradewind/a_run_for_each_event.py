"""What a run takes of the events that wait for it: with `each`, every event gets a run of its own, in order.

`coalesce`, which is also what Airflow does, has one run take everything that waits; `latest` has it see the newest
event of each asset alone. `tradewind_asset_policy` is Tradewind's own; Airflow does not know it.
"""

from __future__ import annotations

from airflow.sdk import DAG, Asset, task

UPLOADS = Asset("uploads", "s3://bucket/uploads")

with DAG("each_upload", schedule=UPLOADS, tradewind_asset_policy="each", max_active_runs=2):

    @task
    def take_in(triggering_asset_events):
        # None in a run that somebody made by hand.
        return [upload.extra for upload in triggering_asset_events.get(UPLOADS, ())]

    take_in()
