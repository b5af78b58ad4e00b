"""Limits: who starts now, who waits, and that a slot that comes free is used."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tradewind.testing.builders import dag, expand
from tradewind.testing.world import Play


def test_max_active_tasks_bounds_a_dag_over_all_its_runs(play: Play) -> None:
    spec = dag("[a, b, c]", max_active_tasks=2)
    first, second = play.start(spec), play.start(spec)
    assert len(play.world.attempts) == 2
    assert play.why("c", run=first)[0].code == "dag_limit"
    for _ in range(6):
        assert len(play.world.attempts) <= 2
        play.report(next(iter(play.world.attempts.values())), "success")
    assert [play.run_state(r) for r in (first, second)] == ["success", "success"]


def test_a_slot_of_the_dag_goes_to_a_heavier_task_that_became_ready_just_then(play: Play) -> None:
    play.start(dag("a >> c; b", max_active_tasks=1, tasks={"a": {"effective_weight": 2}, "c": {"effective_weight": 9}}))
    for task_id in ("a", "c", "b"):
        assert play.active() == [task_id]
        play.succeed(task_id)
    assert play.run_state() == "success"


def test_a_task_with_several_slots_waits_for_room_and_smaller_ones_pass_it(play: Play) -> None:
    play.set_pool("small", 3)
    play.start(dag("a; big; c", pool="small", tasks={
        "a": {"pool_slots": 2, "effective_weight": 9}, "big": {"pool_slots": 3, "effective_weight": 5}}))  # fmt: skip
    assert play.active() == ["a", "c"]
    assert play.why("big")[0].code == "pool_full"
    play.succeed("a")
    assert play.active() == ["c"]
    play.succeed("c")
    assert play.active() == ["big"]


def test_a_task_larger_than_its_pool_keeps_nobody_else_out(play: Play) -> None:
    play.set_pool("small", 2)
    play.start(dag("huge; a; b; c", pool="small", tasks={"huge": {"pool_slots": 5, "effective_weight": 99}}))
    for _ in range(3):
        play.report(next(iter(play.world.attempts.values())), "success")
    assert play.states() == {"huge": "scheduled", "a": "success", "b": "success", "c": "success"}
    assert "needs 5" in play.why("huge")[0].sentence
    play.set_pool("small", 5)
    assert play.active() == ["huge"]


def test_a_full_pool_names_who_holds_it(play: Play) -> None:
    play.set_pool("one", 1)
    play.start(dag("a; b", pool="one"))
    reason = play.why("b")[0]
    assert (reason.code, reason.details["holders"]) == ("pool_full", ["etl.a"])
    play.succeed("a")
    assert play.active() == ["b"]


def test_a_pool_that_shrinks_starts_nothing_until_it_has_room(play: Play) -> None:
    play.set_pool("p", 3)
    play.start(dag("a; b; c; d", pool="p"))
    play.set_pool("p", 1)
    play.succeed("a")
    play.succeed("b")
    assert play.active() == ["c"]
    play.succeed("c")
    assert play.active() == ["d"]


def test_an_unknown_pool_is_named_and_starts_its_tasks_once_it_exists(play: Play) -> None:
    play.start(dag("a; b", tasks={"a": {"pool": "nowhere", "effective_weight": 9}}))
    assert play.active() == ["b"]
    assert play.why("a")[0].code == "unknown_pool"
    play.set_pool("nowhere", 1)
    assert play.active() == ["a", "b"]


@pytest.mark.parametrize("limit", ["max_active_tis_per_dag", "max_active_tis_per_dagrun"])
def test_instances_of_a_task_are_bounded(play: Play, limit: str) -> None:
    spec = dag("m; other", tasks={"m": {"map": expand(x=4), limit: 2}})
    play.start(spec)
    play.start(spec)
    count = sum(a.key.task_id == "m" for a in play.world.attempts.values())
    assert count == (2 if limit == "max_active_tis_per_dag" else 4)
    while active := list(play.world.attempts.values()):
        play.report(active[0], "success")
    assert {run.state for run in play.runs.values()} == {"success"}


def test_parallelism_bounds_the_installation() -> None:
    play = Play(parallelism=3)
    play.start(dag("[a, b, c]", dag_id="one"))
    play.start(dag("[d, e, f]", dag_id="two"))
    assert play.active() == ["a", "b", "c"]
    assert play.why("d")[0].code == "parallelism"
    play.report(next(iter(play.world.attempts.values())), "success")
    assert len(play.world.attempts) == 3


def test_a_worker_never_gets_more_than_its_capacity() -> None:
    play = Play(capacity=2)
    play.start(dag("[a, b, c]"))
    assert len(play.active()) == 2
    assert play.why("c")[0].code == "workers_full"
    play.join_worker("w2", capacity=1)
    assert {a.worker for a in play.world.attempts.values()} == {"w1", "w2"}


def test_a_task_waits_for_a_worker_of_its_queue(play: Play) -> None:
    play.start(dag("a; b", tasks={"a": {"queue": "gpu", "effective_weight": 5}}))
    assert play.active() == ["b"]
    assert play.why("a")[0].code == "no_worker"
    play.join_worker("w2", queues=("gpu",))
    assert play.attempt("a").worker == "w2"


def test_heavier_tasks_start_first_then_dags_take_turns_each_with_its_older_run_first() -> None:
    play = Play(capacity=0)
    light = dag("x", dag_id="light")
    play.start(light)
    play.advance(minutes=1)
    play.start(light)
    play.start(dag("heavy; m", dag_id="other", tasks={"heavy": {"effective_weight": 10}, "m": {"map": expand(x=3)}}))
    play.join_worker(capacity=100)
    order = [(a.key.run, a.key.task_id, a.key.map_index) for a in play.offered]
    assert order == [(3, "heavy", -1), (1, "x", -1), (3, "m", 0), (2, "x", -1), (3, "m", 1), (3, "m", 2)]


@pytest.mark.parametrize("pool", ["default_pool", "small"])
def test_a_dag_with_five_thousand_tasks_does_not_keep_another_waiting(pool: str) -> None:
    play = Play(capacity=32, parallelism=32, check=False)
    play.set_pool("small", 8)
    play.start(dag("m", dag_id="hog", max_active_tasks=5000, tasks={"m": {"map": expand(x=5000)}}))
    assert len(play.world.attempts) == 32
    play.advance(minutes=1)
    small = play.start(dag("a >> b", dag_id="small", pool=pool))
    for name in ("a", "b"):
        assert play.state(name, run=small) == "scheduled"
        play.report(next(a for a in play.world.attempts.values() if a.key.task_id == "m"), "success")
        assert play.state(name, run=small) == "queued"
        play.succeed(name, run=small)
        # Its own slot was given on in the meantime: what follows waits for the next one.
    assert play.run_state(small) == "success"


def test_a_paused_dag_starts_nothing_and_lets_what_runs_go_on(play: Play) -> None:
    play.start(dag("a >> b"))
    play.pause()
    play.succeed("a")
    assert play.state("b") == "scheduled"
    assert play.why("b")[0].code == "paused"
    later = play.start("etl")
    assert play.run_state(later) == "queued"
    assert play.why("a", run=later)[0].code == "paused"
    play.unpause()
    assert play.active() == ["a", "b"]


def test_a_paused_dag_keeps_nobody_else_out(play: Play) -> None:
    play.start(dag("a >> b", dag_id="paused", effective_weight=100))
    play.pause("paused")
    play.succeed("a")
    play.start(dag("c", dag_id="free"))
    assert play.active() == ["c"]


def test_raising_a_limit_of_a_dag_lets_more_start_at_once(play: Play) -> None:
    play.start(dag("m", max_active_tasks=2, tasks={"m": {"map": expand(x=6)}}))
    assert len(play.active()) == 2
    play.load(dag("m", max_active_tasks=4, tasks={"m": {"map": expand(x=6)}}))
    assert len(play.active()) == 4
    play.load(dag("m", tasks={"m": {"map": expand(x=6), "max_active_tis_per_dag": 5}}))
    assert len(play.active()) == 5
    play.load(dag("m", tasks={"m": {"map": expand(x=6)}}))
    assert len(play.active()) == 6


def test_a_ready_task_whose_dag_moves_it_to_another_pool_waits_there(play: Play) -> None:
    play.set_pool("full", 1)
    play.start(dag("a; b; c", pool="full"))
    assert len(play.active()) == 1
    play.load(dag("a; b; c", pool="full", tasks={"b": {"pool": "default_pool"}, "c": {"pool": "nowhere"}}))
    assert play.state("c") == "scheduled"
    assert len(play.active()) == 2


def test_max_active_runs_queues_the_runs_beyond_it(play: Play) -> None:
    spec = dag("a", max_active_runs=2)
    runs = [play.start(spec) for _ in range(4)]
    assert [play.run_state(run) for run in runs] == ["running", "running", "queued", "queued"]
    assert play.why("a", run=runs[3])[0].code == "queued_run"
    play.succeed("a", run=runs[1])
    assert [play.run_state(run) for run in runs] == ["running", "success", "running", "queued"]
    assert play.run(runs[2]).start_date == play.now


def test_a_run_for_later_starts_at_its_moment(play: Play) -> None:
    run = play.start(dag("a"), run_after=play.now + timedelta(hours=1))
    assert play.run_state(run) == "queued"
    assert play.why("a")[0].code == "run_after"
    play.advance(minutes=60)
    assert play.run_state(run) == "running"


def test_many_ready_tasks_cost_nothing_while_their_limit_is_full(play: Play) -> None:
    play.check = False
    play.start(dag("m", max_active_tasks=1, tasks={"m": {"map": expand(x=2000)}}))
    heap = sum(map(len, play.world.ready._heaps.values()))
    assert heap == 0, "everything else is parked"
    play.succeed("m", 0)
    assert play.attempt("m", 1)
    assert sum(map(len, play.world.ready._heaps.values())) == 0


def test_a_free_slot_of_a_dag_goes_to_a_task_that_can_use_it(play: Play) -> None:
    play.set_pool("p", 1)
    holder = play.start(dag("h", dag_id="holder", pool="p"))
    own = {"z": {"effective_weight": 9}, "x": {"pool": "p", "effective_weight": 5}}
    run = play.start(dag("z; x; y", max_active_tasks=1, tasks=own))
    assert play.active(run=run) == ["z"]
    play.succeed("z")
    assert play.active(run=run) == ["y"]
    play.succeed("h", run=holder)
    assert play.active(run=run) == ["y"]
    play.succeed("y")
    assert play.active(run=run) == ["x"]


def test_a_slot_that_nobody_could_use_is_given_out_when_a_pool_has_room_again(play: Play) -> None:
    play.set_pool("p", 1)
    holder = play.start(dag("h", dag_id="holder", pool="p"))
    run = play.start(dag("z; x; y", max_active_tasks=1, tasks={"z": {"effective_weight": 9}}, pool="p"))
    assert play.active(run=run) == []
    play.succeed("h", run=holder)
    assert play.active(run=run) == ["z"]
    play.succeed("z")
    play.succeed("x")
    assert play.active(run=run) == ["y"]
