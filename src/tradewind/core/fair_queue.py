"""Fair share: where several Dags have tasks of one priority waiting, they take turns, however many tasks each has."""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from tradewind.core.records import TaskKey


class Entry(NamedTuple):
    """One ready task. Those of one Dag start in this order: highest weight, oldest run, lowest map index."""

    minus_weight: int
    order_us: int
    run: int
    sequence: int
    map_index: int
    key: TaskKey
    queue: str
    pool: str
    dag_id: str = ""


_Group = tuple[int, str]
"""Tasks of one weight and one Dag."""


class FairQueue:
    """Entries by weight; those of one weight in turns of their Dags, each Dag's own in their order.

    A turn is a number that grows with each entry that a Dag has had. A Dag that comes later begins where the others
    are, so that nobody saves turns up while it has nothing waiting. A step costs the logarithm of what waits.
    """

    __slots__ = ("_entries", "_now", "_size", "_turns", "_waiting")

    def __init__(self) -> None:
        self._entries: dict[_Group, list[Entry]] = {}
        self._waiting: list[tuple[int, int, Entry, str]] = []
        """Weight and turn of each group, and its first entry when it came here: of two Dags whose turn it is, the one
        with the older run is first."""
        self._turns: dict[_Group, int] = {}
        """The turn that each group is to have next."""
        self._now: dict[int, int] = {}
        """By weight, the turn that was last."""
        self._size = 0

    def push(self, entry: Entry) -> None:
        group = entry.minus_weight, entry.dag_id
        waiting = self._entries.get(group)
        self._size += 1
        if waiting:
            heappush(waiting, entry)
            return
        self._entries[group] = [entry]
        self._wait(group)

    @property
    def first(self) -> Entry:
        minus_weight, _, _, dag_id = self._waiting[0]
        return self._entries[minus_weight, dag_id][0]

    def pop(self, *, starts: bool) -> Entry:
        """Take the first entry out. `starts`: its Dag has had its turn."""
        minus_weight, turn, _, dag_id = heappop(self._waiting)
        group = minus_weight, dag_id
        entries = self._entries[group]
        entry = heappop(entries)
        self._size -= 1
        if starts:
            self._now[minus_weight] = turn
            self._turns[group] = turn + 1
        if entries:
            self._wait(group)
        else:
            del self._entries[group]
            if not self._waiting:
                self._turns.clear()
                self._now.clear()
        return entry

    def _wait(self, group: _Group) -> None:
        minus_weight, dag_id = group
        turn = max(self._turns.get(group, 0), self._now.get(minus_weight, 0))
        self._turns[group] = turn
        heappush(self._waiting, (minus_weight, turn, self._entries[group][0], dag_id))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Entry]:
        """Every entry, in no order."""
        for entries in self._entries.values():
            yield from entries
