"""`/ui`: what the web UI shows, each page's whole need in one answer. Private to it: names may change with any version.

Times are microseconds since 1970 in UTC, as the engine keeps them; the browser writes them in the reader's zone.
"""

from tradewind.api.routing import Routes


def families() -> tuple[Routes, ...]:
    """All families of routes; importing them takes a moment that the start of a server has not."""
    from tradewind.api.ui import (
        alerts,
        charts,
        dags,
        find,
        graph,
        grid,
        history,
        home,
        import_errors,
        logs,
        runs,
        session,
        settings,
        system,
        task_why,
        tasks,
    )

    return (
        alerts.routes,
        charts.routes,
        dags.routes,
        find.routes,
        graph.routes,
        grid.routes,
        history.routes,
        home.routes,
        import_errors.routes,
        logs.routes,
        runs.routes,
        session.routes,
        settings.routes,
        system.routes,
        task_why.routes,
        tasks.routes,
    )
