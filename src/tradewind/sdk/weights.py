"""Priority: what a task's own weight and its neighbours' make together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.types import WeightRule

if TYPE_CHECKING:
    from tradewind.sdk.dag import DAG

SMALLEST, LARGEST = -(2**31), 2**31 - 1


class PriorityWeightStrategy(ABC):
    """A weight rule of the author's own."""

    @abstractmethod
    def get_weight(self, ti: Any) -> int:
        """The weight of one task instance."""


@dataclass
class _Instance:
    """As much of a task instance as there is while a Dag is read."""

    task: Any
    task_id: str
    dag_id: str
    map_index: int = -1
    try_number: int = 0
    run_id: str = ""
    state: str | None = None


def checked_weight_rule(rule: Any, where: str) -> WeightRule | PriorityWeightStrategy:
    """A built-in rule or a strategy, from its name, class or instance."""
    if rule is None:
        rule = conf.get("core", "default_task_weight_rule")
    if isinstance(rule, type) and issubclass(rule, PriorityWeightStrategy):
        return rule()
    if isinstance(rule, PriorityWeightStrategy) or callable(getattr(rule, "get_weight", None)):
        return rule  # type: ignore[no-any-return]
    text = str(rule)
    if text in list(WeightRule):
        return WeightRule(text)
    module, _, name = text.rpartition(".")
    if module:
        try:
            return checked_weight_rule(getattr(import_module(module), name), where)
        except (ImportError, AttributeError):
            pass
    raise AirflowException(
        f"{where}: weight_rule {text!r} is not one of {', '.join(WeightRule)} nor a PriorityWeightStrategy."
    )


def clamp(weight: float) -> int:
    """The weight as a 32-bit number."""
    return max(SMALLEST, min(LARGEST, int(weight)))


def effective_weights(dag: DAG) -> dict[str, int]:
    """The weight that each task is queued with."""
    order = [task.task_id for task in dag.topological_sort()]
    own = {task_id: dag.get_task(task_id).priority_weight for task_id in order}
    sums: dict[str, Callable[[str], int]] = {}

    def total(task_id: str, rule: str) -> int:
        if rule not in sums:
            upstream = rule == WeightRule.UPSTREAM
            sums[rule] = _transitive_sums(dag, order if upstream else order[::-1], own, upstream=upstream)
        return sums[rule](task_id)

    weights: dict[str, int] = {}
    for task_id in order:
        rule = dag.get_task(task_id).weight_rule
        match rule:
            case WeightRule.ABSOLUTE:
                weight: float = own[task_id]
            case WeightRule():
                weight = total(task_id, rule)
            case _:
                weight = _ask(rule, dag, task_id)
        weights[task_id] = clamp(weight)
    return weights


def _transitive_sums(
    dag: DAG, order: list[str], own: Mapping[str, int], *, upstream: bool
) -> Callable[[str], int]:  # fmt: skip
    """Own weight plus that of everything before (or after), each counted once. Sets are bits of one number."""
    position = {task_id: index for index, task_id in enumerate(order)}
    reach: dict[str, int] = {}
    for task_id in order:
        bits = 1 << position[task_id]
        for neighbour in dag.get_task(task_id).get_direct_relative_ids(upstream):
            bits |= reach[neighbour]
        reach[task_id] = bits
    by_weight: dict[int, int] = {}
    for task_id, weight in own.items():
        by_weight[weight] = by_weight.get(weight, 0) | 1 << position[task_id]
    return lambda task_id: sum(weight * (reach[task_id] & bits).bit_count() for weight, bits in by_weight.items())


def _ask(rule: Any, dag: DAG, task_id: str) -> int:
    task = dag.get_task(task_id)
    try:
        return int(rule.get_weight(_Instance(task=task, task_id=task_id, dag_id=dag.dag_id)))
    except Exception as error:
        raise AirflowException(
            f"Task {task_id!r} of Dag {dag.dag_id!r}: weight rule {type(rule).__name__} failed: "
            f"{type(error).__name__}: {error}"
        ) from error
