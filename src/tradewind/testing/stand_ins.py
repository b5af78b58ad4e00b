"""What happens in place of a task's own `execute`, as `outcomes=` says it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.sdk.callables import call
from tradewind.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from tradewind.testing.clock import seconds_of

LOST = "lost"
"""The task's worker vanishes with it: nothing runs, and nobody reports."""

_RAISED: Mapping[str, Callable[[], Exception]] = {
    "failed": lambda: AirflowException("outcomes= says that it fails"),
    "failed_for_good": lambda: AirflowFailException("outcomes= says that it fails for good"),
    "skipped": lambda: AirflowSkipException("outcomes= says that it is skipped"),
}
_WORDS = ("success", *_RAISED, LOST)


class UnusableOutcome(TradewindError):
    """`outcomes=` or `takes=` names what is not there, or says what cannot be."""


class StandIns:
    """By task: what happens instead, and how long it takes. Names are `task`, `task[map_index]`, or a pattern with
    `*`; the most exact one holds."""

    def __init__(
        self,
        outcomes: Mapping[str, Any] | None,
        takes: Mapping[str, timedelta | float] | None,
        task_ids: Iterable[str],
    ) -> None:
        self._outcomes, self._takes = dict(outcomes or {}), dict(takes or {})
        known = set(task_ids)
        for name in (*self._outcomes, *self._takes):
            if unknown := unknown_name(name, known):
                raise UnusableOutcome(unknown)
        for name, outcome in self._outcomes.items():
            _check(name, outcome)

    def sends(self, task_id: str) -> bool:
        """Whether something is said about this task, so that a worker has to see it."""
        return any(_found(said, task_id, None) is not None for said in (self._outcomes, self._takes)) or any(
            name.startswith(f"{task_id}[") for name in (*self._outcomes, *self._takes)
        )

    def outcome(self, task_id: str, map_index: int, try_number: int) -> Any:
        """What happens in this try; None: the task itself runs. The last of a list holds for all later tries."""
        said = _found(self._outcomes, task_id, map_index)
        if isinstance(said, (list, tuple)):
            return said[min(try_number, len(said)) - 1]
        return said

    def seconds(self, task_id: str, map_index: int) -> float:
        """How much virtual time a try takes before its code runs."""
        said = _found(self._takes, task_id, map_index)
        return 0.0 if said is None else seconds_of(said)


def acted(outcome: Any, context: Any) -> Any:
    """The task's result in its stead; or raises what ends it otherwise."""
    if isinstance(outcome, str):
        if outcome in _RAISED:
            raise _RAISED[outcome]()
        return None
    if _is_error(outcome):
        raise outcome
    return call(outcome, (), {}, context)


def unknown_name(name: str, task_ids: Collection[str]) -> str:
    """That something is said of tasks which are not there; empty when they are."""
    if name.partition("[")[0] in task_ids or any(fnmatchcase(task_id, name) for task_id in task_ids):
        return ""
    return f"There is no task {name!r}; there are {', '.join(sorted(task_ids))}."


def name_for(said: Iterable[str], task_id: str, map_index: int | None) -> str | None:
    """The most exact of the names that an instance has: its own, its task's, or a pattern."""
    for name in (f"{task_id}[{map_index}]", task_id):
        if name in said:
            return name
    return next((name for name in said if fnmatchcase(task_id, name)), None)


def _found(said: Mapping[str, Any], task_id: str, map_index: int | None) -> Any:
    name = name_for(said, task_id, map_index)
    return None if name is None else said[name]


def _check(name: str, outcome: Any) -> None:
    if isinstance(outcome, (list, tuple)):
        if not outcome:
            raise UnusableOutcome(f"outcomes[{name!r}] is empty; give an outcome for the first try.")
        for each in outcome:
            if isinstance(each, (list, tuple)):
                raise UnusableOutcome(f"outcomes[{name!r}]: an outcome of a try cannot be a list.")
            _check(name, each)
    elif isinstance(outcome, str):
        if outcome not in _WORDS:
            raise UnusableOutcome(f"outcomes[{name!r}] is {outcome!r}; it may be {', '.join(_WORDS)}.")
    elif not _is_error(outcome) and not callable(outcome) and outcome is not None:
        raise UnusableOutcome(
            f"outcomes[{name!r}] is {outcome!r}; give a word ({', '.join(_WORDS)}), an exception, a function that "
            "gives the task's result, or a list of these, one for each try."
        )


def _is_error(outcome: Any) -> bool:
    return isinstance(outcome, BaseException) or (isinstance(outcome, type) and issubclass(outcome, BaseException))
