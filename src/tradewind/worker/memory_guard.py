"""Memory: an attempt that the machine has no room for waits until others have ended.

What a task will need is what it needed before: the peak of its attempts, which sinks slowly when later ones need less.
What the machine has left is what the kernel says now, less what running attempts are still expected to grow by. Where
nothing runs there is nothing to wait for: an attempt that is too large for the machine may try.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

SMALL_BYTES = 64 * 1024 * 1024
"""Who needs no more than this is never held back."""

SINKS = 0.8
"""How much of the difference remains when a task has needed less than expected."""

MOST_TASKS = 10_000

Usage = tuple[str, str, int]
"""A running attempt: its Dag, its task, and the bytes that it has now."""


class TooLarge(NamedTuple):
    """Why an attempt waits: what it needs, and what is left."""

    needs_bytes: int
    left_bytes: int


class MemoryGuard:
    """What the tasks of one machine need. `reserve_bytes` are kept free for everybody else."""

    def __init__(self, reserve_bytes: int, path: Path | None = None) -> None:
        self._reserve = reserve_bytes
        self._path = path
        self._peaks: dict[str, int] = _read(path)
        self._changed = False

    def expects(self, dag_id: str, task_id: str) -> int:
        """Bytes that an attempt of this task will need at most; 0 where nothing is known."""
        return self._peaks.get(f"{dag_id}/{task_id}", 0)

    def learn(self, dag_id: str, task_id: str, peak_bytes: int) -> None:
        """An attempt has ended."""
        name, before = f"{dag_id}/{task_id}", self.expects(dag_id, task_id)
        if max(peak_bytes, before) <= SMALL_BYTES:
            return
        self._peaks.pop(name, None)
        self._peaks[name] = peak_bytes if peak_bytes >= before else round(peak_bytes + SINKS * (before - peak_bytes))
        while len(self._peaks) > MOST_TASKS:
            del self._peaks[next(iter(self._peaks))]
        self._changed = True

    def too_large(self, dag_id: str, task_id: str, running: Iterable[Usage], available_bytes: int) -> TooLarge | None:
        """None when an attempt may start beside these."""
        needs, running = self.expects(dag_id, task_id), list(running)
        if needs <= SMALL_BYTES or not running:
            return None
        growth = sum(max(0, self.expects(dag, task) - now) for dag, task, now in running)
        left = max(0, available_bytes - growth - self._reserve)
        return TooLarge(needs, left) if needs > left else None

    def keep(self) -> None:
        """Write down what was learned, for the agent that comes after this one. It is a help: a full disk loses it."""
        if self._path is None or not self._changed:
            return
        self._changed = False
        new = self._path.with_suffix(".new")
        try:
            new.write_text(json.dumps(self._peaks), encoding="utf-8")
            os.replace(new, self._path)
        except OSError:
            new.unlink(missing_ok=True)


def _read(path: Path | None) -> dict[str, int]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
    except (OSError, ValueError):
        return {}
    return {n: b for n, b in found.items() if isinstance(b, int) and b > 0} if isinstance(found, dict) else {}
