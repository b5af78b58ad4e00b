"""What tasks ask: a play in memory (`tradewind.testing`) answers as the execution endpoint does from the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from conformance_data import START, Installation

from tradewind.core.ids import run_id_for
from tradewind.core.inputs import AssetsUpdated, AssetUpdate, AttemptFinished, AttemptStarted, CreateRun, XCom
from tradewind.core.records import TaskKey
from tradewind.core.states import RunType
from tradewind.scheduler.execution import Endpoint
from tradewind.sdk.execution.runtime import RuntimeRequestError
from tradewind.store.times import to_us
from tradewind.testing.answers import RunAnswers
from tradewind.testing.builders import dag, expand
from tradewind.testing.world import Play
from tradewind.wire.messages import METHODS, Request

SPEC = dag("first >> mapped; first >> bad >> last", tasks={"mapped": {"map": expand(x="first")}})
DAYS = [START, START + timedelta(days=1), START + timedelta(days=2)]
RUNS = ["manual__0", "manual__1", "manual__2"]
READS = run_id_for(RunType.ASSET_TRIGGERED, START, 4)
UPDATES = tuple(AssetUpdate(name="a", uri="s3://a", extra=b'{"n": %d}' % n, aliases=("x",) * n) for n in (0, 1))
FIRST = {"dag_id": "etl", "run_id": RUNS[2], "task_id": "first", "map_index": -1}
PULL = {"dag_id": "etl", "task_ids": None, "map_indexes": None, "key": "return_value"}


class Both:
    """The same things happen in memory and in an installation."""

    def __init__(self, installation: Installation) -> None:
        self.play, self.installation = Play(now=START, check=False), installation
        reads = dag("use", dag_id="reads", assets={"asset": {"name": "a", "uri": "s3://a"}})
        self.play.load(SPEC)
        self.play.load(reads)
        installation.add_dag(reads)
        self.play.unpause("etl")
        installation.add_dag(SPEC)
        self.answers = RunAnswers(self.play, {"a": "1"})
        self.endpoint = Endpoint(
            engine=installation.engine,
            world=lambda: installation.world,
            now=lambda: installation.now,
            decrypt=lambda text: text,
            submit=self._submit,
            command=lambda *_: None,
            status=dict,
            held_back=dict,
        )

    def _submit(self, event: Any, reply: Any) -> None:
        self.installation.owner.submit(event, reply)
        self.installation.turn()

    def give(self, event: Any) -> None:
        self.play.give(event)
        self.installation.give(event)

    def end(self, run: int, task_id: str, outcome: str, map_index: int = -1, value: Any = None) -> None:
        attempt = self.play.world.active_of[TaskKey(run, task_id, map_index)]
        length = len(value) if isinstance(value, list) else None
        xcoms = () if value is None else (XCom(name="return_value", value=str(value).encode(), length=length),)
        self.give(AttemptStarted(attempt=attempt, start_date=START))
        self.give(AttemptFinished(attempt=attempt, outcome=outcome, xcoms=xcoms, start_date=START, end_date=START))

    def ask(self, method: str, attempt: str = "", **args: Any) -> tuple[Any, Any]:
        """From memory, and from the database; a refusal is the name of its class."""
        self.answers.attempt = attempt
        try:
            memory = self.answers.request(method, **args)
        except RuntimeRequestError as refused:
            memory = refused.kind
        stored: list[Any] = []
        self.endpoint.answer(
            Request(id=1, method=method, args=args, attempt=attempt),
            lambda value, error: stored.append(value if error is None else type(error).__name__),
        )
        return memory, stored[0]


@pytest.fixture
def both(installation: Installation) -> Both:
    """Three runs: one succeeded in part, one failed, one has only begun."""
    both = Both(installation)
    for day, run_id in zip(DAYS, RUNS, strict=True):
        both.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL, run_id=run_id, logical_date=day))
    both.end(1, "first", "success", value=[1, 2])
    both.end(1, "mapped", "success", 1, value=20)
    both.end(1, "mapped", "success", 0, value=10)
    both.end(1, "bad", "failed")
    both.end(2, "first", "failed")
    both.give(AssetsUpdated(id="outside", updates=UPDATES, actor="me"))
    return both


QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("xcom.pull", {**PULL, "run_id": RUNS[0]}),
    ("xcom.pull", {**PULL, "run_id": RUNS[0], "task_ids": ["mapped", "first"]}),
    ("xcom.pull", {**PULL, "run_id": RUNS[0], "task_ids": ["mapped"], "map_indexes": [1]}),
    ("xcom.pull", {**PULL, "run_id": RUNS[0], "key": None}),
    ("xcom.pull", {**PULL, "run_id": RUNS[0], "key": "other"}),
    ("xcom.pull", {**PULL, "run_id": RUNS[2], "task_ids": ["first"]}),
    ("xcom.pull", {**PULL, "run_id": RUNS[2], "task_ids": ["first"], "include_prior_dates": True}),
    ("xcom.pull", {**PULL, "run_id": "none"}),
    ("run.get", {"dag_id": "etl", "run_id": RUNS[1]}),
    ("run.get", {"dag_id": "etl", "run_id": "none"}),
    ("run.previous", {"dag_id": "etl", "before_us": to_us(DAYS[2])}),
    ("run.previous", {"dag_id": "etl", "before_us": to_us(DAYS[2]), "state": "failed"}),
    ("run.previous", {"dag_id": "etl", "before_us": to_us(DAYS[2]), "scheduled_only": True}),
    ("run.previous", {"dag_id": "etl", "before_us": to_us(DAYS[0])}),
    ("run.count", {"dag_id": "etl"}),
    ("run.count", {"dag_id": "etl", "states": ["failed"]}),
    ("run.count", {"dag_id": "etl", "run_ids": RUNS[:2], "logical_dates_us": [to_us(DAYS[1])]}),
    ("task.states", {"dag_id": "etl"}),
    ("task.states", {"dag_id": "etl", "run_ids": [RUNS[0]], "task_ids": ["mapped"]}),
    ("task.states", {"dag_id": "etl", "run_ids": [RUNS[0]], "map_index": 1}),
    ("task.states", {"dag_id": "none"}),
    ("task.count", {"dag_id": "etl", "states": ["success"]}),
    ("task.count", {"dag_id": "etl", "run_ids": [RUNS[0]], "task_ids": ["mapped", "bad"]}),
    ("asset.events", {"name": "a"}),
    ("asset.events", {"uri": "s3://a", "newest": 1}),
    ("asset.events", {"alias": "x", "name": "a"}),
    ("asset.events", {"name": "a", "after_us": 0, "before_us": 1}),
    ("asset.events", {"name": "none"}),
    ("asset.events", {}),
    ("asset.triggering", {"dag_id": "reads", "run_id": READS}),
    ("asset.triggering", {"dag_id": "etl", "run_id": RUNS[0]}),
    ("asset.named", {"name": "a"}),
    ("asset.named", {"name": "none"}),
    ("asset.through_alias", {"alias": "x"}),
    ("asset.through_alias", {"alias": "none"}),
    ("task_state_store.get", {**FIRST, "key": "none"}),
    ("task_state_store.get", {**FIRST, "run_id": "none", "key": "none"}),
    ("task_state_store.clear", {}),
    ("asset_state_store.get", {"name": "a", "key": "none"}),
    ("asset_state_store.get", {"name": "unknown", "key": "none"}),
    ("asset_state_store.get", {"uri": "s3://unknown", "key": "none"}),
    ("asset_state_store.set", {"name": "a", "key": "mark", "value": b"1"}),
    ("no.such", {}),
]


def test_memory_answers_as_the_database_does(both: Both) -> None:
    for method, args in QUESTIONS:
        memory, stored = both.ask(method, **args)
        assert memory == stored, (method, args)


def test_every_request_of_the_protocol_has_an_answer_in_memory(both: Both) -> None:
    of_code_hosts = {"timetable.wanted"}
    assert METHODS.keys() - of_code_hosts <= both.answers.methods


def test_a_value_that_is_pushed_is_there_in_both(both: Both) -> None:
    where = {"dag_id": "etl", "run_id": RUNS[2]}
    pushed = {**where, "task_id": "first", "map_index": -1, "key": "mine", "value": b"7"}
    assert both.ask("xcom.push", **pushed) == (None, None)
    memory, stored = both.ask("xcom.pull", **where, task_ids=["first"], map_indexes=None, key="mine")
    assert memory == stored == [["first", -1, "mine", b"7"]]


def kept(both: Both, key: str) -> Any:
    memory, stored = both.ask("task_state_store.get", **FIRST, key=key)
    assert memory == stored
    return memory


def test_what_a_task_keeps_is_there_in_both_until_its_time_is_over(both: Both) -> None:
    attempt = both.play.world.active_of[TaskKey(3, "first", -1)]
    for key, more in {"a": {}, "b": {"retention_seconds": 60.0}, "c": {"retention_seconds": 1e300}}.items():
        assert both.ask("task_state_store.set", attempt, key=key, value=b'"1"', **more) == (None, None)
    assert [kept(both, key) for key in "abc"] == [b'"1"'] * 3
    both.play.advance(seconds=60)
    both.installation.advance(seconds=60)
    assert [kept(both, key) for key in "abc"] == [b'"1"', None, b'"1"']
    assert both.ask("task_state_store.set", attempt, key="b", value=b"2") == (None, None)
    assert both.ask("task_state_store.delete", attempt, key="a") == (None, None)
    assert [kept(both, key) for key in "abc"] == [None, b"2", b'"1"']
    assert both.ask("task_state_store.clear", attempt) == (None, None)
    assert [kept(both, key) for key in "abc"] == [None] * 3


def test_a_key_that_cannot_be_one_is_refused_in_both(both: Both) -> None:
    attempt = both.play.world.active_of[TaskKey(3, "first", -1)]
    for key in ("", "k" * 513, "with\0nul", 7):
        assert both.ask("task_state_store.set", attempt, key=key, value=b"1") == ("InvalidInput", "InvalidInput")
        assert both.ask("task_state_store.delete", attempt, key=key) == ("InvalidInput", "InvalidInput")
        assert both.ask("asset_state_store.set", attempt, name="a", key=key, value=b"1") == ("InvalidInput",) * 2
    assert both.ask("task_state_store.set", attempt, key="k" * 512, value=b"1") == (None, None)


def test_an_attempt_that_is_over_changes_nothing_in_both(both: Both) -> None:
    over = both.play.attempts
    [ended] = [a.id for a in over.values() if a.key == TaskKey(1, "bad", -1)]
    for wish in ({"key": "a", "value": b"1"}, {"key": "a", "value": b"2", "retention_seconds": 1.0}):
        assert both.ask("task_state_store.set", ended, **wish) == ("NotCurrent", "NotCurrent")
    assert both.ask("task_state_store.clear", ended) == ("NotCurrent", "NotCurrent")
    assert both.ask("asset_state_store.set", ended, name="a", key="k", value=b"1") == ("NotCurrent", "NotCurrent")
    assert both.ask("asset_state_store.get", name="a", key="k") == (None, None)


def test_an_asset_is_the_same_by_name_and_by_uri_in_both(both: Both) -> None:
    attempt = both.play.world.active_of[TaskKey(3, "first", -1)]
    for key, named in {"by_name": {"name": "a"}, "by_uri": {"uri": "s3://a"}}.items():
        assert both.ask("asset_state_store.set", attempt, **named, key=key, value=b"[1]") == (None, None)
    for named in ({"name": "a"}, {"uri": "s3://a"}, {"name": "a", "uri": "s3://a"}):
        for key in ("by_name", "by_uri"):
            assert both.ask("asset_state_store.get", **named, key=key) == (b"[1]", b"[1]")
    assert both.ask("asset_state_store.delete", attempt, name="a", key="by_uri") == (None, None)
    assert both.ask("asset_state_store.get", name="a", key="by_uri") == (None, None)
    assert both.ask("asset_state_store.clear", attempt, uri="s3://a") == (None, None)
    assert both.ask("asset_state_store.get", name="a", key="by_name") == (None, None)
