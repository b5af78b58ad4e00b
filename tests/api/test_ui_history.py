"""What the pages of a Dag's past and future ask for."""

from datetime import timedelta
from typing import Any

import pytest

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, every
from tradewind.testing.scheduler_stage import START

DAY = 86_400_000_000
PAST = START - timedelta(days=10)


@pytest.fixture
def daily(stage: ApiStage) -> ApiStage:
    stage.load(
        dag("a >> b", dag_id="etl", retries=0, timetable=every(days=1), start_date=PAST, doc_md="# Orders",
            callbacks=("on_failure",))
    )  # fmt: skip
    return stage


def get(stage: ApiStage, path: str, **query: Any) -> Any:
    answer = stage.client.get(f"/ui/dags/etl/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def plan(stage: ApiStage, first: int, last: int, **more: Any) -> Any:
    dates = [(PAST + timedelta(days=n)).isoformat() for n in (first, last)]
    body = {"dag_id": "etl", "from_date": dates[0], "to_date": dates[1], **more}
    return stage.client.post("/ui/dags/etl/backfill_plan", json=body)


def test_an_overview_says_what_failed_first_what_waits_and_what_comes(daily: ApiStage) -> None:
    daily.create_run("etl", "bad")
    daily.finish("etl", "bad", "a", "failed")
    daily.create_run("etl", "open")
    shown = get(daily, "overview")
    assert [(run["run_id"], run["task_id"]) for run in shown["failed"]] == [("bad", "a")]
    assert {"bad", "open"} <= {run["run_id"] for run in shown["recent"]}
    assert (shown["doc_md"], shown["callbacks"], shown["tasks"]) == ("# Orders", ["on_failure"], 2)
    assert len(shown["coming"]) == 5
    assert [run["run_after"] for run in shown["coming"]] == sorted(run["run_after"] for run in shown["coming"])
    assert any(each["sentence"] for each in shown["waits"])


def test_a_dag_that_is_off_has_nothing_ahead_and_one_that_has_never_run_nothing_behind(daily: ApiStage) -> None:
    daily.client.patch("/api/v2/dags/etl", json={"is_paused": True})
    shown = get(daily, "overview")
    assert shown["coming"] == []
    calendar = get(daily, "calendar", since=to_us(START), until=to_us(START) + DAY)
    assert calendar["planned"] == []


def test_an_overview_without_a_scheduler_says_what_is_stored(daily: ApiStage) -> None:
    daily.create_run("etl", "open")
    daily.is_away = True
    shown = get(daily, "overview")
    assert (shown["waits"], shown["doc_md"]) == ([], "# Orders")


def test_a_history_has_each_tasks_length_in_each_run(daily: ApiStage) -> None:
    daily.create_run("etl", "one")
    daily.seconds += 5
    daily.finish("etl", "one", "a")
    history = get(daily, "history", tasks=True)
    place = [run["run_id"] for run in history["runs"]].index("one")
    assert history["lengths"]["a"][place] is not None
    assert "b" not in history["lengths"], "it is not over"
    assert get(daily, "history")["lengths"] == {}


def test_a_calendar_counts_runs_by_quarters_of_an_hour(daily: ApiStage) -> None:
    for run_id, at in (("one", PAST), ("two", PAST + timedelta(minutes=14)), ("three", PAST + timedelta(minutes=15))):
        daily.create_run("etl", run_id, logical_date=at.isoformat())
    daily.finish("etl", "one", "a", "failed")
    since = to_us(PAST)
    calendar = get(daily, "calendar", since=since, until=since + DAY)
    first, second = calendar["slices"]
    assert (first["at"], sum(first["states"].values()), first["states"]["failed"]) == (since, 2, 1)
    assert (second["at"], sum(second["states"].values())) == (since + 15 * 60 * 1_000_000, 1)
    assert get(daily, "calendar", since=since + DAY, until=since + 2 * DAY)["slices"] == []


@pytest.mark.parametrize(("since", "until"), [(0, 0), (10, 5), (0, 401 * DAY)])
def test_a_calendar_of_no_time_or_too_much_is_refused(daily: ApiStage, since: int, until: int) -> None:
    answer = daily.client.get("/ui/dags/etl/calendar", params={"since": since, "until": until})
    assert (answer.status_code, "until" in answer.json()["detail"]) == (400, True)


def test_a_plan_says_of_each_date_what_would_become_of_it(daily: ApiStage) -> None:
    daily.create_run("etl", "there", logical_date=(PAST + timedelta(days=2)).isoformat())
    shown = plan(daily, 1, 3).json()
    assert [date["action"] for date in shown["dates"]] == ["create", "leave", "create"]
    assert shown["counts"] == {"create": 2, "clear": 0, "leave": 1}
    assert shown["dates"][1]["reason"]
    assert get(daily, "backfills")["backfills"] == [], "nothing was made"


def test_a_plan_is_refused_where_the_body_is_of_another_dag(daily: ApiStage) -> None:
    assert plan(daily, 1, 3, dag_id="other").status_code == 400
    daily.gate.be("viewer", "Viewer")
    assert plan(daily, 1, 3).status_code == 403


def test_backfills_say_how_far_they_have_come(daily: ApiStage) -> None:
    dates = [(PAST + timedelta(days=n)).isoformat() for n in (1, 3)]
    body = {"dag_id": "etl", "from_date": dates[0], "to_date": dates[1], "max_active_runs": 1}
    assert daily.client.post("/api/v2/backfills", json=body).status_code == 200
    listed = get(daily, "backfills")
    (row,) = listed["backfills"]
    assert (row["dates"], row["done"], row["open"], row["state"], listed["may_make"]) == (3, 0, 1, "active", True)
    run_id = next(run["run_id"] for run in get(daily, "history")["runs"] if run["run_type"] == "backfill")
    daily.finish("etl", run_id, "a", "failed")
    (row,) = get(daily, "backfills")["backfills"]
    assert (row["done"], row["failed"], row["open"]) == (1, 1, 1)


def test_nobody_sees_the_past_of_a_dag_that_they_may_not_see(daily: ApiStage) -> None:
    reads = Grant(frozenset({Action.READ}), frozenset(Resource), DagScope(ids=frozenset({"quiet"})))
    daily.gate.be("kim", Role("some", (reads,)))
    for page in ("overview", "history", "backfills", f"calendar?since=0&until={DAY}"):
        assert daily.client.get(f"/ui/dags/etl/{page}").status_code == 404
