"""`/api/v2`: Airflow 3.3's public REST API. One module per family of routes."""

from tradewind.api.public import (
    dag_facts,
    dag_versions,
    dags,
    run_clears,
    run_wait,
    run_wishes,
    runs,
    tasks,
)

FAMILIES = (
    dags.routes,
    dag_facts.routes,
    dag_facts.stats,
    dag_facts.warnings,
    dag_facts.parsing,
    dag_versions.routes,
    tasks.routes,
    runs.routes,
    run_wishes.routes,
    run_clears.routes,
    run_wait.routes,
)
"""All of them, in the order in which a path is looked up."""
