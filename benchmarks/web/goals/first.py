"""The first page, and the list of all Dags."""

from __future__ import annotations

import time
from collections.abc import Iterable

from harness.figures import Figure

from web.eyes import View
from web.sight import Goal, Sight, figure

HOME_SHOWN = "tw.count('main .strip') > 0"
FOUND = "[...document.querySelectorAll('.palette .entry')].some((one) => one.textContent.includes('wide'))"
ROWS_SHOWN = "tw.count('.list .r .runbars') >= 15"


def cold_start(sight: Sight) -> Iterable[Figure]:
    """The first page in a browser that has never been here."""
    first: list[float] = []
    ready: list[float] = []
    bytes_got: list[float] = []
    for _ in range(sight.repeat):
        with sight.eyes.view() as view:
            session = view.page.context.new_cdp_session(view.page)
            session.send("Network.enable")
            got: list[float] = []
            session.on("Network.loadingFinished", lambda said, got=got: got.append(said["encodedDataLength"]))
            ready.append(view.open("/", HOME_SHOWN))
            painted = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
            first.append(float(view.page.evaluate(painted)))
            bytes_got.append(sum(got) / 1000)
    yield figure("first content", "ms", first, 400, note="the frame of every page, which needs no script")
    yield figure("shown and usable", "ms", ready, 800)
    yield figure("transferred", "KB", bytes_got, 250)


def dag_list(sight: Sight) -> Iterable[Figure]:
    """From the first page to the list, into it and back."""
    with sight.eyes.view() as view:
        view.open("/dags", ROWS_SHOWN)
        shown: list[float] = []
        for _ in range(sight.repeat):
            view.open("/", HOME_SHOWN)
            shown.append(view.timed("document.querySelector('nav.rail a[href$=\"/dags\"]').click()", ROWS_SHOWN))
        yield figure("list with bars after navigation", "ms", shown, 200)
        yield from _type_ahead(view, sight)
        yield from _back(view, sight)


def _type_ahead(view: View, sight: Sight) -> Iterable[Figure]:
    opened: list[float] = []
    typed: list[float] = []
    listed: list[float] = []
    view.open("/dags", ROWS_SHOWN)
    time.sleep(1.5)  # the palette is fetched once the first page stands
    for _ in range(sight.repeat):
        opened.append(
            view.timed("tw.press(document.body, { key: 'k', ctrlKey: true })", "tw.count('.palette input') > 0")
        )
        typed.append(view.timed(_type(".palette input", "wide"), FOUND))
        view.page.keyboard.press("Escape")
        view.wait("tw.count('.palette') === 0")
        listed.append(view.timed(_type(".bar .search input", "wide"), "tw.text('.list .r .nm') === 'wide'"))
        view.timed(_type(".bar .search input", ""), "tw.count('.list .r') >= 15")
    yield figure("palette opens", "ms", opened, 50)
    yield figure("palette: key to result", "ms", typed, 50)
    yield figure("list: key to result", "ms", listed, 50)


def _back(view: View, sight: Sight) -> Iterable[Figure]:
    took: list[float] = []
    for _ in range(sight.repeat):
        view.open("/dags", ROWS_SHOWN)
        view.timed("document.querySelector('.list .r .nm').click()", "tw.count('nav.tabs') > 0")
        time.sleep(1.5)  # the palette is fetched once the first page stands
        took.append(view.timed("history.back()", ROWS_SHOWN))
    yield figure("back to the list", "ms", took, 50)


def _type(selector: str, text: str) -> str:
    return f"tw.type('{selector}', '{text}')"


GOALS = (
    Goal("1", "Cold start", cold_start),
    Goal("2", "List of Dags", dag_list),
)
