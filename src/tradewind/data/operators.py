"""Operators of the toolkit, for Dags of Tradewind and of stock Airflow alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator

from tradewind.data.problems import DataProblem


class QualityGateOperator(BaseOperator):
    """Lets the tasks after it run only when a Parquet file is good enough.

    `rules` are as in `quality_rules.rules_from`, so that they may come from a file; `minimum` is the lowest score.
    `report` is where an HTML page of the findings goes, and `good` and `quarantine` are where rows go that keep and
    break the row-wise rules; each is optional. A closed gate fails without a further try, since the same data would
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
        self.path = path
        self.rules = rules
        self.minimum = minimum
        self.report = report
        self.good = good
        self.quarantine = quarantine

    def execute(self, context: Any) -> dict[str, Any]:
        from airflow.sdk.exceptions import AirflowFailException

        from tradewind.data.quality_gates import quality_gate

        try:
            return quality_gate(
                Path(self.path),
                self.rules,
                minimum=self.minimum,
                report=self.report,
                good=self.good,
                quarantined=self.quarantine,
                title=f"{getattr(self, 'dag_id', '')}.{self.task_id}",
            )
        except DataProblem as problem:
            raise AirflowFailException(str(problem)) from problem
