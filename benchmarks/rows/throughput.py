"""How many tasks a second, and what one costs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

from harness import dag_files, processes
from harness.bench import Row, Site
from harness.figures import Figure
from harness.installation import GaveUp, Installation, Runs

DAGS = 100
CHAIN = 10


def wide_200(site: Site) -> Iterable[Figure]:
    """200 independent tasks, each in its own process."""
    return _wide(site, 200, budget=250.0)


def wide_1000(site: Site) -> Iterable[Figure]:
    """1,000 independent tasks, each in its own process."""
    return _wide(site, 1000, budget=250.0)


def reuse_1000(site: Site) -> Iterable[Figure]:
    """1,000 independent tasks that share processes."""
    return _wide(site, 1000, budget=1500.0, isolation="reuse")


def _wide(site: Site, tasks: int, *, budget: float, isolation: str = "") -> Iterable[Figure]:
    with site.install({"wide.py": dag_files.wide("wide", tasks, isolation=isolation)}) as installation:
        installation.start_healthy()
        installation.wait_for_dags(["wide"])
        yield from _measure(site, installation, lambda: {("wide", installation.trigger("wide"))}, tasks, budget)


def many_dags(site: Site) -> Iterable[Figure]:
    """100 Dags of 10 chained tasks in one file, all triggered at once."""
    return _many(site, {"many.py": dag_files.many("many", DAGS, CHAIN)}, [f"many{n}" for n in range(DAGS)])


def many_files(site: Site) -> Iterable[Figure]:
    """The same with a file for each Dag."""
    files = {f"file{n}.py": dag_files.many(f"file{n}x", 1, CHAIN) for n in range(DAGS)}
    return _many(site, files, [f"file{n}x0" for n in range(DAGS)])


def _many(site: Site, files: dict[str, str], dag_ids: list[str]) -> Iterable[Figure]:
    with site.install(files) as installation:
        installation.start_healthy()
        installation.wait_for_dags(dag_ids, 900.0)
        triggers: list[float] = []

        def trigger_all() -> Runs:
            began = time.monotonic()
            runs = {(dag_id, installation.trigger(dag_id)) for dag_id in dag_ids}
            triggers.append(time.monotonic() - began)
            return runs

        yield from _measure(site, installation, trigger_all, DAGS * CHAIN, 250.0)
        yield Figure("", "100 triggers one after another", "s", triggers[-site.repeat :], 1.0)


def _measure(
    site: Site, installation: Installation, trigger: Callable[[], Runs], tasks: int, budget: float
) -> Iterable[Figure]:
    """Trigger some times (after one run that warms up) and look at stored times, wall time and CPU."""
    by_stored: list[float] = []
    by_wall: list[float] = []
    cpu: list[float] = []
    parts: Counter[str] = Counter()
    database_cpu: list[float] = []
    server = site.postgres.pid if site.database == "postgresql" and site.postgres else None
    times = 1 if site.is_peer else site.repeat
    for number in range(times + (0 if site.is_peer else 1)):
        before = processes.cpu_by_name(installation.pids())
        server_before = processes.cpu_seconds(processes.tree(server)) if server else 0.0
        began = time.time()
        runs = trigger()
        installation.wait_for_runs(runs, 1800.0)
        time.sleep(0.2)  # the last children are reaped
        after = processes.cpu_by_name(installation.pids())
        server_after = processes.cpu_seconds(processes.tree(server)) if server else 0.0
        found = [task for dag_id, run_id in runs for task in installation.tasks(dag_id, run_id)]
        if states := Counter(task.state for task in found if task.state != "success"):
            raise GaveUp(f"of {len(found)} tasks not all succeeded: {dict(states)}")
        if number == 0 and not site.is_peer:
            continue
        first, last = min(task.queued for task in found), max(task.end for task in found)
        by_stored.append(tasks / ((last - first) / 1e6))
        by_wall.append(tasks / (max(installation.run_times(*run)[2] for run in runs) / 1e6 - began))
        after.subtract(before)
        cpu.append(sum(after.values()) * 1000 / tasks)
        parts.update({name: seconds * 1000 / tasks / times for name, seconds in after.items()})
        database_cpu.append((server_after - server_before) * 1000 / tasks)
    yield Figure("", "first queued to last end", "tasks/s", by_stored, budget, "more")
    yield Figure("", "trigger to the runs' end", "tasks/s", by_wall, None, "more")
    by_process = {name: round(milliseconds, 2) for name, milliseconds in parts.most_common() if milliseconds > 0.005}
    yield Figure("", "CPU of all its processes", "ms/task", cpu, 8.0, facts=by_process)
    if server:
        yield Figure("", "CPU of the PostgreSQL server beside it", "ms/task", database_cpu)


ROWS = (
    Row("wide-200", "200 independent no-op tasks, each in its own process", wide_200, peers=True),
    Row("wide-1000", "1,000 independent no-op tasks, each in its own process", wide_1000, peers=True),
    Row("many-dags", "100 Dags × 10 chained tasks in one file, all triggered at once", many_dags, peers=True),
    Row("many-files", "100 Dags × 10 chained tasks in 100 files, all triggered at once", many_files, peers=True),
    Row("reuse", '1,000 no-op tasks with isolation="reuse"', reuse_1000),
)
