"""A weight rule of one's own, which says for each task how urgent it is. Airflow wants a plugin for it.

Its code runs where the file is imported, never in the scheduler, which reads the weights that came out.
"""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from airflow.task.priority_strategy import PriorityWeightStrategy


class ShortestFirst(PriorityWeightStrategy):
    """What takes long can wait; `priority_weight` says how long it takes."""

    def get_weight(self, ti) -> int:
        return 1000 - ti.task.priority_weight


with DAG("own_weights", schedule=None, start_date=datetime(2026, 1, 1), max_active_tasks=1, tags=["example"]):
    for name, minutes in (("long", 60), ("short", 1), ("middling", 10)):
        BashOperator(
            task_id=name, bash_command="true", priority_weight=minutes, weight_rule=ShortestFirst()
        )  # fmt: skip
