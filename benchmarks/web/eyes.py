"""A browser that measures: Debian's Chromium, driven by Playwright, with a stopwatch inside of each page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.tradewind_site import USER, Tradewind
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

SCRIPT = (Path(__file__).parent / "eye.js").read_text("utf-8")
PATIENCE_MS = 120_000


def chromium() -> str | None:
    """Where the browser is; None where there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


class Eyes:
    """Browsers before one installation, signed in."""

    def __init__(self, browser: Browser, place: Tradewind) -> None:
        self.browser = browser
        self.place = place
        self.origin = f"http://127.0.0.1:{place.port}"
        with self.profile(signed_in=False) as context:
            name, _, password = USER.partition(":")
            body = {"username": name, "password": password}
            answer = context.request.post("/auth/login", data=body, headers={"x-tradewind": "ui"})
            assert answer.ok, answer.text()
            self.cookies: list[Any] = list(context.cookies())

    @contextmanager
    def profile(self, *, signed_in: bool = True, width: int = 1440, **chosen: str) -> Iterator[BrowserContext]:
        """A profile of its own, with nothing in its cache. `chosen`: language, theme, contrast, zone."""
        context = self.browser.new_context(
            base_url=self.origin, viewport={"width": width, "height": 900}, locale="en-GB", timezone_id="UTC",
            permissions=["clipboard-read", "clipboard-write"],
        )  # fmt: skip
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(SCRIPT)
        choices = {"language": "en", "theme": "light", **chosen}
        context.add_init_script(f"localStorage.setItem('tradewind', JSON.stringify({choices}))")
        if signed_in:
            context.add_cookies(self.cookies)
        try:
            yield context
        finally:
            context.close()

    @contextmanager
    def view(self, **chosen: str) -> Iterator[View]:
        """One page in a profile of its own."""
        with self.profile(**chosen) as context:
            yield View(context.new_page())


class View:
    """A page, and the time that things take in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.pending: set[Request] = set()
        """Data asked for and not answered, but for the stream, which never ends. (That a shared worker has its script
        no page is told.)"""
        page.on("request", self._asked)
        page.on("requestfinished", lambda request: self.pending.discard(request))
        page.on("requestfailed", lambda request: self.pending.discard(request))

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)
        if request.resource_type in ("fetch", "xhr") and "/stream" not in request.url:
            self.pending.add(request)

    def open(self, address: str, test: str) -> float:
        """Go to an address, whole; milliseconds from the beginning of that until the test is true."""
        self.page.goto(address, wait_until="commit")
        return float(self.page.evaluate(f"() => tw.seen(() => {test}, {PATIENCE_MS})"))

    def timed(self, act: str, test: str) -> float:
        """Do something in the page; milliseconds until the test is true and that is on the screen."""
        code = f"async () => {{ const began = performance.now(); {act}; return await tw.seen(() => {test}) - began; }}"
        return float(self.page.evaluate(code))

    def wait(self, test: str, patience_ms: float = PATIENCE_MS) -> None:
        self.page.evaluate(f"() => tw.seen(() => {test}, {patience_ms})")

    def frames(self, milliseconds: int, each: str) -> list[float]:
        """Lengths of frames while `each` (of `n`) is done in every one of them."""
        found = self.page.evaluate(f"() => tw.frames({milliseconds}, (n) => {{ {each} }})")
        return [float(gap) for gap in found]

    def heap_bytes(self) -> int:
        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        used = session.send("Runtime.getHeapUsage")["usedSize"]
        session.detach()
        return int(used)

    def from_data_ms(self, part: str, at: float) -> float:
        """Milliseconds from the end of the newest answer whose address has this part to `at` on the page's clock."""
        return at - float(self.page.evaluate("(part) => tw.answered(part)", part))


@contextmanager
def eyes(place: Tradewind) -> Iterator[Eyes]:
    """A browser while it lasts."""
    path = chromium()
    assert path is not None
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield Eyes(browser, place)
        finally:
            browser.close()
