"""The triggers themselves, each made again from what it serializes to: what they wait for, and what they say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk.execution.trigger_paths import class_of, made_from, path_and_kwargs
from tradewind.sdk.triggers.base import BaseEventTrigger, TaskSuccessEvent, TriggerEvent
from tradewind.sdk.triggers.file import DirectoryFileDeleteTrigger, FileDeleteTrigger, FileTrigger
from tradewind.sdk.triggers.temporal import DateTimeTrigger, TimeDeltaTrigger
from tradewind.sdk.triggers.testing import FailureTrigger, SuccessTrigger
from tradewind.sdk.types import TaskInstanceState


async def events_of(trigger: Any, count: int = 1) -> list[Any]:
    classpath, kwargs = path_and_kwargs(trigger)
    found = []
    again = made_from(class_of(classpath), classpath, kwargs)
    stream = again.run()
    async for event in stream:
        found.append(event)
        if len(found) == count:
            break
    await stream.aclose()
    return found


def fired(trigger: Any) -> Any:
    return asyncio.run(events_of(trigger))[0]


def test_a_moment_fires_with_itself() -> None:
    past = datetime(2024, 1, 1, 9, tzinfo=UTC)
    assert fired(DateTimeTrigger(past)).payload == past
    assert fired(DateTimeTrigger(target_time="2024-01-01T18:00:00+09:00")).payload == past
    soon = datetime.now(UTC) + timedelta(milliseconds=20)
    assert fired(DateTimeTrigger(soon)).payload == soon
    assert datetime.now(UTC) >= soon


def test_a_moment_may_end_the_task() -> None:
    event = fired(DateTimeTrigger(datetime(2024, 1, 1, tzinfo=UTC), end_from_trigger=True))
    assert isinstance(event, TaskSuccessEvent)
    assert event.task_instance_state is TaskInstanceState.SUCCESS


@pytest.mark.parametrize(("moment", "error"), [(datetime(2024, 1, 1), ValueError), (5, TypeError), (None, TypeError)])
def test_a_moment_without_a_zone_or_of_another_type_is_refused(moment: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="DateTimeTrigger"):
        DateTimeTrigger(moment)


def test_a_delta_counts_from_when_the_trigger_was_made() -> None:
    trigger = TimeDeltaTrigger(timedelta(milliseconds=10))
    assert fired(trigger).payload == trigger.moment


def test_a_file_fires_when_it_is_there(tmp_path: Path) -> None:
    async def story() -> list[Any]:
        waiting = asyncio.create_task(events_of(FileTrigger(str(tmp_path / "*.csv"), poke_interval=0.01)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        (tmp_path / "x.csv").touch()
        return await waiting

    [event] = asyncio.run(story())
    assert event == TriggerEvent(True)


@pytest.mark.parametrize("directory", [False, True])
def test_a_file_that_is_deleted_may_come_again(tmp_path: Path, directory: bool) -> None:
    file = tmp_path / "done"
    trigger: BaseEventTrigger = FileDeleteTrigger(str(file), poke_interval=0.01)
    if directory:
        trigger = DirectoryFileDeleteTrigger(directory=str(tmp_path), filename="done", poke_interval=0.01)

    async def story() -> list[Any]:
        waiting = asyncio.create_task(events_of(trigger, count=2))
        for _ in range(2):
            file.touch()
            while file.exists():
                await asyncio.sleep(0.01)
        return await waiting

    assert asyncio.run(story()) == [TriggerEvent(True)] * 2


def test_the_triggers_for_tests_end_at_once() -> None:
    assert fired(SuccessTrigger()).payload is True
    with pytest.raises(ValueError, match="always fails"):
        fired(FailureTrigger())


def test_events_are_equal_by_their_payload() -> None:
    assert TriggerEvent({"a": 1}) == TriggerEvent({"a": 1})
    assert TriggerEvent(1) != TriggerEvent(2)
    assert repr(TriggerEvent("x")) == "TriggerEvent<'x'>"
    with pytest.raises(ValueError, match="takes no payload"):
        TaskSuccessEvent(payload=1)


def test_the_number_of_an_event_trigger_depends_on_nothing_but_path_and_arguments() -> None:
    same = [
        BaseEventTrigger.hash("a.B", {"x": 1, "y": timedelta(1)}),
        BaseEventTrigger.hash("a.B", {"y": timedelta(1), "x": 1}),
    ]
    assert same[0] == same[1]
    assert same[0] != BaseEventTrigger.hash("a.B", {"x": 2, "y": timedelta(1)})


def test_a_trigger_is_written_with_its_arguments() -> None:
    assert repr(FileTrigger("/x")) == (
        "<tradewind.sdk.triggers.file.FileTrigger filepath=/x, recursive=False, poke_interval=5.0>"
    )
