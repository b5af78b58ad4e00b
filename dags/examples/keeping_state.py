"""Go on where the last try or the last run stopped, instead of doing the work twice.

`count` notes which pages it has read, fails half-way on purpose, and reads only the rest in its second try. `convert`
submits a job to a pretended cluster, loses the connection on purpose, and finds its job again. `load` keeps how far it
has come beside its asset: run the Dag twice.
"""

import time
from datetime import datetime, timedelta

from airflow.sdk import DAG, NEVER_EXPIRE, Asset, BaseOperator, ResumableJobMixin, task

ORDERS = Asset("example_orders_loaded", "file:///tmp/example/orders_loaded.csv")
SECONDS = 2


class PretendedJob(ResumableJobMixin, BaseOperator):
    """A job on a cluster that needs no cluster: its id says since when it runs, and it takes two seconds."""

    def execute(self, context):
        return self.execute_resumable(context)

    def submit_job(self, context):
        print("submitted by try", context["ti"].try_number)
        return f"job-{time.time():.3f}"

    def get_job_status(self, external_id, context):
        began = float(external_id.removeprefix("job-"))
        return "SUCCEEDED" if time.time() - began > SECONDS else "RUNNING"

    def is_job_active(self, status):
        return status == "RUNNING"

    def is_job_succeeded(self, status):
        return status == "SUCCEEDED"

    def poll_until_complete(self, external_id, context):
        if context["ti"].try_number == 1:
            raise ConnectionError("the cluster cannot be reached")
        while self.get_job_status(external_id, context) == "RUNNING":
            time.sleep(0.2)

    def get_job_result(self, external_id, context):
        return external_id


with DAG("keeping_state", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def count(task_state_store, ti):
        done = task_state_store.get("pages", default={})
        for page in ("1", "2", "3", "4"):
            if page in done:
                continue
            if page == "3" and ti.try_number == 1:
                raise ConnectionError(f"page {page} cannot be read")
            done[page] = 10 * int(page)
            task_state_store.set("pages", done, retention=NEVER_EXPIRE)
            print("read page", page)
        return sum(done.values())

    @task(inlets=[ORDERS], outlets=[ORDERS])
    def load(rows, asset_state_store):
        orders = asset_state_store[ORDERS]
        print(rows, "rows since", orders.get("loaded_until", default="the beginning"))
        orders.set("loaded_until", datetime.now().isoformat(timespec="seconds"))

    convert = PretendedJob(task_id="convert", retries=1, retry_delay=timedelta(seconds=1))
    load(count()) >> convert
