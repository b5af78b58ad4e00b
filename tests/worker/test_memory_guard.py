"""Who waits for memory, who does not, and what is remembered of whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tradewind.worker.memory_guard import MemoryGuard, TooLarge
from tradewind.worker.process import available_memory, disk_percent, machine_cpu, memory_percent

GB = 1024**3
RUNNING = [("etl", "other", GB)]


@pytest.fixture
def guard() -> MemoryGuard:
    return MemoryGuard(reserve_bytes=GB)


def test_a_task_that_nothing_is_known_of_starts(guard: MemoryGuard) -> None:
    assert guard.too_large("etl", "big", RUNNING, available_bytes=0) is None


def test_a_task_that_needed_more_than_is_left_waits(guard: MemoryGuard) -> None:
    guard.learn("etl", "big", 4 * GB)
    assert guard.too_large("etl", "big", RUNNING, available_bytes=5 * GB) is None
    assert guard.too_large("etl", "big", RUNNING, available_bytes=4 * GB) == TooLarge(4 * GB, 3 * GB)


def test_what_running_attempts_have_still_to_take_is_not_left(guard: MemoryGuard) -> None:
    guard.learn("etl", "big", 4 * GB)
    just_started = [("etl", "big", 0)]
    assert guard.too_large("etl", "big", just_started, available_bytes=8 * GB) == TooLarge(4 * GB, 3 * GB)
    assert guard.too_large("etl", "big", [("etl", "big", 4 * GB)], available_bytes=8 * GB) is None


def test_where_nothing_runs_there_is_nothing_to_wait_for(guard: MemoryGuard) -> None:
    guard.learn("etl", "big", 400 * GB)
    assert guard.too_large("etl", "big", [], available_bytes=0) is None


def test_a_small_task_is_never_held_back(guard: MemoryGuard) -> None:
    guard.learn("etl", "small", 60 * 1024 * 1024)
    assert guard.too_large("etl", "small", RUNNING, available_bytes=0) is None


def test_a_task_that_needs_less_than_before_is_believed_slowly(guard: MemoryGuard) -> None:
    guard.learn("etl", "big", 10 * GB)
    guard.learn("etl", "big", 5 * GB)
    assert guard.expects("etl", "big") == 9 * GB
    guard.learn("etl", "big", 12 * GB)
    assert guard.expects("etl", "big") == 12 * GB


def test_the_next_agent_knows_what_this_one_has_learned(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    guard = MemoryGuard(0, path)
    guard.learn("etl", "big", 4 * GB)
    guard.keep()
    assert MemoryGuard(0, path).expects("etl", "big") == 4 * GB
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"etl/big": "much"}', '{"etl/big": -1}'])
def test_notes_that_cannot_be_read_are_no_notes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "memory.json"
    path.write_text(text)
    assert MemoryGuard(0, path).expects("etl", "big") == 0


def test_memory_that_is_available_is_the_machines_or_the_containers(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemAvailable: 80 kB\n")
    group = tmp_path / "group"
    assert available_memory(tmp_path / "meminfo", group) == 80 * 1024
    group.mkdir()
    (group / "memory.current").write_text("50000\n")
    (group / "memory.stat").write_text("anon 10000\ninactive_file 20000\n")
    (group / "memory.max").write_text("max\n")
    assert available_memory(tmp_path / "meminfo", group) == 80 * 1024
    (group / "memory.max").write_text("60000\n")
    assert available_memory(tmp_path / "meminfo", group) == 30_000
    assert available_memory() > 0


def test_how_much_is_in_use_is_said_of_the_machine_or_the_container_and_never_rounded_up(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 10000 kB\nMemAvailable: 1001 kB\n")
    group = tmp_path / "group"
    assert memory_percent(tmp_path / "meminfo", group) == 89.9
    group.mkdir()
    (group / "memory.current").write_text("50000\n")
    (group / "memory.stat").write_text("anon 10000\ninactive_file 20000\n")
    (group / "memory.max").write_text("60000\n")
    assert memory_percent(tmp_path / "meminfo", group) == 50.0
    assert memory_percent(tmp_path / "nothing", group) == 0.0
    assert 0 < disk_percent(str(tmp_path)) <= 100
    assert disk_percent(str(tmp_path / "nothing")) == 0.0


def test_what_the_processors_did_is_said_in_seconds(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  100 20 30 400 50 6 7 8 90 10\ncpu0 1 2 3\n")
    ticks = os.sysconf("SC_CLK_TCK")
    assert machine_cpu(tmp_path / "stat") == (171 / ticks, 621 / ticks)
    (tmp_path / "stat").write_text("cpu  1 2\n")
    assert machine_cpu(tmp_path / "stat") == machine_cpu(tmp_path / "nothing") == (0.0, 0.0)
