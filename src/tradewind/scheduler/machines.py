"""What workers' machines had to do, minute by minute, for a week: a minute takes the place of that a week before."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradewind.core.decisions import DropRows, PutRow
from tradewind.scheduler.owner import Rows
from tradewind.store.times import to_us
from tradewind.wire.messages import Beat

if TYPE_CHECKING:
    from tradewind.scheduler.scheduler import Scheduler

MINUTE_US = 60_000_000
PLACES = 7 * 24 * 60


@dataclass(slots=True)
class _Minute:
    """What was measured of one machine within a minute."""

    number: int
    cpu_before: tuple[float, float]
    cpu: tuple[float, float]
    memory: float = 0.0
    disk: float = 0.0

    def take(self, beat: Beat) -> None:
        self.cpu = beat.machine_cpu
        self.memory = max(self.memory, beat.memory_percent)
        self.disk = beat.disk_percent

    @property
    def cpu_percent(self) -> float | None:
        """None where a machine was started anew within the minute, or does not say."""
        busy, passed = (now - before for now, before in zip(self.cpu, self.cpu_before, strict=True))
        return round(100 * busy / passed, 1) if 0 <= busy <= passed and passed > 0 else None


class Machines:
    """The minutes that go on, by worker."""

    def __init__(self, scheduler: "Scheduler") -> None:
        self._scheduler = scheduler
        self._open: dict[str, _Minute] = {}
        self._newest = 0
        """The newest minute that has rows: those of a week before are gone."""

    def measured(self, worker: str, beat: Beat) -> None:
        """A worker has measured its machine."""
        if not beat.memory_percent or not all(map(math.isfinite, _values(beat))):
            return
        number = to_us(self._scheduler.now()) // MINUTE_US
        minute = self._open.get(worker)
        if minute is None or minute.number != number:
            if minute is not None:
                self._store(worker, minute)
            before = beat.machine_cpu if minute is None else minute.cpu
            self._open[worker] = minute = _Minute(number, before, beat.machine_cpu)
        minute.take(beat)

    def gone(self, worker: str) -> None:
        """A worker has left: what it measured last is stored."""
        if (minute := self._open.pop(worker, None)) is not None and not self._scheduler.is_closed:
            self._store(worker, minute)

    def _store(self, worker: str, minute: _Minute) -> None:
        place = minute.number % PLACES
        row = PutRow(
            "machine_minute",
            {
                "place": place,
                "worker": worker,
                "at": minute.number * MINUTE_US,
                "cpu": minute.cpu_percent,
                "memory": min(max(minute.memory, 0.0), 100.0),
                "disk": min(max(minute.disk, 0.0), 100.0),
            },
        )
        old = () if minute.number <= self._newest else (DropRows("machine_minute", {"place": place}),)
        self._newest = max(self._newest, minute.number)
        self._scheduler.submit(Rows((*old, row)))


def _values(beat: Beat) -> tuple[float, ...]:
    return (beat.memory_percent, beat.disk_percent, *beat.machine_cpu)
