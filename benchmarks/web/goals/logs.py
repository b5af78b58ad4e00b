"""The log of a task: a million lines, and one that grows."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from urllib.parse import quote

from harness.figures import Figure

from web.eyes import View
from web.past import LONG_RUN, LONG_TASK, NEEDLE, NEEDLE_EVERY, OLD_DAG
from web.sight import Goal, Sight, figure, frames_of

LOG = f"/dags/{OLD_DAG}/runs/{LONG_RUN}/tasks/{LONG_TASK}"
LINES = "tw.count('.l .x') > 20"
COUNTED = "tw.count('.l .n[href]') > 20"
STATUS = "tw.text('.lt .input [role=status]')"
COPIED = 5_000


def long_log(sight: Sight) -> Iterable[Figure]:
    """A log that nobody can read: to its end, into its middle, through it."""
    lines = sight.sizes.log_lines
    with sight.eyes.view() as view:
        opened: list[float] = []
        jumped: list[float] = []
        for n in range(sight.repeat):
            view.open(f"{LOG}/details", "tw.count('.taskpage, .tabs') > 0")
            time.sleep(0.4)
            opened.append(view.timed("document.querySelector('.tabs a').click()", LINES))
            view.wait(COUNTED)
            jumped.append(_jump(view, lines // 2 + 1_000 * n))
        yield figure("open at the end", "ms", opened, 300)
        yield figure("jump into the middle", "ms", jumped, 150)
        first, whole = _search(view, sight)
        yield figure("search: first hit", "ms", first, 500)
        yield figure(f"search: all {lines // NEEDLE_EVERY:,} hits", "ms", whole, 1500)
        _typed(view, "")
        gaps = view.frames(5_000, "document.querySelector('.log').scrollTop -= 180")
        yield from frames_of("scrolling", gaps, 55)
        yield figure(f"copy of {COPIED:,} lines differs in so many", "lines", [_copy_differs(view, lines)], 0)
        yield figure("memory of the page's scripts", "MB", [view.heap_bytes() / 1e6], 150)


def _jump(view: View, line: int) -> float:
    shown = f"[...document.querySelectorAll('.l.on .n')].some((one) => one.dataset.line === '{line}')"
    view.page.fill(".status input", str(line))
    enter = "tw.press(document.querySelector('.status input'), { key: 'Enter' })"
    return view.timed(enter, f"{shown} && document.querySelector('.l.on .x').textContent !== ''")


def _typed(view: View, text: str) -> None:
    view.page.fill(".lt input", text)


def _search(view: View, sight: Sight) -> tuple[list[float], list[float]]:
    first: list[float] = []
    whole: list[float] = []
    hits = f"/^\\D*[1-9]/.test({STATUS})"
    for n in range(sight.repeat):
        _typed(view, "")
        view.wait(f"{STATUS} === ''")
        text = NEEDLE[: len(NEEDLE) - n % 3]
        code = (
            f"async () => {{ const began = performance.now(); tw.type('.lt input', '{text}');"
            f" const first = await tw.seen(() => {hits});"
            f" const all = await tw.seen(() => {hits} && !{STATUS}.includes('…'));"
            " return [first - began, all - began]; }"
        )
        one, two = view.page.evaluate(code)
        first.append(one)
        whole.append(two)
    return first, whole


def _copy_differs(view: View, lines: int) -> int:
    """Lines of the clipboard that are not what was written."""
    at = lines // 2
    view.open(f"{LOG}#L{at}-L{at + COPIED - 1}", COUNTED)
    time.sleep(0.5)
    view.page.evaluate("() => navigator.clipboard.writeText('')")
    view.page.get_by_role("button", name="Copy", exact=False).first.click()
    until = time.monotonic() + 20
    text = ""
    while not text and time.monotonic() < until:
        time.sleep(0.1)
        text = str(view.page.evaluate("() => navigator.clipboard.readText()"))
    got = text.rstrip("\n").split("\n")
    wrong = sum(
        not line.rstrip().startswith(f"row {at + n}:") and f"row {at + n}:" not in line for n, line in enumerate(got)
    )
    return wrong + abs(len(got) - COPIED)


def growing_log(sight: Sight) -> Iterable[Figure]:
    """A log that is written while somebody looks at it."""
    with sight.eyes.view() as view:
        run_id = sight.place.trigger("talks")
        view.open(f"/dags/talks/runs/{quote(run_id)}/tasks/says", "tw.count('.l .x') > 0")
        view.page.evaluate("() => { tw.watchLines(); }")
        time.sleep(12)
        seen = view.page.evaluate("() => Object.entries(tw.lines).map(([n, [said, at]]) => [Number(n), said, at])")
        there = min(n for n, _, _ in seen) + 5  # those that were there when the page came do not count
        late = [at - said for n, said, at in seen if n > there]
        yield figure("line printed to line on screen", "ms", late, 1000)
        yield from _pouring(view, sight)


def _pouring(view: View, sight: Sight) -> Iterable[Figure]:
    run_id = sight.place.trigger("pours")
    view.open(f"/dags/pours/runs/{quote(run_id)}/tasks/pours", "tw.count('.l .x') > 5")
    gaps = view.frames(5_000, "")
    yield from frames_of("1,000 lines a second", gaps, 50)
    view.page.evaluate("() => { document.querySelector('.log').scrollTop -= 3000; }")
    time.sleep(1.5)
    said = str(view.page.evaluate("() => tw.text('.follow')"))
    counts = re.search(r"[\d,]{2,}", said)
    what = "says how many lines came since one scrolled up (1 is yes)"
    yield figure(what, "", [1.0 if counts else 0.0], 1, better="more", note=f"“{said}”")


GOALS = (
    Goal("4", "Log of a million lines", long_log),
    Goal("6", "Log that grows", growing_log),
)
