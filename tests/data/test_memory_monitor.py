from __future__ import annotations

import pytest

from tradewind.data.memory import MemoryMonitor, next_chunk, resident_bytes, step_for
from tradewind.data.problems import MemoryLimitReached


@pytest.mark.parametrize(("used", "step"), [(0, "go on"), (74, "go on"), (75, "split"), (91, "split"), (92, "wait")])
def test_work_is_split_before_it_waits(used: float, step: str) -> None:
    assert step_for(used, 100) == step


def test_chunks_shrink_when_memory_is_tight_and_grow_back_when_it_is_not() -> None:
    assert next_chunk(1000, 1000, 80, 100) == 500
    assert next_chunk(150, 1000, 80, 100) == 100
    assert next_chunk(500, 1000, 70, 100) == 500
    assert next_chunk(500, 1000, 10, 100) == 1000
    assert next_chunk(40, 40, 80, 100) == 40


def test_a_full_process_waits_until_there_is_room() -> None:
    readings = iter([95_000_000, 94_000_000, 50_000_000])
    pauses: list[float] = []
    monitor = MemoryMonitor(0.1, 1000, used=lambda: next(readings), sleep=pauses.append)
    assert monitor.next_chunk() == 1000
    assert pauses == [0.05, 0.1]
    assert (monitor.report.waits, monitor.report.peak) == (2, 95_000_000)


def test_a_process_that_stays_full_stops_with_advice() -> None:
    monitor = MemoryMonitor(0.1, 1000, used=lambda: 95_000_000, sleep=lambda _: None)
    with pytest.raises(MemoryLimitReached, match=r"95 MB of MEMORY_LIMIT_GB=0\.1.*lower CHUNK_SIZE"):
        monitor.next_chunk()


def test_splits_are_counted() -> None:
    monitor = MemoryMonitor(0.1, 1000, used=lambda: 80_000_000, sleep=pytest.fail)
    assert [monitor.next_chunk() for _ in range(3)] == [500, 250, 125]
    assert (monitor.report.splits, monitor.report.smallest_chunk) == (3, 125)


def test_what_this_process_holds_is_measured() -> None:
    before = resident_bytes()
    held = bytearray(b"x") * 60_000_000
    assert resident_bytes() - before > 40_000_000
    assert held


def test_the_measured_memory_is_a_metric_while_work_runs() -> None:
    from tradewind.data import runtime

    class Recorder:
        def __init__(self) -> None:
            self.seen: list[tuple[str, float]] = []

        def progress(self, done: float, total: float | None, unit: str) -> None: ...

        def metric(self, name: str, value: float, labels: object) -> None:
            self.seen.append((name, value))

    recorder = Recorder()
    monitor = MemoryMonitor(0.1, 10, used=lambda: 5)
    with runtime.installed(recorder):
        for _ in range(100):
            monitor.next_chunk()
    assert recorder.seen == [("resident_bytes", 5)]
