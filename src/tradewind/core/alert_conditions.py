"""What an alert rule can ask for. Values only: `alert_watches` remembers what they need to know.

Numbers that are compared as parts of a whole are fractions, so that 10 % is 10 %.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import assert_never

LONGEST_LOOK_BACK = timedelta(days=7)
"""What is known after a restart comes from this much of the event log at most."""


@dataclass(frozen=True, slots=True)
class FailureRate:
    """At least this part of the runs that ended within `window` has failed, once there are `minimum_runs`."""

    at_least: Fraction
    window: timedelta = timedelta(days=1)
    minimum_runs: int = 1
    together: bool = False
    """All Dags of the rule as one; else each for itself."""


@dataclass(frozen=True, slots=True)
class RunLongerThan:
    """A run takes as long as this, or `times` the average of its Dag's `last_runs` that succeeded."""

    limit: timedelta | None = None
    times: float | None = None
    last_runs: int = 10
    minimum_runs: int = 3


@dataclass(frozen=True, slots=True)
class MetricLimit:
    """What a task measured is `below` the limit, or at least as high (`above`)."""

    metric: str
    limit: float
    is_below: bool = False


@dataclass(frozen=True, slots=True)
class MachineLimit:
    """A worker's machine uses at least so many percent of its `memory` or `disk`."""

    resource: str
    at_least: float


@dataclass(frozen=True, slots=True)
class DeadlineMissed:
    """A run was not over by its deadline, or a task by its SLA."""


@dataclass(frozen=True, slots=True)
class RunDidNotStart:
    """A run that is due has not started `within` this time, whether it was made or not."""

    within: timedelta


@dataclass(frozen=True, slots=True)
class DataStale:
    """An asset has not been updated for so long. `assets`: patterns of names and addresses."""

    after: timedelta
    assets: tuple[str, ...] = ("*",)


Condition = FailureRate | RunLongerThan | MetricLimit | MachineLimit | DeadlineMissed | RunDidNotStart | DataStale


def looks_back(conditions: Iterable[Condition]) -> timedelta:
    """How much of the event log conditions need to know, after a start, what they would have known without it."""
    return max((_looks_back(condition) for condition in conditions), default=timedelta(0))


def _looks_back(condition: Condition) -> timedelta:
    match condition:
        case FailureRate(window=window):
            return min(window, LONGEST_LOOK_BACK)
        case DataStale(after=after):
            return min(after, LONGEST_LOOK_BACK)
        case RunLongerThan() | MetricLimit() | DeadlineMissed() | RunDidNotStart():
            return LONGEST_LOOK_BACK
        case MachineLimit():
            return timedelta(hours=1)
        case _:
            assert_never(condition)
