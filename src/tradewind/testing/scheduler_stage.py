"""A whole scheduler on a database in memory, with a worker that does what it is told, for tests that damage rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Self

from tradewind.core.dag import DagSpec, DeadlineSpec, WatcherSpec
from tradewind.core.explain import explain
from tradewind.core.inputs import DagLoaded
from tradewind.core.states import FINISHED
from tradewind.observability.alerts.rules_file import load_rules
from tradewind.scheduler.alerts import AlertSetup, AlertSource
from tradewind.scheduler.peers import Peer
from tradewind.scheduler.scheduler import Scheduler
from tradewind.store.loader import load_world
from tradewind.store.specs import encode_spec, version_of
from tradewind.store.times import to_us
from tradewind.store.writer import Writer
from tradewind.testing.builders import dag, every, expand
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.scheduler_process import Files, OpenVault
from tradewind.testing.world import check_world, same_world
from tradewind.wire.messages import (
    Command,
    CommandResult,
    Deferral,
    Finished,
    Hello,
    Message,
    Offer,
    Question,
    Started,
    XComValue,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
MOST_STEPS = 3000
"""Calls after which a scheduler that never comes to rest is called broken."""


class Agent(Peer):
    """Keeps what it is told, and what it has answered."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Message] = []
        self.answered: set[str] = set()
        self.closed = False

    def send_all(self, messages: Iterable[Message]) -> None:
        self.told += messages

    @property
    def backlog(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True

    def offers(self) -> list[Offer]:
        return [m for m in self.told if isinstance(m, Offer) and m.attempt not in self.answered]


class StillClock:
    """What a scheduler asks of the outside, with a clock that stands still until somebody adds to `seconds`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self._calls: list[Callable[[], None]] = []
        """What is to be done next."""
        self._ids = count(int(seconds) * 1_000_000 + 1)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def uptime(self) -> float:
        return 1000 + self.seconds

    def new_id(self) -> str:
        return f"{next(self._ids):032x}"

    def soon(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def later(self, seconds: float, call: Callable[[], None]) -> Self:
        return self

    def cancel(self) -> None:
        """Timers never fire by themselves."""

    def fence(self, worker: str) -> None: ...

    def overthrown(self) -> None:
        raise AssertionError("nobody else is the owner")


def _alert_setup(own: Mapping[str, str]) -> AlertSetup:
    return AlertSetup(load_rules(None, own).rules, ("ops",), "/home", "/home/alerts.yml")


class Stage(StillClock):
    """A scheduler, its agent and a client. The clock goes on when `wait` is called."""

    def __init__(self, database: Database, *, seconds: float = 0.0, running: Iterable[str] = ()) -> None:
        super().__init__(seconds)
        self.database = database
        database.now_us = lambda: int(self.seconds * 1e6)
        writer = Writer(database.engine)
        writer._statements = database.pattern._statements
        self.scheduler = Scheduler(
            engine=database.engine, writer=writer, holder="me", ports=self, files=Files(),
            vault=OpenVault(), parallelism=50, default_pool_slots=20, max_retry_delay_seconds=9.0,
            kill_grace_seconds=1.0,
            alerts=AlertSource(_alert_setup),
        )  # fmt: skip
        if not self.scheduler.try_to_own():
            self.seconds += 4  # whoever holds the lease has not renewed it
            assert self.scheduler.try_to_own()
        self.agent, self.client = Agent(), Agent()
        self.say(
            Hello(role="agent", worker="local", instance="one", capacity=20, pid=1, running=list(running)), self.agent
        )
        self.say(Hello(role="client"), self.client)
        self.play()

    # --- what comes in ---

    def say(self, message: Message, peer: Agent | None = None) -> None:
        """As over a connection: what cannot be handled costs nobody but its sender."""
        self.scheduler.desk.on_message(peer or self.agent, message)  # type: ignore[arg-type]

    def command(self, kind: str, **body: Any) -> CommandResult:
        self.say(Command(key=self.new_id(), kind=kind, body=body, actor="me"), self.client)
        self.play()
        return [m for m in self.client.told if isinstance(m, CommandResult)][-1]

    def load(self, spec: DagSpec) -> None:
        version, encoded = version_of(spec, "digest"), encode_spec(spec)
        news = DagLoaded(spec=spec, version=version, encoded=encoded, digest="digest", paused_at_creation=False)
        self.scheduler.submit(news)
        self.play()

    @property
    def now_us(self) -> int:
        return to_us(self.now())

    def finish(self, offer: Offer, outcome: str = "success", **report: Any) -> None:
        self.agent.answered.add(offer.attempt)
        self.say(Started(attempt=offer.attempt, start_us=self.now_us))
        self.say(Finished(attempt=offer.attempt, outcome=outcome, start_us=self.now_us, end_us=self.now_us, **report))

    def finish_held(self, attempts: Iterable[str]) -> None:
        """What ran already when this scheduler began succeeds."""
        for attempt in attempts:
            if attempt not in self.agent.answered:
                self.say(Finished(attempt=attempt, outcome="success", end_us=self.now_us, value=b"[1]", length=1))
        self.play()

    def finish_all(self, dag_id: str = "") -> None:
        """Every offer succeeds, and those that follow."""
        for _ in range(20):
            offers = [offer for offer in self.agent.offers() if not dag_id or offer.run.dag_id == dag_id]
            for offer in offers:
                self.finish(offer, value=b"[1,2]", length=2)
            self.play()
            if not offers:
                return
        raise AssertionError("there are offers without end")

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.scheduler.kick()
        self.play()

    def play(self) -> None:
        for _ in range(MOST_STEPS):
            if not self._calls:
                return
            self._calls.pop(0)()
        raise AssertionError("the scheduler never comes to rest")

    # --- what holds ---

    def check(self) -> None:
        """Memory is what the database says, and nothing waits in silence."""
        scheduler = self.scheduler
        assert scheduler.owner is not None
        assert scheduler.owner.pending is None
        assert scheduler.desk.alerts is not None
        assert not scheduler.desk.alerts.fault, scheduler.desk.alerts.fault
        world, now = scheduler.world, self.now()
        loaded = load_world(
            self.database.engine, parallelism=50, next_run_number=world.next_run_number, now=now,
            max_retry_delay_seconds=9.0,
        )  # fmt: skip
        loaded.workers = world.workers
        check_world(world)
        same_world(world, loaded, now)
        for (number,) in self.database.rows("SELECT number FROM run WHERE state NOT IN ('success', 'failed')"):
            live = world.runs.get(number)
            if live is None:
                said = world.fault_of_run(number) or ("run", str(number)) in world.set_aside
                assert said, f"run {number} is not over, and nobody says why it stands still"
                continue
            for task in live.tasks.values():
                if task.state not in FINISHED:
                    code = explain(world, live, task, now)[0].code
                    assert code != "next_turn", f"{task} waits in silence"


GOOD = dag("first >> second", dag_id="good")
BAD = dag(
    "done >> [running, mapped, deferred, retrying] >> last", dag_id="bad", retries=2, retry_delay_seconds=600.0,
    max_active_runs=1, timetable=every(days=1), start_date=START, params={"x": {"value": 1}},
    tasks={"mapped": {"map": expand(x="done"), "pool": "small"}, "last": {"depends_on_past": True}},
)  # fmt: skip
_LATE = DeadlineSpec(reference="queued_at", interval_seconds=40 * 86_400.0)
_LATER_THAN_USUAL = replace(_LATE, reference="average_runtime", min_runs=1, max_runs=5)
ASKS = dag("asks", dag_id="asks", deadlines=(_LATE, _LATER_THAN_USUAL))
_DAY = {
    "kind": "start_of", "unit": "day", "timezone": "UTC", "input_format": "%Y-%m-%dT%H", "output_format": "%Y-%m-%d",
}  # fmt: skip
_DAILY = {"kind": "rollup", "upstream": _DAY, "window": {"kind": "day", "backward": False}}
_SALT = {"asset": {"name": "salt", "uri": "salt"}}
WATCHED = WatcherSpec(name="sea", asset="salt", uri="salt", classpath="some.Watcher", kwargs='{"path": "x"}')
PARTS = dag(
    "eats", dag_id="parts", assets=_SALT, watchers=(WATCHED,),
    partitions={"default": _DAILY, "mappers": [], "most": 1000},
)  # fmt: skip
CONSUMER = dag(
    "eats", dag_id="consumer",
    assets={"all": [{"asset": {"name": "corn", "uri": "corn"}}, {"asset": {"name": "salt", "uri": "salt"}}]},
)  # fmt: skip


def fill(database: Database) -> tuple[float, list[str]]:
    """An installation in the middle of its work, with a row in every table that has something to do with it. Says when
    it is, and which attempts run."""
    database.clear(lambda: 0)
    stage = Stage(database)
    for spec in (GOOD, BAD, CONSUMER, ASKS, PARTS):
        stage.load(spec)
    assert stage.command("pool.set", name="small", slots=1).state == "applied"
    stage.command("variable.set", key="v", value="1")
    stage.command("connection.set", conn_id="c", conn_type="http", password="p")
    stage.command("asset.event", name="corn", uri="corn")
    stage.command("run.create", dag_id="bad", run_id="over", logical_date="2023-12-01", conf={"x": 2})
    stage.command("run.mark", dag_id="bad", run_id="over", state="success")
    for offer in stage.agent.offers():
        stage.finish(offer, "cancelled")
    stage.play()
    stage.command("run.create", dag_id="bad", run_id="live", logical_date="2023-12-02", conf={"x": 3})
    stage.command("run.create", dag_id="bad", run_id="queued", logical_date="2023-12-03")
    (first,) = [offer for offer in stage.agent.offers() if offer.task_id == "done"]
    stage.finish(first, value=b"[1,2,3]", length=3, rendered=b"{}", xcoms=[XComValue("done", -1, "k", b"1")])
    stage.play()
    by_task = {offer.task_id: offer for offer in stage.agent.offers()}
    wait = Deferral(classpath="some.Trigger", kwargs=b'{"a": 1}', method="go_on", timeout_seconds=3000.0)
    stage.finish(by_task["deferred"], "deferred", defer=wait)
    stage.finish(by_task["retrying"], "failed", error="once")
    stage.say(Started(attempt=by_task["running"].attempt, start_us=stage.now_us))
    stage.play()
    stage.wait(1)
    made = stage.command(
        "backfill.create", dag_id="good", from_date="2023-11-01", to_date="2023-11-03", max_active_runs=1
    )
    assert made.state == "refused", "good has no schedule"
    made = stage.command(
        "backfill.create", dag_id="bad", from_date="2023-11-01", to_date="2023-11-03", max_active_runs=1
    )
    assert made.state == "applied", made.error
    stage.command("asset.event", name="salt", uri="salt", partition_key="2024-01-01T03")
    stage.command("run.create", dag_id="asks", run_id="asked")
    (asked,) = [offer for offer in stage.agent.offers() if offer.task_id == "asks"]
    stage.finish(asked)
    stage.play()
    stage.command("run.create", dag_id="asks", run_id="asking")
    (asking,) = [offer for offer in stage.agent.offers() if offer.run.run_id == "asking"]
    stage.finish(asking, "awaiting_input", ask=Question(subject="Go on?", options=["yes", "no"], method="go_on"))
    stage.play()
    database.rows(
        "INSERT INTO task_state_store SELECT number, 'done', -1, 'k', '1', 0, NULL FROM run WHERE run_id = 'over'"
    )
    database.rows("INSERT INTO asset_state_store VALUES ('salt', 'salt', 'k', '1', 0, 'bad', 'over', 'done', -1)")
    database.rows("INSERT INTO source (digest, text) VALUES ('digest', 'x = 1')")
    database.rows(
        "INSERT INTO callback (id, run, task_id, map_index, try_number, kind, reason, state, tries, worker, created_at)"
        " SELECT 'call', number, '', -1, 0, 'dag:on_success', '', 'waiting', 0, '', 0 FROM run WHERE run_id = 'over'"
    )
    database.rows("INSERT INTO dag_file (file, digest, parsed_at, seconds) VALUES ('bad.py', 'digest', 0, 0.1)")
    database.rows("INSERT INTO import_error (file, position, message, at) VALUES ('x.py', 0, 'no', 0)")
    database.rows("INSERT INTO component (name, beat_at) VALUES ('api', 0)")
    database.rows("INSERT INTO task_note SELECT number, 'done', -1, 'seen', 'kim', 0 FROM run WHERE run_id = 'over'")
    stage.command("favorite.set", dag_id="bad")
    database.rows("INSERT INTO role VALUES ('some', '[]', 0)")
    database.rows("INSERT INTO dag_access VALUES ('some', 'bad', '{}')")
    database.rows("INSERT INTO session VALUES ('s', 'kim', 'ui', 1, 0, 1, NULL, '127.0.0.1')")
    database.rows("INSERT INTO login_limit VALUES ('account:kim', 1, 0)")
    database.rows(
        "INSERT INTO account VALUES ('kim', NULL, '', 'Kim', '', '[\"Viewer\"]', 1, 1, 0, 0, NULL, NULL, 0, 0)"
    )
    database.rows(
        "INSERT INTO alert_notice VALUES ('k', 'ops', 'a', 'high_disk', 'firing', 0, '{}', 'waiting', '', NULL)"
    )
    database.rows("INSERT INTO own_alert_rule VALUES ('mine', 'when: {deadline_missed: true}', 'kim', 0)")
    database.rows("INSERT INTO machine_minute VALUES (7, 'local', 420000000, 12.5, 50.0, 60.0)")
    database.rows("INSERT INTO alert_silence VALUES ('s', '*', '', 0, 2000000000000000, '', 'kim')")
    database.rows("INSERT INTO asset_event_alias (alias, event) VALUES ('alias', 1)")
    database.rows("INSERT INTO asset_run (run, event) SELECT number, 1 FROM run WHERE run_id = 'over'")
    stage.check()
    running = [id for (id,) in database.rows("SELECT id FROM attempt WHERE state IN ('assigned', 'running')")]
    return stage.seconds, running
