"""Who may start next: pools, parallelism, active-task limits and priority, as queues of ready tasks.

What a limit forbids is never looked at again until that limit has room: an entry that meets a full limit is parked
under it, and each slot that the limit gives back takes one entry out. So admitting costs what changed, however many
tasks wait. Entries are hints: one whose task is no longer ready is dropped when it is met.

A slot must not be given to an entry that cannot use it while another one could: a limit lets out only entries whose
queue is open (its pool has room, and a worker serves it). Where none is, the limit is noted as stalled, and looked at
again when one of these queues opens. An entry that was let out and whose queue closes meanwhile hands its slot on.
"""

from collections.abc import Callable, Iterable, Iterator

from tradewind.core.fair_queue import Entry, FairQueue

LimitKey = tuple[str, ...]
"""What an entry is parked under: ("dag", dag_id), ("task", dag_id, task_id), ("pool", name, slots) …"""

QueueKey = tuple[str, str]
"""A worker queue and a pool."""


class ReadyQueues:
    """Ready tasks by (queue, pool), and the parked ones by the limit that holds them."""

    __slots__ = ("_heaps", "_is_open", "_let_out", "_now", "_parked", "_stalled", "_turns", "_under")

    def __init__(self, is_open: Callable[[QueueKey], bool] = lambda name: True) -> None:
        self._is_open = is_open
        self._heaps: dict[QueueKey, FairQueue] = {}
        self._turns: dict[QueueKey, int] = {}
        """The turn that each queue is to have next among those whose first entries weigh the same."""
        self._now = 0
        """The turn that was last."""
        self._parked: dict[LimitKey, dict[QueueKey, FairQueue]] = {}
        self._under: dict[LimitKey, dict[LimitKey, None]] = {}
        """Limits that something is parked under, by their first two words: those of one Dag, run or pool."""
        self._let_out: dict[QueueKey, dict[int, LimitKey]] = {}
        """Entries that hold a slot of the limit that let them out, by sequence number."""
        self._stalled: dict[QueueKey, dict[LimitKey, int]] = {}
        """Limits with room whose entries all wait for closed queues, and for how many there is room."""

    def push(self, entry: Entry) -> None:
        name = entry.queue, entry.pool
        heap = self._heaps.get(name)
        if heap is None:
            heap = self._heaps[name] = FairQueue()
        heap.push(entry)

    def heads(self) -> list[tuple[Entry, QueueKey]]:
        """The first entry of every queue, best first."""
        firsts = [(heap.first, name) for name, heap in self._heaps.items() if heap]
        if len(firsts) > 1:
            firsts.sort(key=lambda one: (one[0].minus_weight, max(self._turns.get(one[1], 0), self._now), one[0]))
        return firsts

    def head(self, name: QueueKey) -> Entry | None:
        heap = self._heaps.get(name)
        return heap.first if heap else None

    def take(self, name: QueueKey) -> Entry:
        """Remove the first entry of a heap: it starts now."""
        entry = self._heaps[name].pop(starts=True)
        self._now = max(self._turns.get(name, 0), self._now)
        self._turns[name] = self._now + 1
        self._let_out.get(name, {}).pop(entry.sequence, None)
        return entry

    def drop(self, name: QueueKey) -> None:
        """Remove the first entry of a heap: its task is no longer ready."""
        self._hand_on(name, self._heaps[name].pop(starts=False).sequence)

    def park(self, name: QueueKey, limit: LimitKey) -> None:
        """The first entry of a heap has met a full limit: it waits there."""
        entry = self._heaps[name].pop(starts=False)
        self._under.setdefault(limit[:2], {})[limit] = None
        groups = self._parked.setdefault(limit, {})
        if name not in groups:
            groups[name] = FairQueue()
        groups[name].push(entry)
        if self._let_out.get(name, {}).get(entry.sequence) == limit:
            del self._let_out[name][entry.sequence]  # the room that it was let out for has been taken meanwhile
        else:
            self._hand_on(name, entry.sequence)

    def close(self, name: QueueKey) -> None:
        """Nothing of this heap can start now: slots that its entries hold are for others."""
        for sequence in list(self._let_out.get(name, ())):
            self._hand_on(name, sequence)

    def open_up(self) -> None:
        """Queues may have opened: limits that were stalled over them let out what can use their room."""
        for name in [name for name in self._stalled if self._is_open(name)]:
            for limit, count in self._stalled.pop(name, {}).items():
                self.release(limit, count)

    def release(self, limit: LimitKey, count: int = 1) -> None:
        """A limit has room again for `count` entries; −1 for all of them."""
        groups = self._parked.get(limit)
        while groups and count != 0:
            usable = [name for name in groups if count < 0 or self._is_open(name)]
            if not usable:
                for name in groups:
                    stalled = self._stalled.setdefault(name, {})
                    stalled[limit] = stalled.get(limit, 0) + count
                return
            name = min(usable, key=lambda name: groups[name].first)
            entry = groups[name].pop(starts=True)
            if not groups[name]:
                del groups[name]
            if count > 0:
                self._let_out.setdefault(name, {})[entry.sequence] = limit
            self.push(entry)
            count -= 1
        if groups is not None and not groups:
            del self._parked[limit]
            del self._under[limit[:2]][limit]
            if not self._under[limit[:2]]:
                del self._under[limit[:2]]

    def release_all(self, dag_id: str, runs: Iterable[str]) -> None:
        """A Dag's limits have changed: everything parked under one of them looks again."""
        of_runs = (("task_in_run", run) for run in runs)
        for words in (("dag", dag_id), ("task", dag_id), *of_runs):
            for limit in list(self._under.get(words, ())):
                self.release(limit, -1)

    def sizes(self, pool: str) -> list[int]:
        """The slots that tasks parked for want of room in this pool ask for, by size."""
        return sorted(int(limit[2]) for limit in self._under.get(("pool", pool), ()))

    def _hand_on(self, name: QueueKey, sequence: int) -> None:
        # The room that this entry was let out for is still free: the next one may have it.
        if limit := self._let_out.get(name, {}).pop(sequence, None):
            self.release(limit)

    def by_pool(self) -> dict[str, int]:
        """How many wait, by pool. Costs the queues and full limits, not what waits."""
        counts: dict[str, int] = {}
        for queues in (self._heaps, *self._parked.values()):
            for (_, pool), heap in queues.items():
                counts[pool] = counts.get(pool, 0) + len(heap)
        return counts

    def waiting(self) -> Iterator[Entry]:
        """Every entry, in no order; for rebuilding and for tests."""
        for heap in self._heaps.values():
            yield from heap
        for groups in self._parked.values():
            for heap in groups.values():
                yield from heap

    def __len__(self) -> int:
        parked = sum(len(heap) for groups in self._parked.values() for heap in groups.values())
        return sum(map(len, self._heaps.values())) + parked
