"""`/api/v2`: Airflow 3.3's public REST API. One module per family of routes."""

from tradewind.api.public import (
    dags,
    questions,
    task_changes,
    task_instances,
    task_logs,
    task_state_store,
    xcoms,
)

FAMILIES = (
    dags.routes,
    task_logs.routes,
    questions.routes,
    task_state_store.routes,
    xcoms.routes,
    task_instances.routes,
    task_changes.routes,
)
"""All of them, in the order in which a path is looked up."""
