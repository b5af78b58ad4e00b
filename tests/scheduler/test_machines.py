"""What workers' machines had to do is kept minute by minute, for a week."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tradewind.config import load_settings
from tradewind.scheduler.machines import MINUTE_US, PLACES
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.scheduler_stage import Agent
from tradewind.wire.messages import Beat, Hello


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ApiStage]:
    stage = ApiStage(load_settings(environ={"TRADEWIND_HOME": str(tmp_path)}))
    stage.seconds += -(to_us(stage.now()) // 1_000_000) % 60  # a minute begins
    yield stage
    stage.close()


def beat(stage: ApiStage, seconds: float, *cpu: float, memory: float = 40.0, disk: float = 70.0) -> None:
    stage.say(Beat(sent_us=0, memory_percent=memory, disk_percent=disk, machine_cpu=(cpu[0], cpu[1])))
    stage.play()
    stage.seconds += seconds


def minutes(stage: ApiStage) -> list[tuple[Any, ...]]:
    with stage.reading.connect() as connection:
        rows = connection.execute(text("SELECT worker, at, cpu, memory, disk FROM machine_minute ORDER BY at, worker"))
        return [(worker, (at - BEGIN[0]) // MINUTE_US, cpu, memory, disk) for worker, at, cpu, memory, disk in rows]


BEGIN = [0]


def test_a_minute_has_the_cpu_on_average_the_most_memory_and_the_last_of_the_disk(stage: ApiStage) -> None:
    BEGIN[0] = to_us(stage.now())
    beat(stage, 30, 100, 1000, memory=40, disk=70)
    beat(stage, 30, 110, 1020, memory=60, disk=71)
    assert minutes(stage) == []
    beat(stage, 60, 115, 1040, memory=30, disk=72)
    assert minutes(stage) == [("local", 0, 50.0, 60.0, 71.0)], "ten of twenty CPU seconds"
    beat(stage, 1, 120, 1060)
    assert minutes(stage)[1:] == [("local", 1, 25.0, 30.0, 72.0)], "from the last beat of the minute before"


def test_a_machine_that_was_started_anew_has_no_cpu_and_one_that_measures_nothing_no_row(stage: ApiStage) -> None:
    BEGIN[0] = to_us(stage.now())
    beat(stage, 60, 100, 1000)
    beat(stage, 60, 5, 10)
    beat(stage, 60, 0, 0, memory=0)
    beat(stage, 60, float("nan"), 20)
    beat(stage, 60, 6, 20)
    assert minutes(stage) == [("local", 0, None, 40.0, 70.0), ("local", 1, None, 40.0, 70.0)]


def test_a_minute_takes_the_place_of_that_a_week_before_of_every_worker(stage: ApiStage) -> None:
    BEGIN[0] = to_us(stage.now())
    other = Agent()
    stage.say(Hello(role="agent", worker="other", instance="one", capacity=1, pid=2), other)
    stage.play()
    stage.say(Beat(sent_us=0, memory_percent=10, disk_percent=10), other)
    beat(stage, 60, 1, 2)
    stage.say(Beat(sent_us=0, memory_percent=10, disk_percent=10), other)
    beat(stage, 60 * (PLACES - 1), 2, 4)
    assert [row[:2] for row in minutes(stage)] == [("local", 0), ("other", 0)]
    beat(stage, 60, 3, 6)
    assert [row[:2] for row in minutes(stage)] == [("local", 0), ("other", 0), ("local", 1)]
    beat(stage, 60, 4, 8)
    assert [row[:2] for row in minutes(stage)] == [("local", 1), ("local", PLACES)]


def test_what_was_measured_of_a_worker_that_leaves_is_kept(stage: ApiStage) -> None:
    BEGIN[0] = to_us(stage.now())
    beat(stage, 1, 1, 2)
    stage.scheduler.desk.on_gone(stage.agent)
    stage.play()
    assert [row[:2] for row in minutes(stage)] == [("local", 0)]
