"""`/api/v2`: Airflow 3.3's public REST API. One module per family of routes."""

from tradewind.api.public import (
    dags,
    run_clears,
    run_wait,
    run_wishes,
    runs,
)

FAMILIES = (
    dags.routes,
    run_clears.routes,
    run_wait.routes,
    run_wishes.routes,
    runs.routes,
)
"""All of them, in the order in which a path is looked up."""
