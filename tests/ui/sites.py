"""What tests of the web UI stand on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page

from tradewind.testing.installation import USERNAME, Installation

PATIENCE_MS = 60_000


@dataclass
class Watch:
    """Hears of what no page may do: talk to another origin, open a dialog, write an error, break the page's policy."""

    found: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def look_at(self, page: Page, origin: str) -> None:
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.found.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self._asked(request.url, origin))

    def _said(self, kind: str, text: str) -> None:
        # A refusal is an answer; the browser writes each into its console, the page says it to the reader.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.found.append(f"{kind}: {text}")

    def _asked(self, url: str, origin: str) -> None:
        self.requests.append(url)
        if urlsplit(url).scheme in ("http", "https") and not url.startswith(f"{origin}/"):
            self.found.append(f"request to {url}")


class Site:
    """A running installation, and browsers that are signed in to it."""

    def __init__(self, installation: Installation, browser: Browser) -> None:
        self.installation = installation
        self.browser = browser
        self.origin = f"http://{installation.until('an address', installation.address)}"
        self.run_id = ""
        """Of the run that tests look at."""
        self._cookies: list[Any] | None = None

    @contextmanager
    def page(self, watch: Watch, *, width: int = 1440, signed_in: bool = True, **chosen: str) -> Iterator[Page]:
        """A page in a profile of its own. `chosen`: language, theme, contrast, zone."""
        with self.context(width=width, signed_in=signed_in, **chosen) as context:
            page = context.new_page()
            watch.look_at(page, self.origin)
            yield page

    @contextmanager
    def context(self, *, width: int = 1440, signed_in: bool = True, **chosen: str) -> Iterator[BrowserContext]:
        context = self.browser.new_context(
            base_url=self.origin, viewport={"width": width, "height": 900}, locale="en-GB", timezone_id="UTC"
        )
        context.set_default_timeout(PATIENCE_MS)
        choices = {"language": "en", "theme": "light", **chosen}
        context.add_init_script(
            f"localStorage.getItem('tradewind') ?? localStorage.setItem('tradewind', JSON.stringify({choices}))"
        )
        if signed_in:
            context.add_cookies(self._signed_in(context))
        try:
            yield context
        finally:
            context.close()

    def _signed_in(self, context: BrowserContext) -> list[Any]:
        if self._cookies is None:
            somebody = "SELECT username FROM account"
            self.installation.until("the first account", lambda: self.installation.rows(somebody))
            body = {"username": USERNAME, "password": self.installation.password}

            def is_in() -> bool:
                # The server has an address a little before there is a scheduler that keeps accounts.
                return context.request.post("/auth/login", data=body, headers={"x-tradewind": "ui"}).ok

            assert self.installation.until("somebody is signed in", is_in)
            self._cookies = list(context.cookies())
        return self._cookies
