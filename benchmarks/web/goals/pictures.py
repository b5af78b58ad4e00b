"""What is painted: the grid of runs by tasks, and the graph."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

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


def steady(sight: Sight) -> Iterable[Figure]:
    """What the grid's picture shows at the end of every single frame."""
    with sight.eyes.view() as view:
        view.open(f"/dags/wide?runs={365 if sight.sizes.wide_runs > 100 else 100}", DRAWN)
        view.page.evaluate("() => tw.quiet()")
        most = "Math.max(...(await tw.film(canvas, 60, {move})).map((one) => tw.holes(one)))"
        for what, move in (
            ("scrolled", "(n) => grid.scrollTo((n * 12) % 900, (n * 24) % 2000)"),
            ("dragged far in every frame", "(n) => grid.scrollTo((n * 997) % 4000, (n * 1511) % 10000)"),
        ):
            code = f"Math.max(0, {most.format(move=move)} - tw.holes(tw.pixels(canvas)))"
            yield figure(f"{what}: squares without a picture in any frame", "", [_in_grid(view, code)], 0)
        view.page.evaluate("() => document.querySelector('.gridscroll').scrollTo(0, 0)")
        view.page.evaluate("() => tw.quiet()")
        hover = "new PointerEvent('pointermove', {{ clientX: {x}, clientY: {y}, bubbles: true }})"
        places = [(500 + 31 * n, 300 + 29 * n) for n in range(sight.repeat)]
        yield from _untouched(view, "hovered", [hover.format(x=x, y=y) for x, y in places])
        # Not all runs have room, so columns keep their width when a panel opens beside them.
        click = "new MouseEvent('click', {{ clientX: {x}, clientY: {y}, bubbles: true }})"
        yield from _untouched(view, "panel opened", [click.format(x=x, y=y) for x, y in places], opens=True)


def _in_grid(view: View, code: str) -> Any:
    start = "const grid = document.querySelector('.gridscroll'); const canvas = '.cv canvas';"
    return view.page.evaluate(f"async () => {{ {start} return {code}; }}")


def _untouched(view: View, what: str, events: Sequence[str], *, opens: bool = False) -> Iterable[Figure]:
    """Of each event: pixels that flash in the frames after it, and which part of the picture is another one then."""
    flashes: list[float] = []
    changed: list[float] = []
    for event in events:
        each = f"(n) => {{ if (n === 0) grid.dispatchEvent({event}); }}"
        code = f"tw.flashes(tw.pixels(canvas), await tw.film(canvas, {60 if opens else 8}, {each}))"
        one, other = _in_grid(view, code)
        flashes.append(one)
        changed.append(other)
        if opens:
            view.wait("tw.count('aside.side .acts-row') > 0")
            view.timed("document.querySelector('aside.side button').click()", "tw.count('aside.side') === 0")
            view.page.evaluate("() => tw.quiet(150)")
    yield figure(f"{what}: pixels that any frame shows as neither before nor after", "", flashes, 0)
    yield figure(f"{what}: part of the picture that is another one then", "%", changed, 10)


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


def groups(sight: Sight) -> Iterable[Figure]:
    """A graph in groups that close and open, all and one at a time, by pointer and by key; one task's part."""
    count = sight.sizes.grouped_tasks
    drawn = "document.querySelector('.stage')?.dataset.drawn"
    whole = f"{drawn} === '{count}' && tw.inked('.stage canvas')"
    chip = "[...document.querySelectorAll('.bar .chip')].find((one) => one.textContent === 'Collapse groups')"
    address = "/dags/grouped/graph"
    every: dict[str, list[float]] = {}

    def took(what: str, act: str, test: str) -> None:
        every.setdefault(what, []).append(view.timed(act, test))

    with sight.eyes.view() as view:
        for _ in range(sight.repeat):
            view.open(address, whole)
            took("all close", f"{chip}.click()", "tw.count('.node[data-node]') === 5")
            view.page.reload()
            view.wait("tw.count('.node[data-node]') === 5")
            took("all open", f"{chip}.click()", whole)
            view.open(f"{address}?closed=true", "tw.count('.node[data-node]') === 5")
            took("one opens by pointer", "tw.click('[data-node=part2]')", "tw.count('.node[data-node]') === 9")
            took("it closes by pointer", "tw.click('.grp > span')", "tw.count('.node[data-node]') === 5")
            view.open(f"{address}?task=part2.step2.first", whole)
            key = "tw.press(document.querySelector('.stage'), { key: ' ' })"
            took("one of all closes by key", key, f"{drawn} === '{count - count // 25}'")
            key = "tw.press(document.querySelector('.stage'), { key: 'Enter' })"
            took("it opens by key", key, whole)
            focus = "[...document.querySelectorAll('.bar .chip')].find((one) => one.textContent.startsWith('Up and'))"
            view.open(f"{address}?task=part2.step2.t03", whole)
            left = f"{drawn} === '{count - count // 25 + 3}'"
            took("upstream and downstream alone", f"{focus}.click()", left)
    for what, values in every.items():
        yield figure(f"{count} tasks in 30 groups: {what}", "ms", values, 100)


GOALS = (
    Goal("3", "Grid of runs by tasks", grid),
    Goal("3b", "No flash in the grid", steady),
    Goal("14", "Graph", graph),
    Goal("14b", "Groups of a graph", groups),
)
