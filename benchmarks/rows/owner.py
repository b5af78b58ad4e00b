"""The owner loop alone: transitions a second, the cost of one event beside few and many tasks, and a restart."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Iterable

from harness.bench import Row, Site, say
from harness.figures import Figure
from harness.owner_alone import Cost, OwnerAlone, owner_alone

from tradewind.core.dag import DagSpec
from tradewind.testing.builders import dag

PAIRS = 2_000
"""Pairs `a >> b` of the throughput row."""

FEW, MANY = 100, 100_000
LIVE_RUNS, TASKS_OF_A_RUN, DAGS = 1_000, 1_000, 10_000


def transitions(site: Site) -> Iterable[Figure]:
    """Wide Dags whose tasks end as soon as they have started; commits are durable."""
    by_cpu, by_wall = [], []
    with owner_alone(site.new_database(), parallelism=500) as owner:
        owner.add_dags([_pairs("wide", PAIRS)])
        for _ in range(site.repeat):
            owner.create_run("wide")
            before, cpu, wall = owner.transitions, time.process_time(), time.monotonic()
            owner.run_to_the_end()
            moved = owner.transitions - before
            by_cpu.append(moved / (time.process_time() - cpu))
            by_wall.append(moved / (time.monotonic() - wall))
    yield Figure("", "transitions a second of CPU", "1/s", by_cpu, 10_000, "more")
    yield Figure("", "transitions a second", "1/s", by_wall)


def one_event(site: Site) -> Iterable[Figure]:
    """One task's end beside 100 waiting tasks, beside 100,000, and in an installation of a million task instances."""
    with owner_alone(site.new_database(), parallelism=8) as owner:
        crowd = dag("; ".join(f"t{n}" for n in range(TASKS_OF_A_RUN)), dag_id="crowd", max_active_tasks=MANY,
                    max_active_runs=MANY)  # fmt: skip
        few = dag("; ".join(f"t{n}" for n in range(FEW)), dag_id="few", max_active_tasks=MANY)
        probe = dag(" >> ".join(f"p{n}" for n in range(20)), dag_id="probe", max_active_tasks=1, priority_weight=9,
                    effective_weight=9)  # fmt: skip
        owner.add_dags([crowd, few, probe])
        owner.create_run("few")
        found = {f"beside {FEW} waiting tasks": _costs(owner, site.repeat)}
        for _ in range(MANY // TASKS_OF_A_RUN):
            owner.create_run("crowd")
        found[f"beside {MANY:,} waiting tasks"] = _costs(owner, site.repeat)
        owner.add_dags([dag("a >> b", dag_id=f"idle{n}") for n in range(DAGS)])
        for made in range(MANY // TASKS_OF_A_RUN, LIVE_RUNS):
            owner.create_run("crowd")
            if made % 100 == 0:
                say(f"  {made} of {LIVE_RUNS} runs")
        size = f"beside {LIVE_RUNS * TASKS_OF_A_RUN:,} task instances, {LIVE_RUNS:,} runs, {DAGS:,} Dags"
        found[size] = _costs(owner, site.repeat)
    for label, costs in found.items():
        yield Figure("", f"statements, {label}", "", [cost.statements for cost in costs])
        yield Figure("", f"rows, {label}", "", [cost.rows for cost in costs])
        yield Figure("", f"calls, {label}", "", [cost.calls for cost in costs])
    yield Figure("", "largest memory", "MB", [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3])


def _costs(owner: OwnerAlone, repeat: int) -> list[Cost]:
    """Of the ends of the probe's middle tasks. The first one warms up: it compiles statements."""
    owner.create_run("probe")
    world = owner.world
    # What fills the slots ends, so that the probe, which comes first, gets one.
    owner.finish([next(a for a in owner.running.values())])
    costs = []
    for _ in range(20):
        attempt = next(a for a in owner.running.values() if world.runs[a.key.run].run.dag_id == "probe")
        costs.append(owner.cost_of(attempt))
    return costs[2 : 2 + max(repeat, 5)]


def rebuild(site: Site) -> Iterable[Figure]:
    """Memory built from the database, as a scheduler does that starts or takes over."""
    took = []
    with owner_alone(site.new_database(), parallelism=0) as owner:
        owner.add_dags([_pairs(f"live{n}", 500) for n in range(10)])
        for _ in range(10):
            for n in range(10):
                owner.create_run(f"live{n}")
        for _ in range(site.repeat):
            gc.collect()
            began = time.monotonic()
            world = owner.load(owner.world.next_run_number)
            took.append(time.monotonic() - began)
            live = sum(len(run.tasks) for run in world.runs.values())
    yield Figure("", f"memory built again, {live:,} live task instances", "s", took, 3.0)


def _pairs(dag_id: str, pairs: int) -> DagSpec:
    edges = "; ".join(f"a{n} >> b{n}" for n in range(pairs))
    return dag(edges, dag_id=dag_id, max_active_tasks=MANY, max_active_runs=MANY)


ROWS = (
    Row("transitions", "The owner loop alone: wide Dags whose tasks take no time", transitions),
    Row("one-event", "The owner loop alone: what one task's end costs", one_event, once=True),
    Row("rebuild", "The owner loop alone: a start with 100,000 live task instances", rebuild),
)
