"""The Dag files that all engines run, written in what they have in common."""

from __future__ import annotations

HEAD = '''import os
import time

from airflow.sdk import DAG, task


def note(name, first, first_wall):
    """Leave the first and last moment of a task body in a file that all tasks append to."""
    line = f"{name} {first} {time.monotonic_ns()} {first_wall} {time.time_ns() // 1000}\\n"
    out = os.open(os.environ["BENCHMARK_OUT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(out, line.encode())
    os.close(out)


@task
def timed(name):
    first, first_wall = time.monotonic_ns(), time.time_ns() // 1000
    note(name, first, first_wall)


@task
def nothing():
    pass

'''


def chain(dag_id: str, tasks: int, *, prelude: str = "") -> str:
    """A chain of tasks that leave their times."""
    return f"""{HEAD}
{prelude}
with DAG("{dag_id}", schedule=None) as dag:
    before = None
    for number in range({tasks}):
        node = timed.override(task_id=f"t{{number}}")(f"t{{number}}")
        if before is not None:
            before >> node
        before = node
"""


def wide(dag_id: str, tasks: int, *, isolation: str = "", arguments: str = "") -> str:
    """Independent tasks that do nothing. `isolation` reaches Tradewind through executor_config; others ignore it."""
    config = f", executor_config={{'isolation': '{isolation}'}}" if isolation else ""
    return f"""{HEAD}
with DAG("{dag_id}", schedule=None) as dag:
    for number in range({tasks}):
        nothing.override(task_id=f"t{{number}}"{config}{arguments})()
"""


def many(prefix: str, dags: int, tasks: int) -> str:
    """Many Dags in one file, each a chain of tasks that do nothing."""
    return f"""{HEAD}
for dag_number in range({dags}):
    with DAG(f"{prefix}{{dag_number}}", schedule=None) as dag:
        before = None
        for number in range({tasks}):
            node = nothing.override(task_id=f"t{{number}}")()
            if before is not None:
                before >> node
            before = node
    globals()[f"dag{{dag_number}}"] = dag
"""


def crowd(prefix: str, dags: int, tasks: int, pool: str) -> str:
    """Dags whose tasks wait: half for a slot of the pool, half for the task before them."""
    return f"""{HEAD}
for dag_number in range({dags}):
    with DAG(f"{prefix}{{dag_number}}", schedule=None) as dag:
        for number in range({tasks} // 2):
            first = nothing.override(task_id=f"a{{number}}", pool="{pool}")()
            first >> nothing.override(task_id=f"b{{number}}")()
    globals()[f"dag{{dag_number}}"] = dag
"""


def hog(dag_id: str, tasks: int) -> str:
    """A Dag that takes every slot that it can get."""
    return f"""{HEAD}
@task
def element(number):
    pass


with DAG("{dag_id}", schedule=None, max_active_tasks={tasks}) as dag:
    element.expand(number=list(range({tasks})))
"""


def scheduled(dag_id: str, *, imports: str = "") -> str:
    """A Dag as an idle installation has it: daily, two tasks."""
    return f"""{HEAD}
{imports}
with DAG("{dag_id}", schedule="0 4 * * *", catchup=False) as dag:
    nothing.override(task_id="first")() >> nothing.override(task_id="second")()
"""


def sleeper(dag_id: str, seconds: float) -> str:
    """One task that leaves its start and then sleeps; it is tried again at once."""
    return f"""{HEAD}
from datetime import timedelta

with DAG("{dag_id}", schedule=None) as dag:

    @task(retries=3, retry_delay=timedelta(0))
    def sleeps():
        first, first_wall = time.monotonic_ns(), time.time_ns() // 1000
        note("sleeps", first, first_wall)
        time.sleep({seconds})

    sleeps()
"""
