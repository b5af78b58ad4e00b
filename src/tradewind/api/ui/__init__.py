"""`/ui`: what the web UI shows, each page's whole need in one answer. Private to it: names may change with any version.

Times are microseconds since 1970 in UTC, as the engine keeps them; the browser writes them in the reader's zone.
"""

from tradewind.api.routing import Routes


def families() -> tuple[Routes, ...]:
    """All families of routes; importing them takes a moment that the start of a server has not."""
    from tradewind.api.ui import (
        dags,
        grid,
        logs,
        runs,
        session,
        tasks,
    )

    return (
        dags.routes,
        grid.routes,
        logs.routes,
        runs.routes,
        session.routes,
        tasks.routes,
    )
