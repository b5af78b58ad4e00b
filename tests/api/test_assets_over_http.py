"""Assets over HTTP: who names them, what was said of them, what waits for a run, what is kept beside them."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.core.dag import WatcherSpec
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.testing.scheduler_stage import START

URL = "/api/v2/assets"
RAW = {"asset": {"name": "raw", "uri": "s3://raw", "group": "lake", "extra": {"owner": "me"}}}
CLEAN = {"asset": {"name": "clean", "uri": "s3://clean", "group": "asset", "extra": {}}}
HIDDEN = {"asset": {"name": "canary-asset", "uri": "s3://canary", "group": "asset", "extra": {}}}
FOUND = {"alias": {"name": "found", "group": "asset"}}
NOW = START.isoformat().replace("+00:00", "Z")


@pytest.fixture
def lake(stage: ApiStage) -> ApiStage:
    """`makes` updates raw; `reads` waits for raw and clean, and reads clean; `other` is somebody else's."""
    stage.load(dag("a >> b", dag_id="makes", tasks={"a": {"extra": {"outlets": [RAW, FOUND]}}}))
    watcher = WatcherSpec(name="queue", asset="raw", uri="s3://raw", group="lake", classpath="x.Y")
    stage.load(
        dag("c", dag_id="reads", assets={"all": [RAW, CLEAN]}, tasks={"c": {"extra": {"inlets": [CLEAN]}}},
            watchers=(watcher,))
    )  # fmt: skip
    stage.load(
        dag("d", dag_id="other", assets={"any": [HIDDEN]}, tasks={"d": {"extra": {"outlets": [HIDDEN, RAW]}}})
    )  # fmt: skip
    return stage


def get(stage: ApiStage, path: str = "", **query: Any) -> Any:
    answer = stage.client.get(URL + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def id_of(stage: ApiStage, name: str) -> int:
    (found,) = [each for each in get(stage, only_active=False)["assets"] if each["name"] == name]
    return int(found["id"])


def said(stage: ApiStage, name: str, **body: Any) -> Any:
    answer = stage.client.post(f"{URL}/events", json={"asset_id": id_of(stage, name), **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def only_sees(stage: ApiStage, *dag_ids: str) -> None:
    """The caller may do everything, on these Dags alone."""
    whole = frozenset(Action)
    scope = DagScope(ids=frozenset(dag_ids))
    of_dags = Grant(whole, frozenset({Resource.DAG, Resource.RUN}), scope)
    stage.gate.be("kim", Role("some", (of_dags, Grant(whole, frozenset({Resource.ASSET})))))


def test_an_asset_is_shown_with_everybody_who_names_it(lake: ApiStage) -> None:
    asset = get(lake, f"/{id_of(lake, 'raw')}")
    moments = {"created_at": NOW, "updated_at": NOW}
    (watcher,) = asset.pop("watchers")
    assert asset == {
        "id": asset["id"],
        "name": "raw",
        "uri": "s3://raw",
        "group": "lake",
        "extra": {"owner": "me"},
        **moments,
        "scheduled_dags": [{"dag_id": "reads", **moments}],
        "producing_tasks": [{"dag_id": "makes", "task_id": "a", **moments},
                            {"dag_id": "other", "task_id": "d", **moments}],
        "consuming_tasks": [],
        "aliases": [],
        "last_asset_event": None,
    }  # fmt: skip
    assert (watcher["name"], watcher["created_date"]) == ("queue", NOW)
    assert 0 < asset["id"] < 2**53
    clean = get(lake, f"/{id_of(lake, 'clean')}")
    assert clean["consuming_tasks"] == [{"dag_id": "reads", "task_id": "c", **moments}]


def test_an_id_stays_when_its_dag_changes_and_comes_back(lake: ApiStage) -> None:
    before = id_of(lake, "raw")
    lake.load(dag("x", dag_id="makes", tasks={"x": {"extra": {"outlets": [RAW]}}}))
    asset = get(lake, f"/{before}")
    assert [task["task_id"] for task in asset["producing_tasks"]] == ["x", "d"]


def test_assets_are_listed_by_what_is_asked_for(lake: ApiStage) -> None:
    def names(**query: Any) -> list[str]:
        return [asset["name"] for asset in get(lake, order_by="name", **query)["assets"]]

    assert names() == ["canary-asset", "clean", "raw"]
    assert names(limit=1, offset=1) == ["clean"]
    assert names(name_pattern="RA|lea") == ["clean", "raw"]
    assert names(name_pattern="c%n") == ["canary-asset", "clean"]
    assert names(name_pattern="r_w") == ["raw"]
    assert names(name_prefix_pattern="cl") == ["clean"]
    assert names(uri_pattern="3://c", uri_prefix_pattern="s3") == ["canary-asset", "clean"]
    assert names(dag_ids=["makes", "none"]) == ["raw"]
    assert [asset["name"] for asset in get(lake, order_by="-name")["assets"]] == ["raw", "clean", "canary-asset"]
    assert lake.client.get(URL, params={"order_by": "speed"}).status_code == 400
    ids = [asset["id"] for asset in get(lake)["assets"]]
    assert ids == sorted(ids)


def test_aliases_are_shown(lake: ApiStage) -> None:
    (alias,) = get(lake, "/aliases")["asset_aliases"]
    assert (alias["name"], alias["group"]) == ("found", "asset")
    assert get(lake, f"/aliases/{alias['id']}") == alias
    assert get(lake, "/aliases", name_pattern="x")["total_entries"] == 0
    assert lake.client.get(f"{URL}/aliases/1").status_code == 404


def test_an_update_that_somebody_reports_makes_the_runs_that_wait_for_it(lake: ApiStage) -> None:
    event = said(lake, "raw", extra={"rows": 3})
    assert event == {
        "id": event["id"],
        "asset_id": id_of(lake, "raw"),
        "uri": "s3://raw",
        "name": "raw",
        "group": "lake",
        "extra": {"rows": 3, "from_rest_api": True},
        "source_task_id": None,
        "source_dag_id": None,
        "source_run_id": None,
        "source_map_index": -1,
        "created_dagruns": [],
        "timestamp": event["timestamp"],
        "partition_key": None,
    }
    queued = lake.client.get("/api/v2/dags/reads/assets/queuedEvents").json()
    waits = {"dag_id": "reads", "asset_id": id_of(lake, "raw"), "created_at": NOW, "dag_display_name": "reads"}
    assert queued == {"queued_events": [waits], "total_entries": 1}
    said(lake, "clean")
    assert lake.client.get("/api/v2/dags/reads/assets/queuedEvents").json()["queued_events"] == []
    first, second = get(lake, "/events")["asset_events"]
    (run,) = first["created_dagruns"]
    assert (run["dag_id"], run["state"], run["start_date"], run["triggering"]) == ("reads", "running", NOW, True)
    upstream = lake.client.get(f"/api/v2/dags/reads/dagRuns/{run['run_id']}/upstreamAssetEvents").json()
    assert upstream == {"asset_events": [first, second], "total_entries": 2}
    assert get(lake, f"/{id_of(lake, 'raw')}")["last_asset_event"] == {
        "id": first["id"], "timestamp": first["timestamp"],
    }  # fmt: skip
    assert lake.client.get("/api/v2/dags/reads/dagRuns/none/upstreamAssetEvents").status_code == 404


def test_events_are_listed_by_what_is_asked_for(lake: ApiStage) -> None:
    for name in ("raw", "canary-asset", "clean"):
        said(lake, name)
        lake.wait(60)

    def names(**query: Any) -> list[str]:
        return [event["name"] for event in get(lake, "/events", **query)["asset_events"]]

    assert names() == ["raw", "canary-asset", "clean"]
    assert names(order_by="-timestamp", limit=2) == ["clean", "canary-asset"]
    assert names(asset_id=id_of(lake, "raw")) == ["raw"]
    assert names(asset_id=1) == []
    assert names(name_prefix_pattern="c") == ["canary-asset", "clean"]
    assert names(name_pattern="EA|raw") == ["raw", "clean"]
    assert names(timestamp_gt=START.isoformat(), timestamp_lt=(START + timedelta(seconds=90)).isoformat()) == [
        "canary-asset"
    ]
    assert names(timestamp_gte=START.isoformat(), timestamp_lte=START.isoformat()) == ["raw"]
    assert names(source_dag_id="makes") == []


def test_a_dag_that_is_not_there_has_no_queue(lake: ApiStage) -> None:
    raw = id_of(lake, "raw")
    for path in ("assets/queuedEvents", f"assets/{raw}/queuedEvents"):
        for method in ("GET", "DELETE"):
            assert lake.client.request(method, f"/api/v2/dags/unknown/{path}").status_code == 404, (method, path)
    assert lake.client.get("/api/v2/dags/~/assets/queuedEvents").status_code in (200, 404)


def test_what_waits_for_a_run_can_be_forgotten(lake: ApiStage) -> None:
    raw, clean = id_of(lake, "raw"), id_of(lake, "clean")
    said(lake, "raw")
    lake.wait(60)
    one = f"/api/v2/dags/reads/assets/{raw}/queuedEvents"
    assert lake.client.get(one).json()["asset_id"] == raw
    assert lake.client.get(f"/api/v2/dags/reads/assets/{clean}/queuedEvents").status_code == 404
    assert get(lake, f"/{raw}/queuedEvents")["total_entries"] == 1
    assert lake.client.delete(one, params={"before": START.isoformat()}).status_code == 404
    assert lake.client.delete(one, params={"before": (START + timedelta(seconds=1)).isoformat()}).status_code == 204
    assert lake.client.get(one).status_code == 404
    said(lake, "clean")
    assert get(lake, f"/{raw}/queuedEvents")["total_entries"] == 0, "without raw there is no run"
    assert get(lake, f"/{clean}/queuedEvents")["total_entries"] == 1
    assert lake.client.delete(f"{URL}/{clean}/queuedEvents").status_code == 204
    said(lake, "raw")
    assert lake.client.delete("/api/v2/dags/reads/assets/queuedEvents").status_code == 204
    assert lake.client.delete("/api/v2/dags/reads/assets/queuedEvents").status_code == 404
    with lake.reading.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM asset_queue").scalar() == 0
    assert not lake.scheduler.world.assets.queues


def test_values_are_kept_beside_an_asset(lake: ApiStage) -> None:
    store = f"/{id_of(lake, 'raw')}/state-store"
    assert lake.client.put(f"{URL}{store}/a/b", json={"value": {"at": [1, "canary"]}}).status_code == 204
    shown = {
        "key": "a/b", "value": {"at": [1, "canary"]}, "updated_at": NOW,
        "last_updated_by": {"kind": "api", "dag_id": None, "run_id": None, "task_id": None, "map_index": None},
    }  # fmt: skip
    assert get(lake, f"{store}/a/b") == shown
    assert get(lake, store) == {"asset_state_store": [shown], "total_entries": 1}
    with lake.reading.connect() as connection:
        assert "canary" not in str(
            connection.exec_driver_sql("SELECT body FROM command UNION SELECT body FROM event").all()
        )
    assert lake.client.put(f"{URL}{store}/c", json={"value": None}).status_code == 400
    assert lake.client.put(f"{URL}{store}/c", json={"value": "x" * 70_000}).status_code == 400
    assert lake.client.put(f"{URL}{store}/{'k' * 513}", json={"value": 1}).status_code == 400
    assert lake.client.delete(f"{URL}{store}/a/b").status_code == 204
    assert lake.client.delete(f"{URL}{store}/a/b").status_code == 404
    lake.client.put(f"{URL}{store}/x", json={"value": 1})
    assert lake.client.delete(f"{URL}{store}").status_code == 204
    assert get(lake, store)["total_entries"] == 0


def test_whoever_may_see_some_dags_sees_nothing_of_another(lake: ApiStage) -> None:
    hidden, raw = id_of(lake, "canary-asset"), id_of(lake, "raw")
    said(lake, "canary-asset", extra={"note": "canary"})
    said(lake, "raw")
    only_sees(lake, "reads")
    paths = ["", "/events", "/aliases", f"/{raw}", f"/{raw}/queuedEvents"]
    answers = [lake.client.get(URL + path, params=query) for path in paths for query in ({}, {"only_active": False})]
    for answer in answers:
        assert answer.status_code == 200
        assert not any(word in answer.text for word in ("canary", "other", "makes")), answer.text
    for path in (f"/{hidden}", f"/{hidden}/queuedEvents", f"/{hidden}/state-store", f"/{hidden}/state-store/k"):
        assert lake.client.get(URL + path).status_code == 404
    assert lake.client.post(f"{URL}/events", json={"asset_id": hidden}).status_code == 404
    assert lake.client.put(f"{URL}/{hidden}/state-store/k", json={"value": 1}).status_code == 404
    assert lake.client.get("/api/v2/dags/other/assets/queuedEvents").status_code == 404
    assert get(lake, "/events", source_dag_id="other")["total_entries"] == 0
    assert [event["name"] for event in get(lake, "/events")["asset_events"]] == ["raw"]
    assert lake.client.get("/api/v2/dags/~/assets/queuedEvents").json()["total_entries"] == 1


def test_an_event_hides_its_source_from_whoever_may_not_see_that_dag(lake: ApiStage) -> None:
    with lake._engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO asset_event (number, id, name, uri, asset_group, extra, aliases, at, dag_id, run_id, task_id, "
            "map_index, actor) VALUES (900, 'x', 'raw', 's3://raw', 'lake', ?, '[\"found\"]', 5, 'other', "
            "'canary-run', 'canary-task', 3, '')", (json.dumps({"rows": "canary"}).encode(),)
        )  # fmt: skip
        connection.exec_driver_sql("INSERT INTO asset_event_alias (alias, event) VALUES ('found', 900)")
    (event,) = get(lake, "/events")["asset_events"]
    assert (event["source_dag_id"], event["source_map_index"], event["extra"]) == ("other", 3, {"rows": "canary"})
    assert [alias["name"] for alias in get(lake, f"/{id_of(lake, 'raw')}")["aliases"]] == ["found"]
    only_sees(lake, "reads")
    (event,) = get(lake, "/events")["asset_events"]
    assert (event["source_dag_id"], event["source_run_id"], event["source_task_id"]) == (None, None, None)
    assert (event["source_map_index"], event["extra"]) == (-1, {})
    assert get(lake, "/events", source_task_id="canary-task")["total_entries"] == 0


def test_what_no_dag_names_any_more_is_found_by_its_events(lake: ApiStage) -> None:
    said(lake, "canary-asset")
    number = id_of(lake, "canary-asset")
    lake.load(dag("d", dag_id="other"))
    assert [asset["name"] for asset in get(lake, order_by="name")["assets"]] == ["clean", "raw"]
    assert number in [asset["id"] for asset in get(lake, only_active=False)["assets"]]
    assert get(lake, f"/{number}")["producing_tasks"] == []
    assert [event["name"] for event in get(lake, "/events", asset_id=number)["asset_events"]] == ["canary-asset"]


def test_an_asset_is_made_by_a_run_of_the_one_dag_that_updates_it(lake: ApiStage) -> None:
    hidden, raw, clean = (id_of(lake, name) for name in ("canary-asset", "raw", "clean"))
    answer = lake.client.post(f"{URL}/{hidden}/materialize", json={"note": "please", "conf": {"a": 1}})
    assert answer.status_code == 200, answer.text
    run = answer.json()
    assert (run["dag_id"], run["run_type"], run["triggered_by"]) == ("other", "asset_materialization", "rest_api")
    assert (run["note"], run["conf"], run["state"]) == ("please", {"a": 1}, "running")
    assert lake.client.post(f"{URL}/{hidden}/materialize").status_code == 200, "a body is not needed"
    again = {"dag_run_id": run["dag_run_id"]}
    assert lake.client.post(f"{URL}/{hidden}/materialize", json=again).status_code in (400, 409)
    assert lake.client.post(f"{URL}/{raw}/materialize").status_code == 400, "two Dags update it"
    assert lake.client.post(f"{URL}/{clean}/materialize").status_code == 404, "no Dag updates it"
    only_sees(lake, "makes")
    assert lake.client.post(f"{URL}/{raw}/materialize").json()["dag_id"] == "makes"
    assert lake.client.post(f"{URL}/{hidden}/materialize").status_code == 404
    lake.gate.be("lee", "Viewer")
    assert lake.client.post(f"{URL}/{hidden}/materialize").status_code == 403


def test_a_viewer_changes_nothing(lake: ApiStage) -> None:
    raw = id_of(lake, "raw")
    lake.gate.be("lee", "Viewer")
    assert lake.client.post(f"{URL}/events", json={"asset_id": raw}).status_code == 403
    assert lake.client.delete(f"{URL}/{raw}/queuedEvents").status_code == 403
    assert lake.client.delete("/api/v2/dags/reads/assets/queuedEvents").status_code == 403
    assert lake.client.put(f"{URL}/{raw}/state-store/k", json={"value": 1}).status_code == 403
    assert lake.client.delete(f"{URL}/{raw}/state-store").status_code == 403


def test_nonsense_is_refused_with_its_reason(lake: ApiStage) -> None:
    raw = id_of(lake, "raw")
    for body, status in (
        ({"asset_id": 1}, 404),
        ({"asset_id": 10**40}, 404),
        ({"asset_id": "x"}, 422),
        ({"asset_id": raw, "extra": []}, 422),
        ({"asset_id": raw, "partition_key": " "}, 422),
        ({"asset_id": raw, "access_control": {"consumer_teams": ["a"]}}, 400),
        ({"asset_id": raw, "access_control": {"allow_global": False}}, 400),
        ({"asset_id": raw, "speed": 1}, 422),
    ):
        answer = lake.client.post(f"{URL}/events", json=body)
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"]
    for path in (f"/{10**30}", "/x", "/-1", f"/aliases/{2**60}"):
        assert lake.client.get(URL + path).status_code == 422
    for query in ({"timestamp_gte": "yesterday"}, {"asset_id": 10**30}, {"limit": -1}):
        assert lake.client.get(f"{URL}/events", params=query).status_code == 422
    beyond = {"timestamp_gte": "0001-01-01T00:00:00+14:00", "timestamp_lte": "9999-12-31T23:59:59-14:00"}
    assert lake.client.get(f"{URL}/events", params=beyond).status_code == 200


def test_without_a_scheduler_assets_are_shown_and_nothing_is_said_of_them(lake: ApiStage) -> None:
    raw = id_of(lake, "raw")
    lake.is_away = True
    assert get(lake)["total_entries"] == 3
    assert lake.client.post(f"{URL}/events", json={"asset_id": raw}).status_code == 503


def test_an_asset_is_described_in_the_words_of_dags_that_one_sees(stage: ApiStage) -> None:
    """S03: two Dags name it, each with a group and facts of its own; so do the updates that they report."""
    theirs = {"asset": {"name": "raw", "uri": "s3://raw", "group": "canary", "extra": {"k": "canary"}}}
    mine = {"asset": {"name": "raw", "uri": "s3://raw", "group": "lake", "extra": {}}}
    stage.load(dag("a", dag_id="aaa", tasks={"a": {"extra": {"outlets": [theirs]}}}))
    stage.wait(60)
    stage.load(dag("b", dag_id="mine", assets={"any": [mine]}))
    assert get(stage)["assets"][0]["extra"] == {"k": "canary"}
    only_sees(stage, "mine")
    (asset,) = get(stage)["assets"]
    assert (asset["group"], asset["extra"], asset["producing_tasks"]) == ("lake", {}, [])
    assert asset["created_at"] == asset["updated_at"] == "2024-01-01T00:01:00Z", "since its own Dag is as it is"
