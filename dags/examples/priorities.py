"""Who goes first where not all can: weights, what a task inherits of those after it, and slots of a pool.

A pool of one slot makes the order visible: `tradewind pools set example_narrow 1 "One at a time"` makes it, and with
`--include-deferred` tasks that wait in a trigger would hold its slot too. Without the pool all of them wait for it.
"""

from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, WeightRule

with DAG(
    "priorities",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"pool": "example_narrow"},
    tags=["example"],
):
    # `absolute`: exactly this weight.
    fifth = BashOperator(task_id="fifth", bash_command="true", priority_weight=1, weight_rule=WeightRule.ABSOLUTE)
    fourth = BashOperator(task_id="fourth", bash_command="true", priority_weight=5, weight_rule=WeightRule.ABSOLUTE)
    # `downstream`, which is usual: its own weight and that of all after it, here 1 + 5 + 6.
    first = BashOperator(task_id="first", bash_command="true", priority_weight=1, weight_rule=WeightRule.DOWNSTREAM)
    # `upstream`: its own weight and that of all before it, here 6 and 7, so both go before `fourth`.
    third = BashOperator(task_id="third", bash_command="true", priority_weight=5, weight_rule=WeightRule.UPSTREAM)
    second = BashOperator(task_id="second", bash_command="true", priority_weight=6, weight_rule=WeightRule.UPSTREAM)
    first >> [third, second]
