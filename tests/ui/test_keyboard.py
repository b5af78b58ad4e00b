"""What people do all day, done with no mouse: each step by keys alone, with the focus in sight at every stop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect
from sites import PATIENCE_MS, Site, Watch

from tradewind.testing.installation import USERNAME, Installation

INDEX = Path(__file__).parents[2] / "src" / "tradewind" / "ui_dist" / "index.html"
MOST_STOPS = 200
DAG_FILE = """
from datetime import datetime
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Param, TaskGroup, task

with DAG(
    "orders", schedule="@yearly", start_date=datetime(2020, 1, 1), catchup=False,
    params={"rows": Param(10, type="integer", minimum=1)},
):
    @task
    def extract():
        for number in range(120):
            print(f"row {number}" + (" is broken" if number % 40 == 7 else ""))

    @task(retries=0)
    def load():
        raise RuntimeError("the disk is full")

    @task
    def count():
        pass

    with TaskGroup("checks") as checks:
        count() >> count.override(task_id="compare")()
    extract() >> checks >> load()

with DAG("quiet", schedule=None):
    count()

with DAG("asks", schedule=None):
    HITLOperator(task_id="ask", subject="Which region?", options=["kr", "us"])
"""
IN_SIGHT = """() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    if (!at || at === document.body) return "";
    const outlined = (one) => one && getComputedStyle(one).outlineStyle !== "none"
        && parseFloat(getComputedStyle(one).outlineWidth) > 0;
    const frame = at.closest("label, .input, .box");
    const seen = outlined(at) || outlined(at.closest(".cm-editor")) || at.matches("[role=menuitem], [role=option]")
        || (frame && getComputedStyle(frame).boxShadow !== "none");
    const box = at.getBoundingClientRect();
    const isThere = box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0
        && box.top < innerHeight && box.left < innerWidth;
    if (seen && isThere) return "";
    const fault = seen ? "out of sight" : "no mark";
    return `${at.tagName} ${at.className} ${(at.ariaLabel ?? at.textContent).slice(0, 40)}: ${fault}`;
}"""


def unseen(page: Page) -> str:
    """What has the focus and no mark of it, also after a while: some get theirs a moment later."""
    if page.evaluate(IN_SIGHT):
        with suppress(TimeoutError):
            page.wait_for_function(f"() => ({IN_SIGHT})() === ''", timeout=PATIENCE_MS)
    return str(page.evaluate(IN_SIGHT))


class Hands:
    """Somebody with a keyboard only."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        self.press("Control+A")
        self.page.keyboard.type(text)

    def go(self, target: Locator, key: str = "Tab") -> None:
        """Tab after Tab until it has the focus, which is seen wherever it is on the way."""
        target.first.wait_for()
        for _ in range(MOST_STOPS):
            if target.first.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press(key)
            assert unseen(self.page) == ""
        raise AssertionError(f"{target} is not reached with {key}")

    def use(self, target: Locator) -> None:
        """Go to what is pressed, and press it."""
        self.go(target)
        self.press("Enter")

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name, exact=isinstance(name, str))

    def focused(self, target: Locator) -> None:
        expect(target).to_be_focused()


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Site]:
    """An installation with a run of 3 May that has failed, and a question that waits."""
    if not INDEX.is_file():
        pytest.skip("needs the built web UI: run `make ui`")
    with Installation({"work.py": DAG_FILE}) as installation:
        installation.start()
        site = Site(installation, browser)
        known = "SELECT dag_id FROM dag"
        installation.until("three Dags", lambda: len(installation.rows(known)) == 3)
        _created(site, "/api/v2/dags/orders/dagRuns", logical_date="2026-05-03T00:00:00Z", dag_run_id="may")
        installation.wait_for_run("orders", "may")
        _created(site, "/api/v2/variables", key="region", value="kr")
        _created(site, "/api/v2/connections", connection_id="shop", conn_type="postgres", host="old.example")
        installation.trigger("asks", "asking")
        waits = "SELECT 1 FROM task_instance WHERE state = 'awaiting_input'"
        installation.until("the question", lambda: installation.rows(waits))
        yield site


def _created(site: Site, path: str, **body: Any) -> None:
    status, answer = site.installation.http(path, method="POST", body=body)
    assert status in (200, 201), answer


@contextmanager
def hands(site: Site, watch: Watch, address: str, *, signed_in: bool = True) -> Iterator[Hands]:
    with site.page(watch, signed_in=signed_in) as page:
        page.goto(address)
        page.locator(".live[data-live=live]" if signed_in else "main").first.wait_for()
        yield Hands(page)


def _task_state(site: Site, dag_id: str, run_id: str, task_id: str) -> str:
    sql = """SELECT t.state FROM task_instance t JOIN run r ON r.number = t.run
        WHERE r.dag_id = ? AND r.run_id = ? AND t.task_id = ?"""
    return str(site.installation.rows(sql, dag_id, run_id, task_id)[0]["state"])


def _got(site: Site, path: str) -> Any:
    status, answer = site.installation.http(path)
    assert status == 200, answer
    return answer


def test_signing_in_and_out(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/dags", signed_in=False) as person:
        person.focused(person.page.get_by_label("Name", exact=True))
        person.page.keyboard.type(USERNAME)
        person.press("Tab")
        person.page.keyboard.type(desk.installation.password)
        person.press("Enter")
        expect(person.page.get_by_role("link", name="orders", exact=True)).to_be_visible()
        person.press("Control+K")
        person.page.locator(".palette input:focus").wait_for()
        person.page.keyboard.type("sign out")
        expect(person.page.locator(".palette [aria-selected=true]")).to_have_text("Sign out")
        person.press("Enter")
        expect(person.page.get_by_label("Password", exact=True)).to_be_visible()


def test_finding_turning_off_and_opening_a_dag_in_the_list(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/") as person:
        person.press("g", "d")
        expect(person.page).to_have_url(re.compile("/dags$"))
        chosen = person.page.locator(".list .r.sel .nm")
        person.page.get_by_role("link", name="quiet", exact=True).wait_for()
        person.press("j")
        person.focused(person.page.get_by_role("table"))
        first = chosen.inner_text()
        person.press("j")
        expect(chosen).not_to_have_text(first)
        person.press("k")
        expect(chosen).to_have_text(first)
        person.press("/")
        person.write("quiet")
        expect(person.page.locator(".list .r .nm")).to_have_text(["quiet"])
        person.go(person.page.get_by_role("table"))
        expect(chosen).to_have_text("quiet")
        switch = person.page.get_by_role("switch", name="Schedule of quiet")
        for is_on in (False, True):
            person.press("p")
            expect(switch).to_be_checked(checked=is_on)
        person.press("s")
        expect(person.button(re.compile("quiet")).first).to_have_attribute("aria-pressed", "true")
        person.press("Enter")
        expect(person.page).to_have_url(re.compile("/dags/quiet$"))


def test_running_a_dag_with_values(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/dags/orders/trigger") as person:
        person.go(person.page.get_by_label("rows", exact=True))
        person.write("25")
        expect(person.page.locator(".preview")).to_contain_text('"rows": 25')
        person.use(person.button("Run"))
        expect(person.page).to_have_url(re.compile("/dags/orders/runs/manual"))
        made = _got(desk, "/api/v2/dags/orders/dagRuns?order_by=-run_after&limit=1")["dag_runs"][0]
        assert made["conf"] == {"rows": 25}


def test_going_through_the_grid(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/dags/orders") as person:
        grid = person.page.get_by_role("application")
        said = person.page.locator(".cv [aria-live]")
        person.go(grid)
        person.press("Home")
        _walk(person, said, "ArrowRight", "2026-05-03")
        _walk(person, said, "ArrowDown", "task load")
        expect(said).to_have_text(re.compile(r"^task load, run .*2026-05-03.*, Failed$"))
        person.press("Enter")
        panel = person.page.locator("aside.side")
        person.go(panel.get_by_role("link", name="Open the log"))
        person.press("Escape")
        expect(panel).to_have_count(0)
        person.focused(grid)
        _walk(person, said, "ArrowUp", "group checks, open")
        person.press("Space")
        expect(said).to_contain_text("group checks, closed")
        expect(person.page).to_have_url(re.compile("closed="))
        _walk(person, said, "ArrowUp", re.compile(r"^run .*2026-05-03.*, Failed$"))
        person.press("Enter")
        expect(person.page).to_have_url(re.compile("/dags/orders/runs/may$"))


def _walk(person: Hands, said: Locator, key: str, wanted: str | re.Pattern[str]) -> None:
    """Step by step until it is said where one is."""
    for _ in range(30):
        before = said.inner_text()
        if re.search(wanted, before):
            return
        person.press(key)
        expect(said).not_to_have_text(before)
    raise AssertionError(f"{key} does not lead to {wanted}")


def test_searching_a_log(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/dags/orders?run=may&task=extract") as person:
        person.use(person.page.get_by_role("link", name="Open the log"))
        find = person.page.get_by_label("Find in the whole log")
        status = person.page.locator(".lt [role=status]")
        person.go(find)
        person.page.keyboard.type("broken")
        expect(status).to_have_text("3 lines")
        person.press("Enter")
        expect(status).to_have_text(re.compile(r"^\d / 3$"))  # the first one on screen or below
        while status.inner_text() != "1 / 3":
            before = status.inner_text()
            person.press("Enter")
            expect(status).not_to_have_text(before)
        for key, at in (("Enter", 2), ("Shift+Enter", 1)):
            person.press(key)
            expect(status).to_have_text(f"{at} / 3")
        expect(person.page.locator(".l.hit")).to_contain_text("row 7 is broken")
        person.go(person.page.get_by_role("region", name=re.compile("log", re.IGNORECASE)))
        person.press("End")
        expect(person.page.locator(".log")).to_contain_text("row 119")


def test_running_a_task_again_and_saying_how_it_ended(desk: Site, watch: Watch) -> None:
    tries = "SELECT 1 FROM task_instance t JOIN run r ON r.number = t.run WHERE r.run_id = 'may' AND t.task_id = 'load'"
    with hands(desk, watch, "/dags/orders/runs/may/tasks/load") as person:
        again = person.button("Rerun…")
        person.use(again)
        person.focused(person.button(re.compile(r"^Rerun \d+ task")))
        person.press("Escape")
        person.focused(again)
        person.press("Enter")
        send = person.button("Rerun 1 task")
        expect(send).to_have_attribute("aria-disabled", "false")
        person.press("Enter")
        expect(person.page.get_by_role("dialog")).to_have_count(0)
        second = f"{tries} AND t.try_number = 2 AND t.state = 'failed'"
        desk.installation.until("the second try", lambda: desk.installation.rows(second))
        person.use(person.button("Mark as…"))
        person.focused(person.page.get_by_role("menuitem").first)
        person.press("Enter")
        expect(person.button("Mark 1 task")).to_have_attribute("aria-disabled", "false")
        person.press("Enter")
        expect(person.page.locator(".pagehead .badge")).to_have_text("Success")
        desk.installation.until("the mark", lambda: _task_state(desk, "orders", "may", "load") == "success")


def test_looking_at_what_a_backfill_would_do(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/dags/orders") as person:
        ask = person.button("Backfill…")
        person.use(ask)
        # The first of January stands the same in every order of day and month.
        for label, digits in (("From", "01012021"), ("To", "01012023")):
            person.go(person.page.get_by_role("dialog").get_by_label(label, exact=True))
            person.page.keyboard.type(digits)
        expect(person.page.locator(".planline")).to_contain_text("3 runs")
        person.go(person.button("Start 3 runs"))
        person.press("Escape")
        expect(person.page.get_by_role("dialog")).to_have_count(0)
        person.focused(ask)


@pytest.mark.parametrize(
    ("address", "row", "field", "text", "path", "name"),
    [
        ("/variables", "region", "Value", "us", "/api/v2/variables/region", "value"),
        ("/pools", "default_pool", "Slots", "64", "/api/v2/pools/default_pool", "slots"),
        ("/connections", "shop", "Host", "new.example", "/api/v2/connections/shop", "host"),
    ],
    ids=["variable", "pool", "connection"],
)
def test_changing(
    desk: Site, watch: Watch, address: str, row: str, field: str, text: str, path: str, name: str
) -> None:
    with hands(desk, watch, address) as person:
        person.page.get_by_role("row", name=re.compile(row)).wait_for()
        person.press("j")
        at = person.page.locator("tbody tr:focus")
        person.focused(person.page.locator("tbody tr[tabindex='0']"))
        for _ in range(10):
            if row in at.inner_text():
                break
            person.press("j")
        person.press("Enter")
        dialog = person.page.get_by_role("dialog")
        person.go(dialog.get_by_label(re.compile(f"^{field}")))
        person.write(text)
        person.use(dialog.get_by_role("button", name="Save", exact=True))
        expect(dialog).to_have_count(0)
        assert str(_got(desk, path)[name]) == text


def test_the_palette_leads_to_objects_and_acts(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/dags") as person:
        chosen = person.page.locator(".palette [aria-selected=true]")
        person.press("Control+K")
        person.page.locator(".palette input:focus").wait_for()
        person.page.keyboard.type("orders")
        expect(chosen).to_have_text("orders")
        person.press("Enter")
        expect(person.page).to_have_url(re.compile("/dags/orders$"))
        off = "SELECT is_paused FROM dag WHERE dag_id = 'quiet'"
        for verb, act in (("pause", "Turn off quiet"), ("unpause", "Turn on quiet")):
            person.press("Control+K")
            person.page.locator(".palette input:focus").wait_for()
            person.page.keyboard.type(f"{verb} quiet")
            expect(chosen).to_have_text(act)
            person.press("Enter")
            expect(person.page.locator(".palette .foot")).to_have_text(f"Done: {act}")
            assert desk.installation.rows(off)[0]["is_paused"] == (verb == "pause")
            person.press("Escape")
            expect(person.page.get_by_role("dialog")).to_have_count(0)


def test_help_and_palette_give_the_focus_back(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/dags") as person:
        before = person.page.get_by_role("link", name="Pools")
        person.go(before)
        for key in ("?", "Control+K"):
            person.press(key)
            dialog = person.page.get_by_role("dialog")
            dialog.wait_for()
            for _ in range(4):  # and nowhere else while it is open
                person.press("Tab")
                person.page.wait_for_function(
                    "() => document.querySelector('[role=dialog]').contains(document.activeElement)"
                )
            person.press("Escape")
            expect(dialog).to_have_count(0)
            person.focused(before)


def test_answering_a_question(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/") as person:
        person.press("g", "i")
        question = person.page.get_by_role("region", name="Which region?")
        person.go(question.get_by_role("radio", name="kr"))
        person.press("ArrowDown")
        expect(question.get_by_role("radio", name="us")).to_be_checked()
        person.use(person.button("Answer: us"))
        desk.installation.until("the answer", lambda: _task_state(desk, "asks", "asking", "ask") == "success")


def test_filtering_the_audit_log(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/audit") as person:
        person.use(person.button("By people"))
        expect(person.page).to_have_url(re.compile("people="))
        person.go(person.page.get_by_label("Add filter"))
        person.page.keyboard.type("D")
        field = person.page.get_by_label("Dag", exact=True)
        person.focused(field)
        person.page.keyboard.type("orders")
        person.press("Enter")
        expect(person.page).to_have_url(re.compile("dag=orders"))
        expect(person.page.locator("tbody tr").first).to_contain_text("orders")


def test_choosing_language_theme_zone_and_keys(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/dags") as person:
        root = person.page.locator("html")
        person.use(person.button("Settings"))
        person.use(person.button("Dark"))
        expect(root).to_have_attribute("data-theme", "dark")
        person.use(person.button("한국어"))
        expect(root).to_have_attribute("lang", "ko")
        person.go(person.button("English"), "Shift+Tab")
        person.press("Enter")
        person.go(person.page.get_by_role("switch", name="Single-letter keys"))
        person.press("Space", "Escape")
        expect(person.page.get_by_role("dialog")).to_have_count(0)
        person.focused(person.button("Settings"))
        person.press("g", "a", "?", "j")
        expect(person.page.get_by_role("dialog")).to_have_count(0)
        expect(person.page).to_have_url(re.compile("/dags$"))
        person.focused(person.button("Settings"))
        person.go(person.button(re.compile("^Time zone")), "Shift+Tab")
        person.press("Enter")
        person.page.locator(".picker input:focus").wait_for()
        person.page.keyboard.type("Seoul")
        expect(person.page.locator(".picklist [role=option]")).to_have_count(1)
        person.press("ArrowDown", "Enter")
        expect(person.page.locator(".top .zone")).to_contain_text("Asia/Seoul")


def test_going_through_a_graph(desk: Site, watch: Watch) -> None:
    with hands(desk, watch, "/dags/orders/graph?run=may") as person:
        stage = person.page.get_by_role("application")
        said = person.page.locator(".stage [aria-live]")
        expect(stage).to_have_attribute("data-drawn", "4")
        person.go(stage)
        person.press("ArrowDown")
        _walk(person, said, "ArrowDown", "checks.count")
        person.press("Space")
        expect(said).to_have_text("checks, group of 2 tasks, Success")
        expect(stage).to_have_attribute("data-drawn", "2")
        expect(person.page.locator("[data-node=checks] .st")).to_have_attribute("data-s", "success")
        with desk.page(watch) as other:
            other.goto(person.page.url)
            expect(other.get_by_role("application")).to_have_attribute("data-drawn", "2")
        person.press("Enter")
        expect(stage).to_have_attribute("data-drawn", "4")
        person.press("Enter")
        panel = person.page.locator("aside.side")
        expect(panel).to_be_visible()
        person.go(person.button("Up and downstream of selection"), "Shift+Tab")
        person.press("Enter")
        expect(person.page).to_have_url(re.compile("focus=true"))
        expect(stage).to_have_attribute("data-drawn", "4")  # all of them are before or after it
        person.go(panel.get_by_role("button").first)
        person.press("Escape")
        expect(panel).to_have_count(0)
        person.focused(stage)


ADDRESSES = (
    "/", "/dags", "/runs", "/tasks", "/xcoms", "/assets", "/inbox", "/import-errors", "/pools", "/variables",
    "/connections", "/users", "/roles", "/workers", "/scheduler", "/config", "/plugins", "/audit", "/account",
    "/charts", "/alerts", "/dags/orders", "/dags/orders?table=true", "/dags/orders/graph", "/dags/orders/runs",
    "/dags/orders/calendar", "/dags/orders/durations", "/dags/orders/code", "/dags/orders/versions",
    "/dags/orders/backfills", "/dags/orders/trigger", "/dags/orders/runs/may", "/dags/orders/runs/may/tasks",
    "/dags/orders/runs/may/graph", "/dags/orders/runs/may/events", "/dags/orders/runs/may/tasks/load",
    "/dags/orders/runs/may/tasks/load/why", "/dags/orders/runs/may/tasks/load/tries",
)  # fmt: skip


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_the_focus_goes_round_every_page_and_is_seen(desk: Site, watch: Watch) -> None:
    faults = []
    with desk.page(watch) as page:
        for address in ADDRESSES:
            page.goto(quote(address, safe="/?=&"))
            page.locator("main").first.wait_for()
            page.wait_for_timeout(500)  # what is asked for in the page's own time
            for _ in range(MOST_STOPS):
                page.keyboard.press("Tab")
                if fault := unseen(page):
                    faults.append(f"{address}: {fault}")
                if page.evaluate("() => document.activeElement === document.body"):
                    break
            else:
                faults.append(f"{address}: the way out is not found")
    assert not faults, "\n".join(faults)
