"""What a phone shows: nothing that one needs lies beside the screen; and words where the API has names."""

from __future__ import annotations

from playwright.sync_api import expect
from sites import Site, Watch

WIDTH = 390
BESIDE = """(width) => [...document.querySelectorAll("main :is(input, select, textarea, button.primary)")]
    .filter((each) => { const { left, right } = each.getBoundingClientRect(); return right > width || left < 0; })
    .map((each) => each.outerHTML.slice(0, 120))"""


def test_fields_and_the_main_button_are_on_the_screen(site: Site, watch: Watch) -> None:
    with site.page(watch, width=WIDTH) as page:
        page.context.request.post(
            "/api/v2/variables",
            data={"key": "city", "value": "Seoul"},
            headers={"x-tradewind": "ui", "origin": site.origin},
        )
        # The choice of a former run's values is as wide as the longest run id, where nothing holds it back.
        run = {"logical_date": None, "conf": {"a": 1}, "dag_run_id": "manual__" + "x" * 60}
        asked = page.context.request.post("/api/v2/dags/hello/dagRuns", data=run, headers={"origin": site.origin})
        assert asked.ok, asked.text()
        page.goto("/dags/hello/trigger")
        expect(page.get_by_role("option", name=run["dag_run_id"])).to_have_count(1)
        expect(page.get_by_label("Run id")).to_be_visible()
        assert page.evaluate(BESIDE, WIDTH) == []
        page.goto("/variables")
        expect(page.get_by_text("Seoul")).to_be_visible()
        assert page.evaluate(BESIDE, WIDTH) == []


def test_a_dags_details_and_ones_rights_are_words(site: Site, watch: Watch) -> None:
    with site.page(watch, language="ko") as page:
        page.goto("/dags/hello/details")
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="동시 실행 수", exact=True))
        expect(row.get_by_role("rowheader")).to_have_attribute("title", "max_active_runs")
        expect(page.get_by_role("rowheader", name="max_active_runs", exact=True)).to_have_count(0)
        page.goto("/account")
        expect(page.get_by_role("listitem").filter(has_text="감사 로그")).to_be_visible()
        expect(page.get_by_text("event_log")).to_have_count(0)


def test_a_refusal_is_said_in_the_readers_language(site: Site, watch: Watch) -> None:
    with site.page(watch, language="ko") as page:
        page.goto("/dags/nowhere")
        expect(page.get_by_role("alert")).to_contain_text("Dag nowhere: 없는 Dag입니다.")
        expect(page.get_by_role("alert")).not_to_contain_text("known ones")
