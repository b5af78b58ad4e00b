"""`/api/v2`: Airflow 3.3's public REST API. One module per family of routes.

A server is ready when it can list its Dags. The other families take a second to import, and are imported after that.
"""

from tradewind.api.public import dags
from tradewind.api.routing import Routes

FIRST = (dags.routes,)
"""What there is from the start."""


def rest() -> tuple[Routes, ...]:
    """All others, in the order in which a path is looked up."""
    from tradewind.api.public import (
        asset_materialize,
        asset_state_store,
        assets,
        backfills,
        config,
        connections,
        dag_facts,
        dag_versions,
        event_logs,
        import_errors,
        pools,
        questions,
        run_clears,
        run_wait,
        run_wishes,
        runs,
        system,
        task_changes,
        task_instances,
        task_logs,
        task_state_store,
        tasks,
        variables,
        xcoms,
    )

    return (
        asset_materialize.routes,
        asset_state_store.routes,
        assets.routes,
        backfills.routes,
        config.routes,
        connections.routes,
        event_logs.routes,
        import_errors.routes,
        pools.routes,
        run_clears.routes,
        run_wait.routes,
        run_wishes.routes,
        runs.routes,
        system.routes,
        variables.routes,
        task_logs.routes,
        questions.routes,
        task_state_store.routes,
        xcoms.routes,
        task_instances.routes,
        task_changes.routes,
        dag_facts.routes,
        dag_facts.stats,
        dag_facts.warnings,
        dag_facts.parsing,
        dag_versions.routes,
        tasks.routes,
    )
