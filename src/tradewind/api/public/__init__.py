"""`/api/v2`: Airflow 3.3's public REST API. One module per family of routes."""

from tradewind.api.public import (
    asset_materialize,
    asset_state_store,
    assets,
    backfills,
    config,
    connections,
    dags,
    event_logs,
    import_errors,
    pools,
    run_clears,
    run_wait,
    run_wishes,
    runs,
    system,
    variables,
)

FAMILIES = (
    dags.routes,
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
)
"""All of them, in the order in which a path is looked up."""
