"""What one caller may have of the server, and that nothing of the engine waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Request
from login_stage import change
from sqlalchemy import text
from streaming import asked, played, until

from tradewind.api import budgets
from tradewind.api.budgets import A_SECOND, AT_ONCE, MOST_ANSWERED, MOST_ANSWERED_TO_ONE, Budgets
from tradewind.api.call import TooMuch
from tradewind.api.routing import Asked, Routes
from tradewind.core.access import BUILT_IN, Caller, Resource
from tradewind.scheduler import commands
from tradewind.store import engine as engines
from tradewind.store.engine import open_reader
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.wire.messages import Finished, Started

FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


class ByHeader:
    """Whoever a request says."""

    def caller(self, request: Request) -> Caller:
        return Caller(request.headers.get("x-name", "kim"), (BUILT_IN["Viewer"],))


class SlowReads:
    """A route whose handler holds its connection until it is let go."""

    def __init__(self, stage: ApiStage) -> None:
        self.are_let_go = threading.Event()
        self.reading = 0
        self.most = 0
        lock = threading.Lock()
        routes = Routes("Test")

        @routes.get("/slow", Resource.RUN)
        def slow(call: Asked) -> dict[str, Any]:
            with call.reading() as connection:
                connection.execute(text("SELECT count(*) FROM run"))
                with lock:
                    self.reading += 1
                    self.most = max(self.most, self.reading)
                self.are_let_go.wait(60)
                with lock:
                    self.reading -= 1
            return {}

        stage.app.include_router(routes.router)
        object.__setattr__(stage.app.state.installation, "gate", ByHeader())


@pytest.fixture
def slow(stage: ApiStage) -> Iterator[SlowReads]:
    slow = SlowReads(stage)
    yield slow
    slow.are_let_go.set()


def test_reports_of_tasks_and_other_callers_get_through_while_fifty_slow_reads_are_under_way(
    stage: ApiStage, slow: SlowReads
) -> None:
    stage.load(dag("extract >> load", dag_id="etl"))

    async def play() -> None:
        turnstile = stage.app.state.turnstile
        reads = [asyncio.ensure_future(asked(stage, "/slow")) for _ in range(50)]
        await until(lambda: slow.reading == MOST_ANSWERED_TO_ONE and turnstile.waiting("kim") == 42)
        # A run is made, and its tasks report: every slot that their viewer may have is taken meanwhile.
        change(stage, "run.create", dag_id="etl", run_id="one")
        for task_id in ("extract", "load"):
            (offer,) = stage.agent.offers()
            assert offer.task_id == task_id
            stage.agent.answered.add(offer.attempt)
            stage.say(Started(attempt=offer.attempt, start_us=1))
            stage.say(Finished(attempt=offer.attempt, outcome="success", start_us=1, end_us=2))
            stage.play()
        assert (slow.reading, turnstile.waiting("kim")) == (MOST_ANSWERED_TO_ONE, 42)
        status, answer, _ = await asked(stage, "/api/v2/dags/etl/dagRuns/one", **{"x-name": "lee"})
        assert (status, answer["state"]) == (200, "success")
        assert (await asked(stage, "/health"))[0] == 200
        assert slow.reading == MOST_ANSWERED_TO_ONE
        slow.are_let_go.set()
        assert [status for status, _, _ in await asyncio.gather(*reads)] == [200] * 50
        assert slow.most == MOST_ANSWERED_TO_ONE
        assert (turnstile.inside(), turnstile.waiting()) == (0, 0)

    played(stage, play)


def test_all_callers_together_leave_threads_for_health_and_logging_in(stage: ApiStage, slow: SlowReads) -> None:
    async def play() -> None:
        names = [f"user{n}" for n in range(10)]
        reads = [asyncio.ensure_future(asked(stage, "/slow", **{"x-name": name})) for name in names * 5]
        await until(lambda: slow.reading == MOST_ANSWERED)
        assert (await asked(stage, "/health"))[0] == 200
        slow.are_let_go.set()
        assert {status for status, _, _ in await asyncio.gather(*reads)} == {200}

    played(stage, play)


def test_who_waits_for_too_long_or_behind_too_many_is_told_so(
    stage: ApiStage, slow: SlowReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "WAITS_SECONDS", 0.05)
    monkeypatch.setattr(budgets, "MOST_WAITING", 1)

    async def play() -> None:
        turnstile = stage.app.state.turnstile
        reads = [asyncio.ensure_future(asked(stage, "/slow")) for _ in range(MOST_ANSWERED_TO_ONE)]
        await until(lambda: slow.reading == MOST_ANSWERED_TO_ONE)
        late = asyncio.ensure_future(asked(stage, "/slow"))
        await until(lambda: turnstile.waiting("kim") == 1)
        for status, answer, headers in (await asked(stage, "/slow"), await late):
            assert status == 429
            assert "ask for less at a time" in answer["detail"]
            assert headers["retry-after"] == "2"
        slow.are_let_go.set()
        await asyncio.gather(*reads)
        assert (turnstile.inside(), turnstile.waiting()) == (0, 0)

    played(stage, play)


def test_a_bucket_empties_and_fills_again_for_each_caller_alone() -> None:
    now = 0.0
    given = Budgets(lambda: now)
    for _ in range(int(AT_ONCE)):
        given.take("kim")
    with pytest.raises(TooMuch):
        given.take("kim")
    given.take("lee")
    now = 0.5
    for _ in range(int(A_SECOND / 2)):
        given.take("kim")
    with pytest.raises(TooMuch):
        given.take("kim")


def test_whoever_floods_is_told_when_to_come_back(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "AT_ONCE", 3.0)
    monkeypatch.setattr(stage.app.state, "budgets", Budgets(lambda: 0.0))
    answers = [stage.client.get("/api/v2/dags") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert "wait" in answers[-1].json()["detail"]
    assert stage.client.get("/health").status_code == 200


def test_a_read_that_takes_too_long_says_what_to_narrow(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = Routes("Test")

    @routes.get("/dags/~/endless", Resource.RUN)
    def endless(call: Asked) -> None:
        with call.reading() as connection:
            connection.execute(text(FOR_EVER))

    stage.app.include_router(routes.router)
    hasty = open_reader(stage.app.state.installation.settings.database.sql_alchemy_conn, seconds=0.05)
    object.__setattr__(stage.app.state.installation, "engine", hasty)
    answer = stage.client.get("/dags/~/endless", params={"limit": 100, "dag_id_pattern": "%a%"})
    assert answer.status_code == 504
    assert answer.json() == {
        "detail": f"Reading this took longer than {engines.READ_SECONDS:g} s and was stopped; ask for less: "
        "name one Dag instead of ~, leave out dag_id_pattern, a smaller limit, bounds of time (…_gte)."
    }
    assert stage.client.get("/api/v2/dags").status_code == 200
    hasty.dispose()


def test_a_dag_has_so_many_open_runs_and_no_more(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST_OPEN_RUNS", 2)
    for dag_id in ("etl", "other"):
        stage.load(dag("extract", dag_id=dag_id))

    def trigger(dag_id: str) -> Any:
        return stage.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})

    assert [trigger("etl").status_code for _ in range(2)] == [200, 200]
    refused = trigger("etl")
    assert refused.status_code == 429
    assert refused.json()["detail"].startswith("Dag 'etl' has 2 runs that are not over; ")
    assert int(refused.headers["retry-after"]) > 0
    assert trigger("other").status_code == 200
    stage.say(Finished(attempt=stage.agent.offers()[0].attempt, outcome="success", start_us=1, end_us=2))
    stage.play()
    assert trigger("etl").status_code == 200
