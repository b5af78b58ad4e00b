"""Every page, opened by its address, with hostile words in every field that people or tasks can write (S11, S12)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from payloads import ASKING_FILE, BROKEN_FILE, DAG_FILE, MARK, PAYLOADS
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as BrowserError
from sites import PATIENCE_MS, Site, Watch

from tradewind.testing.installation import Installation

FEATURES = Path(__file__).parents[2] / "ui" / "src" / "features"
DAG, RUN = "/dags/hostile", "/dags/hostile/runs/RUN"
SAYS, FAILS, MANY = f"{RUN}/tasks/says", f"{RUN}/tasks/fails", f"{RUN}/tasks/many"

PAGES: dict[str, tuple[str, ...]] = {
    "account": ("/account",),
    "act": (f"{DAG}/trigger", f"{DAG}/trigger/json"),
    "alerts": ("/alerts", "/alerts/rules"),
    "assets": ("/assets",),
    "audit": ("/audit",),
    "browse": ("/runs", "/tasks", "/xcoms"),
    "charts": ("/charts", "/charts?table=%5B%22tasks%22%5D"),
    "config": ("/config", "/plugins"),
    "connections": ("/connections",),
    "dag": (
        DAG, f"{DAG}/overview", f"{DAG}/graph", f"{DAG}/runs", f"{DAG}/calendar", f"{DAG}/durations", f"{DAG}/code",
        f"{DAG}/versions", f"{DAG}/backfills", f"{DAG}/details", f"{DAG}?table=true", f"{DAG}/graph?table=true",
    ),
    "dags": ("/dags",),
    "errors": ("/import-errors",),
    "home": ("/",),
    "inbox": ("/inbox",),
    "login": ("/login",),
    "pools": ("/pools",),
    "run": (RUN, f"{RUN}/tasks", f"{RUN}/gantt", f"{RUN}/graph", f"{RUN}/conf", f"{RUN}/events"),
    "scheduler": ("/scheduler",),
    "task": (
        SAYS, f"{SAYS}/details", f"{SAYS}/rendered", f"{SAYS}/xcom", f"{SAYS}/tries", f"{SAYS}/events",
        FAILS, f"{FAILS}/details", f"{FAILS}/why", f"{MANY}/mapped", f"{MANY}/mapped/0", f"{MANY}/mapped/1/rendered",
        f"{MANY}/mapped/2/xcom",
    ),
    "users": ("/users", "/roles"),
    "variables": ("/variables",),
    "workers": ("/workers",),
}  # fmt: skip
"""By the feature whose routes they are."""
SHOWS = (
    DAG + "/overview", DAG + "/code", SAYS, FAILS, FAILS + "/why", MANY + "/mapped", "/connections", "/inbox",
    "/variables", "/alerts", "/alerts/rules",
)  # fmt: skip
"""Pages that show some of the words."""
OPENS = (
    DAG, f"{DAG}/graph", f"{DAG}/trigger", RUN, f"{RUN}/tasks", SAYS, f"{SAYS}/xcom", FAILS,
    "/dags", "/variables", "/pools", "/connections", "/inbox", "/alerts", "/alerts/rules",
)  # fmt: skip
"""Pages whose buttons are pressed, one after the other."""
MOST_BUTTONS = 20


RULES = {
    "channels": {"away": {"type": "webhook", "url": "http://127.0.0.1:9/"}},
    "rules": [
        {"name": f"{text} {n}", "when": {"failure_rate": "1%"}, "description": text, "dags": ["*", text]}
        for n, text in enumerate(PAYLOADS)
    ],
}
"""JSON is YAML. Each rule fires when a run fails, and waits for who is to be told."""


@pytest.fixture(scope="module")
def hostile(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation whose every field says what no page may obey."""
    rules = tmp_path_factory.mktemp("rules") / "alerts.yml"
    rules.write_text(json.dumps(RULES), encoding="utf-8")
    dags = {"hostile.py": DAG_FILE, "broken.py": BROKEN_FILE, "asks.py": ASKING_FILE}
    settings = {"AIRFLOW__API__EXPOSE_CONFIG": "True", "TRADEWIND__ALERTS__RULES_FILE": str(rules)}
    with Installation(dags, TW_PAYLOADS=json.dumps(PAYLOADS), **settings) as installation:
        installation.start()
        whole = "\n".join(text for text in PAYLOADS if "\x1b" not in text)
        run_id = installation.trigger(
            "hostile", conf={"all": PAYLOADS, **dict.fromkeys(PAYLOADS, 1)}, note=whole[:1000]
        )
        installation.wait_for_run("hostile", run_id)
        asking = installation.trigger("asks")
        waits = "SELECT 1 FROM task_instance t JOIN run r ON r.number = t.run WHERE r.run_id = ? AND t.state = ?"
        installation.until("the question", lambda: installation.rows(waits, asking, "awaiting_input"))
        for path, body in _written(whole):
            status, answer = installation.http(path, method="POST", body=body)
            assert status in (200, 201), (path, answer)
        site = Site(installation, browser)
        site.run_id = run_id
        yield site


def _written(whole: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for n, text in enumerate(PAYLOADS):
        yield "/api/v2/variables", {"key": f"variable_{n}", "value": text, "description": text}
    yield "/ui/alerts/silences", {"rules": "hostile", "dags": PAYLOADS[1][:250], "minutes": 60, "reason": whole[:1000]}
    yield "/api/v2/pools", {"name": "hostile_pool", "slots": 1, "description": whole}
    connection = {"host": PAYLOADS[0], "schema": PAYLOADS[2], "login": PAYLOADS[3], "extra": json.dumps({"all": whole})}
    yield "/api/v2/connections", {"connection_id": "hostile", "conn_type": "http", "description": whole, **connection}


def test_every_feature_that_has_pages_is_looked_at() -> None:
    assert set(PAGES) == {file.parent.name for file in FEATURES.glob("*/routes.ts")}


@pytest.mark.parametrize("feature", sorted(PAGES))
def test_no_page_obeys_what_people_wrote(hostile: Site, watch: Watch, feature: str) -> None:
    with hostile.page(watch) as page:
        for address in PAGES[feature]:
            page.goto(address.replace("RUN", quote(hostile.run_id, safe="")))
            page.wait_for_load_state("load")
            expect(page.locator("main").first, address).to_have_text(re.compile("[a-z]"), timeout=PATIENCE_MS)
            page.wait_for_timeout(700)  # what is asked for in the page's own time
            assert page.get_by_text("This could not be loaded").count() == 0, address
            if address in SHOWS:
                for _ in range(40):  # on a machine that does much else an answer takes longer
                    if MARK not in page.content():
                        page.wait_for_timeout(250)
                assert MARK in page.content(), f"{address} shows none of the words"


@pytest.mark.parametrize("address", OPENS)
def test_nothing_that_a_button_opens_obeys(hostile: Site, watch: Watch, address: str) -> None:
    with hostile.page(watch) as page:
        address = address.replace("RUN", quote(hostile.run_id, safe=""))
        page.goto(address)
        page.locator("main button").first.wait_for()
        page.wait_for_timeout(500)
        pressed = sum(_press(page, address, n) for n in range(min(page.locator("main button").count(), MOST_BUTTONS)))
        assert pressed


def _press(page: Page, address: str, n: int) -> bool:
    """Press one button and close what it opened; one that is hidden or gone by now is left out."""
    if not page.url.endswith(address):
        page.goto(address)
        page.locator("main button").first.wait_for()
    try:
        page.locator("main button").nth(n).click(timeout=1_500)
    except BrowserError:
        return False
    page.wait_for_timeout(300)  # what is asked for, and drawn
    page.keyboard.press("Escape")
    return True


def test_the_palette_obeys_nothing_that_it_finds(hostile: Site, watch: Watch) -> None:
    with hostile.page(watch) as page:
        page.goto("/")
        page.locator("main").first.wait_for()
        page.keyboard.press("Control+K")
        for words in ("hostile", "asks", *PAYLOADS[:3]):
            page.keyboard.press("Control+A")
            page.keyboard.type(words)
            page.wait_for_timeout(800)
            assert page.get_by_role("dialog").count(), "the palette is not open"


def test_a_task_that_is_called_like_a_tab_has_tabs_like_others(hostile: Site, watch: Watch) -> None:
    task = f"{RUN}/tasks/why".replace("RUN", quote(hostile.run_id, safe=""))
    with hostile.page(watch) as page:
        page.goto(task)
        page.locator(".notice", has_text="called like a tab").wait_for()
        page.goto(f"{task}/why")
        page.locator(".whypage", has_text="called like a tab").wait_for()
        assert page.locator(".notice").count() == 0, "it is said once"
