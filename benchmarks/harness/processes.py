"""What the kernel says about a process tree: who is in it, its CPU time, its memory."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

_TICK = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """The process and all its descendants that exist now."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, unseen = [], [root] if os.path.exists(f"/proc/{root}") else []
    while unseen:
        pid = unseen.pop()
        found.append(pid)
        unseen += children.get(pid, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of these processes and of every child that they have reaped, in steps of a clock tick."""
    return sum(sum(map(int, fields[11:15])) for pid in pids if (fields := _stat(pid))) / _TICK


def cpu_by_name(pids: Iterable[int]) -> Counter[str]:
    """CPU seconds by process name, those of reaped children apart as `NAME's children`."""
    found: Counter[str] = Counter()
    for pid in pids:
        if fields := _stat(pid):
            own, reaped = (sum(map(int, fields[at : at + 2])) / _TICK for at in (11, 13))
            found[name(pid)] += own  # type: ignore[assignment]
            found[f"{name(pid)}'s children"] += reaped  # type: ignore[assignment]
    return found


def pss_bytes(pid: int) -> int:
    """Memory of a process with shared pages divided among those who share them; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return 0


def name(pid: int) -> str:
    """The process's own short name."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def started(pid: int) -> int:
    """When the process began, in clock ticks since the machine's start; 0 when it is gone. Tells a reused id apart."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name: state, parent, … ; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []
