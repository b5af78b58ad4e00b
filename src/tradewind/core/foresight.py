"""What runs that are to come will need: how many of one Dag go on at once, and how many slots of each pool."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.core.mapping import literal_length

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Overlap:
    """How the runs of one Dag meet."""

    runs: int
    """Runs that begin while an earlier one goes on."""
    most: int
    """Runs that go on at once, at most."""
    at: datetime | None
    """When that is so for the first time."""


@dataclass(frozen=True, slots=True)
class PoolUse:
    """The slots of one pool that are wanted over time."""

    steps: tuple[tuple[int, int], ...]
    """(second since 1970, slots wanted from then on), ascending."""

    @property
    def most(self) -> int:
        return max((slots for _, slots in self.steps), default=0)

    @property
    def most_at(self) -> datetime | None:
        """When the most are wanted for the first time."""
        most = self.most
        return next((_EPOCH + second * _SECOND for second, slots in self.steps if slots == most), None)

    def seconds_above(self, limit: int) -> int:
        """For how long more slots are wanted than there are."""
        ends = [second for second, _ in self.steps[1:]]
        return sum(end - second for (second, slots), end in zip(self.steps, ends, strict=False) if slots > limit)

    def peaks(self, start: datetime, end: datetime, count: int) -> list[int]:
        """The most slots wanted in each of `count` equal parts of a span."""
        first, last = _seconds(start), _seconds(end)
        found, slots, at = [0] * count, 0, first
        for second, following in (*self.steps, (last, 0)):
            if slots and second > first:
                for part in range(_part(at, first, last, count), _part(second - 1, first, last, count) + 1):
                    found[part] = max(found[part], slots)
            slots, at = following, max(second, first)
        return found


def overlap_of(due: Sequence[datetime], lasts: timedelta) -> Overlap:
    """How runs that are due at these times, ascending, meet when each takes so long and none waits."""
    overlapping, most, at, first = 0, 0, None, 0
    for index, begins in enumerate(due):
        while due[first] + lasts <= begins and first < index:
            first += 1
        overlapping += first < index
        if index - first + 1 > most:
            most, at = index - first + 1, begins
    return Overlap(overlapping, most, at)


Profile = Mapping[str, Mapping[timedelta, int]]
"""By pool: how many slots more, or fewer, are wanted so long after a run has begun."""


def profile_of(spec: DagSpec, lasts: timedelta) -> Profile:
    """What one run wants. Its time is shared out evenly among the steps of its longest chain of tasks: what a task is
    known to need comes before how long it takes."""
    depths = _depths(spec)
    steps = max(depths.values(), default=-1) + 1
    profile: dict[str, dict[timedelta, int]] = {}
    for task_id, depth in depths.items():
        task = spec.tasks[task_id]
        slots = 0 if task.never_sent else task.pool_slots * _instances(task)
        changes = profile.setdefault(task.pool, {})
        for at, change in ((lasts * depth / steps, slots), (lasts * (depth + 1) / steps, -slots)):
            changes[at] = changes.get(at, 0) + change
    return _without_nothing(profile)


def pool_uses(groups: Iterable[tuple[Sequence[datetime], Iterable[Profile]]]) -> dict[str, PoolUse]:
    """The slots that are wanted of each pool when runs with these profiles begin at these times."""
    changes: dict[str, dict[int, int]] = {}
    for due, profiles in groups:
        for pool, together in _sum(profiles).items():
            found = changes.setdefault(pool, {})
            for after, change in together.items():
                for begins in due:
                    second = _seconds(begins + after)
                    found[second] = found.get(second, 0) + change
    return {pool: PoolUse(tuple(_running_total(found))) for pool, found in sorted(changes.items())}


def _sum(profiles: Iterable[Profile]) -> dict[str, dict[timedelta, int]]:
    together: dict[str, dict[timedelta, int]] = {}
    for profile in profiles:
        for pool, changes in profile.items():
            mine = together.setdefault(pool, {})
            for at, change in changes.items():
                mine[at] = mine.get(at, 0) + change
    return _without_nothing(together)


def _without_nothing(profile: Profile) -> dict[str, dict[timedelta, int]]:
    changes = {pool: {at: change for at, change in found.items() if change} for pool, found in profile.items()}
    return {pool: found for pool, found in changes.items() if found}


def _running_total(changes: Mapping[int, int]) -> Iterable[tuple[int, int]]:
    slots = 0
    for second in sorted(changes):
        if changes[second]:
            slots += changes[second]
            yield second, slots


def _depths(spec: DagSpec) -> dict[str, int]:
    """How many tasks come one after another before each task, along its longest chain."""
    depths: dict[str, int] = {}
    for task_id, task in spec.tasks.items():  # in topological order
        depths[task_id] = max((depths[upstream] + 1 for upstream in task.upstream if upstream in depths), default=0)
    return depths


def _instances(task: TaskSpec) -> int:
    return (literal_length(task.map) or 1) if task.map else 1


def _seconds(at: datetime) -> int:
    return (at - _EPOCH) // _SECOND


def _part(second: int, first: int, last: int, count: int) -> int:
    return min(count - 1, max(0, (second - first) * count // max(1, last - first)))
