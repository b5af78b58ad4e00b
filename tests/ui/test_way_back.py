"""From the list of Dags and back to it: its links are links, and it is as it was left, and true."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from sites import Site, Watch

from tradewind.testing.installation import Installation

DAG_FILE = """
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

for number in range(80):
    with DAG(f"one_{number:02}", schedule=None) as dag:
        EmptyOperator(task_id="it")
    globals()[dag.dag_id] = dag
"""
LIST = "/dags?sort=dag_id"
AT_REST = """() => {
  const at = scrollY;
  return new Promise((done) => { setTimeout(() => { done(at > 0 && at === scrollY); }, 200); });
}"""

SPY = """() => {
  globalThis.asked = [];
  const note = (name, value) => function (...given) {
    asked.push(name);
    return value.apply(this, given);
  };
  const method = (owner, name) => { owner[name] = note(name, owner[name]); };
  const property = (owner, name) => {
    const known = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { ...known, get: note(name, known.get) });
  };
  method(globalThis, "fetch");
  const scroll = globalThis.scrollTo;
  globalThis.scrollTo = (to) => {
    if (to.top !== 0) asked.push("scrollTo");  // the top is there without a layout
    scroll(to);
  };
  method(globalThis, "getComputedStyle");
  method(Element.prototype, "getBoundingClientRect");
  for (const name of ["clientWidth", "clientHeight", "scrollWidth", "scrollHeight"]) property(Element.prototype, name);
  for (const name of ["offsetTop", "offsetLeft", "offsetWidth", "offsetHeight"]) property(HTMLElement.prototype, name);
  for (const name of ["scrollX", "scrollY"]) property(globalThis, name);
}"""
"""Whatever asks the browser for places or sizes, and the server for anything, is noted."""
WAY_BACK = """() => new Promise((done) => {
  const look = () => {
    if (document.querySelector(".list .r")) done(asked);
    else requestAnimationFrame(look);
  };
  asked.length = 0;
  history.back();
  requestAnimationFrame(look);
})"""
"""What was asked for until the first frame that finds rows."""


@pytest.fixture(scope="module")
def crowd(browser: Browser) -> Iterator[Site]:
    with Installation({"crowd.py": DAG_FILE}, AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="True") as installation:
        installation.start()
        dags = "SELECT dag_id FROM dag"
        installation.until("every Dag is known", lambda: len(installation.rows(dags)) == 80)
        yield Site(installation, browser)


def test_rows_are_links(crowd: Site, watch: Watch) -> None:
    with crowd.page(watch) as page:
        page.goto(LIST)
        link = page.get_by_role("link", name="one_03", exact=True)
        expect(link).to_have_attribute("href", "/dags/one_03")
        for open_tab in (lambda: link.click(modifiers=["ControlOrMeta"]), lambda: link.click(button="middle")):
            with page.context.expect_page() as opened:
                open_tab()
            expect(opened.value).to_have_url(re.compile("/dags/one_03$"))
            opened.value.close()
        expect(page).to_have_url(re.compile(r"/dags\?sort=dag_id$"))
        page.evaluate("globalThis.isSame = true")
        link.click()
        expect(page).to_have_url(re.compile("/dags/one_03$"))
        assert page.evaluate("globalThis.isSame"), "the page was loaded anew"


def test_list_is_as_it_was_left(crowd: Site, watch: Watch) -> None:
    with crowd.page(watch) as page:
        page.goto(LIST)
        page.get_by_role("link", name="one_00", exact=True).wait_for()
        page.mouse.move(700, 500)
        page.mouse.wheel(0, 1_200)
        link = page.get_by_role("link", name="one_45", exact=True)
        link.wait_for()
        page.wait_for_function(AT_REST)
        left_at = page.evaluate("scrollY")
        link.click()
        page.locator("nav.tabs").wait_for()
        page.go_back()
        expect(link).to_be_in_viewport()
        assert page.evaluate("scrollY") == pytest.approx(left_at, abs=1)
        switch = page.get_by_role("switch", name="Schedule of one_45")
        expect(switch).not_to_be_checked()
        with crowd.page(watch) as elsewhere:
            elsewhere.goto("/dags?q=one_45")
            elsewhere.get_by_role("switch", name="Schedule of one_45").click()
            expect(switch).to_be_checked()


def test_nothing_holds_up_the_first_frame_of_rows(crowd: Site, watch: Watch) -> None:
    """Until rows are there, nobody asks for what the browser would have to lay out the page for, or the server for what
    is shown already."""
    with crowd.page(watch) as page:
        page.goto(LIST)
        page.get_by_role("link", name="one_03", exact=True).wait_for()
        page.evaluate(SPY)
        page.get_by_role("link", name="one_03", exact=True).click()
        page.locator("nav.tabs").wait_for()
        page.wait_for_timeout(2_500)  # what is younger would not be asked for again
        asked = page.evaluate(WAY_BACK)
        assert asked == []
        with page.expect_request(lambda request: "/ui/dags?" in request.url):
            pass
