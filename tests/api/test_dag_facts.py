"""Tags, counts of runs, warnings, and having a Dag file read again, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from play import do, end

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.core.decisions import PutRow
from tradewind.scheduler.owner import Rows
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag


@pytest.fixture
def dags(stage: ApiStage) -> ApiStage:
    stage.load(dag("a", dag_id="etl", tags=("daily", "서울"), file="open/etl.py", display_name="Load it"))
    stage.load(dag("a >> b", dag_id="kma", tags=("daily", "canary"), file="secret/kma.py",
                   tasks={"a": {"pool": "canary_pool"}, "b": {"pool": "other_pool"}}))  # fmt: skip
    return stage


def be_of(stage: ApiStage, *actions: Action, **scope: Any) -> None:
    given = frozenset(actions or (Action.READ,))
    stage.gate.be("kim", Role("some", (Grant(given, frozenset(Resource), DagScope(**scope)),)))


def get(stage: ApiStage, path: str, **query: object) -> Any:
    answer = stage.client.get(f"/api/v2/{path}", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_tags_are_those_of_the_dags_that_one_may_see(dags: ApiStage) -> None:
    assert get(dags, "dagTags") == {"tags": ["canary", "daily", "서울"], "total_entries": 3}
    assert get(dags, "dagTags", order_by="-name", limit=1, offset=1) == {"tags": ["daily"], "total_entries": 3}
    assert get(dags, "dagTags", tag_name_pattern="IL")["tags"] == ["daily"]
    assert get(dags, "dagTags", tag_name_pattern="d%y")["tags"] == ["daily"]
    assert get(dags, "dagTags", tag_name_prefix_pattern="서|can")["tags"] == ["canary", "서울"]
    assert dags.client.get("/api/v2/dagTags", params={"order_by": "dag_id"}).status_code == 400
    be_of(dags, ids=frozenset({"etl"}))
    assert get(dags, "dagTags") == {"tags": ["daily", "서울"], "total_entries": 2}


def test_runs_are_counted_by_state(dags: ApiStage) -> None:
    do(dags, "run.create", dag_id="etl", run_id="one")
    end(dags)
    do(dags, "run.create", dag_id="etl", run_id="two")
    do(dags, "run.create", dag_id="kma", run_id="canary")
    found = get(dags, "dagStats", dag_ids=["etl"])
    assert found == {
        "dags": [{"dag_id": "etl", "dag_display_name": "Load it", "stats": [
            {"state": "queued", "count": 0}, {"state": "running", "count": 1}, {"state": "success", "count": 1},
            {"state": "failed", "count": 0}]}],
        "total_entries": 1,
    }  # fmt: skip
    assert [each["dag_id"] for each in get(dags, "dagStats")["dags"]] == ["etl", "kma"]
    be_of(dags, ids=frozenset({"etl"}))
    assert get(dags, "dagStats", dag_ids=["etl", "kma"]) == found
    assert get(dags, "dagStats") == found


def test_pools_that_there_are_not_are_warned_of(dags: ApiStage) -> None:
    do(dags, "pool.set", name="other_pool", slots=1)
    (warning,) = get(dags, "dagWarnings")["dag_warnings"]
    assert warning == {
        "dag_id": "kma", "warning_type": "non-existent pool", "timestamp": "2024-01-01T00:00:00Z",
        "message": "Tasks use pool 'canary_pool', which does not exist; create it, or choose another.",
        "dag_display_name": "kma",
    }  # fmt: skip
    do(dags, "pool.delete", name="other_pool")
    (warning,) = get(dags, "dagWarnings", dag_id="kma", warning_type="non-existent pool")["dag_warnings"]
    assert "the pools 'canary_pool', 'other_pool'" in warning["message"]
    assert get(dags, "dagWarnings", warning_type="asset conflict")["dag_warnings"] == []
    assert get(dags, "dagWarnings", dag_id="etl")["total_entries"] == 0
    assert dags.client.get("/api/v2/dagWarnings", params={"order_by": "x"}).status_code == 400
    assert dags.client.get("/api/v2/dagWarnings", params={"warning_type": "x"}).status_code == 422
    be_of(dags, ids=frozenset({"etl"}))
    assert get(dags, "dagWarnings") == {"dag_warnings": [], "total_entries": 0}


def test_a_dag_file_is_read_again_by_its_token_alone(dags: ApiStage) -> None:
    rows = [{"file": file, "digest": "x", "parsed_at": dags.now(), "seconds": 0.1, "dag_ids": []}
            for file in ("open/etl.py", "secret/kma.py", "open/broken.py")]  # fmt: skip
    dags.scheduler.submit(Rows(tuple(PutRow("dag_file", row) for row in rows)))
    dags.play()
    wanted: list[str | None] = []
    dags.scheduler.desk.files.want = lambda path=None: wanted.append(path) or 1  # type: ignore[method-assign,func-returns-value]
    tokens = {each["dag_id"]: each["file_token"] for each in get(dags, "dags")["dags"]}

    def put(token: str) -> int:
        return dags.client.put(f"/api/v2/parseDagFile/{token}").status_code

    assert put(tokens["etl"]) == 201
    assert wanted == ["open/etl.py"]
    for nonsense in ("open%2Fetl.py", "..%2F..%2Fetc%2Fpasswd", "x" * 40):
        assert put(nonsense) == 404
    assert put("%00") == 400
    assert put("x" * 300) == 422
    be_of(dags, Action.READ, Action.EDIT, ids=frozenset({"etl"}))
    assert put(tokens["kma"]) == 404, "who may not see a Dag has no file of it"
    assert put(tokens["etl"]) == 201
    dags.gate.be("lee", "Viewer")
    assert put(tokens["etl"]) == 403
    assert wanted == ["open/etl.py"] * 2


def test_a_file_with_dags_of_others_is_not_read_again_and_their_names_are_not_told(dags: ApiStage) -> None:
    """S03: what somebody may not see is not named in the refusal either."""
    dags.load(dag("a", dag_id="mine", file="both.py"))
    dags.load(dag("a", dag_id="canary", file="both.py"))
    row = {"file": "both.py", "digest": "x", "parsed_at": dags.now(), "seconds": 0.1}
    dags.scheduler.submit(Rows((PutRow("dag_file", row),)))
    dags.play()
    be_of(dags, Action.READ, Action.EDIT, ids=frozenset({"mine"}))
    (token,) = (each["file_token"] for each in get(dags, "dags")["dags"])
    answer = dags.client.put(f"/api/v2/parseDagFile/{token}")
    assert answer.status_code == 403
    assert "canary" not in answer.text
    be_of(dags, Action.READ, Action.EDIT, ids=frozenset({"etl"}))
    assert dags.client.put(f"/api/v2/parseDagFile/{token}").json() == dags.client.put("/api/v2/parseDagFile/x").json()
