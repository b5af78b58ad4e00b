"""A log that grows while somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from sites import Site, Watch

from tradewind.testing.installation import Installation

DAG_FILE = """
import time
from airflow.sdk import DAG, task

with DAG("talks", schedule=None):
    @task
    def says():
        for number in range(100_000):
            print("line", number, flush=True)
            time.sleep(0.002)
    says()
"""
UP = """() => new Promise((done) => {
  const log = document.querySelector(".log");
  const { style } = [...log.querySelectorAll("*")].find((one) => one.style.height);
  Object.defineProperty(style, "height", {
    configurable: true,
    set: (height) => {
      delete style.height;
      style.height = height;
      log.scrollTop -= 400;
      setTimeout(() => { done(log.scrollHeight - log.clientHeight - log.scrollTop); }, 300);
    },
  });
})"""
"""Somebody goes up just when rows come, which the browser says with its next frame; how far from the end they are."""


@pytest.fixture(scope="module")
def talking(browser: Browser) -> Iterator[Site]:
    with Installation({"talks.py": DAG_FILE}, AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False") as installation:
        installation.start()
        installation.until("the Dag is known", lambda: installation.rows("SELECT dag_id FROM dag"))
        installation.trigger("talks", "now")
        yield Site(installation, browser)


def test_rows_that_come_do_not_take_a_reader_back_to_the_end(talking: Site, watch: Watch) -> None:
    with talking.page(watch) as page:
        page.goto("/dags/talks/runs/now/tasks/says")
        page.locator(".log .l").nth(10).wait_for()
        follow = page.locator(".follow button")
        expect(follow).to_contain_text("Following")
        assert page.evaluate(UP) >= 400
        expect(follow).to_contain_text("paused")
        follow.click()
        expect(follow).to_contain_text("Following")
