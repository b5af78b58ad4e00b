"""Whether cost follows change: many waiting tasks beside a small run, and a start with many live ones."""

from __future__ import annotations

import itertools
import os
import signal
import statistics
import time
from collections.abc import Iterable

from harness import dag_files, processes
from harness.bench import Row, Site
from harness.figures import Figure
from harness.tradewind_site import Tradewind

from rows.chains import run_chain

CHAIN = 20
SMALL_RUNS = 100
LIVE_DAGS, LIVE_RUNS, LIVE_TASKS = 10, 10, 1000


def waiting_beside(site: Site) -> Iterable[Figure]:
    """A chain runs alone, then beside 10,000 tasks that wait for a slot or for the task before them."""
    files = {"chain.py": dag_files.chain("chain", CHAIN), "crowd.py": dag_files.crowd("crowd", 10, 1000, "full")}
    with site.tradewind(files) as installation:
        installation.start_healthy()
        installation.client.command("pool.set", name="full", slots=0)
        names = [f"crowd{n}" for n in range(10)]
        installation.wait_for_dags(["chain", *names])
        run_chain(installation, "chain")
        alone = [_counted_chain(installation) for _ in range(site.repeat)]
        for name in names:
            installation.trigger(name)
        time.sleep(2.0)
        beside = [_counted_chain(installation) for _ in range(site.repeat)]
    for label, found in (("alone", alone), ("beside 10,000 waiting tasks", beside)):
        yield Figure("", f"statements a task, {label}", "", [one[0] for one in found])
        yield Figure("", f"inputs a task, {label}", "", [one[1] for one in found])
        yield Figure("", f"CPU of the scheduler a task, {label}", "ms", [one[2] for one in found])
        yield Figure("", f"gap p50, {label}", "ms", [one[3] for one in found])


def _counted_chain(installation: Tradewind) -> tuple[float, float, float, float]:
    """Statements, inputs and scheduler CPU a task of one run of the chain, and its median gap."""
    installation.out.unlink(missing_ok=True)
    before = installation.status()["scheduler"]
    run_chain(installation, "chain")
    time.sleep(0.1)
    after = installation.status()["scheduler"]
    own = installation.own_times()
    gaps = [(b[1] - a[2]) / 1e6 for a, b in itertools.pairwise(own)]
    counted = [(after[name] - before[name]) / CHAIN for name in ("statements", "inputs", "busy_us")]
    return counted[0], counted[1], counted[2] / 1000, statistics.median(gaps)


def hog_beside(site: Site) -> Iterable[Figure]:
    """Runs of a small Dag, one after the other, while one of 5,000 tasks takes every slot that comes free."""
    waits: list[float] = []
    with site.tradewind({"hog.py": dag_files.hog("hog", 5000), "small.py": dag_files.wide("small", 1)}) as installation:
        installation.start_healthy()
        installation.wait_for_dags(["hog", "small"])
        installation.wait_for_runs({("small", installation.trigger("small"))}, 30.0)
        hog = installation.trigger("hog")
        time.sleep(1.0)
        while len(waits) < SMALL_RUNS and ("hog", hog) in installation.open_runs():
            run_id = installation.trigger("small")
            installation.wait_for_runs({("small", run_id)}, 30.0)
            sql = "SELECT queued_at FROM run WHERE dag_id = 'small' AND run_id = ?"
            ((asked,),) = installation.rows(sql, run_id)
            (only,) = installation.tasks("small", run_id)
            waits.append((only.start - asked) / 1e6)
        left = installation.rows("SELECT COUNT(*) FROM task_instance WHERE state NOT IN ('success', 'running')")[0][0]
    waits.sort()
    name = f"from the wish for a run to its task's start, of {len(waits)} runs"
    yield Figure("", f"{name}, p50", "s", [statistics.median(waits)])
    yield Figure("", f"{name}, p99", "s", [waits[int(0.99 * (len(waits) - 1))]], 1.0)
    yield Figure("", "tasks of the large Dag that had not begun when the last one had", "", [left])


def restart(site: Site) -> Iterable[Figure]:
    """100,000 live task instances, then a new start."""
    text = dag_files.crowd("live", LIVE_DAGS, LIVE_TASKS, "full")
    with site.tradewind({"live.py": text}) as installation:
        installation.start_healthy()
        installation.client.command("pool.set", name="full", slots=0)
        names = [f"live{n}" for n in range(LIVE_DAGS)]
        installation.wait_for_dags(names, 120.0)
        creating: list[float] = []
        for _ in range(LIVE_RUNS):
            for name in names:
                began = time.monotonic()
                installation.trigger(name)
                creating.append(time.monotonic() - began)
        yield Figure("", "a trigger that makes 1,000 task instances", "s", creating)
        commits: list[float] = []
        healthy: list[float] = []
        for _ in range(min(site.repeat, 3)):
            installation.stop()
            last = installation.rows("SELECT COALESCE(MAX(seq), 0) FROM event")[0][0]
            began = time.monotonic()
            installation.start()
            installation.wait(lambda last=last: _has_new_event(installation, last), "to commit", 120.0, 0.01)  # type: ignore[misc]
            commits.append(time.monotonic() - began)
            installation.wait(installation.is_healthy, "to be healthy", 120.0, 0.01)
            healthy.append(time.monotonic() - began)
        live = installation.rows("SELECT COUNT(*) FROM task_instance")[0][0]
        memory = next(processes.pss_bytes(p) for p in installation.pids() if processes.name(p) == "tw-scheduler")
        yield Figure("", f"start to first commit with {live:,} live", "s", commits, 3.0)
        yield Figure("", f"start to healthy with {live:,} live", "s", healthy)
        yield Figure("", "scheduler memory (PSS)", "MB", [memory / 1e6])


def _has_new_event(installation: Tradewind, last: int) -> bool:
    return bool(installation.rows("SELECT 1 FROM event WHERE seq > ? LIMIT 1", last))


def lost_worker(site: Site) -> Iterable[Figure]:
    """The agent is killed under a running task that may be tried again."""
    took: list[float] = []
    with site.tradewind({"sleeper.py": dag_files.sleeper("sleeper", 30.0)}) as installation:
        installation.start_healthy()
        installation.wait_for_dags(["sleeper"])
        for _ in range(site.repeat):
            installation.out.unlink(missing_ok=True)
            run_id = installation.trigger("sleeper")
            installation.wait(lambda: len(installation.own_times()) == 1, "to start a task", 30.0, 0.01)
            time.sleep(0.5)
            agent = next(pid for pid in installation.pids() if processes.name(pid) == "tw-agent")
            began = time.monotonic()
            os.kill(agent, signal.SIGKILL)
            installation.wait(lambda: len(installation.own_times()) == 2, "to start it again", 60.0, 0.01)
            took.append(time.monotonic() - began)
            installation.client.command("run.mark", dag_id="sleeper", run_id=run_id, state="failed")
            installation.wait_for_runs({("sleeper", run_id)}, 30.0)
            time.sleep(1.0)
    yield Figure("", "agent killed to the task's next start", "s", took, 2.0)


ROWS = (
    Row("waiting", "10,000 waiting tasks beside a chain of 20", waiting_beside),
    Row("hog", "A Dag of 5,000 tasks beside a small one", hog_beside),
    Row("restart", "Scheduler restart with 100,000 live task instances", restart),
    Row("lost-worker", "Worker killed on one machine", lost_worker),
)
