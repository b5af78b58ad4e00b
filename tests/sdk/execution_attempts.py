"""A fake engine and short ways to run one attempt, for the tests of tradewind.sdk.execution."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tradewind.sdk.dag import DAG
from tradewind.sdk.execution import prepare, run_attempt
from tradewind.sdk.execution.moments import microseconds
from tradewind.sdk.execution.runtime import RuntimeRequestError
from tradewind.sdk.execution.xcom_codec import decode, encode
from tradewind.wire.messages import Finished, Message, Offer, RunInfo, XComValue

DAY = datetime(2024, 3, 5, tzinfo=UTC)


class FakeRuntime:
    """Answers from dicts and remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.sent: list[Message] = []

    def request(self, method: str, **args: Any) -> Any:
        self.asked.append((method, args))
        answer = self.answers.get(method.replace(".", "_"))
        if isinstance(answer, Exception):
            raise answer
        if method == "xcom.pull":
            rows = [list(row) for row in answer or ()]
            wanted = args["task_ids"]
            return [row for row in rows if (wanted is None or row[0] in wanted) and row[2] == args["key"]]
        return answer(**args) if callable(answer) else answer

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]


def refused(text: str) -> RuntimeRequestError:
    return RuntimeRequestError("refused", text)


def run_info(day: datetime | None = DAY, **fields: Any) -> RunInfo:
    values: dict[str, Any] = {
        "number": 1, "dag_id": "d", "run_id": "scheduled__2024-03-05T00:00:00+00:00", "run_type": "scheduled",
        "run_after_us": microseconds(DAY + timedelta(days=1)),
    }  # fmt: skip
    if day is not None:
        start, end = microseconds(day), microseconds(day + timedelta(days=1))
        values |= {"logical_date_us": start, "data_interval_start_us": start, "data_interval_end_us": end}
    return RunInfo(**{**values, **fields})


def offer(task_id: str, *, run: RunInfo | None = None, **fields: Any) -> Offer:
    values: dict[str, Any] = {
        "attempt": "a1", "task_id": task_id, "map_index": -1, "try_number": 1, "max_tries": 0, "file": "d.py",
        "version": "v",
    }  # fmt: skip
    return Offer(run=run or run_info(), **{**values, **fields})


def xcom(task_id: str, value: Any, key: str = "return_value", map_index: int = -1) -> XComValue:
    return XComValue(task_id, map_index, key, encode(value))


def clock() -> Callable[[], int]:
    now = microseconds(DAY + timedelta(days=1))

    def tick() -> int:
        nonlocal now
        now += 1_000_000
        return now

    return tick


def attempt(dag: DAG, task_id: str, runtime: FakeRuntime | None = None, **fields: Any) -> Finished:
    """The report of one attempt."""
    return run_attempt(
        prepare(dag), offer(task_id, **fields), runtime or FakeRuntime(), lambda start_us: None, clock()
    )  # fmt: skip


def value_of(report: Finished) -> Any:
    assert report.outcome == "success", report.error
    return None if report.value is None else decode(report.value)


def rendered(report: Finished) -> dict[str, Any]:
    assert report.rendered is not None
    return msgspec.json.decode(report.rendered)
