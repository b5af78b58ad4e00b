"""Making a failing simulation small: fault classes, single faults and parts of the workload that it does not need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.faults import Plan
from tradewind.testing.simulation.simulation import Result, Simulation
from tradewind.testing.simulation.workload import Workload

MOST_PLAYS = 400


@dataclass(frozen=True)
class Small:
    """What is left of a failing simulation, and the words that name it on a command line."""

    result: Result
    plan: Plan
    workload: Workload
    without: tuple[str, ...] = field(default=())
    """Fault classes, `fault:N` (by position among those left) and `part:N` (likewise), in the order of leaving out."""

    @property
    def command(self) -> str:
        """The command that plays exactly this."""
        words = " ".join(f"--without '{word}'" for word in self.without)
        return f"python -m tradewind.testing.simulation --from {self.result.seed} --seeds 1 {words}".rstrip()


def reduced(simulation: Simulation, words: tuple[str, ...]) -> Simulation:
    """The same simulation without what the words name."""
    plan, workload = simulation.plan, simulation.workload
    for word in words:
        kind, _, number = word.partition(":")
        if kind == "fault" and number:
            plan = plan.without_event(int(number))
        elif kind == "part" and number:
            workload = workload.without(workload.items()[int(number)])
        else:
            plan = plan.without(word)
    return Simulation(simulation.seed, simulation.database, workload=workload, plan=plan)


def shrink(seed: int, database: Database, *, told: Callable[[str], None] = lambda text: None) -> Small:
    """Leave out whatever the failure of this seed does not need. The kind of failure stays the same."""
    first = Simulation(seed, database)
    result = first.run()
    small = Small(result, first.plan, first.workload)
    plays = 1

    def attempt(word: str) -> bool:
        nonlocal small, plays
        if plays >= MOST_PLAYS:
            return False
        plays += 1
        words = (*small.without, word)
        candidate = reduced(Simulation(seed, database), words)
        found = candidate.run()
        if not same_kind(found.broken, result.broken):
            return False
        small = Small(found, candidate.plan, candidate.workload, words)
        told(f"without {word}: {found.broken[:100]}")
        return True

    for name in first.plan.classes():
        attempt(name)
    _drop(lambda: len(small.plan.events), lambda n: attempt(f"fault:{n}"))
    _drop(lambda: len(small.workload.items()), lambda n: attempt(f"part:{n}"))
    return small


def same_kind(found: str, wanted: str) -> bool:
    """Whether two simulations broke the same invariant."""
    return bool(found) and found.partition(":")[0] == wanted.partition(":")[0]


def _drop(count: Callable[[], int], attempt: Callable[[int], bool]) -> None:
    """Leave parts out, one after the other; where one is gone, the next has its place."""
    position = 0
    while position < count():
        if not attempt(position):
            position += 1
