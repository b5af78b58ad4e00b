"""How soon the next task starts: chains of tasks that only note their own first and last moment."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterable

from harness import dag_files, processes
from harness.bench import Row, Site
from harness.figures import Figure, quantile
from harness.installation import GaveUp, Installation

TASKS = 20
SLOW_TASKS = 10
IMPORT_SECONDS = 1
HOST_GOES_WITHIN = 100.0


def chain_of_20(site: Site) -> Iterable[Figure]:
    """Gaps by the tasks' own clocks, the run by stored dates, and how far both agree."""
    with site.install({"chain.py": dag_files.chain("chain", TASKS)}) as installation:
        installation.start_healthy()
        installation.wait_for_dags(["chain"])
        runs = 1 if site.is_peer else 2 * site.repeat
        gaps: list[float] = []
        stored_gaps: list[float] = []
        lengths: list[float] = []
        early: list[float] = []
        late: list[float] = []
        for number in range(runs + 1):
            installation.out.unlink(missing_ok=True)
            run_id = run_chain(installation, "chain")
            if number == 0:
                continue  # the first run warms up
            own = installation.own_times()
            state, start, end = installation.run_times("chain", run_id)
            if state != "success" or len(own) != TASKS:
                raise GaveUp(f"the chain ended as {state} with {len(own)} of {TASKS} tasks")
            stored = {one.task_id: one for one in installation.tasks("chain", run_id)}
            pairs = list(itertools.pairwise(own))
            gaps += [(b[1] - a[2]) / 1e6 for a, b in pairs]
            stored_gaps += [(stored[b[0]].start - stored[a[0]].end) / 1e3 for a, b in pairs]
            lengths.append((end - start) / 1e6)
            early += [(one[3] - stored[one[0]].start) / 1e3 for one in own]
            late += [(stored[one[0]].end - one[4]) / 1e3 for one in own]
        shown = [round(gap, 3) for gap in gaps]
        yield Figure("", "end of one to start of the next, p50", "ms", shown, 4.0)
        yield Figure("", "end of one to start of the next, p90", "ms", [quantile(gaps, 0.9)])
        yield Figure("", "the same gap by stored dates, p50", "ms", [statistics.median(stored_gaps)])
        yield Figure("", "run of 20, start to end", "s", lengths, 0.15)
        yield Figure("", "stored start to the body's first line, p90", "ms", [quantile(early, 0.9)], 1.0)
        yield Figure("", "the body's last line to stored end, p90", "ms", [quantile(late, 0.9)], 1.0)


def slow_import(site: Site) -> Iterable[Figure]:
    """A chain of 10 in a file that sleeps for a second when it is imported."""
    text = dag_files.chain("slow", SLOW_TASKS, prelude=f"time.sleep({IMPORT_SECONDS})")
    with site.install({"slow.py": text}) as installation:
        installation.start_healthy()
        installation.wait_for_dags(["slow"])
        if site.is_peer:
            yield Figure("", "trigger to last end", "s", [timed_run(installation, "slow")], 1.3)
            return
        installation.wait(lambda: not has_host(installation, "slow.py"), "to let the host go", HOST_GOES_WITHIN, 0.5)
        yield Figure("", "trigger to last end, cold", "s", [timed_run(installation, "slow")], 1.3)
        warm = [timed_run(installation, "slow") for _ in range(site.repeat)]
        yield Figure("", "trigger to last end, warm", "s", warm, 1.3)


def run_chain(installation: Installation, dag_id: str, seconds: float = 600.0) -> str:
    """One run to its end; its id."""
    run_id = installation.trigger(dag_id)
    installation.wait_for_runs({(dag_id, run_id)}, seconds)
    return run_id


def timed_run(installation: Installation, dag_id: str) -> float:
    """Seconds from just before the trigger to the last task's stored end."""
    began = time.time()
    run_id = run_chain(installation, dag_id)
    ended = max(task.end for task in installation.tasks(dag_id, run_id)) / 1e6
    return ended - began


def has_host(installation: Installation, file: str) -> bool:
    """Whether a code host for this file is alive."""
    return any(processes.name(pid) == f"tw-host {file}"[:15] for pid in installation.pids())


ROWS = (
    Row("chain", "Chain of 20 no-op tasks", chain_of_20, peers=True),
    Row("slow-import", "10 chained tasks of a file that takes 1 s to import", slow_import, peers=True),
)
