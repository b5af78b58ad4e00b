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


def test_an_identity_provider_has_a_button_and_says_why_it_did_not_help(site: Site, watch: Watch) -> None:
    provider = {"name": "Keycloak", "login": "/auth/oidc/login", "logout": "/auth/oidc/logout"}
    with site.page(watch, signed_in=False) as page:
        page.goto("/login")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        expect(page.get_by_role("link", name="Continue")).to_have_count(0)
        page.route("**/auth/providers", lambda route: route.fulfill(json={"providers": [provider], "password": True}))
        page.goto("/login?next=/dags?q=hello&problem=no_role")
        button = page.get_by_role("link", name="Continue with Keycloak")
        expect(button).to_have_attribute("href", "/auth/oidc/login?next=%2Fdags%3Fq%3Dhello")
        expect(page.get_by_role("alert")).to_contain_text("no role here is yours")
        page.goto("/login?problem=constructor")
        expect(button).to_have_attribute("href", "/auth/oidc/login?next=%2F")
        expect(page.get_by_role("alert")).to_have_count(0)


def test_language_and_theme_are_chosen_before_anybody_is_signed_in(site: Site, watch: Watch) -> None:
    with site.page(watch, signed_in=False) as page:
        page.goto("/login")
        page.get_by_role("button", name="한국어").click()
        expect(page.get_by_role("heading", name="로그인")).to_be_visible()
        page.get_by_role("button", name="어두운 테마").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.reload()
        expect(page.get_by_role("button", name="밝은 테마")).to_be_visible()


def test_the_first_page_is_one_for_every_program_that_asks_for_it(site: Site, watch: Watch) -> None:
    with site.context(signed_in=False) as context:
        answer = context.request.get("/", headers={"accept": "*/*"})
        assert answer.ok
        assert answer.headers["content-type"].startswith("text/html")
        assert context.request.get("/dags", headers={"accept": "*/*"}).status == 404
