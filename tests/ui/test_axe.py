"""Every page as axe sees it: nothing serious or critical, in both themes and with more contrast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from sites import Site, Watch
from test_pages import PAGES, hostile  # noqa: F401

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
ASK = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => [
        id, nodes.length, nodes[0].target.join(" "), (nodes[0].failureSummary ?? "").split("\\n")[1],
    ]);
}"""
MORE = pytest.mark.heavy
LOOKS = (
    pytest.param({"theme": "light"}, id="light"),
    pytest.param({"theme": "dark"}, id="dark"),
    pytest.param({"theme": "light", "contrast": "more"}, id="light with more contrast", marks=MORE),
    pytest.param({"theme": "dark", "contrast": "more"}, id="dark with more contrast", marks=MORE),
)


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.is_file():
        pytest.skip("needs axe-core: run `npm ci` in ui/")
    return AXE.read_text("utf-8")


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_serious_on_any_page(hostile: Site, watch: Watch, axe: str, look: dict[str, str]) -> None:  # noqa: F811
    found = {}
    with hostile.page(watch, **look) as page:
        for address in (address for addresses in PAGES.values() for address in addresses):
            page.goto(address.replace("RUN", hostile.run_id))
            page.locator("main").first.wait_for()
            page.wait_for_timeout(500)
            if faults := _faults(page, axe):
                found[address] = faults
    assert not found, "\n".join(f"{address}: {fault}" for address, faults in found.items() for fault in faults)


def _faults(page: Page, axe: str) -> list[Any]:
    page.evaluate(f"() => {{ {axe} }}")
    faults: list[Any] = page.evaluate(ASK)
    return faults
