"""What a browser shows before the application's script is there, and what it has asked for by then."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect
from sites import Site, Watch

ENTRY = re.compile(r"/static/index-[^/]+\.js$")
BRAND = ".frame .brand span"


def _held(page: Page, address: str) -> list[Route]:
    """Go there, and keep the script back that everything is drawn with."""
    held: list[Route] = []
    page.route(ENTRY, lambda route: held.append(route))
    page.goto(address, wait_until="commit")
    while not held:
        page.wait_for_timeout(20)
    return held


def _ground(page: Page, selector: str) -> str:
    return str(page.evaluate("(it) => getComputedStyle(document.querySelector(it)).backgroundColor", selector))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_frame_is_there_before_any_script_in_the_theme_and_place_that_it_keeps(
    site: Site, watch: Watch, theme: str
) -> None:
    with site.page(watch, theme=theme) as page:
        held = _held(page, "/")
        expect(page.locator(BRAND)).to_be_visible()
        # A browser that has the text and not yet the style sheet answers as if there were none.
        expect(page.locator(".app.frame")).to_have_css("display", "grid")
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        before = [
            (_ground(page, f".frame {part}"), page.locator(f".frame {part}").bounding_box())
            for part in (".rail", ".top")
        ]
        brand = page.locator(BRAND).bounding_box()
        held[0].continue_()
        expect(page.locator("main .strip")).to_be_visible()
        assert page.locator(".frame").count() == 0
        after = [(_ground(page, part), page.locator(part).bounding_box()) for part in (".rail", ".top")]
        assert after == before
        assert page.locator(".brand span").bounding_box() == brand


def test_a_work_page_has_the_slim_frame_and_the_sign_in_page_none(site: Site, watch: Watch) -> None:
    with site.page(watch) as page:
        held = _held(page, "/dags/none_such")
        expect(page.locator(".frame .rail")).to_be_visible()
        expect(page.locator(BRAND)).to_be_hidden()
        narrow = page.locator(".frame .rail").bounding_box()
        held[0].continue_()
        expect(page.locator("nav.rail a").first).to_be_visible()
        assert page.locator("nav.rail").bounding_box() == narrow
    with site.page(watch, signed_in=False) as page:
        held = _held(page, "/login")
        expect(page.locator(".frame")).to_be_attached()
        expect(page.locator(".frame")).to_be_hidden()
        held[0].continue_()
        expect(page.locator("input[type=password]")).to_be_visible()


@pytest.mark.parametrize(
    ("address", "data"),
    [
        ("/", "/ui/home?hours=24"),
        ("/dags", "/ui/dags?limit=100&offset=0&search=&sort=attention"),
        ("/dags/hello", "/ui/dags/hello/head"),
    ],
)
def test_what_is_asked_for_ahead_is_what_the_page_takes(site: Site, watch: Watch, address: str, data: str) -> None:
    site.installation.until("the Dag", lambda: site.installation.rows("SELECT 1 FROM dag WHERE dag_id = 'hello'"))
    with site.page(watch) as page:
        held = _held(page, address)
        expect(page.locator(".frame")).to_be_attached()
        assert set(page.evaluate("Object.keys(globalThis.early)")) == {"/ui/session", data, "/ui/counts"}
        held[0].continue_()
        expect(page.locator("main h1").first).to_be_attached()
        # Not by waiting in the page: its policy forbids what Playwright would do there.
        site.installation.until("all answers", lambda: page.evaluate("Object.keys(globalThis.early).length") == 0)
