"""What holds for every page: linked, read by everybody, in both languages; and a double click is one click."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from urllib.parse import quote

from harness.bench import say
from harness.figures import Figure

from web.eyes import View
from web.past import LONG_RUN, LONG_TASK, OLD_DAG
from web.sight import Goal, Sight, figure

AXE = Path(__file__).parents[3] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
LOOKS = (
    {"theme": "light"},
    {"theme": "dark"},
    {"theme": "light", "contrast": "more"},
    {"theme": "dark", "contrast": "more"},
)
DAG, RUN = f"/dags/{OLD_DAG}", f"/dags/{OLD_DAG}/runs/{LONG_RUN}"
TASK = f"{RUN}/tasks/{LONG_TASK}"
PAGES = (
    "/", "/dags", "/runs", "/tasks", "/xcoms", "/assets", "/inbox", "/import-errors", "/pools", "/variables",
    "/connections", "/users", "/roles", "/workers", "/scheduler", "/config", "/plugins", "/audit", "/account",
    "/dags/wide", "/dags/wide?table=true", "/dags/wide/graph", "/dags/wide/graph?table=true",
    DAG, f"{DAG}/overview", f"{DAG}/graph", f"{DAG}/runs", f"{DAG}/calendar", f"{DAG}/durations", f"{DAG}/code",
    f"{DAG}/versions", f"{DAG}/backfills", f"{DAG}/details", f"{DAG}/trigger",
    f"{RUN}/tasks", f"{RUN}/gantt", f"{RUN}/graph", f"{RUN}/conf", f"{RUN}/events",
    TASK, f"{TASK}/details", f"{TASK}/rendered", f"{TASK}/xcom", f"{TASK}/tries", f"{TASK}/events",
)  # fmt: skip
STATES = (
    "/dags?q=team03",
    "/dags?show=failing",
    "/dags?sort=dag_id",
    "/dags?tags=%5B%22finance%22%5D",
    "/?hours=168",
    "/dags/wide?runs=100",
    "/dags/wide?failed=true",
    "/dags/wide/graph?q=t003",
    "/dags/wide/graph?focus=true&task=t003_001",
    f"{TASK}?levels=E",
    f"{TASK}?q=circuit",
    f"{TASK}?wrap=true",
    f"{TASK}#L5000",
    f"{TASK}#L10-L40",
    "/runs?state=failed",
)
OLD = {
    f"/dags/{OLD_DAG}/grid": f"/dags/{OLD_DAG}", f"/dags/{OLD_DAG}/runs/{LONG_RUN}/tasks/{LONG_TASK}": TASK,
    f"/dags/{OLD_DAG}/graph": f"/dags/{OLD_DAG}/graph", f"/dags/{OLD_DAG}/details": f"/dags/{OLD_DAG}/details",
    f"/log?dag_id={OLD_DAG}&task_id={LONG_TASK}&dag_run_id={LONG_RUN}": TASK,
}  # fmt: skip
MOVES = re.compile(r"\d[\d.,:]*(?: ?(?:ms|s|min|h|d|[kMG]?B)\b)?|\b(?:more|fewer)\b")
"""What may differ between two looks at one page: times, counts and sizes in whatever unit, and how they have moved."""


def accessible(sight: Sight) -> Iterable[Figure]:
    """axe on every page in every look, injected from outside, so that the page's policy is as it is."""
    if not AXE.is_file():
        raise RuntimeError("axe-core is not there: run `npm ci` in ui/")
    script = AXE.read_text("utf-8")
    every: Counter[str] = Counter()
    for look in LOOKS:
        name, found = " ".join(look.values()), []
        with sight.eyes.view(**look) as view:
            for address in PAGES:
                _settled(view, address)
                view.page.evaluate(f"() => {{ {script} }}")
                rules = view.page.evaluate("() => tw.axe()")
                for rule in rules:
                    every[f"{rule['id']} on {address}"] += 1
                    found.append(rule)
                    say(f"    {name} {address}: {rule['impact']} {rule['id']} × {rule['count']} ({rule['first']})")
        yield figure(f"{name}: serious or critical on {len(PAGES)} pages", "", [len(found)], 0)


def linked(sight: Sight) -> Iterable[Figure]:
    """Addresses opened in two new profiles give the same words; old ones lead to where the thing is now."""
    looks = []
    for _ in range(2):
        with sight.eyes.view() as view:
            looks.append([_plain(view, address) for address in (*PAGES, *STATES)])
    differ = [
        f"{address} ({_difference(one, other)})"
        for address, one, other in zip((*PAGES, *STATES), *looks, strict=True)
        if one != other
    ]
    yield figure(
        f"of {len(PAGES) + len(STATES)} addresses differ in a new profile",
        "",
        [len(differ)],
        0,
        note=", ".join(differ[:4]),
    )
    lost = []
    with sight.eyes.view() as view:
        for old, new in OLD.items():
            _settled(view, old)
            if not view.page.url.removeprefix(sight.eyes.origin).startswith(new):
                lost.append(old)
    yield figure(f"of {len(OLD)} addresses of Airflow lead elsewhere", "", [len(lost)], 0, note=", ".join(lost))


def _difference(one: str, other: str) -> str:
    """The first lines that are not the same."""
    pairs = zip_longest(one.split("\n"), other.split("\n"), fillvalue="")
    return next(f"“{first[:60]}”, then “{second[:60]}”" for first, second in pairs if first != second)


def _plain(view: View, address: str) -> str:
    """The words of a page without its numbers."""
    _settled(view, address)
    for _ in range(30):  # until all that it asks for is there
        asked = len(view.requests)
        view.page.evaluate("() => tw.quiet()")
        if not view.pending and asked == len(view.requests):
            break
    return MOVES.sub("0", str(view.page.evaluate("() => document.querySelector('main').innerText")))


def languages(sight: Sight) -> Iterable[Figure]:
    """Pages in Korean: words of the pages that stayed English. What people and tasks named is not counted."""
    left: Counter[str] = Counter()
    said: dict[str, list[set[str]]] = {}
    for language in ("en", "ko"):
        with sight.eyes.view(language=language) as view:
            said[language] = []
            for address in PAGES:
                _settled(view, address)
                said[language].append(set(view.page.evaluate("() => tw.words()")))
    for english, korean in zip(said["en"], said["ko"], strict=True):
        for text in english & korean:
            if re.search(r"[a-z]{3,} [a-z]{3,}", text):
                left[text[:60]] += 1
    yield figure(f"sentences that stay English in Korean, on {len(PAGES)} pages", "", [len(left)], 0,
                 note="; ".join(f"“{text}”" for text, _ in left.most_common(6)))  # fmt: skip


def narrow(sight: Sight) -> Iterable[Figure]:
    """360 px wide: pages that have to be moved sideways to be read."""
    wide = []
    with sight.eyes.view(width=360) as view:
        for address in ("/", "/dags", DAG, f"{RUN}/tasks", TASK, "/runs", "/pools"):
            _settled(view, address)
            if view.page.evaluate("() => document.documentElement.scrollWidth > 361"):
                wide.append(address)
    yield figure("of 7 pages wider than a screen of 360 px", "", [len(wide)], 0, note=", ".join(wide))


def safe(sight: Sight) -> Iterable[Figure]:
    """A double click on what creates a run creates one."""
    extra: list[float] = []
    with sight.eyes.view() as view:
        for _ in range(min(sight.repeat, 5)):
            before = sight.place.rows("SELECT COUNT(*) FROM run WHERE dag_id = 'short'")[0][0]
            view.open("/dags?q=short", "tw.text('.list .r .nm') === 'short'")
            view.page.locator(".list .r .acts button").first.dblclick()
            time.sleep(2)
            after = sight.place.rows("SELECT COUNT(*) FROM run WHERE dag_id = 'short'")[0][0]
            extra.append(abs(after - before - 1))
    yield figure("double click on “run now”: runs too many or too few", "", extra, 0)


def _settled(view: View, address: str) -> None:
    """The page with what it asks for in its own time."""
    view.page.goto(quote(address, safe="/?&=#%:@+,"), wait_until="load")
    view.wait("tw.text('main').trim() !== ''", 20_000)
    view.page.evaluate("() => tw.quiet()")


GOALS = (
    Goal("8", "Everything is a link", linked),
    Goal("16", "Accessible", accessible),
    Goal("16b", "On a narrow screen", narrow),
    Goal("17", "Korean", languages),
    Goal("19", "Double clicks", safe),
)
