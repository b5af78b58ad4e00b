"""What is painted: the grid of runs by tasks, and the graph."""

from __future__ import annotations

import time
from collections.abc import Iterable

from harness.figures import Figure

from web.eyes import View
from web.sight import Goal, Sight, figure, frames_of

DRAWN = "tw.inked('.cv canvas')"


def grid(sight: Sight) -> Iterable[Figure]:
    """365 runs of 500 tasks."""
    whole = f"/dags/wide?runs={365 if sight.sizes.wide_runs > 100 else 100}"
    with sight.eyes.view() as view:
        navigation: list[float] = []
        drawing: list[float] = []
        for _ in range(sight.repeat):
            _come_back_to(view, whole, DRAWN)
            took, at = _timed_back(view, DRAWN)
            navigation.append(took)
            drawing.append(view.from_data_ms("/grid?", at))
        yield figure("navigation to drawn", "ms", navigation, 500)
        yield figure("drawn after its data have come", "ms", drawing, 100)
        scroller = "document.querySelector('.gridscroll')"
        view.timed("", "tw.count('.gridscroll') > 0")
        gaps = view.frames(5_000, f"{scroller}.scrollTop = (n * 24) % 8000; {scroller}.scrollLeft = (n * 12) % 3000")
        yield from frames_of("scrolling", gaps, 55)
        yield figure("hover to highlight", "ms", _hover(view, sight), 16)
        yield figure("click to the panel with its facts", "ms", list(_click(view, sight)), 150)


def _come_back_to(view: View, address: str, drawn: str) -> None:
    """Away from a page, with nothing kept of it but the files, so that going back is what is measured."""
    view.open(address, drawn)
    view.timed(
        "document.querySelector('nav.tabs a[href*=\"/details\"]').click()", "location.pathname.endsWith('/details')"
    )
    view.page.reload(wait_until="load")
    view.wait("tw.count('nav.tabs') > 0")
    time.sleep(0.5)


def _timed_back(view: View, drawn: str) -> tuple[float, float]:
    took, at = view.page.evaluate(f"() => tw.back(() => {drawn})")
    return float(took), float(at)


def _hover(view: View, sight: Sight) -> list[float]:
    """From the pointer's event until the picture is another."""
    view.page.evaluate("() => { document.querySelector('.gridscroll').scrollTop = 0; }")
    places = [(700 + 18 * (n % 20), 300 + 23 * n % 400) for n in range(2 * sight.repeat)]
    return [float(view.page.evaluate("([x, y]) => tw.hover(x, y)", [x, y])) for x, y in places]


def _click(view: View, sight: Sight) -> Iterable[float]:
    for n in range(sight.repeat):
        x, y = 700 + 23 * n % 400, 320 + 29 * n % 300
        event = f"{{ clientX: {x}, clientY: {y}, bubbles: true }}"
        yield view.timed(
            f"document.querySelector('.gridscroll').dispatchEvent(new MouseEvent('click', {event}))",
            "tw.count('aside.side .acts-row') > 0",
        )
        view.timed("document.querySelector('aside.side button').click()", "tw.count('aside.side') === 0")


def graph(sight: Sight) -> Iterable[Figure]:
    """Graphs of 500 and 5,000 tasks, and one of 300 levels."""
    sizes = sight.sizes
    with sight.eyes.view() as view:
        for dag_id, count, words, limit in (
            ("wide", sizes.wide_tasks, "tasks", 300), ("graph", sizes.graph_tasks, "tasks", 1500),
            ("deep", sizes.deep_levels, "levels", 500),
        ):  # fmt: skip
            shown = f"document.querySelector('.stage')?.dataset.drawn === '{count}'"
            shown += " && (tw.inked('.stage canvas') || tw.count('.plane .node, .plane button') > 20)"
            took: list[float] = []
            drawing: list[float] = []
            for _ in range(sight.repeat):
                _come_back_to(view, f"/dags/{dag_id}/graph", shown)
                back, at = _timed_back(view, shown)
                took.append(back)
                drawing.append(view.from_data_ms("/graph", at))
            yield figure(f"{count:,} {words}: navigation to drawn", "ms", took, limit)
            yield figure(f"{count:,} {words}: drawn after its data have come", "ms", drawing)
            if dag_id != "deep":
                gaps = view.frames(3_000, "tw.zoom(n)")
                yield from frames_of(f"{count:,} {words}, zooming", gaps, 50)


GOALS = (
    Goal("3", "Grid of runs by tasks", grid),
    Goal("14", "Graph", graph),
)
