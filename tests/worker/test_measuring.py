"""What a task's metrics become on their way to the agent."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.data.problems import QualityGateFailed
from tradewind.data.quality import CheckResult, QualityResult
from tradewind.data.runtime import installed
from tradewind.sdk.context import current_context
from tradewind.wire.measured import Measurements
from tradewind.wire.messages import Measured, Message, Offer, RunInfo
from tradewind.worker import task_runner
from tradewind.worker.runtime import ChannelRuntime
from tradewind.worker.task_runner import SENT_AT_ONCE, _DataRuntime


class Channel:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[Message] = []

    def send(self, message: Message) -> None:
        self.said.append(message)

    def receive(self) -> Any:
        raise AssertionError("nothing is asked here")


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def runtime(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> _DataRuntime:
    monkeypatch.setattr(task_runner.time, "monotonic", lambda: 100.0)
    run = RunInfo(number=1, dag_id="etl", run_id="r", run_type="manual", run_after_us=0)
    offer = Offer(
        attempt="a1", run=run, task_id="load", map_index=-1, try_number=1, max_tries=0, file="d.py", version="v"
    )
    runtime = _DataRuntime()
    runtime.begin(offer, ChannelRuntime(channel, "a1"))
    return runtime


def told(channel: Channel) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """All that was said, added up as the agent does."""
    kept = Measurements(1000)
    for message in channel.said:
        assert isinstance(message, Measured)
        kept.merge(message.samples)
    return {(sample.name, sample.labels): sample.value for sample in kept}


def test_a_few_values_are_told_at_once_and_many_are_added_up_first(runtime: _DataRuntime, channel: Channel) -> None:
    for _ in range(1000):
        runtime.metric("rows_total", 2, {})
    assert len(channel.said) == SENT_AT_ONCE
    runtime.end()
    assert len(channel.said) == SENT_AT_ONCE + 1
    assert told(channel) == {("rows_total", (("dag_id", "etl"), ("task_id", "load"))): 2000}


def test_known_metrics_have_their_own_labels_and_others_say_whose_they_are(
    runtime: _DataRuntime, channel: Channel
) -> None:
    runtime.metric("records_processed_total", 1, {"dag_id": "other", "task_id": "t", "data_source": "api", "more": "x"})
    runtime.metric("load_average", 0.5, {})
    runtime.metric("mine", 7, {"task_id": "part", "kind": "x"})
    assert told(channel) == {
        ("records_processed_total", (("dag_id", "other"), ("data_source", "api"), ("task_id", "t"))): 1,
        ("load_average", ()): 0.5,
        ("mine", (("dag_id", "etl"), ("kind", "x"), ("task_id", "part"))): 7,
    }


def test_after_the_end_nothing_is_said_any_more(runtime: _DataRuntime, channel: Channel) -> None:
    runtime.end()
    runtime.metric("rows_total", 1, {})
    assert channel.said == []


def test_a_fact_is_an_xcom_of_the_task_and_fails_nothing_where_it_cannot_be(runtime: _DataRuntime) -> None:
    left: list[tuple[str, Any]] = []

    class Task:
        def xcom_push(self, key: str, value: Any) -> None:
            left.append((key, value))

    result = QualityResult((CheckResult("ids", 3, 8, 0, 1, False),))
    with installed(runtime), current_context({"ti": Task()}), pytest.raises(QualityGateFailed):
        result.gate(100)
    assert left == [("data_quality", {"score": 50.0, "failed": ["ids"]})]
    runtime.leave("data_quality", {"score": 1})
    assert len(left) == 1
