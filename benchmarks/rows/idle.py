"""What an installation costs that has nothing to do."""

from __future__ import annotations

import time
from collections.abc import Iterable

from harness import dag_files, processes
from harness.bench import Row, Site
from harness.figures import Figure
from harness.installation import Installation

SETTLE_SECONDS = 75.0
WATCH_SECONDS = 20.0
IDLE_DAGS = 2000


def five_files(site: Site) -> Iterable[Figure]:
    """Five Dag files, looked at after 75 quiet seconds."""
    files = {f"dag{n}.py": dag_files.scheduled(f"dag{n}") for n in range(5)}
    with site.install(files) as installation:
        installation.start_healthy()
        installation.wait_for_dags(f"dag{n}" for n in range(5))
        yield from quiet(installation, budget=200.0)


def two_hundred_files(site: Site) -> Iterable[Figure]:
    """200 Dag files of which 20 import pandas."""
    files = {
        f"dag{n}.py": dag_files.scheduled(f"dag{n}", imports="import pandas" if n % 10 == 0 else "") for n in range(200)
    }
    with site.install(files) as installation:
        began = time.monotonic()
        installation.start_healthy()
        installation.wait_for_dags((f"dag{n}" for n in range(200)), 600.0)
        yield Figure("", "start to all 200 known", "s", [time.monotonic() - began])
        yield from quiet(installation, budget=200.0)


def quiet(installation: Installation, budget: float) -> Iterable[Figure]:
    """Memory, processes and CPU once nothing has happened for a while."""
    time.sleep(SETTLE_SECONDS)
    before = processes.cpu_seconds(installation.pids())
    time.sleep(WATCH_SECONDS)
    pids = installation.pids()
    cpu = (processes.cpu_seconds(pids) - before) / WATCH_SECONDS * 100
    memory = {f"{processes.name(pid)} {pid}": processes.pss_bytes(pid) / 1e6 for pid in pids}
    facts = {name: round(megabytes, 1) for name, megabytes in memory.items()}
    yield Figure("", "memory (PSS) of all processes", "MB", [sum(memory.values())], budget, facts=facts)
    yield Figure("", "processes", "", [len(pids)], 6.0)
    yield Figure("", "CPU, of one core", "%", [cpu], 1.0)


def idle_dags(site: Site) -> Iterable[Figure]:
    """2,000 idle Dags more: the scheduler's memory and statements."""
    with site.tradewind({"dag.py": dag_files.scheduled("one")}) as installation:
        installation.start_healthy()
        installation.wait_for_dags(["one"])
        time.sleep(5.0)
        memory, statements = _scheduler(installation)
        (installation.dags / "idle.py").write_text(dag_files.many("idle", IDLE_DAGS, 2))
        names = {f"idle{n}" for n in range(IDLE_DAGS)}
        installation.wait_for_dags(names, 300.0)
        time.sleep(30.0)
        more_memory, more_statements = _scheduler(installation)
        yield Figure("", "scheduler memory (PSS) a Dag", "KB", [(more_memory - memory) / IDLE_DAGS / 1000], 1.0)
        yield Figure("", "statements a second more", "1/s", [more_statements - statements], 0.0)


def _scheduler(installation: Installation) -> tuple[float, float]:
    """Memory of the scheduler, and its statements a second."""
    status = getattr(installation, "status")  # noqa: B009 - only Tradewind has it
    before = status()["scheduler"]["statements"]
    time.sleep(10.0)
    statements = (status()["scheduler"]["statements"] - before) / 10.0
    pid = next(pid for pid in installation.pids() if processes.name(pid) == "tw-scheduler")
    return float(processes.pss_bytes(pid)), statements


ROWS = (
    Row("idle", "Idle with 5 Dag files", five_files, peers=True),
    Row("idle-200", "Idle with 200 Dag files, 20 of them import pandas", two_hundred_files),
    Row("idle-dags", "2,000 idle Dags more", idle_dags),
)
