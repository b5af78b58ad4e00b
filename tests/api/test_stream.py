"""`GET /ui/stream` over a real scheduler and a real database: what is told, to whom, and to whom it is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from login_stage import HASH, bearer, change, make_stage, token_of
from sqlalchemy import event
from streaming import Stream, opened, played, until

from tradewind.api.live import growth, routes
from tradewind.api.live import hub as hubs
from tradewind.api.live import listener as listeners
from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.wire.events import FILE_PARSED, WORKER_MOVED
from tradewind.wire.log_files import log_path
from tradewind.wire.messages import Event, Finished, Started

EYES = Grant(frozenset({Action.READ}), frozenset(Resource), DagScope(tags=frozenset({"open"})))


@pytest.fixture
def people(tmp_path: Path, migrated: Path) -> Iterator[ApiStage]:
    stage = make_stage(tmp_path / "home", migrated, ("kim", "Viewer"), ("lee", "Viewer"))
    change(stage, "role.set", name="team", grants=[plain(EYES)], new=True)
    yield stage
    stage.close()


def plain(grant: Grant) -> dict[str, Any]:
    return {
        "actions": sorted(grant.actions), "resources": [Resource.DAG, Resource.RUN, Resource.TASK],
        "dags": {"tags": sorted(grant.dags.tags)},
    }  # fmt: skip


def trigger(stage: ApiStage, dag_id: str, run_id: str = "one") -> None:
    change(stage, "run.create", dag_id=dag_id, run_id=run_id)


def finish(stage: ApiStage) -> None:
    """Whatever the agent was offered succeeds."""
    while offers := stage.agent.offers():
        for offer in offers:
            stage.agent.answered.add(offer.attempt)
            stage.say(Started(attempt=offer.attempt, start_us=1))
            stage.say(Finished(attempt=offer.attempt, outcome="success", start_us=1, end_us=2))
            stage.play()


def test_a_run_is_told_from_its_beginning_to_its_end(stage: ApiStage) -> None:
    stage.load(dag("extract >> load", dag_id="etl"))

    async def play() -> None:
        async with opened(stage, "run:etl/one") as stream:
            hello = await stream.next()
            assert hello is not None
            assert hello.event == "hello"
            assert hello.data == {"seq": hello.id, "topics": ["run:etl/one"], "connection": "live"}
            trigger(stage, "etl")
            finish(stage)
            told: dict[tuple[str, str], str] = {}
            last = hello.id or 0
            while told.get(("run.moved", "")) != "success":
                message = await stream.of("changes")
                numbers = [change["seq"] for change in message.data]
                assert numbers == sorted(numbers)
                assert last < numbers[0]
                assert numbers[-1] <= (message.id or 0)
                last = message.id or 0
                told |= {(change["kind"], change["task_id"]): change["state"] for change in message.data}
            assert told["task.moved", "extract"] == told["task.moved", "load"] == "success"
            (row,) = [each for each in message.data if each["kind"] == "run.moved"]
            assert set(row) == {
                "seq", "kind", "dag_id", "run_id", "task_id", "map_index", "try_number", "state", "at"
            }  # fmt: skip
            assert (row["dag_id"], row["run_id"], row["map_index"]) == ("etl", "one", -1)
            assert row["at"] == to_us(stage.now())
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-accel-buffering"] == "no"

    played(stage, play)


def test_a_topic_has_what_belongs_to_it_and_nothing_else(stage: ApiStage) -> None:
    for dag_id in ("etl", "other"):
        stage.load(dag("extract", dag_id=dag_id))

    async def play() -> None:
        async with opened(stage, "dags") as dags, opened(stage, "dag:other") as other, opened(stage, "pool") as pools:
            trigger(stage, "etl")
            change(stage, "dag.pause", dag_id="other", paused=True)
            change(stage, "pool.set", name="small", slots=2)
            of_dags = await dags.changes(2)
            assert {each["kind"].partition(".")[0] for each in of_dags} <= {"dag", "run"}
            assert {each["dag_id"] for each in of_dags} >= {"etl"}
            assert {each["dag_id"] for each in await other.changes(1)} == {"other"}
            assert [each["kind"] for each in await pools.changes(1)] == ["pool.set"]

    played(stage, play)


def test_whoever_comes_back_is_told_what_they_missed_and_nothing_twice(stage: ApiStage) -> None:
    stage.load(dag("extract", dag_id="etl"))

    async def play() -> None:
        async with opened(stage, "dags") as stream:
            await stream.next()
            trigger(stage, "etl", "one")
            finish(stage)
            while (seen := await stream.of("changes")).data[-1]["state"] != "success":
                pass
        trigger(stage, "etl", "two")
        again = {"Last-Event-ID": str(seen.id)}
        async with opened(stage, "dags", headers=again) as stream:
            hello = await stream.next()
            assert hello is not None
            assert hello.id == seen.id
            told = await stream.changes(1)
            assert told[0]["run_id"] == "two"
            trigger(stage, "etl", "three")
            while told[-1]["run_id"] != "three":
                told += await stream.changes(1)
            numbers = [each["seq"] for each in told]
            assert numbers == sorted(set(numbers))
            assert {each["run_id"] for each in told} == {"two", "three"}
        async with opened(stage, "dags", after=str((seen.id or 0) + 10_000)) as stream:
            await stream.next()
            assert (await stream.of("resync")).data == {"why": "it was too long ago"}
        async with opened(stage, "dags", headers={"Last-Event-ID": "yesterday"}) as stream:
            assert stream.status == 400

    played(stage, play)


def test_who_is_too_far_behind_reads_everything_anew(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "MOST_WAITING", 5)
    stage.load(dag("[a, b, c, d, e, f, g, h]", dag_id="wide"))

    async def play() -> None:
        async with opened(stage, "dag:wide") as stream:
            await stream.next()
            trigger(stage, "wide")
            resync = await stream.of("resync")
            assert resync.data == {"why": "too many changes at once"}
            async with opened(stage, "dag:wide", after=resync.id) as again:
                await again.next()
                change(stage, "dag.pause", dag_id="wide", paused=True)
                assert (await again.changes(1))[-1]["kind"] in ("dag.paused", "command")

    played(stage, play)


def test_what_nobody_said_is_read_from_the_table_once_for_all(stage: ApiStage) -> None:
    stage.load(dag("extract", dag_id="etl"))
    queries: list[str] = []

    @event.listens_for(stage.reading, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "event" in statement:
            queries.append(statement)

    async def play() -> None:
        async with opened(stage, "dags") as one, opened(stage, "dags") as two, opened(stage, "dags") as three:
            for stream in (one, two, three):
                await stream.next()
            queries.clear()
            (ear,) = stage.listeners
            deaf, ear.send_all = ear.send_all, lambda messages: None  # type: ignore[method-assign]
            trigger(stage, "etl", "unheard")
            ear.send_all = deaf  # type: ignore[method-assign]
            trigger(stage, "etl", "heard")
            for stream in (one, two, three):
                runs: list[str] = []
                while "heard" not in runs:
                    runs += [each["run_id"] for each in await stream.changes(1)]
                assert "unheard" in runs[: runs.index("heard")]
            assert len(queries) == 2  # how far it is, and what there is

    played(stage, play)


def test_nobody_reads_the_database_for_those_who_listen(stage: ApiStage) -> None:
    stage.load(dag("a >> b >> c", dag_id="etl"))
    statements: list[str] = []

    async def play() -> None:
        async with opened(stage, "dags") as one, opened(stage, "dag:etl") as two:
            for stream in (one, two):
                await stream.next()
            event.listen(stage.reading, "before_cursor_execute", lambda *given: statements.append(given[2]))
            trigger(stage, "etl")
            finish(stage)
            while (await one.of("changes")).data[-1]["state"] != "success":
                pass
            await two.changes(1)
            assert [text for text in statements if text != "BEGIN"] == []

    played(stage, play)


def test_a_silence_in_which_something_happened_is_noticed(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "SILENCE_SECONDS", 0.02)
    stage.load(dag("extract", dag_id="etl"))

    async def play() -> None:
        async with opened(stage, "dags") as stream:
            await stream.next()
            (ear,) = stage.listeners
            ear.send_all = lambda messages: None  # type: ignore[method-assign]
            trigger(stage, "etl", "unheard")
            assert {each["run_id"] for each in await stream.changes(1)} == {"unheard"}

    played(stage, play)


def test_a_scheduler_that_is_away_is_no_secret(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "LONGEST_PAUSE_SECONDS", 0.02)
    stage.load(dag("extract", dag_id="etl"))

    async def play() -> None:
        async with opened(stage, "dags") as stream:
            await stream.next()
            stage.is_away = True
            stage.listeners[0].close()
            assert (await stream.of("state")).data == {"connection": "scheduler-away"}
            async with opened(stage, "dags") as late:
                hello = await late.next()
                assert hello is not None
                assert hello.data["connection"] == "scheduler-away"
            trigger(stage, "etl", "meanwhile")  # as the command line does it where no scheduler runs
            assert {each["run_id"] for each in await stream.changes(1)} == {"meanwhile"}
            stage.is_away = False
            assert (await stream.of("state")).data == {"connection": "live"}
            trigger(stage, "etl", "later")
            assert {each["run_id"] for each in await stream.changes(1)} == {"later"}

    played(stage, play)


def test_a_silent_stream_beats_and_says_where_to_go_on(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners.Listener.take, "__defaults__", (0.05,))
    stage.load(dag("extract", dag_id="etl"))

    async def play() -> None:
        async with opened(stage, "pool") as stream:
            hello = await stream.next()
            assert hello is not None
            trigger(stage, "etl")
            live = stage.app.state.live
            await until(lambda: live.ring.newest > (hello.id or 0))
            while (beat := await stream.of("beat")).id == hello.id:
                pass
            assert beat.id == live.ring.newest

    played(stage, play)


@pytest.mark.parametrize(
    "topics", [(), ("nonsense",), ("run:etl",), ("log:a/b/c",), ("log:a/b/c/x/1",), ("dag:",), ("dags",) * 201]
)
def test_topics_that_cannot_be_are_refused(stage: ApiStage, topics: tuple[str, ...]) -> None:
    answer = stage.client.get("/ui/stream", params=[("topics", topic) for topic in topics])
    assert answer.status_code == 400
    assert "topics" in answer.json()["detail"] or "topics at most" in answer.json()["detail"]


def test_the_same_can_be_asked_for_answer_by_answer(stage: ApiStage) -> None:
    stage.load(dag("extract", dag_id="etl"))
    plain_json = {"Accept": "application/json"}

    async def play() -> None:
        async def answer(**query: Any) -> Any:
            async with opened(stage, "dags", headers=plain_json, **query) as stream:
                await until(lambda: stream.is_over)
                return json.loads(stream.body)

        first = await answer()
        assert first == {
            "seq": first["seq"], "connection": "live", "resync": "", "me": False, "changes": []
        }  # fmt: skip
        waiting = asyncio.ensure_future(answer(after=first["seq"]))
        await until(lambda: len(stage.app.state.live) == 1)
        trigger(stage, "etl")
        second = await waiting
        assert {each["run_id"] for each in second["changes"]} == {"one"}
        assert second["seq"] >= second["changes"][-1]["seq"] > first["seq"]
        assert len(stage.app.state.live) == 0

    played(stage, play)


def test_a_log_that_somebody_looks_at_is_told_of_when_it_grows(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="etl"))
    root = Path(stage.app.state.installation.settings.logging.base_log_folder)
    path = log_path(root, "etl", "one", "a", -1, 1)

    async def play() -> None:
        async with opened(stage, "log:etl/one/a/-1/1") as stream, opened(stage, "dag:etl") as other:
            await stream.next()
            await other.next()
            path.parent.mkdir(parents=True)
            path.write_text("first\n")
            (row,) = await stream.changes(1)
            assert (row["kind"], row["seq"], row["task_id"], row["try_number"]) == ("log.grew", 0, "a", 1)
            for _ in range(50):
                with path.open("a") as file:
                    file.write("more\n")
            await stream.changes(1)
            (path.parent / "attempt=2.log").write_text("another try\n")
            trigger(stage, "etl")
            await other.changes(1)
            assert b"log.grew" not in other.body
        assert stage.app.state.live._growth._folders == {}, "nobody looks at it any more"

    played(stage, play)


def test_whoever_shows_sums_is_told_that_something_has_happened_and_not_what(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="etl"))
    stage.load(dag("a", dag_id="canary"))

    async def play() -> None:
        async with opened(stage, "some:task", "some:dags", "some:pool") as stream:
            await stream.next()
            trigger(stage, "etl")
            finish(stage)
            await until(lambda: b'"task"' in stream.body and b'"dags"' in stream.body)
            assert b"etl" not in stream.body
            assert b"one" not in stream.body
            assert b'"pool"' not in stream.body
            change(stage, "pool.set", name="small", slots=1)
            await until(lambda: b'"pool"' in stream.body)
            told = [row for message in _told(stream) for row in message]
            assert {row["kind"] for row in told} == {"some"}
            assert {row["seq"] for row in told} == {0}

    played(stage, play)


def test_sums_of_dags_that_one_may_not_see_move_in_silence(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="shown", tags=("open",)))
    stage.load(dag("a", dag_id="canary"))
    stage.gate.be("kim", Role("team", (EYES,)))

    async def play() -> None:
        async with opened(stage, "some:dags", "dags") as stream:
            await stream.next()
            trigger(stage, "canary", "hidden")
            trigger(stage, "shown", "seen")
            assert [row["kind"] for row in await stream.changes(2)] == ["run.created", "some"]
            assert b"hidden" not in stream.body

    played(stage, play)


def test_a_hint_about_a_worker_or_a_file_is_for_those_who_may_see_it(stage: ApiStage) -> None:
    hints = [
        Event(seq=0, at_us=0, name=WORKER_MOVED, body={"worker": "one"}),
        Event(seq=0, at_us=0, name=WORKER_MOVED, body={"worker": "two"}),
        Event(seq=0, at_us=0, name=FILE_PARSED, body={"file": "a.py"}),
    ]

    async def play() -> None:
        async with opened(stage, "health", "file") as stream:
            await stream.next()
            stage.scheduler.desk.publish(hints)
            rows = await stream.changes(3)
            assert [row["kind"] for row in rows] == ["worker.moved", "worker.moved", "file.parsed"]
            assert b"a.py" not in stream.body
            assert b'"one"' not in stream.body
            stage.gate.be("kim", Role("team", (EYES,)))
            async with opened(stage, "health", "file") as other:
                await other.next()
                stage.scheduler.desk.publish(hints[2:])
                await stream.changes(1)
                assert b"file.parsed" not in other.body, "a file may have Dags that they do not see"

    played(stage, play)


def _told(stream: Stream) -> list[list[dict[str, Any]]]:
    blocks = stream.body.decode().split("\n\n")
    return [json.loads(block.split("data: ", 1)[1]) for block in blocks if "event: changes" in block]


@pytest.mark.parametrize("why", ["another machine writes there", "the kernel cannot tell"])
def test_a_log_of_which_nobody_tells_is_looked_at(stage: ApiStage, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    stage.load(dag("a", dag_id="etl"))
    root = Path(stage.app.state.installation.settings.logging.base_log_folder)
    path = log_path(root, "etl", "one", "a", -1, 1)
    live = stage.app.state.live._growth
    monkeypatch.setattr(live, *(("_is_local", False) if why.startswith("another") else ("_libc", None)))

    async def play() -> None:
        async with opened(stage, "log:etl/one/a/-1/1") as stream:
            await stream.next()
            path.parent.mkdir(parents=True)
            path.write_text("first\n")
            assert (await stream.changes(1))[0]["kind"] == "log.grew"
            with path.open("a") as file:
                file.write("more\n")
            await stream.changes(1)
            assert live._fd < 0
        await until(lambda: live._looking.done())

    played(stage, play)


def test_file_systems_that_others_write_to_are_known_by_their_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    far = tmp_path / "far away"
    for folder in (far, far / "near", tmp_path / "near"):
        folder.mkdir()
    escaped = str(far).replace(" ", "\\040")
    mounts.write_text(
        "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        f"30 22 0:40 / {escaped} rw,relatime shared:2 - nfs4 server:/logs rw\n"
        f"31 30 8:2 / {escaped}/near rw - xfs /dev/sdb1 rw\n"
    )
    monkeypatch.setattr(growth, "MOUNTS", mounts)
    assert growth.is_from_afar(far)
    assert growth.is_from_afar(far / "not yet there")
    assert not growth.is_from_afar(far / "near")
    assert not growth.is_from_afar(tmp_path / "near")
    monkeypatch.setattr(growth, "MOUNTS", tmp_path / "nothing")
    assert not growth.is_from_afar(far)


def test_a_log_that_one_may_not_read_grows_in_silence(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="etl"))
    root = Path(stage.app.state.installation.settings.logging.base_log_folder)
    path = log_path(root, "etl", "one", "a", -1, 1)
    no_logs = Grant(frozenset({Action.READ}), frozenset({Resource.DAG, Resource.RUN, Resource.TASK}))
    stage.gate.be("kim", Role("no-logs", (no_logs,)))

    async def play() -> None:
        async with opened(stage, "log:etl/one/a/-1/1") as stream:
            await stream.next()
            stage.gate.be("lee", "Viewer")
            async with opened(stage, "log:etl/one/a/-1/1") as other:
                path.parent.mkdir(parents=True)
                path.write_text("secret\n")
                await other.changes(1)
            assert b"log.grew" not in stream.body

    played(stage, play)


# --- who hears what ------------------------------------------------------------------------------------------------


def test_whoever_sees_some_dags_hears_of_these_alone(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="shown", tags=("open",)))
    stage.load(dag("a", dag_id="canary"))
    stage.gate.be("kim", Role("team", (EYES,)))
    topics = ("dags", "dag:canary", "run:canary/one", "task", "command", "quarantined", "account", "pool")

    async def play() -> None:
        async with opened(stage, *topics) as stream:
            await stream.next()
            trigger(stage, "canary")
            trigger(stage, "shown")
            finish(stage)
            while (told := await stream.changes(1))[-1]["state"] != "success" or told[-1]["kind"] != "run.moved":
                pass
            assert b"canary" not in stream.body.partition(b"event: changes")[2]

    played(stage, play)


def test_a_dag_that_loses_its_tag_falls_silent(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="etl", tags=("open",)))
    stage.gate.be("kim", Role("team", (EYES,)))

    async def play() -> None:
        async with opened(stage, "dags") as stream:
            await stream.next()
            trigger(stage, "etl", "one")
            assert (await stream.changes(1))[0]["run_id"] == "one"
            stage.load(dag("a", dag_id="etl", tags=("closed",)))
            trigger(stage, "etl", "two")
            await until(lambda: stage.app.state.live.ring.newest == stage.scheduler.writer.newest_event)
            stage.load(dag("a", dag_id="etl", tags=("open",)))
            trigger(stage, "etl", "three")
            while b"three" not in stream.body:
                await stream.changes(1)
            assert b"two" not in stream.body

    played(stage, play)


def test_what_is_missed_is_told_to_those_alone_who_may_hear_it(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="shown", tags=("open",)))
    stage.load(dag("a", dag_id="canary"))

    async def play() -> None:
        async with opened(stage, "dags") as stream:
            hello = await stream.next()
            assert hello is not None
            trigger(stage, "canary")
            trigger(stage, "shown")
            while b"shown" not in stream.body:
                await stream.changes(1)
        stage.gate.be("kim", Role("team", (EYES,)))
        async with opened(stage, "dags", after=hello.id) as stream:
            assert {each["dag_id"] for each in await stream.changes(1)} == {"shown"}
            assert b"canary" not in stream.body

    played(stage, play)


async def _ended(stream: Stream) -> str:
    while (message := await stream.next()) is not None:
        if message.event == "end":
            assert await stream.next() is None
            return str(message.data["why"])
    raise AssertionError("it ended without a word")


@pytest.mark.parametrize(
    "how",
    [
        ("account.password", {"username": "kim", "password_hash": "$argon2id$other"}),
        ("account.update", {"username": "kim", "is_active": False}),
        ("account.delete", {"username": "kim"}),
        ("session.end_all", {"username": "kim"}),
    ],
    ids=lambda how: how[0],
)
def test_a_stream_ends_with_the_session_and_another_persons_goes_on(
    people: ApiStage, how: tuple[str, dict[str, Any]]
) -> None:
    people.load(dag("a", dag_id="etl"))
    kind, body = how
    if kind in ("account.update", "account.delete"):
        change(people, "account.create", username="boss", password_hash="$argon2id$x", roles=["Admin"])
    of_kim, of_lee = bearer(token_of(people, "kim")), bearer(token_of(people, "lee"))

    async def play() -> None:
        async with opened(people, "dags", headers=of_kim) as kim, opened(people, "dags", headers=of_lee) as lee:
            await kim.next()
            await lee.next()
            change(people, kind, **body)
            trigger(people, "etl", "canary")
            assert await _ended(kim) == "logged-out"
            assert b"canary" not in kim.body
            assert {each["run_id"] for each in await lee.changes(1)} == {"canary"}
        async with opened(people, "dags", headers=of_kim) as kim:
            assert kim.status == 401

    played(people, play)


def test_logging_out_ends_the_streams_of_that_session_alone(people: ApiStage) -> None:
    people.load(dag("a", dag_id="etl"))
    here, there = bearer(token_of(people, "kim")), bearer(token_of(people, "kim"))
    session = people.client.get("/auth/sessions", headers=here).json()["sessions"]
    this = next(each["id"] for each in session if each["is_this"])

    async def play() -> None:
        async with opened(people, "dags", headers=here) as one, opened(people, "dags", headers=there) as two:
            await one.next()
            await two.next()
            change(people, "session.end", username="kim", id=this)
            assert await _ended(one) == "logged-out"
            trigger(people, "etl", "later")
            assert {each["run_id"] for each in await two.changes(1)} == {"later"}
            assert b"resync" not in two.body, "nothing has changed for it"

    played(people, play)


def test_a_role_that_is_narrowed_narrows_the_streams_of_all_who_have_it(people: ApiStage) -> None:
    people.load(dag("a", dag_id="shown", tags=("open",)))
    people.load(dag("a", dag_id="canary", tags=("closed",)))
    wide = plain(EYES) | {"dags": {"tags": ["closed", "open"]}}
    change(people, "role.set", name="team", grants=[wide])
    change(people, "account.create", username="max", password_hash=HASH, roles=["team"])
    of_max = bearer(token_of(people, "max"))

    async def play() -> None:
        async with opened(people, "dags", headers=of_max) as stream:
            await stream.next()
            trigger(people, "canary", "before")
            assert (await stream.changes(1))[0]["run_id"] == "before"
            change(people, "role.set", name="team", grants=[plain(EYES)])
            trigger(people, "canary", "after")
            await stream.of("me")
            await stream.of("resync")
            trigger(people, "shown", "shown-run")
            while b"shown-run" not in stream.body:
                await stream.changes(1)
            assert b'"after"' not in stream.body

    played(people, play)


def test_a_session_that_is_over_by_the_clock_ends_its_stream(people: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    of_kim = bearer(token_of(people, "kim"))

    async def play() -> None:
        monkeypatch.setattr(routes, "_seconds_left", lambda call: -0.9)
        async with opened(people, "dags", headers=of_kim) as stream:
            await stream.next()
            people.seconds += 10 * 24 * 3600
            assert await _ended(stream) == "logged-out"

    played(people, play)


def test_streams_end_when_the_server_stops_and_no_new_one_begins(stage: ApiStage) -> None:
    async def play() -> None:
        async with opened(stage, "dags") as one, opened(stage, "health") as two:
            await one.next()
            await two.next()
            stage.app.state.live.close()
            assert await _ended(one) == await _ended(two) == "closing"
            async with opened(stage, "dags") as late:
                assert late.status == 503

    played(stage, play)


def test_nobody_has_too_many_streams(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "MOST_OF_ONE", 1)

    async def play() -> None:
        async with opened(stage, "dags") as one, opened(stage, "dags") as two:
            assert (one.status, two.status) == (200, 429)
            assert int(two.headers["retry-after"]) > 0
        async with opened(stage, "dags") as again:
            assert again.status == 200

    played(stage, play)
