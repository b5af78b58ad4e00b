"""`/ui`: what the web UI shows, each page's whole need in one answer. Private to it: names may change with any version.

Times are microseconds since 1970 in UTC, as the engine keeps them; the browser writes them in the reader's zone.
"""

from tradewind.api.ui import dags, grid, session

FAMILIES = (
    dags.routes,
    grid.routes,
    session.routes,
)
