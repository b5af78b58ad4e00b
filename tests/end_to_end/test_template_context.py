"""Every name of the template context, as both Airflow generations call them, in templates, functions and bash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tradewind.testing.installation import Installation

DAG = '''
from datetime import datetime, timedelta

from airflow import DAG
from airflow.datasets import Dataset
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

INLET, OUTLET = Dataset("file://in"), Dataset("file://out")
TEMPLATES = TEMPLATE_TEXTS
NAMES = CONTEXT_NAMES


def show(**context):
    assert context["ti"] is context["task_instance"]
    assert context["dag"].dag_id == "context"
    assert context["task"].task_id == "show"
    assert context["macros"].ds_add("2025-11-02", 1) == "2025-11-03"
    assert context["conf"].get("core", "dags_folder")
    assert context["inlets"] == [INLET] and context["outlets"] == [OUTLET]
    assert list(context["inlet_events"][INLET]) == []
    assert context["outlet_events"][OUTLET].extra == {}
    assert context["var"].value.region == "kr"
    assert context["conn"].lake.host == "lake.example"
    values = {name: str(context[name]) for name in NAMES}
    return {"names": values, "templates": context["templates_dict"], "absent": [n for n in NAMES if n not in context]}


def by_name(ds, ts_nodash, execution_date, logical_date, data_interval_end, run_id, params, dag_run, ti, next_ds=None):
    return [ds, ts_nodash, str(execution_date), str(logical_date), str(data_interval_end), run_id, params["size"],
            str(dag_run.run_type), ti.task_id, next_ds]


with DAG(
    dag_id="context",
    schedule_interval="@daily",
    start_date=datetime(2025, 11, 1),
    end_date=datetime(2025, 11, 3),
    max_active_runs=1,
    params={"size": 3},
    user_defined_macros={"twice": lambda number: 2 * number},
    user_defined_filters={"loud": str.upper},
    default_args={"owner": "mill", "email": ["a@example.org", "b@example.org"]},
):
    PythonOperator(task_id="show", python_callable=show, templates_dict=TEMPLATES, inlets=[INLET], outlets=[OUTLET])
    PythonOperator(task_id="by_name", python_callable=by_name)
    BashOperator(
        task_id="bash",
        bash_command="""echo '{{ ds }} {{ ti.task_id }} {{ params.size }}' $DAY $AIRFLOW_CTX_DAG_ID \\
            $AIRFLOW_CTX_TASK_ID $AIRFLOW_CTX_DAG_RUN_ID $AIRFLOW_CTX_TRY_NUMBER $AIRFLOW_CTX_DAG_OWNER \\
            $AIRFLOW_CTX_DAG_EMAIL $AIRFLOW_CTX_LOGICAL_DATE $AIRFLOW_CTX_EXECUTION_DATE""",
        env={"DAY": "{{ logical_date | ds_nodash }}"},
        append_env=True,
    )
'''

CALLBACKS = """
from datetime import datetime, timedelta

from airflow.sdk import DAG, task


def note(context):
    with open(PLACE, "a") as file:
        told = {name: str(context[name]) for name in ("exception", "try_number", "reason", "run_id") if name in context}
        file.write(f"{told}" + chr(10))


with DAG("told", schedule=None, on_failure_callback=note):

    @task(retries=1, retry_delay=timedelta(0), on_retry_callback=note, on_failure_callback=note)
    def fails():
        raise ValueError("no rain")

    fails()
"""


def at(day: str, time: str = "00:00:00") -> str:
    return f"{day} {time}+00:00"


def dated(
    day: str, time: str, start: str, end: str, neighbours: tuple[str, str], around: tuple[str, str]
) -> dict[str, str]:
    """What the names of dates are worth in a run at this logical date."""
    compact = day.replace("-", "") + "T" + time.replace(":", "")
    before, after = neighbours
    yesterday, tomorrow = around
    before_day, after_day = before.split()[0], after.split()[0]
    return {
        "logical_date": at(day, time),
        "execution_date": at(day, time),
        "ds": day,
        "ds_nodash": day.replace("-", ""),
        "ts": f"{day}T{time}+00:00",
        "ts_nodash": compact,
        "ts_nodash_with_tz": f"{compact}+0000",
        "data_interval_start": at(start),
        "data_interval_end": at(end),
        "prev_execution_date": before,
        "prev_ds": before_day,
        "prev_ds_nodash": before_day.replace("-", ""),
        "next_execution_date": after,
        "next_ds": after_day,
        "next_ds_nodash": after_day.replace("-", ""),
        "yesterday_ds": yesterday,
        "yesterday_ds_nodash": yesterday.replace("-", ""),
        "tomorrow_ds": tomorrow,
        "tomorrow_ds_nodash": tomorrow.replace("-", ""),
    }  # fmt: skip


SCHEDULED, MANUAL = "scheduled__2025-11-02T00:00:00+00:00", "by-hand"
DATES = {
    SCHEDULED: {
        **dated("2025-11-02", "00:00:00", "2025-11-02", "2025-11-03", (at("2025-11-01"), at("2025-11-03")),
                ("2025-11-01", "2025-11-03")),
        "prev_data_interval_start_success": at("2025-11-01"),
        "prev_data_interval_end_success": at("2025-11-02"),
        "prev_execution_date_success": at("2025-11-01"),
    },
    MANUAL: {
        # Airflow 2 gives a run that no schedule made its own date for both neighbours.
        **dated("2025-11-20", "09:30:15", "2025-11-19", "2025-11-20",
                (at("2025-11-20", "09:30:15"), at("2025-11-20", "09:30:15")), ("2025-11-19", "2025-11-21")),
        "prev_data_interval_start_success": at("2025-11-03"),
        "prev_data_interval_end_success": at("2025-11-04"),
        "prev_execution_date_success": at("2025-11-03"),
    },
}  # fmt: skip
OTHERS = {
    SCHEDULED: {"run_id": SCHEDULED, "task_instance_key_str": "context__show__20251102", "params": "{'size': 3}"},
    MANUAL: {"run_id": MANUAL, "task_instance_key_str": "context__show__20251120", "params": "{'size': 7}"},
}
ALWAYS = {
    "task_reschedule_count": "0",
    "map_index_template": "None",
    "partition_key": "None",
    "partition_date": "None",
    "test_mode": "False",
    "triggering_asset_events": "{}",
    "triggering_dataset_events": "{}",
}
PRESENT = ("prev_start_date_success", "prev_end_date_success", "dag_run", "ti", "dag", "task", "var", "conn")
"""Names whose values the function itself looks at, or that nobody can foresee."""

TEMPLATES = {
    "{{ dag.dag_id }} {{ task.task_id }} {{ ti.task_id }} {{ task_instance.run_id == run_id }}":
        "context show show True",
    "{{ ti.try_number }} {{ ti.map_index }} {{ ti.max_tries }}": "1 -1 0",
    "{{ dag_run.dag_id }} {{ dag_run.clear_number }} {{ dag_run.note }} {{ dag_run.state }}": "context 0 None running",
    "{{ dag_run.run_after >= dag_run.data_interval_end }} {{ dag_run.end_date }}": "True None",
    "{{ dag_run.start_date is not none }} {{ dag_run.partition_key }} {{ dag_run.team_name }}": "True None None",
    "{{ dag_run.consumed_asset_events }}": "[]",
    "{{ dag_run.logical_date == logical_date == execution_date }}": "True",
    "{{ var.value.region }} {{ var.value.get('missing', 'none') }}": "kr none",
    "{{ var.json.limits.rain }} {{ var.json.get('missing', {'a': 1}).a }}": "5 1",
    "{{ conn.lake.host }}:{{ conn.lake.port }} {{ conn.get('missing', 'none') }}": "lake.example:8443 none",
    "{{ macros.ds_add('2025-11-30', 1) }} {{ macros.ds_format('2025-11-02', '%Y-%m-%d', '%d/%m') }}":
        "2025-12-01 02/11",
    "{{ macros.datetime(2025, 1, 2) + macros.timedelta(days=1) }}": "2025-01-03 00:00:00",
    "{{ macros.json.dumps([1]) }} {{ macros.yaml.safe_load('a: 1').a }}": "[1] 1",
    "{{ macros.dateutil.parser.parse('2025-01-02').day }} {{ macros.uuid.UUID(int=1) }}":
        "2 00000000-0000-0000-0000-000000000001",
    "{{ 0 <= macros.random() < 1 }} {{ macros.time.time() > 0 }}": "True True",
    "{{ macros.datetime_diff_for_humans(macros.datetime(2025, 1, 1), macros.datetime(2025, 1, 3)) }}": "2 days before",
    "{{ conf.get('core', 'dags_folder') is string }}": "True",
    "{{ inlets | length }} {{ outlets[0].uri }} {{ inlet_events[inlets[0]] | length }}": "1 file://out 0",
    "{{ twice(params.size) / params.size }} {{ 'rain' | loud }}": "2.0 RAIN",
    "{{ logical_date | ds }} {{ (logical_date | ts) == ts }} {{ (logical_date | ts_nodash) == ts_nodash }}":
        "{ds} True True",
    "{{ (logical_date | ts_nodash_with_tz) == ts_nodash_with_tz }} {{ execution_date.format('YYYY') }}": "True 2025",
    "{% do [].append(1) %}done": "done",
}  # fmt: skip
"""Template -> what it becomes; `{ds}` is the run's."""


def names_of(run_id: str) -> dict[str, str]:
    return {**DATES[run_id], **OTHERS[run_id], **ALWAYS}


@pytest.fixture(scope="module")
def played() -> Iterator[Installation]:
    names = [*names_of(SCHEDULED), *PRESENT]
    # Each dated name also as a template of its own.
    templates = {**{text: text for text in TEMPLATES}, **{f"={name}": f"{{{{ {name} }}}}" for name in DATES[SCHEDULED]}}
    text = DAG.replace("TEMPLATE_TEXTS", repr(templates)).replace("CONTEXT_NAMES", repr(names))
    with Installation(AIRFLOW_VAR_REGION="kr") as installation:
        place = installation.base / "callbacks.txt"
        installation.write("callbacks.py", CALLBACKS.replace("PLACE", repr(str(place))))
        installation.start()
        installation.command("variable.set", key="limits", value='{"rain": 5}')
        installation.command(
            "connection.set", conn_id="lake", conn_type="http", host="lake.example", port=8443, password="s3cret"
        )
        installation.write("context.py", text)
        for day in ("01", "02", "03"):
            run_id = f"scheduled__2025-11-{day}T00:00:00+00:00"
            assert installation.wait_for_run("context", run_id) == "success", installation.last_words()
        installation.trigger("context", MANUAL, logical_date="2025-11-20T09:30:15+00:00", conf={"size": 7})
        assert installation.wait_for_run("context", MANUAL) == "success", installation.last_words()
        yield installation


def returned(installation: Installation, run_id: str, task_id: str) -> Any:
    [row] = installation.rows(
        "SELECT x.value FROM xcom x JOIN run r ON r.number = x.run "
        "WHERE r.dag_id = 'context' AND r.run_id = ? AND x.task_id = ? AND x.key = 'return_value'",
        run_id,
        task_id,
    )
    return json.loads(row["value"])


@pytest.mark.parametrize("run_id", [SCHEDULED, MANUAL])
def test_every_name_has_its_value_in_a_function(played: Installation, run_id: str) -> None:
    found = returned(played, run_id, "show")
    assert found["absent"] == []
    assert {name: value for name, value in found["names"].items() if name not in PRESENT} == names_of(run_id)
    for name in ("prev_start_date_success", "prev_end_date_success"):
        assert found["names"][name].startswith("20")


@pytest.mark.parametrize("run_id", [SCHEDULED, MANUAL])
def test_every_name_has_its_value_in_a_template(played: Installation, run_id: str) -> None:
    found = returned(played, run_id, "show")["templates"]
    dates = DATES[run_id]
    wanted = {text: value.replace("{ds}", dates["ds"]) for text, value in TEMPLATES.items()}
    wanted |= {f"={name}": value for name, value in dates.items()}
    assert found == wanted


@pytest.mark.parametrize("run_id", [SCHEDULED, MANUAL])
def test_a_function_gets_the_names_that_its_parameters_have(played: Installation, run_id: str) -> None:
    dates, kind = DATES[run_id], "manual" if run_id == MANUAL else "scheduled"
    assert returned(played, run_id, "by_name") == [
        dates["ds"], dates["ts_nodash"], dates["execution_date"], dates["logical_date"], dates["data_interval_end"],
        run_id, 7 if run_id == MANUAL else 3, kind, "by_name", dates["next_ds"],
    ]  # fmt: skip


@pytest.mark.parametrize("run_id", [SCHEDULED, MANUAL])
def test_bash_gets_templates_and_the_variables_of_the_run(played: Installation, run_id: str) -> None:
    dates = DATES[run_id]
    size = 7 if run_id == MANUAL else 3
    assert returned(played, run_id, "bash").split() == [
        dates["ds"], "bash", str(size), dates["ds_nodash"], "context", "bash", run_id, "1", "mill",
        "a@example.org,b@example.org", dates["ts"], dates["ts"],
    ]  # fmt: skip


def test_callbacks_are_told_the_exception_the_try_and_the_reason(played: Installation) -> None:
    run_id = played.trigger("told")
    assert played.wait_for_run("told", run_id) == "failed"
    place = played.base / "callbacks.txt"
    played.until("three callbacks", lambda: place.exists() and len(place.read_text().splitlines()) == 3)
    assert place.read_text().splitlines() == [
        str({"exception": "no rain", "try_number": "1", "run_id": run_id}),
        str({"exception": "no rain", "try_number": "2", "run_id": run_id}),
        str({"reason": "task_failure", "run_id": run_id}),
    ]
