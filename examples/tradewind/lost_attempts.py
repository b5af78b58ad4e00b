"""What happens to a task whose worker vanished, when nobody knows how far it came. `lost_policy` is Tradewind's own.

Without it, a lost attempt is tried again where the task has retries (and uses none up), and fails where it has none.
Try it: run the Dag, and `kill -9` the agent meanwhile.
"""

import time
from datetime import datetime

from airflow.sdk import DAG, task

with DAG("lost_attempts", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):

    @task(lost_policy="retry")
    def may_run_twice() -> None:
        """No retries for failures, yet again when it was lost: it does no harm to read something twice."""
        time.sleep(5)

    @task(retries=3, lost_policy="fail")
    def at_most_once(ti=None) -> None:
        """Three retries for failures it knows of, none when nobody knows: an order must not be placed twice."""
        time.sleep(5)

    may_run_twice() >> at_most_once()
