"""Nothing waits in silence: each way of waiting, played up, with the code and the facts that its sentence must give."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tradewind.core.explain_dag import explain_dag, explain_unread
from tradewind.core.inputs import AssetsUpdated, AssetUpdate, Defer, WorkerLeft
from tradewind.core.records import SetAside
from tradewind.testing.builders import dag, every, expand
from tradewind.testing.world import START, Play


def test_1_it_waits_for_its_upstream(play: Play) -> None:
    play.start(dag("[a, b, c] >> d"))
    play.succeed("a")
    play.begin("b")
    (reason,) = play.why("d")
    assert reason.code == "upstream"
    assert reason.sentence == "It waits for b (running), c (queued)."
    assert reason.details["upstream"] == {"b": ["running"], "c": ["queued"]}


def test_2_its_trigger_rule_is_not_met_yet(play: Play) -> None:
    play.start(dag("[a, b] >> d", tasks={"d": {"trigger_rule": "one_failed"}}))
    play.succeed("a")
    (reason,) = play.why("d")
    assert reason.code == "trigger_rule"
    assert reason.sentence == "It waits for b (queued). Its trigger rule is one_failed."


def test_3_it_is_tried_again_after_its_delay(play: Play) -> None:
    play.start(dag("a", retries=2, retry_delay_seconds=300.0))
    play.fail("a", error="ValueError: odd")
    play.advance(seconds=60)
    (reason,) = play.why("a")
    at = START + timedelta(seconds=300)
    assert reason.code == "retry_timer"
    assert reason.sentence == f"Try 1 failed (ValueError: odd); it is tried again in 240 s, at {at.isoformat()}."
    assert reason.details["at"] == at.isoformat()


def test_4_its_pool_is_full_and_the_holders_are_named(play: Play) -> None:
    play.set_pool("small", 3)
    play.start(dag("x", dag_id="other", pool="small", pool_slots=2))
    play.start(dag("m", tasks={"m": {"map": expand(v=1), "pool": "small"}}))
    play.start(dag("b", dag_id="late", pool="small", pool_slots=2))
    (reason,) = play.why("b")
    assert reason.code == "pool_full"
    assert reason.sentence == "Pool small has 0 of 3 slots free and it needs 2; held by other.x, etl.m[0]."
    assert reason.details["holders"] == ["other.x", "etl.m[0]"]


def test_4_only_some_of_many_holders_are_named(play: Play) -> None:
    play.set_pool("small", 8)
    play.start(dag("m", tasks={"m": {"map": expand(v=8), "pool": "small"}}))
    play.start(dag("b", dag_id="late", pool="small"))
    sentence = play.why("b")[0].sentence
    assert sentence.endswith("held by etl.m[0], etl.m[1], etl.m[2], etl.m[3], etl.m[4] and 3 more.")


def test_5_its_dag_runs_as_many_tasks_as_it_may(play: Play) -> None:
    play.start(dag("a; b; c", max_active_tasks=2))
    (reason,) = play.why("c")
    assert reason.code == "dag_limit"
    assert reason.sentence == "2 tasks of etl run already, its max_active_tasks: etl.a, etl.b."
    assert reason.details == {"limit": 2, "holders": ["etl.a", "etl.b"]}


def test_6_its_task_runs_in_as_many_runs_as_it_may(play: Play) -> None:
    spec = dag("a", tasks={"a": {"max_active_tis_per_dag": 1}})
    first = play.start(spec)
    play.start(spec)
    (reason,) = play.why("a")
    assert reason.code == "task_limit"
    assert reason.sentence == f"max_active_tis_per_dag of a is 1, and is reached: etl.a in {first.run_id}."


def test_7_its_task_runs_as_often_in_this_run_as_it_may(play: Play) -> None:
    run = play.start(dag("m", tasks={"m": {"map": expand(x=3), "max_active_tis_per_dagrun": 2}}))
    (reason,) = play.why("m", 2)
    assert reason.code == "task_limit"
    assert reason.sentence == (
        f"max_active_tis_per_dagrun of m is 2, and is reached: etl.m[0] in {run.run_id}, etl.m[1] in {run.run_id}."
    )


def test_8_no_worker_serves_its_queue(play: Play) -> None:
    play.join_worker("w2", queues=("cpu", "ram"))
    play.start(dag("a", queue="gpu"))
    (reason,) = play.why("a")
    assert reason.code == "no_worker"
    assert reason.sentence == (
        "No worker that serves queue 'gpu' is connected; those connected serve cpu, default, ram."
    )
    for name in ("w1", "w2"):
        play.give(WorkerLeft(name=name, epoch=play.world.workers[name].epoch))
    assert play.why("a")[0].sentence.endswith("'gpu' is connected; none is connected at all.")


def test_9_its_dag_is_paused(play: Play) -> None:
    play.start(dag("a >> b"))
    play.pause()
    play.succeed("a")
    (reason,) = play.why("b")
    assert reason.code == "paused"
    assert reason.sentence == "The Dag etl is paused; `tradewind dags unpause etl` lets it go on."


@pytest.mark.parametrize("is_over", [False, True])
def test_10_it_waits_for_itself_in_the_run_before(play: Play, is_over: bool) -> None:
    spec = dag("a", tasks={"a": {"depends_on_past": True}})
    first = play.start(spec, run_id="first")
    if is_over:
        play.fail("a", run=first)
    play.start(spec, run_id="second")
    (reason,) = play.why("a")
    assert reason.code == "depends_on_past"
    name, state = (f"of {START.isoformat()}", "failed") if is_over else ("first", "queued")
    assert reason.sentence == f"It waits for itself to succeed in the run before, {name}, where it is {state}."
    assert reason.details == {"run_number": first.number, "states": [state]}


def test_11_its_run_is_queued_behind_others(play: Play) -> None:
    spec = dag("a", max_active_runs=2)
    names = ["one", "two", "three", "four", "five"]
    for name in names:
        play.start(spec, run_id=name)
    said = {name: play.why("a", run=run)[0] for name, run in zip(names[2:], list(play.runs.values())[2:], strict=True)}
    assert {reason.code for reason in said.values()} == {"queued_run"}
    taken = "Its run is queued: 2 of 2 active runs of etl are taken, by one, two"
    assert said["three"].sentence == f"{taken}."
    assert said["four"].sentence == f"{taken}, and 1 queued run is before it."
    assert said["five"].sentence == f"{taken}, and 2 queued runs are before it."
    assert said["five"].details["behind"] == ["one", "two"]


def test_12_it_waits_for_a_trigger_and_since_when(play: Play) -> None:
    play.start(dag("a"))
    wait = Defer(classpath="pack.FileTrigger", method="go_on", timeout_seconds=600.0)
    play.advance(seconds=5)
    play.end("a", "deferred", defer=wait)
    play.advance(seconds=30)
    (reason,) = play.why("a")
    since, until = START + timedelta(seconds=5), START + timedelta(seconds=605)
    assert reason.code == "deferred"
    assert reason.sentence == (
        f"It waits since {since.isoformat()} for its trigger FileTrigger, until {until.isoformat()} at most; "
        "it holds no slot."
    )
    assert reason.details == {"trigger": "pack.FileTrigger", "since": since.isoformat()}
    play.give(WorkerLeft(name="w1", epoch=play.world.workers["w1"].epoch))
    assert play.why("a")[0].code == "no_triggerer"


def test_13_its_dag_waits_for_assets_and_those_that_miss_are_named(play: Play) -> None:
    play.load(
        dag(
            "eats", dag_id="eats",
            assets={"all": [{"asset": {"name": n, "uri": n}} for n in ("corn", "salt")]},
        )
    )  # fmt: skip
    play.give(AssetsUpdated(id="said", updates=(AssetUpdate(name="corn", uri="corn"),), actor="me"))
    (reason,) = explain_dag(play.world, "eats")
    assert reason.code == "assets"
    assert reason.sentence == ("It waits for: corn (updated 2024-01-01 00:00:00 UTC), salt (not since the last run).")


def test_14_its_run_or_its_dag_is_set_aside(play: Play) -> None:
    run = play.start(dag("a"))
    live = play.world.runs[run.number]
    live.run = live.run._replace(quarantine="Table task_instance, row with run 1: state 'odd' is none of … .")
    play.check = False
    (reason,) = play.why("a")
    assert reason.code == "quarantined"
    assert "state 'odd'" in reason.sentence
    assert reason.sentence.endswith("Mark the run failed and clear it to begin anew, or delete it.")
    play.world.leave(SetAside("run", "7", "Its conf is no JSON.", "etl", 7, "seven"))
    assert explain_unread(play.world, 7)[0].sentence == "The run is set aside: Its conf is no JSON."
    assert explain_unread(play.world, run.number) == []
    play.world.leave(SetAside("dag_version", "v", "A Dag cannot be read: Input data was truncated.", "cut"))
    (reason,) = explain_dag(play.world, "cut")
    assert reason.code == "quarantined"
    assert reason.sentence == "The Dag cut is set aside: A Dag cannot be read: Input data was truncated."


def test_15_a_command_has_not_come_to_its_end_yet(play: Play) -> None:
    play.start(dag("a"))
    play.begin("a")
    play.clear(["a"])
    (reason,) = play.why("a")
    assert reason.code == "being_stopped"
    assert reason.sentence == (
        "It was cleared while it ran: its attempt on worker w1 is being stopped; then it begins anew."
    )
    assert reason.details == {"command": "clear", "worker": "w1"}


def test_16_its_run_is_to_start_later(play: Play) -> None:
    at = START + timedelta(hours=2)
    play.start(dag("a"), run_after=at)
    (reason,) = play.why("a")
    assert (reason.code, reason.details["at"]) == ("run_after", at.isoformat())


def test_17_its_pool_does_not_exist(play: Play) -> None:
    play.start(dag("a", pool="nowhere"))
    (reason,) = play.why("a")
    assert reason.code == "unknown_pool"
    assert "'nowhere' does not exist" in reason.sentence


def test_18_a_sensor_looks_again_later(play: Play) -> None:
    play.start(dag("a"))
    play.end("a", "rescheduled", reschedule_at=play.now + timedelta(seconds=90))
    (reason,) = play.why("a")
    assert reason.code == "reschedule_timer"
    assert "in 90 s" in reason.sentence


def test_a_schedule_that_waits_for_room_has_its_runs_named(play: Play) -> None:
    play.load(dag("a", timetable=every(hours=1), start_date=START, max_active_runs=1))
    play.advance(hours=3)
    assert [run.state.value for run in play.runs.values()] == ["running"]
    later = play.start("etl", run_id="mine")
    assert "by scheduled__2024-01-01T00:00:00+00:00" in play.why("a", run=later)[0].sentence
