"""A browser before a real installation: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sites import PATIENCE_MS, Site, Watch

from tradewind.testing.installation import Installation

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "dags" / "examples"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: while Playwright is there its event loop runs, and nobody else in the process can have one."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    expect.set_options(timeout=PATIENCE_MS)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(browser: Browser) -> Iterator[Site]:
    """An installation with the example Dags, the built UI, and somebody signed in."""
    if not (ROOT / "src" / "tradewind" / "ui_dist" / "index.html").is_file():
        pytest.skip("needs the built web UI: run `make ui`")
    dags = {file.name: file.read_text("utf-8") for file in sorted(EXAMPLES.glob("*.py"))}
    with Installation(dags, AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="True") as installation:
        installation.start()
        yield Site(installation, browser)


@pytest.fixture
def watch() -> Iterator[Watch]:
    """What must not happen while a page is looked at: fails the test if it has."""
    watch = Watch()
    yield watch
    assert watch.found == []


@pytest.fixture
def page(site: Site, watch: Watch) -> Iterator[Page]:
    """A page of somebody who is signed in."""
    with site.page(watch) as page:
        yield page
