"""What is made ready before the work, and put away after it: also when the work fails.

With `--conf '{"break": true}'` the work fails, and so does the run, although the last task succeeds: a teardown does
not decide how a run has ended. Clearing `work` clears `cluster` and `put_away` with it.
"""

from datetime import datetime

from airflow.sdk import dag, setup, task, teardown


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"break": False}, tags=["example"])
def setup_and_teardown():
    @setup
    def cluster() -> str:
        print("starting a cluster")
        return "cluster-7"

    @task
    def work(name: str, params: dict) -> None:
        print("working on", name)
        if params["break"]:
            raise RuntimeError("the work has failed")

    @teardown
    def put_away(name: str) -> None:
        print("stopping", name)

    @task
    def report() -> str:
        return "all done"

    name = cluster()
    # The block's tasks stand between the setup and the teardown; `report` does not wait for putting away.
    with put_away(name):
        work(name) >> report()


setup_and_teardown()
