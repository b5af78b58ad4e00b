"""Alert rules in a scheduler: what is stored and who is told to deliver it, through restarts and lost answers."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from itertools import count
from typing import Any

import pytest
from sqlalchemy import insert
from test_desk import Agent, LockedWriter

from tradewind.core.alert_conditions import (
    DataStale,
    FailureRate,
    MachineLimit,
    MetricLimit,
    RunDidNotStart,
    RunLongerThan,
)
from tradewind.core.alerts import Rule
from tradewind.core.inputs import CreateRun, DagLoaded, SetPaused
from tradewind.core.states import RunType
from tradewind.observability.alerts.rules_file import load_rules
from tradewind.scheduler.alerts import AlertSetup, AlertSource
from tradewind.scheduler.scheduler import Scheduler
from tradewind.store import tables as t
from tradewind.store.specs import encode_spec
from tradewind.store.writer import StoreUnavailable
from tradewind.testing.builders import dag, every
from tradewind.testing.scheduler_stage import START, StillClock
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.scheduler_process import Files, OpenVault
from tradewind.wire.messages import (
    Ack,
    Beat,
    Command,
    CommandResult,
    DropTrigger,
    Finished,
    Hello,
    RunTrigger,
    Started,
    TriggerAnswer,
)

FAILURES = Rule("failures", FailureRate(Fraction(1, 2)), "critical", dedupe_window=timedelta(0))
SLOW = Rule("slow", RunLongerThan(timedelta(hours=1)), dedupe_window=timedelta(0))


class ForgetfulWriter(LockedWriter):
    """The connection breaks after the next commit that `forgets` is set for."""

    forgets = False

    def commit(self, *arguments: Any, **named: Any) -> Any:
        events = super().commit(*arguments, **named)
        if self.forgets:
            self.forgets = False
            raise StoreUnavailable("the connection broke")
        return events


class Timer:
    def __init__(self) -> None:
        self.is_off = False

    def cancel(self) -> None:
        self.is_off = True


class Stage(StillClock):
    """A scheduler with rules, on a database in memory; time passes when `pass_to` is called."""

    def __init__(self, database: Database, *rules: Rule) -> None:
        super().__init__()
        self.fresh = count()
        self.channels: tuple[str, ...] = ("ops",)
        self.database = database
        self.timers: list[tuple[float, int, Callable[[], None], Timer]] = []
        database.clear(lambda: int(self.seconds * 1e6))
        self.begin(*rules)

    def begin(self, *rules: Rule) -> None:
        self.rules = rules
        self.writer = ForgetfulWriter(self.database.engine)
        self.scheduler = Scheduler(
            engine=self.database.engine, writer=self.writer, holder="me", ports=self, files=Files(), vault=OpenVault(),
            parallelism=8, default_pool_slots=8, max_retry_delay_seconds=9.0, kill_grace_seconds=1.0,
            alerts=AlertSource(self.rules_with),
        )  # fmt: skip
        assert self.scheduler.try_to_own()

    def rules_with(self, own: Mapping[str, str]) -> AlertSetup:
        written = (rule for rule in load_rules(None, own).rules if rule.name in own)
        return AlertSetup((*self.rules, *written), self.channels, "/home", "/home/alerts.yml")

    def restart(self, *rules: Rule, after_seconds: float = 0.0) -> None:
        """The scheduler is killed; another one begins, which knows the database alone."""
        self._calls.clear()
        self.timers.clear()
        self.scheduler.is_closed = True
        self.scheduler.writer.close()
        self.seconds += after_seconds
        self.begin(*(rules or self.rules))
        self.play()

    def later(self, seconds: float, call: Callable[[], None]) -> Any:
        timer = Timer()
        heapq.heappush(self.timers, (self.seconds + seconds, next(self.fresh), call, timer))
        return timer

    def play(self) -> None:
        while self._calls:
            self._calls.pop(0)()

    def pass_to(self, seconds: float) -> None:
        while self.timers and self.timers[0][0] <= seconds:
            at, _, call, timer = heapq.heappop(self.timers)
            self.seconds = max(self.seconds, at)
            if not timer.is_off:
                call()
                self.play()
        self.seconds = seconds

    def load(self, spec: Any) -> None:
        self.give(DagLoaded(spec=spec, version="v", encoded=encode_spec(spec), digest="d", paused_at_creation=False))

    def give(self, event: Any) -> None:
        self.scheduler.submit(event)
        self.play()

    def join(self, name: str = "local") -> Agent:
        agent = Agent(f"{name}-one")
        self.say(agent, Hello(role="agent", worker=name, instance=agent.own_instance, capacity=8, pid=1))
        return agent

    def say(self, agent: Agent, message: Any) -> None:
        self.scheduler.desk.on_message(agent, message)
        self.play()

    def run(self, agent: Agent, outcome: str | None = None, **report: Any) -> None:
        """A run whose only attempt starts, and ends with the outcome."""
        self.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL, run_id=f"r{next(self.fresh)}"))
        [offer] = agent.offers()
        self.say(agent, Started(attempt=offer.attempt, start_us=0))
        agent.answered.add(offer.attempt)
        if outcome is not None:
            self.end(agent, offer.attempt, outcome, **report)

    def end(self, agent: Agent, attempt: str, outcome: str, **report: Any) -> None:
        self.say(agent, Finished(attempt=attempt, outcome=outcome, **report))

    def ask(self, kind: str, **body: Any) -> CommandResult:
        """The answer to a person's command."""
        client = Agent("client")
        self.say(client, Hello(role="client"))
        self.say(client, Command(key=f"k{next(self.fresh)}", kind=kind, body=body, actor="kim"))
        (answer,) = (message for message in client.told if isinstance(message, CommandResult))
        return answer

    def rows(self, sql: str) -> list[Any]:
        with self.database.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]

    @property
    def notices(self) -> list[tuple[str, str, str]]:
        return self.rows("SELECT rule, status, state FROM alert_notice ORDER BY at, status")

    def lines(self, start: str) -> list[str]:
        return [name for (name,) in self.rows(f"SELECT name FROM event WHERE name LIKE '{start}%' ORDER BY seq")]


def orders(agent: Agent) -> list[RunTrigger]:
    return [message for message in agent.told if isinstance(message, RunTrigger)]


def taken(stage: Stage, agent: Agent, order: RunTrigger, payload: str = "") -> None:
    stage.say(agent, TriggerAnswer(id=order.id, event=json.dumps(payload).encode()))


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.close()


def staged(database: Database, *rules: Rule) -> tuple[Stage, Agent]:
    stage = Stage(database, *rules)
    stage.load(dag("a", dag_id="etl"))
    return stage, stage.join()


def test_a_notice_is_a_row_and_a_line_and_an_agent_is_told_to_deliver_it(database: Database) -> None:
    stage, agent = staged(database, FAILURES)
    stage.run(agent, "failed")
    assert stage.notices == [("failures", "firing", "waiting")]
    assert stage.lines("alert.") == ["alert.fired"]
    [order] = orders(agent)
    kwargs = json.loads(order.kwargs)
    assert order.classpath == "tradewind.worker.alert_delivery.AlertDelivery"
    assert (kwargs["channel"], kwargs["home"], kwargs["rules_file"]) == ("ops", "/home", "/home/alerts.yml")
    assert json.loads(kwargs["notice"])["sentence"].startswith("failures: 1 of 1 run of the Dag etl failed")
    taken(stage, agent, order)
    assert stage.notices == [("failures", "firing", "delivered")]
    assert agent.told[-1] == Ack(attempts=[order.id])
    assert stage.lines("alert.") == ["alert.fired", "alert.delivered"]


def test_an_end_is_delivered_after_its_beginning(database: Database) -> None:
    stage, agent = staged(database, FAILURES)
    stage.run(agent, "failed")
    stage.seconds += 1
    stage.run(agent, "success")
    stage.seconds += 1
    stage.run(agent, "success")
    assert [status for _, status, _ in stage.notices] == ["firing", "recovered"]
    [first] = orders(agent)
    taken(stage, agent, first)
    [_, second] = orders(agent)
    assert json.loads(json.loads(second.kwargs)["notice"])["status"] == "recovered"
    taken(stage, agent, second)
    assert {state for _, _, state in stage.notices} == {"delivered"}


def test_what_is_given_up_or_cannot_run_is_a_line_with_its_reason(database: Database) -> None:
    stage, agent = staged(database, FAILURES, SLOW)
    stage.run(agent, "failed")
    [order] = orders(agent)
    stage.say(agent, TriggerAnswer(id=order.id, error="it ended the process that it ran in, twice"))
    assert stage.notices == [("failures", "firing", "given_up")]
    assert stage.rows("SELECT reason FROM event WHERE name = 'alert.undelivered'") == [
        ("it ended the process that it ran in, twice",)
    ]


def test_a_scheduler_that_dies_before_a_notice_is_stored_tells_it_when_it_is_back_and_once(database: Database) -> None:
    stage, agent = staged(database, FAILURES)
    stage.run(agent)
    [(attempt,)] = stage.rows("SELECT id FROM attempt")
    stage.scheduler.desk.on_message(agent, Finished(attempt=attempt, outcome="failed"))
    while not stage.lines("run.moved") or len(stage.lines("run.moved")) < 2:
        stage._calls.pop(0)()
    assert stage.notices == [], "the end of the run is stored, what follows from it is not"
    for _ in range(3):
        stage.restart(after_seconds=10)
        agent = stage.join()
        assert stage.notices == [("failures", "firing", "waiting")]
        assert len(orders(agent)) == 1
    assert stage.lines("alert.") == ["alert.fired"]
    taken(stage, agent, orders(agent)[0])
    stage.restart(after_seconds=10)
    assert orders(stage.join()) == []


def test_what_came_of_itself_while_there_was_no_scheduler_is_told_then(database: Database) -> None:
    stage, agent = staged(database, SLOW)
    stage.run(agent)
    stage.pass_to(3599)
    assert stage.notices == []
    stage.restart(after_seconds=600)
    [(rule, status, state, at)] = stage.rows("SELECT rule, status, state, at FROM alert_notice")
    assert (rule, status, state) == ("slow", "firing", "waiting")
    assert at == (START + timedelta(seconds=3600)).timestamp() * 1e6


def test_time_alone_makes_it_fire(database: Database) -> None:
    stage, agent = staged(database, SLOW)
    stage.run(agent)
    stage.pass_to(3599.9)
    assert stage.notices == []
    stage.pass_to(3600.1)
    assert stage.notices == [("slow", "firing", "waiting")]


def test_a_rule_that_is_new_tells_of_nothing_before_but_of_what_fires(database: Database) -> None:
    stage, agent = staged(database, Rule("other", MachineLimit("disk", 90)))
    stage.run(agent, "failed")
    stage.run(agent)
    stage.seconds += 7200
    again = Rule("past", MetricLimit("rows", 1))
    stage.restart(FAILURES, SLOW, again)
    told = [("failures", "firing", "waiting"), ("slow", "firing", "waiting")]
    assert sorted(stage.notices) == told
    stage.restart()
    assert sorted(stage.notices) == told


def test_what_a_lost_answer_of_the_database_hid_is_read_from_the_log(database: Database) -> None:
    stage, agent = staged(database, FAILURES)
    stage.run(agent)
    [(attempt,)] = stage.rows("SELECT id FROM attempt")
    stage.writer.forgets = True
    stage.end(agent, attempt, "failed")
    stage.pass_to(stage.seconds + 5)
    assert len(stage.lines("run.moved")) == 2, "it was committed"
    stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL, run_id="next"))
    assert stage.notices == [("failures", "firing", "waiting")]


def test_a_machine_is_a_line_of_the_log_when_it_goes_over_a_limit_and_back(database: Database) -> None:
    stage, agent = staged(database, Rule("full", MachineLimit("disk", 90), dedupe_window=timedelta(0)))
    for percent in (89.9, 90.0, 95.0, 91.0, 89.0, 50.0):
        stage.seconds += 20
        stage.say(agent, Beat(sent_us=0, memory_percent=10.0, disk_percent=percent))
    assert stage.rows("SELECT body FROM event WHERE name = 'worker.measured' ORDER BY seq") == [
        (json.dumps({"worker": "local", "memory_percent": 10.0, "disk_percent": percent}),)
        for percent in (89.9, 90.0, 89.0)
    ]
    assert [status for _, status, _ in stage.notices] == ["firing", "recovered"]


def test_what_a_task_measured_is_a_line_of_the_log_where_a_rule_asks_for_it(database: Database) -> None:
    stage, agent = staged(database, Rule("quality", MetricLimit("quality_score", 80, is_below=True)))
    stage.run(agent, "success", metrics=[("quality_score", 79.0, {"source": "x"}), ("rows", 3.0, {})])
    assert stage.lines("metric.") == ["metric.recorded"]
    assert stage.notices == [("quality", "firing", "waiting")]
    stage.run(agent, "success", metrics=[("quality_score", 80.0, {"source": "x"})])
    assert [status for _, status, _ in stage.notices] == ["firing", "recovered"]


def test_a_run_that_its_schedule_cannot_make_is_missed(database: Database) -> None:
    missed = Rule("missed", RunDidNotStart(timedelta(minutes=10)), dedupe_window=timedelta(0))
    stage = Stage(database, missed)
    agent = stage.join()
    stage.load(dag("a", dag_id="etl", timetable=every(hours=1), start_date=START, max_active_runs=1))
    stage.pass_to(3600 + 599)
    assert len(stage.lines("run.created")) == 1
    assert stage.notices == []
    stage.pass_to(3600 + 601)
    assert stage.notices == [("missed", "firing", "waiting")], "the run before it is not over"
    agent.answered.clear()
    [offer] = agent.offers()
    agent.answered.add(offer.attempt)
    stage.end(agent, offer.attempt, "success")
    assert [status for _, status, _ in stage.notices] == ["firing", "recovered"]
    stage.give(SetPaused(dag_id="etl", paused=True))
    stage.pass_to(50_000)
    assert len(stage.notices) == 2, "nobody waits for runs of a Dag that is paused"
    stage.restart()
    assert len(stage.notices) == 2


def test_an_asset_that_is_named_is_waited_for_from_when_its_rule_was_there_through_restarts(database: Database) -> None:
    stale = Rule("stale", DataStale(timedelta(hours=1), ("corn",)), dedupe_window=timedelta(0))
    stage, _ = staged(database, stale)
    stage.pass_to(1800)
    stage.restart()
    stage.pass_to(3599)
    assert stage.notices == []
    stage.pass_to(3700)
    stage.restart(after_seconds=10)
    assert stage.notices == [("stale", "firing", "waiting")]


def test_another_agent_delivers_when_the_first_is_gone_and_who_still_does_is_stopped(database: Database) -> None:
    stage, first = staged(database, FAILURES)
    stage.run(first, "failed")
    [order] = orders(first)
    second = stage.join("second")
    assert orders(second) == []
    stage.scheduler.desk.on_gone(first)
    stage.play()
    assert [one.id for one in orders(second)] == [order.id]
    first = stage.join()
    stage.say(first, Beat(sent_us=0, triggers=[order.id]))
    assert DropTrigger(id=order.id) in first.told
    taken(stage, second, order)
    taken(stage, first, order)
    assert first.told[-1] == Ack(attempts=[order.id])
    assert stage.lines("alert.") == ["alert.fired", "alert.delivered"]


def test_a_beat_that_shows_no_sign_of_an_order_has_it_said_again(database: Database) -> None:
    stage, agent = staged(database, FAILURES)
    stage.run(agent, "failed")
    stage.seconds += 6
    stage.say(agent, Beat(sent_us=0, triggers=[]))
    assert len({order.id for order in orders(agent)}) == 1
    assert len(orders(agent)) == 2


def test_a_rule_without_channels_is_kept_and_delivered_to_nobody(database: Database) -> None:
    stage, agent = staged(database, Rule("quiet", FailureRate(Fraction(1, 2)), channels=()))
    stage.run(agent, "failed")
    assert stage.notices == [("quiet", "firing", "kept")]
    assert orders(agent) == []


# --- what people write and ask for while it goes on ---


def test_a_silence_holds_from_its_command_on_across_a_restart_and_until_its_end(database: Database) -> None:
    stage, agent = staged(database, FAILURES)
    assert stage.ask("alert_silence.set", id="s", rules="fail*", dags="etl", seconds=600).state == "applied"
    stage.run(agent, "failed")
    assert stage.notices == []
    stage.restart(after_seconds=60)
    assert stage.notices == []
    stage.pass_to(stage.seconds + 539)
    assert stage.notices == []
    stage.pass_to(stage.seconds + 2)
    assert stage.notices == [("failures", "firing", "waiting")]
    assert stage.lines("alert.") == ["alert.silenced", "alert.fired"]
    stage.restart(after_seconds=60)
    assert stage.notices == [("failures", "firing", "waiting")]


def test_what_is_long_over_is_forgotten_and_what_waits_is_not(database: Database) -> None:
    stage, agent = staged(database, FAILURES, Rule("stale", DataStale(timedelta(hours=1), ("sea",))))
    stage.ask("alert_silence.set", id="s", rules="nothing", seconds=60)
    stage.run(agent, "failed")
    database.rows("UPDATE alert_notice SET state = 'delivered', ended_at = 1")
    told = {"key": "k", "channel": "ops", "alert": "a", "rule": "r", "status": "firing", "at": 1, "notice": "{}"}
    with database.engine.begin() as connection:
        connection.execute(insert(t.alert_notice), {**told, "state": "waiting", "error": "", "ended_at": None})

    def kept() -> list[tuple[str, ...]]:
        return stage.rows("SELECT rule FROM alert_notice ORDER BY rule") + stage.rows("SELECT id FROM alert_silence")

    stage.pass_to(stage.seconds + 89 * 86_400)
    assert {("failures",), ("r",), ("s",)} <= set(kept())
    stage.pass_to(stage.seconds + 2 * 86_400)
    left = set(kept())
    assert ("r",) in left
    assert not {("failures",), ("s",)} & left
    stage.restart()
    assert ("r",) in kept()


def test_a_silence_that_is_ended_tells_what_fires_and_a_history_with_it_stays_the_same(database: Database) -> None:
    stage, agent = staged(database, FAILURES)
    stage.ask("alert_silence.set", id="s", seconds=600, reason="we know")
    stage.run(agent, "failed")
    stage.seconds += 30
    assert stage.ask("alert_silence.end", id="s").state == "applied"
    assert stage.notices == [("failures", "firing", "waiting")]
    assert stage.ask("alert_silence.end", id="s").error.startswith("That silence is over already")
    stage.restart(after_seconds=10)
    assert stage.notices == [("failures", "firing", "waiting")]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"seconds": 0}, "A silence lasts from a second to a year"),
        ({"seconds": 367 * 86_400}, "A silence lasts from a second to a year"),
        ({"seconds": "soon"}, "A silence lasts from a second to a year"),
        ({"rules": " "}, "A name has 1 to"),
        ({"reason": "x" * 1001}, "The reason has 1001 characters"),
    ],
)
def test_a_silence_that_cannot_be_is_refused(database: Database, change: dict[str, Any], fault: str) -> None:
    stage, _ = staged(database, FAILURES)
    answer = stage.ask("alert_silence.set", **{"id": "s", "seconds": 60, **change})
    assert (answer.state, answer.error[: len(fault)]) == ("refused", fault)
    assert stage.rows("SELECT * FROM alert_silence") == []


def test_a_rule_that_is_written_takes_effect_at_once_and_is_forgotten_at_once(database: Database) -> None:
    stage, agent = staged(database)
    stage.run(agent, "failed")
    assert stage.notices == []
    stage.seconds += 1
    text = "when: {failure_rate: 40%}\nchannels: []\nnotify_recovery: false"
    assert stage.ask("alert_rule.set", name="often", text=text).state == "applied"
    stage.seconds += 1
    stage.run(agent, "failed")
    assert stage.notices == [("often", "firing", "kept")]
    stage.restart(after_seconds=10)
    assert stage.notices == [("often", "firing", "kept")]
    agent = stage.join()
    assert stage.ask("alert_rule.delete", name="often").state == "applied"
    stage.seconds += 86_400
    stage.run(agent, "failed")
    assert stage.notices == [("often", "firing", "kept")]
    assert stage.lines("alert.") == ["alert.rule_set", "alert.fired", "alert.rule_deleted"]
    assert stage.ask("alert_rule.delete", name="often").error.startswith("No alert rule 'often'")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "Rule r: is empty"),
        ("when: {failure_rate: lots}", "Rule r, line 1: 'when', 'failure_rate': 'lots'"),
        ("severity: mild\nwhen: {deadline_missed: true}", "Rule r, line 1: 'severity': 'mild' is no severity"),
        ("name: other\nwhen: {deadline_missed: true}", "Rule r, line 1: 'name': is not 'r'; a rule keeps its name"),
        ("when: {deadline_missed: true}\nchannels: [nobody]", "Rule r, line 2: 'channels': 'nobody' is no channel"),
        ("when: [", "Rule r, line 1: this is no YAML"),
        ("x" * 20_001, "The text of rule r has 20001 characters"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_line(database: Database, text: str, fault: str) -> None:
    stage, _ = staged(database)
    answer = stage.ask("alert_rule.set", name="r", text=text)
    assert (answer.state, answer.error[: len(fault)]) == ("refused", fault)
    assert stage.rows("SELECT * FROM own_alert_rule") == []


def test_without_a_channel_what_fires_is_kept_for_who_looks(database: Database) -> None:
    stage, _ = staged(database, FAILURES)
    stage.channels = ()
    stage.restart(after_seconds=10)
    agent = stage.join()
    stage.run(agent, "failed")
    assert stage.notices == [("failures", "firing", "kept")]
    assert orders(agent) == []


def test_rules_that_change_have_nothing_told_twice(database: Database) -> None:
    stage, agent = staged(database, FAILURES)
    stage.run(agent, "failed")
    [order] = orders(agent)
    stage.seconds += 1
    stage.ask("alert_rule.set", name="other", text="when: {deadline_missed: true}")
    stage.ask("alert_silence.set", id="s", rules="nothing", seconds=60)
    taken(stage, agent, order)
    assert orders(agent) == [order]
    assert stage.notices == [("failures", "firing", "delivered")]
    assert stage.lines("alert.") == ["alert.fired", "alert.rule_set", "alert.silenced", "alert.delivered"]
