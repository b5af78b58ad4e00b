"""Ways of writing tasks that published example Dags use and that are easily overlooked."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from execution_attempts import DAY, attempt, run_info, value_of

from tradewind.sdk import DAG, Asset, AssetAlias, Metadata, task
from tradewind.sdk.execution.moments import microseconds
from tradewind.sdk.execution.xcom_codec import decode
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.latest_only import LatestOnlyOperator
from tradewind.sdk.operators.python import PythonOperator

RAIN = Asset("s3://weather/rain")


def dag_of(function: Any, **kwargs: Any) -> DAG:
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=function, **kwargs)
    return dag


def test_a_generator_yields_facts_about_outlets_and_returns_its_result() -> None:
    seen: list[Any] = []

    def told() -> Any:
        yield Metadata(RAIN, {"rows": 3})
        yield Metadata(RAIN, {"day": 5}, alias=AssetAlias("any"))
        return 8

    def look(context: Any, result: Any) -> None:
        events = context["outlet_events"]
        seen.extend([events[RAIN].extra, events[AssetAlias("any")].asset_alias_events, result])

    assert value_of(attempt(dag_of(told, outlets=[RAIN], post_execute=look), "t")) == 8
    assert seen == [{"rows": 3, "day": 5}, [(RAIN, {"day": 5})], 8]


def test_a_generator_that_yields_something_else_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def told() -> Any:
        yield 1
        return 2

    assert value_of(attempt(dag_of(told), "t")) == 2
    assert "of type int is ignored" in caplog.text


def test_params_are_a_dict_that_json_can_write() -> None:
    dag = dag_of(lambda params: json.dumps(params), params={"size": 3})
    assert json.loads(value_of(attempt(dag, "t"))) == {"size": 3}


def test_a_bash_task_may_have_multiple_outputs() -> None:
    with DAG("d", schedule=None) as dag:

        @task.bash(multiple_outputs=True, output_processor=json.loads)
        def count() -> str:
            return """echo '{"files": "4"}'"""

        count()
    report = attempt(dag, "count")
    assert {x.key: decode(x.value) for x in report.xcoms} == {"files": "4"}


@pytest.mark.parametrize("asked", [{"uri": "s3://weather/rain"}, {"name": "rain"}])
def test_earlier_events_may_be_asked_for_by_name_or_uri(asked: dict[str, str]) -> None:
    assert value_of(attempt(dag_of(lambda inlet_events: len(inlet_events.for_asset(**asked))), "t")) == 0


def test_what_follows_latest_only_is_skipped_in_an_old_scheduled_run() -> None:
    with DAG("d", schedule="@daily", start_date=DAY) as dag:
        LatestOnlyOperator(task_id="t") >> EmptyOperator(task_id="after")
    old = attempt(dag, "t")
    assert (old.outcome, old.skip) == ("success", ["after"]), old.error
    future = run_info(run_after_us=microseconds(DAY.replace(year=2124)))
    assert attempt(dag, "t", run=future).outcome == "success"


def test_a_serializer_that_is_not_installed_is_named_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dill", None)
    with DAG("d", schedule=None) as dag:

        @task.external_python(python=sys.executable, serializer="dill")
        def far() -> int:
            return 1

        far()
    report = attempt(dag, "far")
    assert report.outcome == "failed"
    assert "run `pip install dill` there" in report.error
