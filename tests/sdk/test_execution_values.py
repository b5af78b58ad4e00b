"""Variables, connections, configuration, progress, and what a prepared attempt costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from shutil import rmtree

import pytest
from execution_attempts import FakeRuntime, attempt, refused

from tradewind.sdk import DAG, macros, task
from tradewind.sdk.conf import conf, set_config
from tradewind.sdk.configuration import DEFAULTS
from tradewind.sdk.connection import Connection
from tradewind.sdk.exceptions import AirflowException, AirflowNotFoundException
from tradewind.sdk.execution.masking import masker
from tradewind.sdk.execution.runtime import NoRuntime, current_runtime, runtime_installed
from tradewind.sdk.execution.xcom_values import keep_large_values_in
from tradewind.sdk.hooks.base import BaseHook
from tradewind.sdk.progress import begin, progress
from tradewind.sdk.variable import Variable
from tradewind.wire.messages import XComValue
from tradewind.wire.xcom_files import XComFiles

# --- Variable --------------------------------------------------------------------------------------------------------


@pytest.fixture
def engine():
    kept = {"name": "v", "data": '{"a": 1}', "bad": "{"}
    runtime = FakeRuntime(
        variable_get=lambda key: kept.get(key),
        variable_set=lambda key, value, description=None: kept.update({key: value}),
        variable_delete=lambda key: kept.pop(key, None) is not None,
        variable_keys=lambda prefix="": sorted(key for key in kept if key.startswith(prefix)),
        connection_get=lambda conn_id: (
            {"conn_id": conn_id, "conn_type": "http", "host": "h"} if conn_id == "c" else None
        ),
    )
    with runtime_installed(runtime):
        yield runtime


def test_variables_are_read_in_the_call_forms_of_both_generations(engine: FakeRuntime) -> None:
    assert Variable.get("name") == "v"
    assert Variable.get("data", deserialize_json=True) == {"a": 1}
    assert Variable.get("no", "d") == Variable.get("no", default="d") == Variable.get("no", default_var="d") == "d"
    assert Variable.get("no", default=None) is Variable.get("no", default_var=None) is None
    assert Variable.get("no", default_var={"x": 1}, deserialize_json=True) == {"x": 1}


def test_a_missing_variable_is_a_key_error_that_says_what_to_do(engine: FakeRuntime) -> None:
    with pytest.raises(KeyError) as caught:
        Variable.get("no")
    assert str(caught.value).startswith("Variable 'no' does not exist; create it")
    with pytest.raises(ValueError, match="Variable 'bad' is not valid JSON"):
        Variable.get("bad", deserialize_json=True)


def test_variables_are_set_updated_and_deleted(engine: FakeRuntime) -> None:
    Variable.set("new", {"a": [1]}, serialize_json=True)
    assert Variable.get("new", deserialize_json=True) == {"a": [1]}
    Variable.update("new", 5)
    assert Variable.get("new") == "5"
    assert Variable.setdefault("other", 3, deserialize_json=True) == 3
    assert Variable.setdefault("other", 4, deserialize_json=True) == 3
    assert Variable.keys("n") == ["name", "new"]
    assert (Variable.delete("new"), Variable.delete("new")) == (1, 0)
    with pytest.raises(KeyError):
        Variable.update("new", 1)


def test_the_environment_goes_before_the_engine_and_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_NAME", "airflow")
    assert Variable.get("name") == "airflow"
    monkeypatch.setenv("TRADEWIND_VAR_NAME", "tradewind")
    assert Variable.get("name") == "tradewind"


def test_outside_of_everything_the_error_names_the_variable_and_the_way_out() -> None:
    with pytest.raises(NoRuntime, match=r"Variable 'x' was asked for outside a task or Dag .*TRADEWIND_VAR_X"):
        Variable.get("x")
    with pytest.raises(NoRuntime, match=r"Connection 'c' was asked for .*AIRFLOW_CONN_C"):
        Connection.get("c")
    with pytest.raises(NoRuntime, match=r"`run.get` was asked for"):
        current_runtime().request("run.get", dag_id="d", run_id="r")


def test_variables_with_sensitive_names_are_masked(engine: FakeRuntime) -> None:
    Variable.set("my_password", "opensesame1")
    Variable.set("greeting", "helloworld1")
    Variable.get("my_password"), Variable.get("greeting")
    assert masker().mask("opensesame1 helloworld1") == "*** helloworld1"


# --- Connection ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "fields"),
    [
        ("postgresql://u:p%40ss@Host:5432/db", ("postgres", "Host", "u", "p@ss", "db", 5432, {})),
        ("http://https%3A%2F%2Fx.y", ("http", "https://x.y", None, None, None, None, {})),
        ("http://https://x.y:8/s", ("http", "https://x.y", None, None, "s", 8, {})),
        ("aws://AK:SK@/?region=eu&x=", ("aws", None, "AK", "SK", None, None, {"region": "eu", "x": ""})),
        ("my-type://h?__extra__=%7B%22a%22%3A+%5B1%5D%7D", ("my_type", "h", None, None, None, None, {"a": [1]})),
        ("x://@:99", ("x", None, "", None, None, 99, {})),
        ("fs:///", ("fs", None, None, None, None, None, {})),
    ],
)
def test_a_uri_is_read_and_written_back(uri: str, fields) -> None:
    connection = Connection(conn_id="c", uri=uri)

    def of(c: Connection):
        return c.conn_type, c.host, c.login, c.password, c.schema, c.port, c.extra_dejson

    assert of(connection) == fields
    again = of(Connection(conn_id="c", uri=connection.get_uri()))
    assert [value or None for value in again] == [value or None for value in fields]


def test_fields_and_json_make_connections_too(monkeypatch: pytest.MonkeyPatch, engine: FakeRuntime) -> None:
    made = Connection("c", conn_type="x", host="h", port="5", extra={"a": {"b": 1}})
    assert (made.port, made.extra_dejson) == (5, {"a": {"b": 1}})
    assert made.get_uri() == "x://h:5/?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D"
    monkeypatch.setenv("AIRFLOW_CONN_J", '{"conn_type": "postgresql", "login": "me", "extra": {"k": 1}}')
    monkeypatch.setenv("AIRFLOW_CONN_U", "mysql://h")
    assert (Connection.get("j").conn_type, Connection.get("j").extra_dejson) == ("postgres", {"k": 1})
    assert BaseHook.get_connection("u").conn_type == "mysql"
    assert Connection.get("c").host == Connection.get_connection_from_secrets("c").host == "h"
    assert Connection.from_json(made.as_json(), "c") == made
    with pytest.raises(AirflowNotFoundException, match="`no` isn't defined"):
        Connection.get("no")
    with pytest.raises(AirflowException, match="not valid JSON"):
        Connection.from_json("{", "c")
    with pytest.raises(AirflowException, match="one or the other"):
        Connection("c", uri="a://b", host="h")


def test_passwords_and_sensitive_extras_are_masked() -> None:
    Connection("c", password="verysecret1", extra={"api_key": "verysecret2", "region": "notsecret3"})
    assert masker().mask("verysecret1 verysecret2 notsecret3") == "*** *** notsecret3"


def test_a_connection_without_an_installed_hook_says_so() -> None:
    with pytest.raises(AirflowException, match="type 'nosuchtype', for which no hook is installed"):
        Connection("c", conn_type="nosuchtype").get_hook()
    ok, said = Connection("c", conn_type="nosuchtype").test_connection()
    assert not ok
    assert "no hook is installed" in said


# --- conf, macros, progress ------------------------------------------------------------------------------------------


def test_the_engines_configuration_is_seen_and_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in [("core", "max_map_length"), ("my", "key")]:
        monkeypatch.setitem(DEFAULTS, key, DEFAULTS.get(key, ""))
    set_config({"core": {"max_map_length": 7}, "my": {"key": True}})
    assert conf.getint("core", "max_map_length") == 7
    assert conf.getboolean("my", "key") is True
    monkeypatch.setenv("AIRFLOW__MY__KEY", "False")
    assert conf.getboolean("my", "key") is False


def test_macros_about_dates() -> None:
    assert macros.ds_add("2024-02-28", 2) == "2024-03-01"
    assert macros.ds_format("2024-02-28", "%Y-%m-%d", "%y%m") == "2402"
    day = macros.datetime(2024, 1, 10)
    assert macros.datetime_diff_for_humans(day, macros.datetime(2024, 1, 8)) == "2 days after"
    assert macros.dateutil.parser.parse("2024-01-02").day == 2
    with pytest.raises(AttributeError, match="macros has no 'nosuch'"):
        _ = macros.nosuch


def test_progress_is_sent_at_most_five_times_a_second_and_always_at_the_end() -> None:
    runtime = FakeRuntime()
    with runtime_installed(runtime):
        progress(1, 2)
        begin("a1")
        for done in range(1, 101):
            progress(done, 100, "rows")
        begin("")
    assert [(message.attempt, message.done, message.total, message.unit) for message in runtime.sent] == [
        ("a1", 1.0, 100.0, "rows"), ("a1", 100.0, 100.0, "rows"),
    ]  # fmt: skip


def test_a_refusal_keeps_its_kind() -> None:
    assert refused("no").kind == "refused"


# --- cost ------------------------------------------------------------------------------------------------------------

NO_OP = """
import sys, logging
sys.path.insert(0, {folder!r})
from execution_attempts import DAG, FakeRuntime, clock, offer, run_attempt, prepare
from tradewind.sdk.execution.logs import AttemptLog
from tradewind.sdk.operators.python import PythonOperator

with DAG("d", schedule="@daily", params={{"n": 1}}) as dag:
    PythonOperator(task_id="t", python_callable=lambda ds, **kwargs: [ds, {{"a": 1}}],
                   op_kwargs={{"x": "{{{{ prev_ds }}}} {{{{ macros.ds_add(ds, 1) }}}}"}})
prepared = prepare(dag)
before = set(sys.modules)
log = AttemptLog({log!r})
log.install()
print("hello")
report = run_attempt(prepared, offer("t"), FakeRuntime(), lambda us: None, clock())
log.close(report.outcome)
assert report.outcome == "success", report.error
print(sorted(set(sys.modules) - before))
"""


def test_an_attempt_of_a_prepared_dag_imports_nothing(tmp_path, request: pytest.FixtureRequest) -> None:
    code = NO_OP.format(folder=str(request.path.parent), log=str(tmp_path / "x.log"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


# --- large XComs -----------------------------------------------------------------------------------------------------


@pytest.fixture
def large_values(tmp_path: Path):
    files = XComFiles(tmp_path / "xcoms", inline_bytes=4)
    keep_large_values_in(files)
    yield files
    keep_large_values_in(XComFiles("", inline_bytes=-1))


def test_what_an_offer_carries_as_a_reference_is_read_as_the_value(large_values: XComFiles) -> None:
    with DAG("d") as dag:

        @task
        def make():
            return ["long", "enough"]

        @task
        def use(words):
            return len(words)

        use(make())
    made = attempt(dag, "make")
    assert made.value is not None
    assert made.value.startswith(b"@1/make/-1/")
    assert made.length == 2
    carried = [XComValue("make", -1, "return_value", made.value)]
    assert attempt(dag, "use", xcoms=carried).value == b"2"


def test_a_value_that_cannot_be_written_fails_the_task_that_left_it(large_values: XComFiles, tmp_path: Path) -> None:
    (tmp_path / "xcoms").write_text("a file where the folder belongs")
    with DAG("d") as dag:

        @task
        def make():
            return "a long text"

        make()
    report = attempt(dag, "make")
    assert report.outcome == "failed"
    assert report.value is None
    assert "'make' returned what cannot be kept: its 13 bytes could not be written below" in report.error


def test_a_lost_file_is_named_by_the_task_that_wanted_it(large_values: XComFiles, tmp_path: Path) -> None:
    with DAG("d") as dag:

        @task
        def make():
            return "a long text"

        @task
        def use(text):
            return text

        use(make())
    carried = [XComValue("make", -1, "return_value", attempt(dag, "make").value or b"")]
    rmtree(tmp_path / "xcoms")
    report = attempt(dag, "use", xcoms=carried)
    assert report.outcome == "failed"
    assert "clear the task that left it" in report.error
