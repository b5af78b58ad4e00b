"""What the pages of workers and of the scheduler ask for."""

from play import get

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag


def test_a_worker_says_who_it_is_and_what_it_runs(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="etl"))
    stage.create_run("etl", "one")
    (worker,) = get(stage, "/ui/workers")["workers"]
    assert (worker["name"], worker["state"], worker["queues"]) == ("local", "running", ["default"])
    assert (worker["capacity"], worker["used"], worker["pid"]) == (20, 1, 1)
    (task,) = worker["tasks"]
    assert (task["dag_id"], task["run_id"], task["task_id"], task["state"]) == ("etl", "one", "a", "assigned")


def test_without_a_scheduler_workers_are_those_that_are_known(stage: ApiStage) -> None:
    stage.is_away = True
    page = get(stage, "/ui/workers")
    assert page["is_scheduler_away"] is True
    assert [worker["state"] for worker in page["workers"]] == ["away"]
    assert get(stage, "/ui/scheduler")["owner"] is None


def test_the_scheduler_says_who_decides_and_how_much(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="etl"))
    stage.create_run("etl", "one")
    page = get(stage, "/ui/scheduler")
    assert (page["holder"], page["epoch"]) == ("me", 1)
    owner = page["owner"]
    assert (owner["live_runs"], owner["active_attempts"], owner["dags"], owner["set_aside"]) == (1, 1, 1, [])
    assert owner["inputs"] > 0
    assert page["triggers"] == []


def test_a_reader_of_one_dag_sees_that_others_run_and_not_what(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="hidden"))
    stage.load(dag("a", dag_id="mine"))
    stage.create_run("hidden", "secret_run")
    stage.create_run("mine", "one")
    reads = Grant(frozenset({Action.READ}), frozenset(Resource), DagScope(ids=frozenset({"mine"})))
    stage.gate.be("kim", Role("some", (reads,)))
    answer = stage.client.get("/ui/workers")
    assert "hidden" not in answer.text
    assert "secret_run" not in answer.text
    assert sorted(task["dag_id"] for task in answer.json()["workers"][0]["tasks"]) == ["", "mine"]
    assert "hidden" not in stage.client.get("/ui/scheduler").text
