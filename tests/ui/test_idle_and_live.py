"""What pages ask for: nothing while nothing happens, then what has changed; and the truth after the API was away."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect
from sites import PATIENCE_MS, Site, Watch

from tradewind.testing.installation import Installation

QUIET_SECONDS = 8
SETTLES_SECONDS = 12
"""An answer that leans on figures of some seconds ago is asked for once more by then."""
REQUEST = re.compile(rb"^(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (\S+) HTTP/1\.1\r\n", re.MULTILINE)
DAG_FILE = """
import time
from datetime import datetime
from pathlib import Path
from airflow.sdk import dag, task

@dag(schedule="@yearly", start_date=datetime(2020, 1, 1), catchup=False)
def greets():
    @task
    def hello():
        print("hello there")
    hello()

@dag(schedule=None)
def waits():
    @task
    def gate():
        print("the first line")
        while not Path("{gate}").exists():
            time.sleep(0.05)
        print("the last line")
    gate()

greets()
waits()
"""


class Ear:
    """Stands between a browser and the server, and hears whatever is asked, by pages and by their workers alike."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.heard: list[tuple[float, str]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                browser, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(browser,), daemon=True).start()

    def _serve(self, browser: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=60)
        except OSError:
            browser.close()
            return
        server.settimeout(None)
        back = threading.Thread(target=self._pass_on, args=(server, browser, False), daemon=True)
        back.start()
        self._pass_on(browser, server, True)
        back.join()
        browser.close()
        server.close()

    def _pass_on(self, source: socket.socket, target: socket.socket, hears: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if hears:
                    self.heard += [(time.monotonic(), path.decode()) for path in REQUEST.findall(data)]
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def since(self, moment: float) -> list[str]:
        return [path for at, path in list(self.heard) if at >= moment]

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def quiet(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An installation in which nothing happens by itself."""
    gate = tmp_path_factory.mktemp("gate") / "open"
    dags = {"quiet.py": DAG_FILE.replace("{gate}", str(gate))}
    with Installation(dags, AIRFLOW__API__EXPOSE_CONFIG="True") as installation:
        installation.start()
        site = Site(installation, browser)
        site.run_id = installation.trigger("greets")
        assert installation.wait_for_run("greets", site.run_id) == "success"
        site.gate = gate  # type: ignore[attr-defined]
        yield site


@contextmanager
def heard(site: Site) -> Iterator[Ear]:
    address = str(site.installation.until("an address", site.installation.address))
    with closing(Ear(address)) as ear:
        yield ear


def is_live(page: Page) -> None:
    expect(page.locator("[role=status][data-live]")).to_have_attribute("data-live", "live", timeout=PATIENCE_MS)


GREETS, RUN = "/dags/greets", "/dags/greets/runs/RUN"
PAGES = {
    "overall": ("/", "/dags", "/runs", "/tasks", "/xcoms", "/inbox", "/assets", "/alerts", "/import-errors"),
    "machinery": ("/charts", "/pools", "/workers", "/scheduler", "/variables", "/connections", "/config", "/plugins"),
    "people": ("/users", "/roles", "/audit", "/account"),
    "a Dag": (
        GREETS, f"{GREETS}/overview", f"{GREETS}/graph", f"{GREETS}/runs", f"{GREETS}/calendar", f"{GREETS}/durations",
        f"{GREETS}/code", f"{GREETS}/versions", f"{GREETS}/backfills", f"{GREETS}/details",
    ),
    "a run": (
        f"{RUN}/tasks", f"{RUN}/gantt", f"{RUN}/graph", f"{RUN}/conf", f"{RUN}/events", f"{RUN}/tasks/hello",
        f"{RUN}/tasks/hello/details", f"{RUN}/tasks/hello/tries", f"{RUN}/tasks/hello/xcom",
    ),
}  # fmt: skip


@pytest.mark.parametrize("about", PAGES)
def test_idle_pages_ask_for_nothing_beside_their_one_stream(quiet: Site, about: str) -> None:
    with heard(quiet) as ear, quiet.context() as context:
        for address in PAGES[about]:
            page = context.new_page()
            page.goto(f"http://{ear.address}{address.replace('RUN', quote(quiet.run_id, safe=''))}")
            is_live(page)
            assert page.get_by_text("This could not be loaded").count() == 0, address
        page.wait_for_timeout(1000 * SETTLES_SECONDS)
        assert [path for path in ear.since(0) if path.startswith("/ui/stream?")], "the ear hears nothing"
        began = time.monotonic()
        page.wait_for_timeout(1000 * QUIET_SECONDS)
        assert ear.since(began) == [], f"{len(PAGES[about])} pages in which nothing happens"


def test_a_change_comes_to_each_page_that_shows_it_without_a_reload(quiet: Site, watch: Watch) -> None:
    installation = quiet.installation
    with quiet.page(watch) as runs, quiet.page(watch) as home, quiet.page(watch) as pools:
        for page, address in ((runs, "/runs"), (home, "/"), (pools, "/pools")):
            page.goto(address)
            is_live(page)
        run_id = installation.trigger("waits", "by_hand_1")
        row = runs.locator("tr", has_text=run_id)
        expect(row).to_contain_text("running", timeout=PATIENCE_MS, ignore_case=True)
        expect(home.locator("tr", has_text="waits").first).to_be_visible(timeout=PATIENCE_MS)
        expect(pools.locator("tr", has_text="default_pool")).to_contain_text("1", timeout=PATIENCE_MS)
        # The timer of what runs goes on by itself.
        going = home.locator("tr", has_text="waits").first
        before = going.inner_text()
        home.wait_for_timeout(2_500)
        assert going.inner_text() != before
        with quiet.page(watch) as log:
            log.goto(f"/dags/waits/runs/{run_id}/tasks/gate")
            expect(log.get_by_text("the first line")).to_be_visible()
            is_live(log)
            quiet.gate.touch()  # type: ignore[attr-defined]
            expect(log.get_by_text("the last line")).to_be_visible(timeout=PATIENCE_MS)
        assert installation.wait_for_run("waits", run_id) == "success"
        expect(row).to_contain_text("success", timeout=PATIENCE_MS, ignore_case=True)


def test_a_hidden_tab_asks_for_nothing_and_has_the_truth_when_somebody_looks(quiet: Site, watch: Watch) -> None:
    with heard(quiet) as ear, quiet.context() as context:
        page = context.new_page()
        page.goto(f"http://{ear.address}/runs")
        is_live(page)
        page.wait_for_timeout(1_500)
        _look(page, "hidden")
        began = time.monotonic()
        run_id = quiet.installation.trigger("greets", "while_hidden")
        assert quiet.installation.wait_for_run("greets", run_id) == "success"
        page.wait_for_timeout(3_000)
        assert ear.since(began) == []
        assert page.locator("tr", has_text=run_id).count() == 0
        _look(page, "visible")
        expect(page.locator("tr", has_text=run_id)).to_contain_text("success", timeout=PATIENCE_MS, ignore_case=True)


def _look(page: Page, state: str) -> None:
    page.evaluate(
        """(state) => {
            Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def test_a_page_says_that_the_api_is_away_and_is_right_soon_after_it_is_back(quiet: Site, watch: Watch) -> None:
    installation = quiet.installation
    quiet.gate.unlink(missing_ok=True)  # type: ignore[attr-defined]
    run_id = installation.trigger("waits", "across_a_death")
    with quiet.page(watch) as page:
        watch.requests.clear()
        page.goto(f"/dags/waits/runs/{run_id}/tasks")
        is_live(page)
        status = page.locator("[role=status][data-live]")
        elapsed = page.locator(".facts div", has_text="Elapsed").locator("b")
        expect(elapsed).to_be_visible()
        (api,) = installation.pids_of("api")
        installation.signal("api", 19)  # SIGSTOP: it answers nobody, and nobody starts another
        killed = time.monotonic()
        expect(status).to_have_attribute("data-live", re.compile("reconnecting|stale"), timeout=PATIENCE_MS)
        print(f"\nsaid {time.monotonic() - killed:.1f} s after the API fell silent")
        stood = elapsed.inner_text()
        page.wait_for_timeout(2_500)
        assert elapsed.inner_text() == stood, "a timer goes on though nobody knows"
        quiet.gate.touch()  # type: ignore[attr-defined]
        installation.until("the run's end", lambda: _state(installation, run_id) == "success")
        installation.signal("api")  # and dies
        installation.until("another API", lambda: installation.pids_of("api") not in ([], [api]))
        installation.until("its address", lambda: _answers(installation))
        back = time.monotonic()
        expect(page.locator(".pagehead .badge")).to_contain_text("success", ignore_case=True, timeout=PATIENCE_MS)
        print(f"right {time.monotonic() - back:.1f} s after it answered again")
        is_live(page)


def _state(installation: Installation, run_id: str) -> str:
    rows = installation.rows("SELECT state FROM run WHERE run_id = ?", run_id)
    return str(rows[0]["state"]) if rows else ""


def _answers(installation: Installation) -> bool:
    host, _, port = str(installation.address()).rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return connection.recv(20).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def test_a_double_click_and_a_held_key_are_one_run(quiet: Site, watch: Watch) -> None:
    def runs() -> int:
        return int(quiet.installation.rows("SELECT COUNT(*) AS n FROM run WHERE dag_id = 'greets'")[0]["n"])

    with quiet.page(watch) as page:
        page.goto("/dags?q=greets")
        button = page.locator(".list .r .acts button").first
        button.wait_for()
        before = runs()
        button.dblclick()
        quiet.installation.until("the run", lambda: runs() > before)
        page.wait_for_timeout(1_500)
        assert runs() == before + 1
        page.locator(".list").focus()
        page.keyboard.press("ArrowDown")
        for _ in range(10):
            page.keyboard.down("r")  # without a release between: it repeats
            page.wait_for_timeout(50)
        page.keyboard.up("r")
        quiet.installation.until("the run of the key", lambda: runs() > before + 1)
        page.wait_for_timeout(1_500)
        assert runs() == before + 2
