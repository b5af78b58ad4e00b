"""What becomes of half past two where the clocks skip it in spring and show it twice in autumn.

`gap` and `fold` are Tradewind's own. Look at both nights without running anything:
`tradewind simulate examples/tradewind --from 2026-03-28 --to 2026-03-31`, and `--from 2026-10-24 --to 2026-10-27`.
"""

from datetime import datetime

from airflow.sdk import DAG, CronTriggerTimetable, task

POLICIES = {
    "first_moment_after": {"gap": "shift", "fold": "first"},  # as Airflow does
    "not_on_that_day": {"gap": "skip", "fold": "first"},
    "the_second_of_both": {"gap": "shift", "fold": "second"},
}

for name, policy in POLICIES.items():
    with DAG(
        f"clock_changes_{name}",
        schedule=CronTriggerTimetable("30 2 * * *", timezone="Europe/Berlin", **policy),
        start_date=datetime(2026, 1, 1),
        tags=["example", "schedule"],
    ) as dag:

        @task
        def when(logical_date=None) -> str:
            return str(logical_date)

        when()
    globals()[dag.dag_id] = dag
