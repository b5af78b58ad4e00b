"""Reading the machine: through psutil where it is installed, else from /proc; a container's own memory limit counts."""

from __future__ import annotations

import importlib
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradewind.data.problems import BadSetting

CPU_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""In the order of the first line of /proc/stat."""


@dataclass(frozen=True)
class Sample:
    """The machine at one moment. CPU is the average since the sample before."""

    at: datetime
    cpu_percent: float
    memory_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    disk_percent: float
    disk_free_bytes: int
    load_1m: float
    load_per_cpu: float

    def as_metrics(self) -> dict[str, float]:
        """The numbers by name, as alert conditions see them."""
        return {name: value for name, value in asdict(self).items() if name != "at"}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names in `as_metrics()`."""
        return tuple(name for name in cls.__dataclass_fields__ if name != "at")


class SystemReadings:
    """Takes samples. The first says what the CPU did since this object was made."""

    def __init__(
        self,
        disk: Path = Path("/"),
        *,
        use_psutil: bool = True,
        proc: Path = Path("/proc"),
        cgroup: Path = Path("/sys/fs/cgroup"),
    ) -> None:
        self._disk = disk
        self._proc = proc
        self._cgroup = cgroup
        self._psutil: Any = _psutil() if use_psutil else None
        if self._psutil is None and not (proc / "stat").exists():
            raise BadSetting("Without /proc the system is read through psutil; install it.")
        self._cpu = self._cpu_times()

    def read(self) -> Sample:
        used, total = self._memory()
        disk = shutil.disk_usage(self._disk)
        load = os.getloadavg()[0]
        return Sample(
            at=datetime.now(UTC),
            cpu_percent=self._cpu_percent(),
            memory_percent=100 * used / total if total else 0.0,
            memory_used_bytes=used,
            memory_total_bytes=total,
            # As `df` counts: what only root may use is neither used nor free.
            disk_percent=100 * disk.used / (disk.used + disk.free) if disk.used + disk.free else 0.0,
            disk_free_bytes=disk.free,
            load_1m=load,
            load_per_cpu=load / (os.cpu_count() or 1),
        )

    def cpu_seconds(self) -> tuple[float, float]:
        """Busy and all CPU time of all processors since the start of the machine, in seconds."""
        busy, total = self._cpu_times()
        ticks = 1.0 if self._psutil is not None else float(os.sysconf("SC_CLK_TCK"))
        return busy / ticks, total / ticks

    def _cpu_percent(self) -> float:
        busy_before, total_before = self._cpu
        self._cpu = busy, total = self._cpu_times()
        passed = total - total_before
        return min(max(100 * (busy - busy_before) / passed, 0.0), 100.0) if passed > 0 else 0.0

    def _cpu_times(self) -> tuple[float, float]:
        """Busy and all time of all processors since the start of the machine."""
        if self._psutil is not None:
            times = self._psutil.cpu_times()
            values = [float(getattr(times, name, 0.0)) for name in CPU_FIELDS]
        else:
            values = [float(text) for text in (self._proc / "stat").read_text().split("\n", 1)[0].split()[1:9]]
        idle = values[3] + values[4]
        return sum(values) - idle, sum(values)

    def _memory(self) -> tuple[int, int]:
        used, total = self._machine_memory()
        limit = _number(self._cgroup / "memory.max")
        current = _number(self._cgroup / "memory.current")
        if limit is None or current is None or limit >= total:
            return used, total
        # Pages of files that can be dropped at once are not in use, though the kernel counts them.
        return max(current - self._inactive_files(), 0), limit

    def _machine_memory(self) -> tuple[int, int]:
        if self._psutil is not None:
            memory = self._psutil.virtual_memory()
            return memory.total - memory.available, memory.total
        facts = {}
        for line in (self._proc / "meminfo").read_text().splitlines():
            name, _, rest = line.partition(":")
            facts[name] = int(rest.split()[0]) * 1024
        available = facts.get("MemAvailable", facts["MemFree"])
        return facts["MemTotal"] - available, facts["MemTotal"]

    def _inactive_files(self) -> int:
        try:
            lines = (self._cgroup / "memory.stat").read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)


def process_memory_bytes() -> int:
    """The memory that this process keeps in RAM; 0 where it cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _psutil() -> Any:
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        # No such group, or "max": no limit.
        return None
