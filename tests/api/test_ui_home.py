"""What the home page, the palette and the navigation ask for."""

import json

import pytest
from play import get

from tradewind.api.error_groups import fingerprint, first_line, grouped
from tradewind.api.recent import Recent
from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, every
from tradewind.testing.scheduler_stage import START


@pytest.fixture
def day(stage: ApiStage) -> ApiStage:
    """Two Dags fail of one cause, one of another; one runs, one waits, one is late."""
    for dag_id, port in (("orders", 5432), ("clicks", 5433)):
        stage.load(dag("a >> b", dag_id=dag_id, retries=0))
        stage.create_run(dag_id, "one")
        stage.finish(dag_id, "one", "a", "failed", error=f"ConnectionError: refused: db:{port}\nTraceback")
    stage.load(dag("a", dag_id="quality", retries=3))
    stage.create_run("quality", "one")
    stage.finish("quality", "one", "a", "failed", error="ValueError: too few")
    stage.load(dag("a >> b", dag_id="going"))
    stage.create_run("going", "one")
    stage.load(dag("a", dag_id="starved", pool="nobody_has_it"))
    stage.create_run("starved", "one")
    stage.load(dag("a", dag_id="overdue", timetable=every(days=1), start_date=START, max_active_runs=1, catchup=True))
    return stage


def test_failures_of_one_cause_are_one_group_over_dags(day: ApiStage) -> None:
    home = get(day, "/ui/home")
    assert home["failing"] == 2
    first, second = home["groups"]
    assert first["error"] == "ConnectionError: refused: db:5433"
    assert sorted(each["dag_id"] for each in first["dags"]) == ["clicks", "orders"]
    assert (first["tasks"], first["dag_count"]) == (2, 2)
    assert first["newest"]["task_id"] == "a"
    assert (second["error"], second["newest"]["state"]) == ("ValueError: too few", "up_for_retry")
    assert (second["newest"]["try_number"], second["newest"]["tries"]) == (1, 4)
    assert second["newest"]["next_try"] is not None


def test_what_runs_and_what_waits_is_there_with_its_reason(day: ApiStage) -> None:
    home = get(day, "/ui/home")
    assert "going" in [run["dag_id"] for run in home["running"]]
    assert next(run for run in home["running"] if run["dag_id"] == "going")["states"] == {"none": 1, "queued": 1}
    waits = {each["dag_id"]: each for each in home["waits"]}
    assert waits["starved"]["code"] == "unknown_pool"
    assert waits["quality"]["code"] == "retry_timer"
    assert "going" not in waits
    assert home["waits_are_all"] is True


def test_each_part_says_how_it_fares_also_without_a_scheduler(day: ApiStage) -> None:
    states = {part["name"]: part["state"] for part in get(day, "/ui/home")["components"]}
    assert (states["scheduler"], states["workers"], states["database"]) == ("healthy", "healthy", "healthy")
    day.is_away = True
    away = get(day, "/ui/home")
    states = {part["name"]: part["state"] for part in away["components"]}
    assert (states["scheduler"], states["workers"], states["api"]) == ("away", "away", "healthy")
    assert away["waits"] is None
    assert away["failing"] == 2


def test_a_pool_shows_what_of_it_is_held(day: ApiStage) -> None:
    (pool,) = get(day, "/ui/home")["pools"]
    assert pool == {"name": "default_pool", "slots": 20, "used": 2}


def test_the_navigation_counts_what_there_is(day: ApiStage) -> None:
    counts = {"dags": 6, "failing": 2, "running": 4, "questions": 0, "broken_files": 0, "alerts": 0}
    assert get(day, "/ui/counts") == counts


def test_a_reader_of_one_dag_sees_no_trace_of_another(day: ApiStage) -> None:
    reads = Grant(frozenset({Action.READ}), frozenset(Resource), DagScope(ids=frozenset({"starved"})))
    day.gate.be("kim", Role("some", (reads,)))
    home = day.client.get("/ui/home")
    assert home.status_code == 200
    for other in ("orders", "clicks", "quality", "going", "overdue", "ConnectionError"):
        assert other not in home.text
    body = home.json()
    assert (body["dags"], body["failing"], body["running_count"], body["groups"]) == (1, 0, 1, [])
    assert [(each["dag_id"], each["code"]) for each in body["waits"]] == [("starved", "unknown_pool")]
    assert get(day, "/ui/counts")["dags"] == 1
    for text in ("orders", "one", "a", ""):
        assert "orders" not in json.dumps(get(day, "/ui/find", text=text))


def test_the_palette_finds_dags_runs_and_tasks_and_takes_signs_as_they_are(day: ApiStage) -> None:
    found = get(day, "/ui/find", text="ORD")
    assert found["dags"] == [{"dag_id": "orders", "is_paused": False}]
    assert get(day, "/ui/find", text="one")["runs"][0]["run_id"] == "one"
    day.load(dag("extract >> load_all", dag_id="shop"))
    day.create_run("shop", "today")
    assert get(day, "/ui/find", text="load_")["tasks"] == [{"dag_id": "shop", "run_id": "today", "task_id": "load_all"}]
    assert get(day, "/ui/find", text="%")["dags"] == []
    assert day.client.get("/ui/find", params={"text": "x" * 300}).status_code == 422


def test_a_session_says_what_its_holder_may_do(day: ApiStage) -> None:
    assert "delete" in get(day, "/ui/session")["may"]["user"]
    day.gate.be("kim", "Viewer")
    may = get(day, "/ui/session")["may"]
    assert may["dag"] == ["read"]
    assert "variable" not in may


@pytest.mark.parametrize("hours", [6, 24, 168])
def test_the_chart_of_a_quiet_installation_is_empty(stage: ApiStage, hours: int) -> None:
    home = get(stage, "/ui/home", hours=hours)
    assert (home["chart"]["bars"], home["digest"]["runs"]) == ([], 0)
    assert stage.client.get("/ui/home", params={"hours": 7}).status_code == 422


def test_the_chart_and_the_digest_count_runs_where_they_ended(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.load(dag("a", dag_id="etl", retries=0))
    for run_id, outcome in (("one", "success"), ("two", "failed")):
        stage.create_run("etl", run_id)
        stage.finish("etl", run_id, "a", outcome)
    ended = to_us(stage.now())
    monkeypatch.setattr("tradewind.api.ui.home.present", lambda: ended + 60_000_000)
    home = get(stage, "/ui/home")
    (bar,) = home["chart"]["bars"]
    assert (bar["success"], bar["failed"]) == (1, 1)
    at = home["chart"]["start"] + bar["place"] * home["chart"]["step"]
    assert at <= ended < at + home["chart"]["step"]
    digest = home["digest"]
    assert (digest["runs"], digest["failed"], digest["runs_before"]) == (2, 1, 0)
    assert home["failing"] == 1


def test_a_dear_answer_is_kept_for_some_seconds_and_no_longer() -> None:
    recent, asked = Recent(lasts_us=10, most=2), []
    look = lambda: asked.append(1) or len(asked)  # noqa: E731
    assert [recent.of("a", at, look) for at in (0, 9, 10)] == [1, 1, 2]
    assert [recent.of(key, 10, look) for key in ("b", "c", "a")] == [3, 4, 5]
    assert recent.of("c", 5, look) == 6  # kept in what is the future now


def test_errors_that_differ_in_numbers_alone_are_one() -> None:
    one = "TimeoutError: db7:5432 after 30 s (0x7f3a)\nmore"
    assert first_line("\n  x\ny") == "x"
    assert fingerprint(one) == fingerprint("TimeoutError: db12:5433 after 31.5 s (0xbeef)")
    assert fingerprint(one) != fingerprint("TimeoutError: cache7:5432 after 30 s (0x7f3a)")
    groups = grouped(
        [{"dag_id": d, "reason": f"E: {n}"} for n, d in enumerate("aab")] + [{"dag_id": "c", "reason": ""}]
    )
    assert [(group.error, group.dag_ids) for group in groups] == [("E: 0", {"a": 2, "b": 1}), ("", {"c": 1})]


def test_the_list_knows_favourites_tags_and_owners(day: ApiStage) -> None:
    assert day.client.post("/api/v2/dags/orders/favorite").status_code == 204
    listed = get(day, "/ui/dags", favorite=True)
    assert [(row["dag_id"], row["is_favorite"]) for row in listed["dags"]] == [("orders", True)]
    assert listed["favorites"] == 1
    day.load(dag("a", dag_id="tagged", tags=("x", "y"), owners=("ann", "bob")))
    assert get(day, "/ui/dag_facets")["tags"] == [{"name": "x", "count": 1}, {"name": "y", "count": 1}]
    assert {"name": "ann", "count": 1} in get(day, "/ui/dag_facets")["owners"]
    for text in ("AGGE", "bob", "y"):
        assert "tagged" in [row["dag_id"] for row in get(day, "/ui/dags", search=text)["dags"]]
    assert get(day, "/ui/dags", search="%")["dags"] == []
    day.gate.be("kim", "Viewer")
    assert get(day, "/ui/dags")["favorites"] == 0
