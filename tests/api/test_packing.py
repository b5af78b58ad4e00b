"""Answers are packed for who can unpack them: large ones, and none whose length could tell a secret."""

import gzip

import pytest

from tradewind.api.packing import LEAST
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag

GZIP, PLAIN = {"accept-encoding": "gzip"}, {"accept-encoding": "identity"}
GRAPH = "/ui/dags/wide/graph"


@pytest.fixture
def wide(stage: ApiStage) -> ApiStage:
    names = [f"a_task_{n:03}" for n in range(150)]
    stage.load(dag(f"first >> [{', '.join(names)}]", dag_id="wide"))
    return stage


def raw(stage: ApiStage, path: str, **headers: str) -> tuple[dict[str, str], bytes]:
    """Headers and bytes of an answer, as they were sent."""
    with stage.client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        return dict(answer.headers), b"".join(answer.iter_raw())


def test_a_large_answer_is_packed_for_who_can_unpack_it(wide: ApiStage) -> None:
    plain_headers, plain = raw(wide, GRAPH, **PLAIN)
    headers, body = raw(wide, GRAPH, **GZIP)
    assert "content-encoding" not in plain_headers
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == plain
    assert int(headers["content-length"]) == len(body) < len(plain) / 4


def test_a_cache_keeps_packed_and_plain_answers_of_each_reader_apart(wide: ApiStage) -> None:
    for accepted in (GZIP, PLAIN):
        headers, _ = raw(wide, GRAPH, **accepted)
        assert {part.strip() for part in headers["vary"].split(",")} == {"Cookie", "Authorization", "Accept-Encoding"}


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True), ("GZIP", True), ("*", True), ("gzip;q=0.001", True),
        ("gzip;q=0", False), ("gzip; q=0.000", False), ("br, deflate", False), ("", False),
    ],
)  # fmt: skip
def test_who_says_nothing_of_gzip_gets_none(wide: ApiStage, accepted: str, is_packed: bool) -> None:
    headers, _ = raw(wide, GRAPH, **{"accept-encoding": accepted})
    assert ("content-encoding" in headers) is is_packed


def test_a_small_answer_is_sent_as_it_is(stage: ApiStage) -> None:
    stage.load(dag("a >> b", dag_id="small"))
    headers, body = raw(stage, "/ui/dags/small/graph", **GZIP)
    assert "content-encoding" not in headers
    assert len(body) < LEAST


def test_what_holds_values_is_never_packed(stage: ApiStage) -> None:
    for n in range(40):
        said = {"key": f"key_{n}", "value": "x" * 500}
        assert stage.client.post("/api/v2/variables", json=said).status_code == 201
    headers, body = raw(stage, "/api/v2/variables", **GZIP)
    assert len(body) > LEAST
    assert "content-encoding" not in headers


def test_only_what_holds_names_states_and_times_may_be_packed(stage: ApiStage) -> None:
    stage.app.state.late.add()
    packed = {route.path for route in stage.app.routes if getattr(getattr(route, "endpoint", None), "packed", False)}
    assert packed == {
        "/openapi.json", "/api/v2/dags", "/ui/charts", "/ui/dags", "/ui/dag_facets", "/ui/dags/{dag_id}/grid",
        "/ui/dags/{dag_id}/graph", "/ui/dags/{dag_id}/run_states", "/ui/dags/{dag_id}/overview",
        "/ui/dags/{dag_id}/history", "/ui/dags/{dag_id}/calendar", "/ui/dags/{dag_id}/run/timeline",
    }  # fmt: skip
