"""Signing in and out, as a person does it."""

from __future__ import annotations

from playwright.sync_api import expect
from sites import Site, Watch

from tradewind.testing.installation import USERNAME


def test_whoever_is_not_signed_in_comes_back_to_where_they_wanted_to_go(site: Site, watch: Watch) -> None:
    with site.page(watch, signed_in=False) as page:
        page.goto("/dags?q=hello")
        page.get_by_label("Name", exact=True).fill(USERNAME)
        page.get_by_label("Password", exact=True).fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("not right")
        page.get_by_label("Password", exact=True).fill(site.installation.password)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{site.origin}/dags?q=hello")
        expect(page.get_by_role("link", name="hello", exact=True)).to_be_visible()


def test_a_foreign_address_is_no_place_to_go_on_to(site: Site, watch: Watch) -> None:
    for place in ("//evil.example", "/\\evil.example", "javascript:alert(1)", "https://evil.example/dags"):
        with site.page(watch, signed_in=False) as page:
            page.goto(f"/login?next={place}")
            page.get_by_label("Name", exact=True).fill(USERNAME)
            page.get_by_label("Password", exact=True).fill(site.installation.password)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_label("Password", exact=True)).to_have_count(0)
            assert page.url.startswith(f"{site.origin}/")
