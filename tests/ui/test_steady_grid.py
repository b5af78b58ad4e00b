"""A grid that somebody scrolls, points at and opens a task in: no frame is blank, and what is not touched stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
SCRIPT = """() => {
  const canvas = () => document.querySelector(".cv canvas");
  const grid = () => document.querySelector(".gridscroll");
  // A copy is read, so that the browser has no reason to paint the grid's own canvas another way.
  const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const pixels = () => {
    const { width, height } = Object.assign(copy.canvas, { width: canvas().width, height: canvas().height });
    copy.drawImage(canvas(), 0, 0);
    return { width, height, at: new Uint32Array(copy.getImageData(0, 0, width, height).data.buffer) };
  };
  const turn = () => new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = done;
    port2.postMessage(0);
  });
  // What stands at the end of each frame, after whatever observed the frame's sizes.
  const film = async (frames, each) => {
    const shown = [];
    for (let n = 0; n < frames; n += 1) {
      each(n, grid());
      await new Promise(requestAnimationFrame);
      await turn();
      shown.push(pixels());
    }
    return shown;
  };
  const holes = ({ width, height, at }) => {
    let found = 0;
    for (let top = 120; top + 48 <= height; top += 48) {
      for (let left = 0; left + 48 <= width; left += 48) {
        let is = true;
        for (let y = top; is && y < top + 48; y += 1) {
          for (let x = left; is && x < left + 48; x += 1) is = at[y * width + x] === 0;
        }
        if (is) found += 1;
      }
    }
    return found;
  };
  const flashes = (first, shown) => {
    const last = shown.at(-1);
    const width = Math.min(first.width, last.width);
    const height = Math.min(first.height, last.height);
    let [other, changed] = [0, 0];
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const [before, after] = [first.at[y * first.width + x], last.at[y * last.width + x]];
        if (before !== after) changed += 1;
        for (const one of shown) {
          const now = one.at[y * one.width + x];
          if (now !== before && now !== after) other += 1;
        }
      }
    }
    return [other, changed / (width * height)];
  };
  globalThis.steady = { pixels, film, holes, flashes };
}"""


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
        page.goto("/dags/many")
        page.evaluate(SCRIPT)
        page.wait_for_function(
            "() => document.querySelector('.gridscroll')?.scrollLeft > 0 && steady.holes(steady.pixels()) === 0"
        )
        yield page


def test_no_frame_of_a_grid_that_is_scrolled_has_a_blank_place(grid: Page) -> None:
    for across, down in ((7, 5), (131, 97)):
        move = f"(n, grid) => grid.scrollTo((n * {across}) % 200, (n * {down}) % 250)"
        assert grid.evaluate(f"async () => Math.max(...(await steady.film(40, {move})).map(steady.holes))") == 0


def test_pointing_at_a_cell_changes_its_row_and_column_alone(grid: Page) -> None:
    for x, y in ((500, 320), (560, 380), (700, 340)):
        event = f"new PointerEvent('pointermove', {{ clientX: {x}, clientY: {y}, bubbles: true }})"
        each = f"(n, grid) => {{ if (n === 0) grid.dispatchEvent({event}); }}"
        film = f"steady.flashes(steady.pixels(), await steady.film(10, {each}))"
        flashes, changed = grid.evaluate(f"async () => {film}")
        assert flashes == 0
        assert 0 < changed < 0.25


def test_a_panel_that_opens_moves_nothing_beside_it(grid: Page) -> None:
    grid.evaluate("() => document.querySelector('.gridscroll').scrollTo(40, 0)")
    grid.wait_for_function("() => document.querySelector('.gridscroll').scrollLeft === 40")
    click = "new MouseEvent('click', { clientX: 340, clientY: 340, bubbles: true })"
    each = f"(n, grid) => {{ if (n === 0) grid.dispatchEvent({click}); }}"
    grid.evaluate("() => steady.film(3, () => undefined)")
    grid.evaluate("() => { globalThis.first = steady.pixels(); }")
    shown = "globalThis.shown = await steady.film(1, each)"
    grid.evaluate(f"async () => {{ const each = {each}; {shown}; }}")
    # However long the panel takes: every frame until it stands, and some more.
    more = "() => { if (!document.querySelector('aside.side .acts-row')) rest += 1; }"
    grid.evaluate(
        f"""async () => {{
            let rest = 0;
            const until = performance.now() + 60_000;
            do {{ rest = 0; shown.push(...(await steady.film(5, {more}))); }} while (rest && performance.now() < until);
            shown.push(...(await steady.film(5, {more})));
        }}"""
    )
    expect(grid.locator("aside.side .acts-row")).to_be_visible()
    flashes, changed = grid.evaluate("() => steady.flashes(first, shown)")
    assert flashes == 0
    assert 0 < changed < 0.4
    assert grid.evaluate("() => document.querySelector('.gridscroll').scrollLeft") == 40
