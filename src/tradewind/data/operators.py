"""Operators of the toolkit, for Dags of Tradewind and of stock Airflow alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, task

from tradewind.data.problems import BadSetting, DataProblem


def step(function: Callable[..., Any], *, hopeless: tuple[type[Exception], ...] = (DataProblem,)) -> Any:
    """`@step` is `@task`, and the task is not tried again after an error of these kinds: bad input, bad settings and
    bad quality are the same the next time. Use `partial(step, hopeless=…)` for further kinds."""
    return task(_failing_for_good(function, hopeless))


def _failing_for_good(function: Callable[..., Any], hopeless: tuple[type[Exception], ...]) -> Callable[..., Any]:
    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        from airflow.sdk.exceptions import AirflowFailException

        try:
            return function(*args, **kwargs)
        except hopeless as problem:
            raise AirflowFailException(str(problem)) from problem

    return run


class QualityGateOperator(BaseOperator):
    """Lets the tasks after it run only when a Parquet file is good enough.

    `rules` are as in `quality_rules.rules_from`, so that they may come from a file; `minimum` is the lowest score.
    `report` is where an HTML page of the findings goes, and `good` and `quarantine` are where rows go that keep and
    break the row-wise rules, both or neither. A closed gate fails without a further try, since the same data would
    fail again. Gives the score, the broken rules and the counts.
    """

    template_fields: Sequence[str] = ("path", "report", "good", "quarantine", "rules")

    def __init__(
        self,
        *,
        path: str,
        rules: Sequence[Mapping[str, Any]],
        minimum: float = 80,
        report: str | None = None,
        good: str | None = None,
        quarantine: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (good is None) is not (quarantine is None):
            raise BadSetting(f"Task {self.task_id!r} needs both good= and quarantine=, or neither: a row goes to one.")
        self.path = path
        self.rules = rules
        self.minimum = minimum
        self.report = report
        self.good = good
        self.quarantine = quarantine

    def execute(self, context: Any) -> dict[str, Any]:
        from tradewind.data.quality_gates import quality_gate

        found: dict[str, Any] = _failing_for_good(quality_gate, (DataProblem,))(
            Path(self.path),
            self.rules,
            minimum=self.minimum,
            report=self.report,
            good=self.good,
            quarantined=self.quarantine,
            title=f"{getattr(self, 'dag_id', '')}.{self.task_id}",
        )
        return found
