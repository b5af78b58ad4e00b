"""Whether what is on screen is what happens now: how late it is, what idle pages ask for, what they say cut off."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

from harness.figures import Figure

from web.eyes import View
from web.place import api_pids
from web.sight import Goal, Sight, figure

TABLE = "/dags/short?table=true"
NEWEST = "document.querySelector('.gridtable tbody tr td .st')?.dataset.s"
ROWS = "tw.count('.gridtable tbody tr')"
IDLE_SECONDS = 60
HIDDEN = """() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
"""A browser without a window takes every tab for one that somebody sees; of 50 it is one."""


def live_state(sight: Sight) -> Iterable[Figure]:
    """A task's states on one of many tabs; then a minute in which nothing happens."""
    tabs = sight.sizes.tabs
    with sight.eyes.profile() as context:
        sight.place.wait_for_runs({("short", sight.place.trigger("short"))}, 60)
        view = View(context.new_page())
        view.open(TABLE, f"{ROWS} > 0")
        yield figure("1 tab: commit to changed pixel", "ms", list(_moved(view, sight)), 200)
        for _ in range(tabs - 1):
            other = View(context.new_page())
            other.open(TABLE, f"{ROWS} > 0")
            other.page.evaluate(HIDDEN)
        view.page.bring_to_front()
        time.sleep(3)
        yield figure(f"{tabs} tabs: commit to changed pixel", "ms", list(_moved(view, sight)), 200)
    for name, address in (
        ("list of Dags", "/dags"),
        ("grid", "/dags/wide"),
        ("home", "/"),
        ("graph", "/dags/wide/graph"),
    ):
        with sight.eyes.view() as view:
            view.open(address, "tw.count('main *') > 30")
            time.sleep(4)
            view.page.wait_for_timeout(100)
            view.requests.clear()
            view.page.wait_for_timeout(IDLE_SECONDS * 1000)  # and not a sleep, in which nothing is heard
            asked = Counter(urlsplit(url).path for url in view.requests if not url.endswith("/stream"))
            note = ", ".join(f"{count} × {path}" for path, count in asked.most_common(4))
            yield figure(f"idle {name}: requests in {IDLE_SECONDS} s", "", [sum(asked.values())], 0, note=note)


def _moved(view: View, sight: Sight) -> Iterable[float]:
    """Of each run of a task: from the moment of the event that it runs, and that it succeeded, to the screen."""
    for _ in range(sight.repeat):
        rows = int(view.page.evaluate(f"() => {ROWS}"))
        code = f"""(rows) => {{ tw.first = {{}};
            for (const state of ["running", "success"]) tw.note(state, () => {ROWS} > rows && {NEWEST} === state); }}"""
        view.page.evaluate(code, rows)
        run_id = sight.place.trigger("short")
        sight.place.wait_for_runs({("short", run_id)}, 60)
        view.wait("tw.first.success > 0")
        seen = view.page.evaluate("() => tw.first")
        for state, at in seen.items():
            sql = "SELECT at FROM event WHERE dag_id = 'short' AND run_id = ? AND name = 'task.moved' AND after = ?"
            found = sight.place.rows(sql, run_id, state)
            if found:
                yield at - found[0][0] / 1000
        time.sleep(1.2)  # what comes faster than an answer is asked for anew (`PAUSE_MS`) would wait for that


def honesty(sight: Sight) -> Iterable[Figure]:
    """The API stops answering for a while, and is killed: what the page says, and when it is right again."""
    said = "document.querySelector('.live')?.dataset.live"
    with sight.eyes.view() as view:
        view.open(TABLE, f"{ROWS} > 0 && {said} === 'live'")
        ((pid),) = api_pids(sight.place)
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        try:
            view.wait(f"{said} !== 'live'", 60_000)
            yield figure("API silent: to the page saying so", "s", [time.monotonic() - began], 20)
            _note_next(view)
            sight.place.wait_for_runs({("short", sight.place.trigger("short"))}, 60)
        finally:
            os.kill(pid, signal.SIGCONT)
        began = time.monotonic()
        view.wait("tw.first.right > 0")
        yield figure("API answers again: to the page being right", "s", [time.monotonic() - began], 3)
        view.wait(f"{said} === 'live'")
        ((pid),) = api_pids(sight.place)
        _note_next(view)
        os.kill(pid, signal.SIGKILL)
        sight.place.wait_for_runs({("short", sight.place.trigger("short"))}, 60)
        sight.place.wait(sight.place.is_healthy, "to answer again", 60, 0.02)
        began = time.monotonic()
        view.wait(f"tw.first.right > 0 && {said} === 'live'")
        yield figure(
            "API killed and started anew: from its first answer to the page being right",
            "s",
            [time.monotonic() - began],
            3,
        )


def _note_next(view: View) -> None:
    """Have the page say when it shows one run more, and that this has succeeded."""
    rows = int(view.page.evaluate(f"() => {ROWS}"))
    test = f"{ROWS} > rows && {NEWEST} === 'success'"
    view.page.evaluate(f"(rows) => {{ tw.first = {{}}; tw.note('right', () => {test}); }}", rows)


GOALS = (
    Goal("5", "Live state", live_state),
    Goal("7", "Honesty about the connection", honesty),
)
