"""A grid that somebody scrolls, points at and opens a task in: no frame is blank, and what is not touched stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sites import Site, Watch

from tradewind.testing.installation import Installation

INDEX = Path(__file__).parents[2] / "src" / "tradewind" / "ui_dist" / "index.html"
RUNS, TASKS = 45, 14
DAG_FILE = f"""
from datetime import datetime
from airflow.sdk import DAG, task

@task
def nothing():
    pass

with DAG("many", schedule="@daily", start_date=datetime(2026, 1, 1), end_date=datetime(2026, 2, 14), catchup=True):
    for number in range({TASKS}):
        nothing.override(task_id=f"task{{number:02}}")()
"""
SCRIPT = (Path(__file__).parents[2] / "benchmarks" / "web" / "eye.js").read_text("utf-8")
"""What the benchmark of the web UI sees with."""


def seen(page: Page, code: str) -> Any:
    """What an expression says about the grid and its canvas."""
    names = "const grid = document.querySelector('.gridscroll'); const canvas = '.cv canvas';"
    return page.evaluate(f"async () => {{ {names} return {code}; }}")


@pytest.fixture(scope="module")
def many(browser: Browser) -> Iterator[Site]:
    """A Dag with more runs than a page has room for."""
    if not INDEX.is_file():
        pytest.skip("needs the built web UI: run `make ui`")
    with Installation({"many.py": DAG_FILE}) as installation:
        installation.start()
        done = "SELECT number FROM run WHERE dag_id = 'many' AND state = 'success'"
        installation.until("all runs", lambda: len(installation.rows(done)) == RUNS)
        yield Site(installation, browser)


@pytest.fixture
def grid(many: Site, watch: Watch) -> Iterator[Page]:
    with many.page(watch) as page:
        page.set_viewport_size({"width": 800, "height": 500})
        page.add_init_script(SCRIPT)
        page.goto("/dags/many")
        page.wait_for_function(
            "() => document.querySelector('.gridscroll')?.scrollLeft > 0 && tw.holes(tw.pixels('.cv canvas')) === 0"
        )
        yield page


def test_no_frame_of_a_grid_that_is_scrolled_has_a_blank_place(grid: Page) -> None:
    for across, down in ((7, 5), (131, 97)):
        move = f"(n) => grid.scrollTo((n * {across}) % 200, (n * {down}) % 250)"
        assert seen(grid, f"Math.max(...(await tw.film(canvas, 40, {move})).map((one) => tw.holes(one)))") == 0


def test_pointing_at_a_cell_changes_its_row_and_column_alone(grid: Page) -> None:
    for x, y in ((500, 320), (560, 380), (700, 340)):
        event = f"new PointerEvent('pointermove', {{ clientX: {x}, clientY: {y}, bubbles: true }})"
        each = f"(n) => {{ if (n === 0) grid.dispatchEvent({event}); }}"
        flashes, percent = seen(grid, f"tw.flashes(tw.pixels(canvas), await tw.film(canvas, 10, {each}))")
        assert flashes == 0
        assert 0 < percent < 25


def test_a_panel_that_opens_moves_nothing_beside_it(grid: Page) -> None:
    grid.evaluate("() => document.querySelector('.gridscroll').scrollTo(40, 0)")
    grid.wait_for_function("() => document.querySelector('.gridscroll').scrollLeft === 40")
    click = "new MouseEvent('click', { clientX: 340, clientY: 340, bubbles: true })"
    each = f"(n) => {{ if (n === 0) grid.dispatchEvent({click}); }}"
    seen(grid, "void (await tw.film(canvas, 3, () => undefined))")
    seen(grid, "void (globalThis.first = tw.pixels(canvas))")
    seen(grid, f"void (globalThis.shown = await tw.film(canvas, 1, {each}))")
    # However long the panel takes: every frame until it stands, and some more.
    more = "() => { if (!document.querySelector('aside.side .acts-row')) rest += 1; }"
    grid.evaluate(
        f"""async () => {{
            let rest = 0;
            const film = () => tw.film('.cv canvas', 5, {more});
            const until = performance.now() + 60_000;
            do {{ rest = 0; shown.push(...(await film())); }} while (rest && performance.now() < until);
            shown.push(...(await film()));
        }}"""
    )
    expect(grid.locator("aside.side .acts-row")).to_be_visible()
    flashes, percent = seen(grid, "tw.flashes(first, shown)")
    assert flashes == 0
    assert 0 < percent < 40
    assert seen(grid, "grid.scrollLeft") == 40
