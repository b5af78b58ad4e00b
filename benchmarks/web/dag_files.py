"""The Dag files of the large installation, which are read as any others are; only their past is made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from web.sizes import Sizes

HEAD = """from datetime import datetime, timezone

from airflow.sdk import DAG, TaskGroup, task


@task
def nothing():
    pass

"""
PER_FILE = 100
LAYERS = 10
LINE_SECONDS = 0.2
"""Between two lines of the task whose log grows."""


def dag_files(sizes: Sizes) -> dict[str, str]:
    """Text by file name."""
    files = {
        f"many{n // PER_FILE:02}.py": _many(n, min(PER_FILE, sizes.dags - n)) for n in range(0, sizes.dags, PER_FILE)
    }
    files["wide.py"] = layered("wide", sizes.wide_tasks)
    files["graph.py"] = layered("graph", sizes.graph_tasks, layers=50)
    files["deep.py"] = layered("deep", sizes.deep_levels, layers=sizes.deep_levels)
    files["grouped.py"] = grouped("grouped", sizes.grouped_tasks)
    files["mapped.py"] = _mapped(sizes.mapped)
    files["talks.py"] = TALKS.format(head=HEAD, every=LINE_SECONDS)
    return files


def layered(dag_id: str, tasks: int, *, layers: int = LAYERS) -> str:
    """A Dag of layers, in which each task follows two of the layer above, in groups by column."""
    return f"""{HEAD}
LAYERS, TASKS = {layers}, {tasks}
with DAG("{dag_id}", schedule=None, tags=["large"]) as dag:
    above = []
    for layer in range(LAYERS):
        width = TASKS // LAYERS + (layer < TASKS % LAYERS)
        here = [nothing.override(task_id=f"t{{layer:03}}_{{column:03}}")() for column in range(width)]
        for column, one in enumerate(here if above else ()):
            for other in {{column % len(above), (column * 7 + layer) % len(above)}}:
                above[other] >> one
        above = here
"""


def grouped(dag_id: str, tasks: int) -> str:
    """A Dag of five parts, one after the other, each of five steps: groups in groups."""
    return f"""{HEAD}
with DAG("{dag_id}", schedule=None, tags=["large"]) as dag:
    part_before = None
    for part_number in range(5):
        with TaskGroup(f"part{{part_number}}") as part:
            step_before = None
            for step_number in range(5):
                with TaskGroup(f"step{{step_number}}") as step:
                    first, last = (nothing.override(task_id=name)() for name in ("first", "last"))
                    for n in range({tasks} // 25 - 2):
                        first >> nothing.override(task_id=f"t{{n:02}}")() >> last
                if step_before:
                    step_before >> step
                step_before = step
        if part_before:
            part_before >> part
        part_before = part
"""


def _many(first: int, count: int) -> str:
    """Dags as a large installation has them: daily, tagged, owned, with their first run still to come."""
    start = datetime.now(UTC) + timedelta(days=2)
    return f"""{HEAD}
for number in range({first}, {first + count}):
    with DAG(
        f"team{{number % 40:02}}_dag_{{number:04}}", schedule=f"{{number % 60}} 4 * * *", catchup=False,
        start_date=datetime({start.year}, {start.month}, {start.day}, tzinfo=timezone.utc),
        tags=[f"team{{number % 40:02}}", ("daily", "finance", "ml")[number % 3]],
        default_args={{"owner": f"owner{{number % 25:02}}"}}, description=f"What team {{number % 40}} needs each day",
    ) as dag:
        nothing.override(task_id="extract")() >> nothing.override(task_id="load")()
    globals()[f"dag{{number}}"] = dag
"""


def _mapped(count: int) -> str:
    return f"""{HEAD}
@task
def element(number):
    pass


with DAG("mapped", schedule=None, tags=["large"]) as dag:
    element.expand(number=list(range({count})))
"""


TALKS = '''{head}
import time


@task
def says(lines, every):
    """Each line says when it was printed."""
    for number in range(lines):
        print(f"line {{number}} at {{time.time_ns() // 1_000_000}}", flush=True)
        if every:
            time.sleep(every)


@task
def pours(seconds, per_second):
    began = time.monotonic()
    for number in range(int(seconds * per_second)):
        print(f"poured {{number}}", flush=True)
        if number % 50 == 0:
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))


@task
def waits(seconds):
    time.sleep(seconds)


with DAG("talks", schedule=None) as dag:
    says(lines=100, every={every})

with DAG("pours", schedule=None) as dag:
    pours(seconds=20, per_second=1000)

with DAG("short", schedule=None) as dag:
    waits(0.4)
'''
