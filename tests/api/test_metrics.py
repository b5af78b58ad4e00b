"""`/metrics`: what happened is counted once, what is so is shown, and neither grows with the database."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from tradewind.api.exposition import page
from tradewind.observability.families import Counter, Histogram, family
from tradewind.observability.tally import MOST_DAGS, Tally
from tradewind.store import tables
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.wire.measured import Sample
from tradewind.wire.messages import Beat, Measured, Started


def scraped(stage: ApiStage) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample name → values of its labels, in the order of the labels' names → value."""
    answer = stage.client.get("/metrics")
    assert answer.status_code == 200
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for each in text_string_to_metric_families(answer.text):
        for sample in each.samples:
            key = tuple(text for _, text in sorted(sample.labels.items()))
            assert key not in found.setdefault(sample.name, {}), (sample.name, key)
            found[sample.name][key] = sample.value
    return found


def test_what_ends_is_counted_by_dag_task_and_state(stage: ApiStage) -> None:
    stage.load(dag("extract >> load", dag_id="etl"))
    for number in range(10):
        run_id = f"r{number}"
        stage.create_run("etl", run_id)
        stage.finish("etl", run_id, "extract")
        stage.finish("etl", run_id, "load", "success" if number else "failed")
    found = scraped(stage)
    ended = found["tradewind_task_instances_finished_total"]
    assert ended["etl", "success", "load"] == 9
    assert ended["etl", "failed", "load"] == 1
    assert ended["etl", "success", "extract"] == 10
    assert ended["etl", "failed", "extract"] == 0
    assert found["tradewind_runs_finished_total"] == {("etl", "success"): 9, ("etl", "failed"): 1}
    assert list(found["tradewind_runs_created_total"].values()) == [10]
    assert found["tradewind_task_starts_total"]["etl",] == 20
    assert found["tradewind_task_duration_seconds_count"]["etl", "load"] == 10
    assert found["tradewind_task_duration_seconds_bucket"]["etl", "+Inf", "load"] == 10
    assert found["tradewind_run_duration_seconds_count"]["etl",] == 10


def test_a_dag_is_shown_before_anything_happened_to_it(stage: ApiStage) -> None:
    """So that Prometheus sees the first failure as an increase."""
    stage.load(dag("extract", dag_id="etl"))
    found = scraped(stage)
    assert found["tradewind_runs_finished_total"] == {("etl", "success"): 0, ("etl", "failed"): 0}
    assert found["tradewind_deadlines_missed_total"] == {("etl",): 0}


def test_what_is_under_way_is_shown(stage: ApiStage) -> None:
    stage.load(dag("extract >> load", dag_id="etl"))
    stage.create_run("etl", "r1")
    found = scraped(stage)
    states = found["tradewind_live_task_instances"]
    assert (states["none",], states["queued",], states["running",]) == (1, 1, 0)
    assert found["tradewind_live_runs"] == {("etl", "running"): 1}
    assert found["tradewind_active_task_instances"] == {("etl",): 1}
    assert found["tradewind_pool_used_slots"] == {("default_pool",): 1}
    assert found["tradewind_worker_slots"] == {("used", "local"): 1, ("capacity", "local"): 20}
    assert found["tradewind_oldest_running_run_start_seconds"]["etl",] == pytest.approx(stage.now().timestamp())
    stage.say(Beat(sent_us=1, holds=[], hosts=3, ready=4))
    found = scraped(stage)
    assert found["tradewind_code_hosts"] == {("local",): 3}
    assert found["tradewind_code_host_children_ready"] == {("local",): 4}


def test_retries_and_how_long_a_try_ran(stage: ApiStage) -> None:
    stage.load(dag("extract", dag_id="etl", tasks={"extract": {"retries": 1, "retry_delay_seconds": 5.0}}))
    stage.create_run("etl", "r1")
    stage.finish("etl", "r1", "extract", "failed")
    found = scraped(stage)
    assert found["tradewind_task_retries_total"] == {("etl", "extract"): 1}
    assert found["tradewind_task_instances_finished_total"]["etl", "failed", "extract"] == 0
    assert found["tradewind_live_task_instances"]["up_for_retry_or_reschedule",] == 1


def test_what_tasks_measure_is_shown_with_its_labels(stage: ApiStage) -> None:
    labels = (("dag_id", "etl_pipeline"), ("data_source", 'a"p\\i\n'), ("task_id", "transform"))
    for _ in range(2):
        stage.say(
            Measured(
                samples=[
                    Sample("records_processed_total", labels, "counter", 5000),
                    Sample("cpu_usage_ratio", (), "gauge", 0.5),
                    Sample("own_thing", (("dag_id", "etl"),), "gauge", 7),
                ]
            )
        )
    found = scraped(stage)
    key = ("etl_pipeline", 'a"p\\i\n', "transform")
    assert found["tradewind_data_records_processed_total"] == {key: 10000}
    assert found["tradewind_data_cpu_usage_ratio"] == {("local",): 0.5}
    assert found["tradewind_data_own_thing"] == {("etl",): 7}


def test_without_a_scheduler_or_database_the_page_says_so(stage: ApiStage) -> None:
    stage.is_away = True
    found = scraped(stage)
    assert found["tradewind_up"] == {("scheduler",): 0, ("database",): 1, ("api",): 1}
    assert "tradewind_scheduler_live_runs" not in found
    with stage._engine.begin() as connection:
        tables.import_error.drop(connection)
    assert scraped(stage)["tradewind_up"]["database",] == 0


@pytest.fixture
def statements(stage: ApiStage) -> Iterator[list[str]]:
    """What the API asks the database."""
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    event.listen(stage.reading, "before_cursor_execute", note)
    yield asked
    event.remove(stage.reading, "before_cursor_execute", note)


def test_no_table_that_grows_is_looked_at(stage: ApiStage, statements: list[str]) -> None:
    scraped(stage)
    named = {name for text in statements for name in re.findall(r"FROM (\w+)", text)}
    assert named == {"import_error"}


def test_there_are_so_many_series_and_no_more() -> None:
    tally = Tally()
    for number in range(MOST_DAGS + 100):
        tally._deadlines.add(f"dag{number}")
    tally.families([f"other{n}" for n in range(100)])
    values = tally._deadlines.values
    assert len(values) == MOST_DAGS + 1
    assert values["_other",] == 100
    spread = Histogram("x_seconds", "X.", ("dag_id",), most=1)
    for dag_id in ("a", "b", "c"):
        spread.observe(1.0, dag_id)
    assert spread.mean("a") == (1, 1.0)
    assert spread.mean("_other") == (2, 1.0)
    assert spread.mean("b") == (0, 0.0)


def test_the_page_is_what_prometheus_writes_itself() -> None:
    counter = Counter("x_total", "A text with \\ and\nlines.", ("who",), most=3)
    counter.add('q"', count=2)
    spread = Histogram("y_seconds", "Y.", most=1)
    spread.observe(0.05)
    spread.observe(99999.0)
    text = page([counter.plain(), spread.plain(), family("none", "gauge", "Nothing.", [])]).decode()
    assert text.startswith(
        '# HELP x_total A text with \\\\ and\\nlines.\n# TYPE x_total counter\nx_total{who="q\\""} 2.0\n'
    )
    assert 'y_seconds_bucket{le="0.01"} 0.0\ny_seconds_bucket{le="0.05"} 1.0\n' in text
    assert text.endswith('y_seconds_bucket{le="+Inf"} 2.0\ny_seconds_sum 99999.05\ny_seconds_count 2.0\n')


def test_promtool_has_nothing_to_say(stage: ApiStage, promtool: str) -> None:
    stage.load(dag("extract", dag_id="etl"))
    stage.create_run("etl", "r1")
    stage.finish("etl", "r1", "extract")
    stage.say(Measured(samples=[Sample("records_processed_total", (), "counter", 1)]))
    text = stage.client.get("/metrics").text
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_task_that_takes_much_longer_than_it_used_to_is_late(stage: ApiStage) -> None:
    stage.load(dag("extract", dag_id="etl"))
    late = "tradewind_late_task_instances"
    for number in range(4):
        stage.create_run("etl", f"r{number}")
        if number < 3:
            stage.finish("etl", f"r{number}", "extract")
    (offer,) = [offer for offer in stage.agent.offers() if offer.run.run_id == "r3"]
    stage.say(Started(attempt=offer.attempt, start_us=to_us(stage.now())))
    stage.wait(9)
    assert scraped(stage)[late] == {("etl", "extract"): 0}
    stage.wait(1)
    assert scraped(stage)[late] == {("etl", "extract"): 1}
