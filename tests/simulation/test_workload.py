"""Drawn workloads: reproducible, varied, and reducible part by part."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from tradewind.core.states import TriggerRule
from tradewind.testing.builders import NEVER, dag
from tradewind.testing.simulation.job_actions import CancelBackfill, PauseBackfill, StartBackfill
from tradewind.testing.simulation.jobs_workload import asked_for, backfilled, have_jobs, obeys, with_jobs
from tradewind.testing.simulation.reference import final_states
from tradewind.testing.simulation.workload import (
    LONG_MAP,
    Clear,
    Edit,
    Item,
    Mark,
    Pause,
    Resize,
    Trigger,
    Workload,
    draw_workload,
    sources,
)

DRAWN = [draw_workload(Random(seed)) for seed in range(300)]
JOBS = [with_jobs(workload, Random(f"{seed}/jobs"), always=True) for seed, workload in enumerate(DRAWN)]

SHOW = """
from random import Random
from tradewind.testing.simulation.jobs_workload import with_jobs
from tradewind.testing.simulation.workload import Trigger, draw_workload
for seed in range(40):
    workload = with_jobs(draw_workload(Random(seed)), Random(f"{seed}/jobs"), always=seed % 2 == 0)
    print(workload)
    for spec in workload.dags:
        print([workload.outcome(spec.dag_id, "r0", name, 0, 1) for name in spec.tasks])
    print(workload.items())
"""


def test_a_seed_says_everything_whatever_the_interpreter_hashes_with() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", SHOW], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert texts.pop().count(b"Workload(") == 40


def test_another_seed_says_something_else() -> None:
    assert len({repr(workload) for workload in DRAWN}) == len(DRAWN)


def tasks_of(workload: Workload) -> list[tuple[object, object]]:
    return [(spec, each) for spec in workload.dags for each in spec.tasks.values()]


def ends_of(workload: Workload) -> set[str]:
    found = set()
    for action in workload.actions:
        if isinstance(action, Trigger):
            for spec, each in tasks_of(workload):
                if spec.dag_id == action.dag_id and not each.never_sent:
                    outcome = workload.outcome(spec.dag_id, action.run_id, each.task_id, -1, 1)
                    found.add(outcome.end)
                    found |= {"long"} if outcome.lasts > timedelta(seconds=20) else set()
                    found |= {f"length {outcome.length}"}
                    found |= {"skips some"} if outcome.skip else set()
    return found


def any_task(test: Callable) -> Callable[[Workload], bool]:
    return lambda workload: any(test(each) for _, each in tasks_of(workload))


def any_dag(test: Callable) -> Callable[[Workload], bool]:
    return lambda workload: any(test(spec) for spec in workload.dags)


def any_action(kind: type, test: Callable = lambda _: True) -> Callable[[Workload], bool]:
    return lambda workload: any(isinstance(action, kind) and test(action) for action in workload.actions)


def ends(name: str) -> Callable[[Workload], bool]:
    return lambda workload: name in ends_of(workload)


FEATURES: dict[str, Callable[[Workload], bool]] = {
    **{f"rule {rule}": any_task(lambda t, rule=rule: t.trigger_rule is rule) for rule in TriggerRule},
    **{f"end {end}": ends(end) for end in ("success", "failed", "failed_for_good", "skipped", "never")},
    **{f"value {length}": ends(f"length {length}") for length in (0, 1, 2, 3, LONG_MAP)},
    "a long task": ends("long"),
    "a decision": ends("skips some"),
    "retries": any_task(lambda t: t.retries and t.retry_delay_seconds and not t.retry_backoff),
    "back-off": any_task(lambda t: t.retries and t.retry_backoff),
    "capped back-off": any_task(lambda t: t.retries and t.max_retry_delay_seconds),
    "map over a value": any_task(sources),
    "map over a literal": any_task(lambda t: t.map and not sources(t) and t.map.inputs[0][1].length),
    "map over nothing": any_task(lambda t: t.map and not sources(t) and not t.map.inputs[0][1].length),
    "product": any_task(lambda t: t.map and len(t.map.inputs) > 1),
    "map over a mapped task": any_dag(
        lambda d: any(d.tasks[source].map for each in d.tasks.values() for source in sources(each))
    ),
    "branch": any_task(lambda t: t.operator == "BranchPythonOperator"),
    "short circuit over everything": any_task(lambda t: t.extra.get("ignore_downstream_trigger_rules") is True),
    "short circuit by rules": any_task(lambda t: t.extra.get("ignore_downstream_trigger_rules") is False),
    "empty": any_task(lambda t: t.never_sent),
    "setup": any_task(lambda t: t.is_setup),
    "teardown": any_task(lambda t: t.is_teardown),
    "pool": any_task(lambda t: t.pool != "default_pool" and t.pool_slots == 1),
    "several slots": any_task(lambda t: t.pool_slots > 1),
    "depends_on_past": any_task(lambda t: t.depends_on_past),
    "wait_for_downstream": any_task(lambda t: t.wait_for_downstream),
    "max_active_runs": any_dag(lambda d: d.max_active_runs == 1),
    "max_active_tasks": any_dag(lambda d: d.max_active_tasks == 1),
    "max_active_tis_per_dag": any_task(lambda t: t.max_active_tis_per_dag),
    "max_active_tis_per_dagrun": any_task(lambda t: t.max_active_tis_per_dagrun),
    "execution timeout": any_task(lambda t: t.execution_timeout_seconds),
    "dagrun_timeout": any_dag(lambda d: d.dagrun_timeout_seconds),
    "fail_fast": any_dag(lambda d: d.fail_fast),
    "catchup": any_dag(lambda d: d.catchup and d.timetable.kind == "delta" and d.start_date < d.end_date),
    "data intervals": any_dag(lambda d: d.timetable.data_interval),
    "once": any_dag(lambda d: d.timetable.kind == "once"),
    "weights": any_task(lambda t: t.effective_weight > 1),
    "several Dags": lambda workload: len(workload.dags) > 2,
    "several runs": lambda workload: any(a.run_id == "r2" for a in workload.actions if isinstance(a, Trigger)),
    "clear": any_action(Clear, lambda a: not a.upstream and not a.downstream),
    "clear upstream": any_action(Clear, lambda a: a.upstream),
    "clear downstream": any_action(Clear, lambda a: a.downstream),
    "mark success": any_action(Mark, lambda a: a.state == "success" and a.task_id),
    "mark failed": any_action(Mark, lambda a: a.state == "failed" and a.task_id),
    "mark a run": any_action(Mark, lambda a: not a.task_id),
    "pause": any_action(Pause),
    "resize": any_action(Resize),
    "close a pool": any_action(Resize, lambda a: a.slots == 0),
    "task goes": any_action(Edit, lambda a: a.drop),
    "task comes": any_action(Edit, lambda a: a.add),
    "other retries": any_action(Edit, lambda a: a.retries is not None),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_three_hundred_seeds_have_it(feature: str) -> None:
    assert any(FEATURES[feature](workload) for workload in DRAWN)


def job_dag(test: Callable) -> Callable[[Workload], bool]:
    return any_dag(lambda spec: spec.dag_id.startswith("job") and test(spec))


def deadline(reference: str) -> Callable[[Workload], bool]:
    return any_dag(lambda spec: any(each.reference == reference for each in spec.deadlines))


FEATURES_OF_JOBS: dict[str, Callable[[Workload], bool]] = {
    **{f"deadline after {name}": deadline(name) for name in ("queued_at", "logical_date", "fixed")},
    **{
        f"reprocess {name}": any_action(StartBackfill, lambda a, name=name: a.reprocess == name)
        for name in ("none", "failed", "completed")
    },
    "one run at once": any_action(StartBackfill, lambda a: a.max_active == 1),
    "several runs at once": any_action(StartBackfill, lambda a: a.max_active > 1),
    "backwards": any_action(StartBackfill, lambda a: a.backwards),
    "between two ticks": any_action(StartBackfill, lambda a: a.first.minute % 5),
    "several backfills": lambda w: sum(isinstance(a, StartBackfill) for a in w.actions) > len(backfilled(w)),
    "pause a backfill": any_action(PauseBackfill),
    "cancel a backfill": any_action(CancelBackfill),
    "pause its Dag": any_action(Pause, lambda a: a.dag_id.startswith("job")),
    "clear a run of a backfill": any_action(Clear, lambda a: a.run_id.startswith("backfill__")),
    "clear a scheduled run": any_action(Clear, lambda a: a.run_id.startswith("scheduled__")),
    "mark a run of a backfill": any_action(Mark, lambda a: a.run_id.startswith("backfill__") and not a.task_id),
    "edit a Dag under a backfill": lambda w: any(isinstance(a, Edit) and a.dag_id in backfilled(w) for a in w.actions),
    "cron": job_dag(lambda spec: spec.timetable.kind == "cron"),
    "cron with intervals": job_dag(lambda spec: spec.timetable.kind == "cron" and spec.timetable.data_interval),
    "delta": job_dag(lambda spec: spec.timetable.kind == "delta"),
    "no schedule": job_dag(lambda spec: spec.timetable == NEVER),
    "sla": job_dag(lambda spec: "sla_miss" in spec.callbacks),
    "keeps state beside itself": any_task(lambda t: t.extra.get("keeps") == "task"),
    "keeps state beside an asset": any_task(lambda t: t.extra.get("keeps") == "asset a"),
    "keeps both": any_task(lambda t: t.extra.get("keeps") == "task asset a"),
    "a mapped task keeps state": any_task(lambda t: t.extra.get("keeps") and t.map),
    "asks people": any_dag(lambda spec: any(obeys(spec, name) for name in spec.tasks)),
    "other Dags beside it": lambda w: any(not spec.dag_id.startswith("job") for spec in w.dags),
}


@pytest.mark.parametrize("feature", FEATURES_OF_JOBS)
def test_three_hundred_workloads_with_jobs_have_it(feature: str) -> None:
    assert any(FEATURES_OF_JOBS[feature](workload) for workload in JOBS)


def test_a_quarter_of_the_seeds_have_jobs_and_all_others_are_as_they_were() -> None:
    count = 0
    for seed, workload in enumerate(DRAWN):
        drawn = with_jobs(workload, Random(f"{seed}/jobs"))
        count += have_jobs(Random(f"{seed}/jobs"))
        assert (drawn is workload) is not have_jobs(Random(f"{seed}/jobs"))
        assert drawn in (workload, JOBS[seed])
    assert 0.18 < count / len(DRAWN) < 0.32


def test_what_jobs_leave_of_a_workload_is_as_it_was() -> None:
    for workload, jobs in zip(DRAWN, JOBS, strict=True):
        left = [spec for spec in jobs.dags if not spec.dag_id.startswith("job")]
        assert left == list(workload.dags[: len(left)])
        of_left = {spec.dag_id for spec in left}
        for action in jobs.actions:
            dag_id = getattr(action, "dag_id", "")
            assert dag_id.startswith("job") or action in workload.actions
            assert not dag_id or dag_id.startswith("job") or dag_id in of_left


def test_the_runs_that_a_backfill_may_make_are_those_of_its_range() -> None:
    for workload in JOBS:
        for action in workload.actions:
            if isinstance(action, StartBackfill):
                alone = replace(workload, actions=(action,))
                runs = [key.run_id for key in asked_for(alone)]
                length = (action.last - action.first) / timedelta(minutes=5)
                assert length - 1 <= len(runs) <= length + 1
                assert len(set(runs)) == len(runs)


def test_every_task_fits_its_pool_and_every_map_has_its_source_upstream() -> None:
    for workload in DRAWN:
        for spec, each in tasks_of(workload):
            assert each.pool == "default_pool" or each.pool_slots <= dict(workload.pools)[each.pool]
            assert set(each.upstream) <= spec.tasks.keys()
            # Inside a mapped group only the first task waits for what the group expands over.
            assert set(sources(each)) <= set(each.upstream) or any(spec.tasks[t].mapped_group for t in each.upstream)
            assert not spec.fail_fast or each.trigger_rule == "all_success"


def test_the_size_asked_for_is_about_the_size_drawn() -> None:
    for size in (2, 12, 40):
        counts = [len(tasks_of(draw_workload(Random(seed), size))) for seed in range(60)]
        assert 0.6 * size <= sum(counts) / len(counts) <= 1.6 * size + 1


def test_how_a_try_ends_depends_on_nothing_but_its_names() -> None:
    for workload in DRAWN[:40]:
        spec = workload.dags[0]
        keys = [(spec.dag_id, run, name, index, n) for run in ("r0", "r1") for name in spec.tasks for index in (-1, 1)
                for n in (1, 2)]  # fmt: skip
        forwards = [workload.outcome(*key) for key in keys]
        edits = tuple(action for action in workload.actions if isinstance(action, Edit))
        alone = replace(workload, dags=(spec,), actions=edits)
        assert forwards == [alone.outcome(*key) for key in reversed(keys)][::-1]


def test_a_task_that_succeeds_in_the_end_does_so_however_many_tries_were_lost() -> None:
    """A lost try has a number too: what comes after it must not end otherwise."""
    for workload in DRAWN[:80]:
        for spec, each in tasks_of(workload):
            tries = [workload.outcome(spec.dag_id, "r0", each.task_id, -1, n) for n in range(1, each.retries + 4)]
            last = tries[each.retries]
            assert {x.end for x in tries[each.retries :]} in ({"failed"}, {"never"}, {"failed", "never"}, {last.end})
            assert {(x.length, x.skip) for x in tries[each.retries :]} == {(last.length, last.skip)}


def test_every_part_can_be_left_out_and_what_is_left_is_a_workload() -> None:
    for number, workload in enumerate((*DRAWN[:60], *JOBS[:20])):
        items = workload.items()
        for position, item in enumerate(items):
            smaller = workload.without(item)
            left = smaller.items()
            assert item not in left
            assert len(left) < len(items), item
            if smaller.dags and position % 4 == number % 4:  # each kind of part many times; all would take 15 s
                final_states(smaller)


def test_leaving_out_everything_leaves_nothing() -> None:
    for workload in (*DRAWN[:60], *JOBS[:20]):
        left, steps = workload, 0
        while items := left.items():
            left, steps = left.without(items[-1]), steps + 1
            assert steps < 1000
        assert left.dags == left.actions == ()


def test_leaving_out_a_task_leaves_the_ends_of_the_others_as_they_are() -> None:
    workload = Workload(key="k", trouble=0.5, dags=(dag("a >> b >> c; a >> c", retries=2),))
    smaller = workload.without(Item(dag_id="etl", task_id="b"))
    assert smaller.dags[0].tasks["c"].upstream == ("a",)
    assert list(smaller.dags[0].tasks) == ["a", "c"]
    for number in range(200):
        key = ("etl", f"r{number}", "c", -1, 1)
        assert workload.outcome(*key) == smaller.outcome(*key)


def test_an_edit_makes_a_version_of_its_own() -> None:
    edits = (
        Edit(at=timedelta(seconds=1), dag_id="etl", drop="b"),
        Edit(at=timedelta(seconds=2), dag_id="etl", retries=3),
    )
    versions = Workload(key="k", trouble=0.2, dags=(dag("a >> b"),), actions=edits).versions("etl")
    assert [(list(spec.tasks), spec.tasks["a"].retries) for _, spec in versions] == [
        (["a", "b"], 0),
        (["a"], 0),
        (["a"], 3),
    ]
    assert len({spec.description for _, spec in versions}) == 3


def test_the_text_of_a_workload_says_what_is_not_the_default_and_no_more() -> None:
    spec = dag("a >> b", tasks={"b": {"trigger_rule": "one_done", "retries": 2}}, max_active_runs=1)
    trigger = Trigger(at=timedelta(seconds=1.5), dag_id="etl", run_id="r0")
    assert repr(Workload(key="k", trouble=0.2, dags=(spec,), pools=(("p", 2),), actions=(trigger,))).splitlines() == [
        "Workload(key=k, trouble=0.2)",
        "  pool p: 2 slots",
        "  dag etl: timetable=never() max_active_runs=1",
        "    a: operator='PythonOperator'",
        "    b << a: operator='PythonOperator' trigger_rule=one_done retries=2",
        "  at 1.5s trigger dag_id='etl' run_id='r0'",
    ]
