"""What the server behind the pages takes: its answers, its memory, its start."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterable

from harness import dag_files, processes
from harness.figures import Figure
from harness.ports import ask
from harness.tradewind_site import Tradewind

from web.eyes import Eyes
from web.place import api_pids
from web.sight import Goal, Sight, figure

FIVE = {f"dag{n}.py": dag_files.scheduled(f"dag{n}") for n in range(5)}
FIVE_IDS = [f"dag{n}" for n in range(5)]
SETTLE_SECONDS = 75.0


def answers(sight: Sight) -> Iterable[Figure]:
    """Answers, one after another over one connection, as somebody who is signed in."""
    runs = 365 if sight.sizes.wide_runs > 100 else 100
    for what, path, limit in (
        (f"50 rows of {sight.sizes.dags:,} Dags", "/ui/dags?limit=50", 40.0),
        ("100 rows of the same", "/ui/dags?limit=100", None),
        ("50 rows by name", "/ui/dags?limit=50&sort=dag_id", None),
        ("50 rows that are searched for", "/ui/dags?limit=50&search=team03", None),
        ("the palette's search", "/ui/find?text=wide", None),
        ("home", "/ui/home?hours=24", None),
        (f"grid of {runs} × {sight.sizes.wide_tasks}", f"/ui/dags/wide/grid?runs={runs}", 100.0),
        (f"graph of {sight.sizes.graph_tasks:,}", "/ui/dags/graph/graph", None),
        ("how its newest run fares", "/ui/dags/graph/run_states", None),
    ):
        took, cpu, size = _asked(sight, path)
        yield figure(what, "ms", took, limit, note=f"{size / 1000:.0f} KB")
        if limit is not None:
            yield figure(f"{what}: CPU of the API", "ms", [cpu])


def _asked(sight: Sight, path: str) -> tuple[list[float], float, int]:
    """How long each answer took, the CPU of one, and its size; after two that are not counted."""
    cookie = "; ".join(f"{one['name']}={one['value']}" for one in sight.eyes.cookies)
    connection = http.client.HTTPConnection("127.0.0.1", sight.place.port, timeout=60)
    took: list[float] = []
    size, cpu = 0, 0.0
    times = 2 * sight.repeat
    for n in range(-2, times):
        if n == 0:
            cpu = processes.cpu_seconds(api_pids(sight.place))
        began = time.monotonic()
        connection.request("GET", path, headers={"cookie": cookie, "accept-encoding": "gzip"})
        answer = connection.getresponse()
        size = len(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"GET {path} answered {answer.status}")
        if n >= 0:
            took.append((time.monotonic() - began) * 1000)
        time.sleep(0.02)
    connection.close()
    cpu = (processes.cpu_seconds(api_pids(sight.place)) - cpu) * 1000 / times
    return took, cpu, size


def idle(sight: Sight) -> Iterable[Figure]:
    """A small installation: its start, and its memory while somebody has a page of it open."""
    healthy: list[float] = []
    for _ in range(sight.repeat):
        with Tradewind(sight.place.home.parent, "", FIVE) as small:
            healthy.append(_healthy(small))
    yield figure("standalone: start to GET /health answers 200", "s", healthy, 2.0)
    with Tradewind(sight.place.home.parent, "", FIVE) as small:
        small.start_healthy()
        small.wait_for_dags(FIVE_IDS)
        with Eyes(sight.eyes.browser, small).view() as view:
            for address in ("/", "/dags", "/dags/dag0", "/dags/dag0/graph", "/dags"):
                view.open(address, "tw.count('main *') > 10")
                time.sleep(0.5)
            time.sleep(SETTLE_SECONDS)
            pids = small.pids()
            memory = {f"{processes.name(pid)} {pid}": processes.pss_bytes(pid) / 1e6 for pid in pids}
    yield figure("memory (PSS) of all processes, with a page open", "MB", [sum(memory.values())], 200,
                 note=", ".join(f"{name.split()[0]} {size:.0f}" for name, size in memory.items()))  # fmt: skip


def _healthy(place: Tradewind) -> float:
    began = time.monotonic()
    place.start()
    place.wait(lambda: ask(place.port, "/health")[0] == 200, "to be healthy", 60.0, 0.01)
    return time.monotonic() - began


GOALS = (
    Goal("api", "Answers of the server", answers),
    Goal("idle", "A small installation at rest", idle),
)
