"""The workload that is hurt, and when: moments are counted in lines of the ledger, the same on a slow machine."""

import signal
import time

from tradewind.testing.installation import Installation
from tradewind.testing.ledger import Expected, check

COMPONENTS = ("scheduler", "agent", "template", "host", "child", "grandchild")
MOMENTS = 20

WORKLOAD = '''
from datetime import timedelta

from airflow.sdk import dag, task

from tradewind.testing.ledger import work

fast = {"retries": 3, "retry_delay": timedelta(milliseconds=100)}


@dag(schedule=None, max_active_tasks=4, default_args=fast)
def workload():
    """A chain, a fan-out, a task that fails twice, a mapped one, and one that may be tried only once."""

    @task
    def body(seconds=0.05, fail_until=0):
        return work(LEDGER, seconds=seconds, fail_until=fail_until)

    @task
    def numbers():
        work(LEDGER)
        return [0.0, 0.05, 0.1]

    first = body.override(task_id="first")()
    second = body.override(task_id="second")(seconds=0.2)
    fan = [body.override(task_id=f"fan_{number}")(seconds=0.1) for number in range(4)]
    flaky = body.override(task_id="flaky")(seconds=0.0, fail_until=2)
    mapped = body.override(task_id="mapped").expand(seconds=numbers())
    last = body.override(task_id="last")()
    once = body.override(task_id="once", retries=0)(seconds=0.15)
    first >> second >> fan >> last >> once
    first >> [flaky, mapped] >> last


workload()
'''

WORKLOAD_LINES = 60
"""Lines that one undisturbed run of it leaves in the ledger, nearly."""

SHELL = """
import subprocess
from datetime import timedelta

from airflow.sdk import dag, get_current_context, task


@dag(schedule=None, default_args={"retries": 3, "retry_delay": timedelta(milliseconds=100)})
def shell():
    @task
    def sleeper():
        if get_current_context()["ti"].try_number == 1:
            subprocess.run(["bash", "-c", "sleep 1000 & wait"], check=True)

    @task
    def after():
        pass

    sleeper() >> after()


shell()
"""

EXPECTED_STATES = {"once": ("success", "failed")}
"""A task without retries that was started and lost has failed: it was asked for at most once."""


def hurt_workload(installation: Installation, component: str, moment: int) -> list[str]:
    """Start a run, kill one process of the component at the moment (0 to 19), and wait for the end of the run.

    Returns the promises that were broken.
    """
    if component == "grandchild":
        return _hurt_shell(installation, moment)
    already = len(installation.entries())
    name = installation.trigger("workload")
    at = already + moment * WORKLOAD_LINES // MOMENTS
    installation.until(
        f"line {at} of the ledger",
        lambda: len(installation.entries()) >= at or _is_over(installation, name),
    )
    installation.signal(component, signal.SIGKILL)
    installation.wait_for_run("workload", name)
    return settle(installation, reports_survive=component in ("scheduler", "template"))


def settle(installation: Installation, *, reports_survive: bool) -> list[str]:
    """What is broken in all runs so far, once nothing moves any more."""
    installation.until(
        "slots given back",
        lambda: not installation.rows("SELECT 1 FROM attempt WHERE state IN ('assigned', 'running')"),
    )
    runs = {(row["dag_id"], row["run_id"]) for row in installation.rows("SELECT dag_id, run_id FROM run")}
    expected = Expected(
        runs=runs, states=EXPECTED_STATES, other_tasks=("sleeper", "after"), reports_survive=reports_survive
    )
    return check(installation.entries(), installation.dump(), expected)


def _hurt_shell(installation: Installation, moment: int) -> list[str]:
    name = installation.trigger("shell")
    installation.until("the shell's sleep", lambda: installation.pids_of("sleep"))
    time.sleep(0.02 * moment)
    installation.signal("bash", signal.SIGKILL)
    installation.wait_for_run("shell", name)
    broken = settle(installation, reports_survive=True)
    broken += [f"I12 {name} has outlived its task" for name in installation.left("sleep", "bash")]
    return broken


def _is_over(installation: Installation, run_id: str) -> bool:
    return bool(installation.rows("SELECT 1 FROM run WHERE run_id = ? AND state IN ('success', 'failed')", run_id))
