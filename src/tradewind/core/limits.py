"""Who may start next: pools, parallelism, active-task limits and priority, as queues of ready tasks.

What a limit forbids is never looked at again until that limit has room: an entry that meets a full limit is parked
under it, and each slot that the limit gives back takes one entry out. So admitting costs what changed, however many
tasks wait. Entries are hints: one whose task is no longer ready is dropped when it is met.
"""

from collections.abc import Iterator, Set
from heapq import heappop, heappush
from typing import NamedTuple

from tradewind.core.records import TaskKey

LimitKey = tuple[str, ...]
"""What an entry is parked under: ("dag", dag_id), ("task", dag_id, task_id), ("pool", name, slots) …"""


class Entry(NamedTuple):
    """One ready task in the order in which it should start: highest weight, oldest run, lowest map index."""

    minus_weight: int
    order_us: int
    run: int
    sequence: int
    map_index: int
    key: TaskKey
    queue: str
    pool: str


class ReadyQueues:
    """Ready tasks by (queue, pool), and the parked ones by the limit that holds them."""

    __slots__ = ("_heaps", "_origin", "_parked")

    def __init__(self) -> None:
        self._heaps: dict[tuple[str, str], list[Entry]] = {}
        self._parked: dict[LimitKey, list[Entry]] = {}
        self._origin: dict[int, LimitKey] = {}

    def push(self, entry: Entry) -> None:
        heappush(self._heaps.setdefault((entry.queue, entry.pool), []), entry)

    def heads(self) -> list[tuple[Entry, tuple[str, str]]]:
        """The first entry of every heap, best first."""
        return sorted((heap[0], name) for name, heap in self._heaps.items() if heap)

    def head(self, name: tuple[str, str]) -> Entry | None:
        heap = self._heaps.get(name)
        return heap[0] if heap else None

    def take(self, name: tuple[str, str]) -> Entry:
        """Remove the first entry of a heap: it starts now."""
        entry = heappop(self._heaps[name])
        self._origin.pop(entry.sequence, None)
        return entry

    def drop(self, name: tuple[str, str]) -> None:
        """Remove the first entry of a heap: its task is no longer ready."""
        self._replace_from_origin(heappop(self._heaps[name]))

    def park(self, name: tuple[str, str], limit: LimitKey) -> None:
        """The first entry of a heap has met a full limit: it waits there."""
        entry = heappop(self._heaps[name])
        heappush(self._parked.setdefault(limit, []), entry)
        if self._origin.get(entry.sequence) == limit:
            del self._origin[entry.sequence]  # the room that it was let out for has been taken meanwhile
        else:
            self._replace_from_origin(entry)

    def release(self, limit: LimitKey, count: int = 1) -> None:
        """A limit has room again for `count` entries; −1 for all of them."""
        parked = self._parked.get(limit)
        while parked and count != 0:
            entry = heappop(parked)
            self._origin[entry.sequence] = limit
            self.push(entry)
            count -= 1
        if parked is not None and not parked:
            del self._parked[limit]

    def release_all(self, dag_id: str, runs: Set[str]) -> None:
        """A Dag's limits have changed: everything parked under one of them looks again."""
        for limit in [x for x in self._parked if x[:2] == ("dag", dag_id) or x[:2] == ("task", dag_id)]:
            self.release(limit, -1)
        for limit in [x for x in self._parked if x[0] == "task_in_run" and x[1] in runs]:
            self.release(limit, -1)

    def sizes(self, pool: str) -> list[int]:
        """The slots that tasks parked for want of room in this pool ask for, by size."""
        return sorted(int(limit[2]) for limit in self._parked if limit[0] == "pool" and limit[1] == pool)

    def _replace_from_origin(self, entry: Entry) -> None:
        # The room that this entry was let out for is still free: the next one may have it.
        if limit := self._origin.pop(entry.sequence, None):
            self.release(limit)

    def waiting(self) -> Iterator[Entry]:
        """Every entry, in no order; for rebuilding and for tests."""
        for heap in (*self._heaps.values(), *self._parked.values()):
            yield from heap

    def __len__(self) -> int:
        return sum(map(len, self._heaps.values())) + sum(map(len, self._parked.values()))
