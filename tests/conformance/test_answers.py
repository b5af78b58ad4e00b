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
        self.installation.give(event)
        reply(None, None)

    def give(self, event: Any) -> None:
        self.play.give(event)
        self.installation.give(event)

    def end(self, run: int, task_id: str, outcome: str, map_index: int = -1, value: Any = None) -> None:
        attempt = self.play.world.active_of[TaskKey(run, task_id, map_index)]
        length = len(value) if isinstance(value, list) else None
        xcoms = () if value is None else (XCom(name="return_value", value=str(value).encode(), length=length),)
        self.give(AttemptStarted(attempt=attempt, start_date=START))
        self.give(AttemptFinished(attempt=attempt, outcome=outcome, xcoms=xcoms, start_date=START, end_date=START))

    def ask(self, method: str, **args: Any) -> tuple[Any, Any]:
        """From memory, and from the database; a refusal is the name of its class."""
        try:
            memory = self.answers.request(method, **args)
        except RuntimeRequestError as refused:
            memory = refused.kind
        stored: list[Any] = []
        self.endpoint.answer(
            Request(id=1, method=method, args=args),
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
