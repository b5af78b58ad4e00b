"""The template context by the names of both generations, keyword injection, ti, dag_run, params."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pendulum
import pytest
from execution_attempts import DAY, FakeRuntime, attempt, offer, refused, run_info, value_of, xcom

from tradewind.sdk.context import Context, get_current_context
from tradewind.sdk.dag import DAG
from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.execution import Runtime
from tradewind.sdk.execution.moments import microseconds, moment
from tradewind.sdk.execution.runtime import runtime_installed
from tradewind.sdk.execution.xcom_codec import decode, encode
from tradewind.sdk.mapped import MappedOperator  # noqa: F401 - the mapped tests expand
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.params import Param

SUNDAY = datetime(2024, 3, 3, tzinfo=UTC)


def context_of(runtime=None, *, schedule=None, run=None, **fields) -> Context:
    """The context as a task sees it, plus what reading it asks of the engine."""
    seen: list[Context] = []
    with DAG("d", schedule=schedule, start_date=DAY - timedelta(days=10), params={"n": 1}) as dag:
        Probe(task_id="t", seen=seen)
    report = attempt(dag, "t", runtime, run=run, **fields)
    assert report.outcome == "success", report.error
    return seen[0]


class Probe(BaseOperator):
    def __init__(self, *, seen, **kwargs):
        super().__init__(**kwargs)
        self.seen = seen

    def execute(self, context):
        self.seen.append(context)


def test_the_names_of_airflow_3_have_their_values() -> None:
    context = context_of(leg=2)
    assert {name: context[name] for name in ("ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz")} == {
        "ds": "2024-03-05", "ds_nodash": "20240305", "ts": "2024-03-05T00:00:00+00:00",
        "ts_nodash": "20240305T000000", "ts_nodash_with_tz": "20240305T000000+0000",
    }  # fmt: skip
    assert context["logical_date"] == context["data_interval_start"] == DAY
    assert isinstance(context["logical_date"], pendulum.DateTime)
    assert context["data_interval_end"] == DAY + timedelta(days=1)
    assert context["ti"] is context["task_instance"]
    assert context["task"].task_id == "t"
    assert context["dag"].dag_id == context["dag_run"].dag_id == "d"
    assert context["run_id"] == "scheduled__2024-03-05T00:00:00+00:00"
    assert context["task_instance_key_str"] == "d__t__20240305"
    assert context["task_reschedule_count"] == 2
    assert context["params"]["n"] == 1
    assert (context["inlets"], context["outlets"], context["triggering_asset_events"]) == ([], [], {})
    assert context["map_index_template"] is context["partition_key"] is None


def test_the_names_of_airflow_2_have_their_values() -> None:
    context = context_of(schedule="0 0 * * 1-5", run=run_info(datetime(2024, 3, 8, tzinfo=UTC)))
    names = ("execution_date", "next_ds", "next_ds_nodash", "prev_ds", "prev_ds_nodash", "tomorrow_ds", "yesterday_ds")
    assert [str(context[name])[:10] for name in names] == [
        "2024-03-08", "2024-03-11", "20240311", "2024-03-07", "20240307", "2024-03-09", "2024-03-07",
    ]  # fmt: skip
    assert context["next_execution_date"] == datetime(2024, 3, 11, tzinfo=UTC)
    assert context["conf"].getint("core", "max_map_length") == 1024


def test_a_manual_run_has_its_own_date_as_neighbours() -> None:
    context = context_of(run=run_info(run_type="manual"))
    assert context["prev_execution_date"] == context["next_execution_date"] == DAY


def test_a_run_without_logical_date_has_no_names_of_dates() -> None:
    context = context_of(run=run_info(None, run_id="manual__x"))
    for name in ("ds", "ts", "logical_date", "execution_date", "data_interval_start", "next_ds"):
        assert name not in context
        with pytest.raises(KeyError):
            context[name]
    assert context["dag_run"].logical_date is None
    assert context["task_instance_key_str"] == "d__t__manual__x"


def test_the_previous_success_is_asked_only_when_it_is_used() -> None:
    before = run_info(SUNDAY, start_date_us=5)
    runtime = FakeRuntime(run_previous={name: getattr(before, name) for name in before.__struct_fields__})
    context = context_of(runtime)
    dict(context)
    assert runtime.asked == []
    with runtime_installed(runtime):
        assert context["prev_data_interval_start_success"] == SUNDAY
        assert context["prev_start_date_success"] == moment(5)
        assert f"{context['prev_data_interval_end_success']:%d}" == "04"
        assert isinstance(context["prev_execution_date_success"], datetime)
        assert DAY - context["prev_execution_date_success"] == timedelta(days=2)
    assert runtime.methods() == ["run.previous"]
    assert runtime.asked[0][1]["state"] == "success"


def test_without_a_previous_success_its_dates_are_false_and_none_in_templates() -> None:
    context = context_of()
    with runtime_installed(FakeRuntime()):
        assert not context["prev_start_date_success"]
        assert context["prev_start_date_success"] == None  # noqa: E711
    assert returned(lambda x: x, op_args=["{{ prev_start_date_success is none }}"]) == "True"


def test_a_context_is_a_dict_in_every_way_people_use_one() -> None:
    context = context_of()
    everything = {**context}
    assert everything["ds"] == "2024-03-05"
    assert set(everything) == set(context) == set(context.keys())
    assert len(context) == len(everything)
    assert isinstance(context, dict)
    assert context.get("ds") == context.copy()["ds"] == (context | {"x": 1})["ds"]
    assert context.get("nosuch", 7) == 7
    context["mine"] = 1
    assert context.pop("mine") == 1
    context.update(ds="other")
    assert dict(context.items())["ds"] == "other"
    del context["ts"]
    assert "ts" not in context


def test_get_current_context_works_inside_a_task_only() -> None:
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=lambda: get_current_context()["ds"])
    assert value_of(attempt(dag, "t")) == "2024-03-05"
    with pytest.raises(AirflowException, match="only inside a task"):
        get_current_context()


# --- functions -----------------------------------------------------------------------------------------------------


def returned(function, runtime=None, *, dag_arguments=None, **kwargs):
    with DAG("d", schedule=None, **(dag_arguments or {})) as dag:
        PythonOperator(task_id="t", python_callable=function, **kwargs)
    return value_of(attempt(dag, "t", runtime))


def test_functions_get_the_context_values_that_their_parameters_name() -> None:
    assert returned(lambda ds, ti, x=3: [ds, ti.task_id, x]) == ["2024-03-05", "t", 3]
    assert returned(lambda a, *, run_id: [a, run_id[:9]], op_args=["{{ ds }}"]) == ["2024-03-05", "scheduled"]
    assert returned(lambda ds, **kwargs: [ds, kwargs["task_instance"].try_number], op_kwargs={"ds": 1}) == [1, 1]
    assert returned(lambda **kwargs: kwargs["templates_dict"]["a"], templates_dict={"a": "{{ ds }}"}) == "2024-03-05"


def test_a_function_with_kwargs_asks_nothing_of_the_engine() -> None:
    runtime = FakeRuntime()
    assert returned(lambda **kwargs: kwargs["ds"], runtime) == "2024-03-05"
    assert runtime.asked == []


# --- params ----------------------------------------------------------------------------------------------------------


def params_of(conf=None, task_params=None, dag_params=None):
    with DAG("d", schedule=None, params=dag_params) as dag:
        PythonOperator(task_id="t", python_callable=lambda params: dict(params), params=task_params)
    return attempt(dag, "t", run=run_info(conf=conf or {}))


def test_params_come_from_dag_then_task_then_conf() -> None:
    report = params_of({"c": 30, "new": 1}, {"b": 20, "c": 20}, {"a": 10, "b": 10, "c": 10})
    assert value_of(report) == {"a": 10, "b": 20, "c": 30, "new": 1}


def test_a_param_that_does_not_fit_its_schema_fails_the_task() -> None:
    report = params_of({"n": "many"}, dag_params={"n": Param(1, type="integer")})
    assert report.outcome == "failed"
    assert "ParamValidationError" in report.error
    assert "'many' is not of type 'integer'" in report.error


# --- var, conn -------------------------------------------------------------------------------------------------------


def test_templates_read_variables_and_connections() -> None:
    runtime = FakeRuntime(
        variable_get=lambda key: {"name": "v", "data": '{"x": [1]}'}.get(key),
        connection_get=lambda conn_id: {"conn_type": "http", "host": "h"} if conn_id == "web" else None,
    )
    templates = [
        "{{ var.value.name }}", "{{ var.json.data.x[0] }}", "{{ var.value.get('no', 'd') }}", "{{ conn.web.host }}",
        "{{ conn.get('no', 'none') }}", "{{ var.json.get('no', [2])[0] }}",
    ]  # fmt: skip
    assert returned(lambda *args: list(args), runtime, op_args=templates) == ["v", "1", "d", "h", "none", "2"]


def test_a_missing_variable_in_a_template_fails_with_its_name() -> None:
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=print, op_args=["{{ var.value.nosuch }}"])
    assert "Variable 'nosuch' does not exist" in attempt(dag, "t", FakeRuntime()).error


# --- ti --------------------------------------------------------------------------------------------------------------


def pulled(pull, *rows, xcoms=()):
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=lambda ti: pull(ti))
    runtime = FakeRuntime(xcom_pull=rows)
    return value_of(attempt(dag, "t", runtime, xcoms=list(xcoms)))


def row(task_id, value, map_index=-1, key="return_value"):
    return task_id, map_index, key, encode(value)


def test_xcom_pull_by_task_key_list_and_index() -> None:
    rows = row("a", 1), row("b", 2), row("a", 9, key="k"), *(row("m", i * 10, i) for i in range(3))
    assert pulled(lambda ti: ti.xcom_pull("a"), *rows) == 1
    assert pulled(lambda ti: ti.xcom_pull(task_ids="a", key="k"), *rows) == 9
    assert pulled(lambda ti: ti.xcom_pull(["b", "a"]), *rows) == [2, 1]
    assert pulled(lambda ti: ti.xcom_pull("m"), *rows) == [0, 10, 20]
    assert pulled(lambda ti: ti.xcom_pull("m", map_indexes=1), *rows) == 10
    assert pulled(lambda ti: ti.xcom_pull("m", map_indexes=[2, 0, 7]), *rows) == [20, 0, None]
    assert pulled(lambda ti: ti.xcom_pull("gone", default="d"), *rows) == "d"
    assert pulled(lambda ti: ti.xcom_pull(key="k"), *rows) == 9


def test_xcom_pull_uses_what_the_offer_carries() -> None:
    assert pulled(lambda ti: ti.xcom_pull("a"), row("a", "asked"), xcoms=[xcom("a", "carried")]) == "carried"
    assert pulled(lambda ti: ti.xcom_pull("a", run_id="r2"), row("a", "asked"), xcoms=[xcom("a", "x")]) == "asked"


def test_xcom_push_is_sent_at_once() -> None:
    runtime = FakeRuntime()
    assert returned(lambda ti: ti.xcom_push("k", [1, 2]), runtime) is None
    ((method, args),) = runtime.asked
    assert (method, args["key"], args["task_id"], args["length"]) == ("xcom.push", "k", "t", 2)
    assert decode(args["value"]) == [1, 2]


def test_a_refused_request_fails_the_task_with_the_engines_sentence() -> None:
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=lambda ti: ti.xcom_push("k", 1))
    report = attempt(dag, "t", FakeRuntime(xcom_push=refused("the value is too large")))
    assert report.error == "RuntimeRequestError: the value is too large"


def test_ti_and_dag_run_know_their_facts() -> None:
    context = context_of(try_number=2, max_tries=3, run=run_info(conf={"a": 1}, note="n", triggering_user="me"))
    ti, run = context["ti"], context["dag_run"]
    assert (ti.task_id, ti.dag_id, ti.try_number, ti.max_tries, ti.map_index) == ("t", "d", 2, 3, -1)
    assert (ti.operator, ti.is_mapped, ti.state) == ("Probe", False, "success")
    assert ti.start_date < ti.end_date
    assert ti.hostname
    assert "/dags/d/runs/scheduled__2024-03-05T00%3A00%3A00%2B00%3A00/tasks/t?try_number=2" in ti.log_url
    assert ti.get_template_context() is context
    assert (run.conf, run.note, run.triggering_user_name) == ({"a": 1}, "n", "me")
    assert (run.run_type, run.external_trigger, run.is_backfill) == ("scheduled", False, False)
    assert run.execution_date == run.logical_date == DAY


def test_dag_run_answers_about_its_tasks() -> None:
    states = {"scheduled__2024-03-05T00:00:00+00:00": {"a": "success", "m_0": "failed", "m_1": "success", "x_2": None}}
    with DAG("d", schedule=None) as dag:
        PythonOperator(
            task_id="t",
            python_callable=lambda dag_run: [
                dag_run.get_task_instance("a").state,
                dag_run.get_task_instance("m", map_index=1).state,
                dag_run.get_task_instance("nosuch"),
                [str(ti.map_index) for ti in dag_run.get_task_instances(state="failed")],
                dag_run.get_task_instance("x_2").state,
            ],
        )
    assert value_of(attempt(dag, "t", FakeRuntime(task_states=states))) == ["success", "success", None, ["0"], None]


def test_subprocesses_are_told_which_attempt_they_belong_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CTX_DAG_EMAIL", "left over")

    def names():
        import os

        return {name: value for name, value in os.environ.items() if name.startswith(("AIRFLOW_CTX_", "TRADEWIND_"))}

    found = returned(names)
    assert found["AIRFLOW_CTX_DAG_ID"] == "d"
    assert found["AIRFLOW_CTX_TASK_ID"] == "t"
    assert found["AIRFLOW_CTX_TRY_NUMBER"] == "1"
    assert found["AIRFLOW_CTX_EXECUTION_DATE"] == found["AIRFLOW_CTX_LOGICAL_DATE"] == "2024-03-05T00:00:00+00:00"
    assert "AIRFLOW_CTX_DAG_EMAIL" not in found
    assert found["TRADEWIND_ATTEMPT_ID"] == "a1"
    assert "t/-1/1/0" in found["TRADEWIND_FENCE"]


# --- mapped tasks ----------------------------------------------------------------------------------------------------


def mapped_results(dag, task_id, count, **fields):
    return [value_of(attempt(dag, task_id, map_index=index, **fields)) for index in range(count)]


def test_the_last_keyword_varies_fastest() -> None:
    with DAG("d", schedule=None) as dag:
        Join.partial(task_id="t", c="{{ ds_nodash }}").expand(a=[1, 2], b={"x": 8, "y": 9})
    assert mapped_results(dag, "t", 4) == [
        [1, ("x", 8), "20240305"], [1, ("y", 9), "20240305"], [2, ("x", 8), "20240305"], [2, ("y", 9), "20240305"],
    ]  # fmt: skip


class Join(BaseOperator):
    template_fields = ("a", "b", "c")

    def __init__(self, *, a=None, b=None, c=None, **kwargs):
        super().__init__(**kwargs)
        self.a, self.b, self.c = a, b, c

    def execute(self, context):
        return [self.a, self.b, self.c]


def test_authored_elements_are_templates_and_results_of_other_tasks_are_data() -> None:
    with DAG("d", schedule=None) as dag:
        source = PythonOperator(task_id="source", python_callable=list)
        Join.partial(task_id="t").expand(a=["{{ ds }}"], b=source.output)
        Join.partial(task_id="u").expand_kwargs([{"a": ["{{ ds }}"], "b": source.output}])
    carried = [xcom("source", ["{{ ds }}"])]
    assert value_of(attempt(dag, "t", map_index=0, xcoms=carried)) == ["2024-03-05", "{{ ds }}", None]
    assert value_of(attempt(dag, "u", map_index=0, xcoms=carried)) == [["2024-03-05"], ["{{ ds }}"], None]


def test_map_zip_and_concat_are_computed_in_the_worker() -> None:
    def no_odd(x):
        if x % 2:
            raise AirflowSkipException("odd")
        return x * 10

    with DAG("d", schedule=None) as dag:
        source = PythonOperator(task_id="source", python_callable=list)
        Join.partial(task_id="map").expand(a=source.output.map(no_odd))
        Join.partial(task_id="zip").expand(a=source.output.zip(source.output, fillvalue=0))
        Join.partial(task_id="concat").expand(a=source.output.concat(source.output))
    carried = [xcom("source", [2, 3])]
    outcomes = [attempt(dag, "map", map_index=index, xcoms=carried) for index in (0, 1)]
    assert [report.outcome for report in outcomes] == ["success", "skipped"]
    assert value_of(outcomes[0])[0] == 20
    assert value_of(attempt(dag, "zip", map_index=1, xcoms=carried))[0] == (3, 3)
    assert value_of(attempt(dag, "concat", map_index=2, xcoms=carried))[0] == 2


def test_results_of_a_mapped_task_come_as_a_list_by_index() -> None:
    with DAG("d", schedule=None) as dag:
        mapped = Join.partial(task_id="m").expand(a=[1, 2])
        PythonOperator(task_id="t", python_callable=lambda x: x, op_args=[mapped.output])
    carried = [xcom("m", "b", map_index=1), xcom("m", "a", map_index=0)]
    assert value_of(attempt(dag, "t", xcoms=carried)) == ["a", "b"]


def test_map_index_template_is_rendered_after_the_task() -> None:
    with DAG("d", schedule=None) as dag:
        Join.partial(task_id="t", map_index_template="{{ task.a }} of {{ ds }}").expand(a=["x", "y"])
    assert attempt(dag, "t", map_index=1).map_label == "y of 2024-03-05"


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (None, "XComForMappingNotPushed"),
        ("text", "UnmappableXComTypePushed"),
        ([0] * 1025, "UnmappableXComLengthPushed"),
    ],
)
def test_a_task_that_others_expand_over_fails_when_its_result_cannot_be(result, error: str) -> None:
    with DAG("d", schedule=None) as dag:
        source = PythonOperator(task_id="source", python_callable=lambda: result)
        Join.partial(task_id="t").expand(a=source.output)
    report = attempt(dag, "source")
    assert (report.outcome, report.value) == ("failed", None)
    assert report.error.startswith(error)


def test_the_fake_runtime_is_a_runtime_and_offers_survive_json() -> None:
    runtime: Runtime = FakeRuntime()
    assert runtime.request("variable.get", key="x") is None
    assert json.loads(json.dumps(offer("t").run.conf)) == {}
    assert microseconds(pendulum.instance(DAY)) == microseconds(DAY)
