"""What the operators do when they run: commands, other interpreters, other Dags, sensors, notifiers, retry policies."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tradewind.sdk import (
    DAG,
    BaseNotifier,
    BaseSensorOperator,
    ChainRetryPolicy,
    ExceptionRetryPolicy,
    Param,
    ParamsDict,
    PokeReturnValue,
    RetryAction,
    RetryRule,
    task,
)
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    DagRunAlreadyExists,
    ParamValidationError,
)
from tradewind.sdk.execution.runtime import RuntimeRequestError, runtime_installed
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.python import ExternalPythonOperator, PythonVirtualenvOperator
from tradewind.sdk.operators.trigger_dagrun import TriggerDagRunOperator


def test_the_last_line_is_the_result_and_all_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    operator = BashOperator(task_id="b", bash_command="echo one; echo zwei ü >&2; echo '  three'")
    with caplog.at_level(logging.INFO):
        assert operator.execute({}) == "  three"
    said = [record.getMessage() for record in caplog.records]
    assert said[said.index("one") : said.index("one") + 3] == ["one", "zwei ü", "  three"]


def test_the_environment_is_replaced_or_extended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "outer")
    command = "echo $OUTER/$INNER/$AIRFLOW_CTX_TASK_ID/$AIRFLOW_CTX_DAG_OWNER"
    with DAG("d"):
        replaced = BashOperator(task_id="a", bash_command=command, env={"INNER": "x"})
        extended = BashOperator(task_id="b", bash_command=command, env={"INNER": "x"}, append_env=True, owner="me")
    assert replaced.execute({"task": replaced}) == "/x/a/airflow"
    assert extended.execute({"task": extended}) == "outer/x/b/me"


def test_exit_codes_fail_or_skip() -> None:
    with pytest.raises(AirflowException, match="non-zero exit code 3"):
        BashOperator(task_id="b", bash_command="exit 3").execute({})
    with pytest.raises(AirflowSkipException, match="exit code 99"):
        BashOperator(task_id="b", bash_command="exit 99").execute({})
    with pytest.raises(AirflowSkipException):
        BashOperator(task_id="b", bash_command="exit 4", skip_on_exit_code=[4, 5]).execute({})
    with pytest.raises(AirflowException, match="exit code 99"):
        BashOperator(task_id="b", bash_command="exit 99", skip_on_exit_code=None).execute({})


def test_a_missing_folder_and_a_long_script(tmp_path: Any) -> None:
    with pytest.raises(AirflowException, match="Task 'b': the cwd '/nowhere/at/all' does not exist"):
        BashOperator(task_id="b", bash_command="pwd", cwd="/nowhere/at/all").execute({})
    assert BashOperator(task_id="b", bash_command="pwd", cwd=str(tmp_path)).execute({}) == str(tmp_path)
    long = "#" * 200_000 + "\necho done"
    assert BashOperator(task_id="b", bash_command=long, output_processor=str.upper).execute({}) == "DONE"


def test_killing_the_task_ends_the_commands_whole_group(tmp_path: Any) -> None:
    mark = tmp_path / "pid"
    operator = BashOperator(task_id="b", bash_command=f"sleep 60 & echo $! > {mark}; wait")
    failed: list[BaseException] = []

    def work() -> None:
        try:
            operator.execute({})
        except AirflowException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not (mark.exists() and mark.read_text().strip()):
        time.sleep(0.01)
    process = operator.subprocess_hook.sub_process
    assert process is not None
    assert os.getpgid(process.pid) == process.pid
    assert os.getsid(process.pid) == os.getsid(0)
    operator.on_kill()
    thread.join(5)
    assert failed
    assert f"{-signal.SIGTERM}" in str(failed[0])
    child = int(mark.read_text())
    for _ in range(200):
        if not Path(f"/proc/{child}").exists() or Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.01)
    else:
        pytest.fail("the background sleep outlived the task")


def test_a_bash_function_returns_the_command_and_it_is_rendered() -> None:
    with DAG("d"):

        @task.bash
        def command(name, ds=None):
            return f"echo {name} {ds} {{{{ ds }}}}"

        @task.bash
        def nothing():
            return ""

        made, empty = command("n").operator, nothing().operator
    assert made.execute({"ds": "2025-11-01"}) == "n 2025-11-01 2025-11-01"
    with pytest.raises(TypeError, match=r"Task 'nothing' of Dag 'd': .* non-empty string"):
        empty.execute({})


def add(x, y, ds=None):
    import os

    return {"sum": x + y, "ds": ds, "pid": os.getpid()}


def stops():
    raise SystemExit(7)


def test_a_function_runs_in_another_interpreter() -> None:
    with DAG("d"):
        made = ExternalPythonOperator(
            task_id="e", python=sys.executable, python_callable=add, op_args=[1], op_kwargs={"y": 2}
        )
        skipping = ExternalPythonOperator(
            task_id="s", python=sys.executable, python_callable=stops, skip_on_exit_code=7
        )
    found = made.execute({"ds": "2025-11-01", "ti": object()})
    assert (found["sum"], found["ds"]) == (3, "2025-11-01")
    assert found["pid"] != os.getpid()
    with pytest.raises(AirflowSkipException, match="code 7"):
        skipping.execute({})
    with pytest.raises(ValueError, match="only supports functions"):
        ExternalPythonOperator(task_id="l", python=sys.executable, python_callable=lambda: 1)


def test_a_decorated_function_crosses_without_its_decorator() -> None:
    with DAG("d"):

        @task.external_python(python=sys.executable)
        def double(x, *, run_id):
            return run_id * x

        made = double(2).operator
    assert made.execute({"run_id": "r"}) == "rr"


def test_an_environment_is_made_for_the_function(tmp_path: Any) -> None:
    def where():
        import sys

        return sys.prefix

    made = PythonVirtualenvOperator(task_id="v", python_callable=where, venv_cache_path=tmp_path)
    first, second = made.execute({}), made.execute({})
    assert first == second
    assert first.startswith(str(tmp_path))


class Engine:
    """Answers what a TriggerDagRunOperator asks."""

    def __init__(self, *states: str, exists: bool = False) -> None:
        self.states, self.exists, self.asked = list(states), exists, []

    def request(self, method: str, **arguments: Any) -> Any:
        self.asked.append((method, arguments))
        if method == "run.create":
            if self.exists:
                raise RuntimeRequestError("RunAlreadyExists", "Dag 'other' already has a run 'r'.")
            return {"run_id": arguments.get("run_id", "made"), "dag_id": "other"}
        return {"state": self.states.pop(0)}

    def send(self, message: Any) -> None: ...


def trigger(engine: Engine, **arguments: Any) -> dict[str, Any]:
    left: dict[str, Any] = {}
    instance = SimpleNamespace(xcom_push=lambda key, value: left.update({key: value}))
    operator = TriggerDagRunOperator(task_id="t", trigger_dag_id="other", poke_interval=0, **arguments)
    with runtime_installed(engine):
        operator.execute({"ti": instance})
    return left


def test_a_run_of_another_dag_is_created_and_waited_for() -> None:
    engine = Engine("queued", "running", "success")
    left = trigger(
        engine, conf={"x": 1}, trigger_run_id="mine", logical_date="2025-11-01T00:00:00+00:00", wait_for_completion=True
    )
    assert left == {"trigger_run_id": "mine"}
    assert engine.asked[0] == (
        "run.create",
        {"dag_id": "other", "conf": {"x": 1}, "run_id": "mine", "logical_date_us": 1_761_955_200_000_000},
    )
    assert [method for method, _ in engine.asked[1:]] == ["run.get"] * 3


def test_a_run_of_another_dag_that_fails_or_exists() -> None:
    with pytest.raises(AirflowException, match="other failed with failed state failed"):
        trigger(Engine("failed"), wait_for_completion=True)
    with pytest.raises(DagRunAlreadyExists, match="already has a run 'r'"):
        trigger(Engine(exists=True))
    with pytest.raises(AirflowSkipException):
        trigger(Engine(exists=True), skip_when_already_exists=True)
    with pytest.raises(AirflowException, match="JSON Serializable"):
        trigger(Engine(), conf={"x": object()})


class Waiting(BaseSensorOperator):
    def __init__(self, answers: list[Any], **kwargs: Any) -> None:
        super().__init__(task_id="s", **kwargs)
        self.answers = answers

    def poke(self, context: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def test_a_sensor_looks_until_it_is_done() -> None:
    assert Waiting(answers=[False, False, PokeReturnValue(True, "x")], poke_interval=0).execute({}) == "x"
    with pytest.raises(AirflowSensorTimeout):
        Waiting(answers=[False], timeout=0, poke_interval=0).execute({})
    with pytest.raises(AirflowSkipException):
        Waiting(answers=[False], timeout=0, poke_interval=0, soft_fail=True).execute({})
    assert Waiting(answers=[ValueError("x"), True], silent_fail=True, poke_interval=0).execute({}) is None
    with pytest.raises(AirflowSkipException):
        Waiting(answers=[ValueError("x")], never_fail=True).execute({})
    with pytest.raises(ValueError, match="mutually exclusive"):
        Waiting(answers=[], soft_fail=True, never_fail=True)


def test_a_rescheduling_sensor_frees_its_slot_and_remembers_when_it_began() -> None:
    began = datetime.now(UTC) - timedelta(seconds=50)
    instance = SimpleNamespace(get_first_reschedule_date=lambda context: began)
    with pytest.raises(AirflowRescheduleException) as caught:
        Waiting(answers=[False], mode="reschedule", poke_interval=30).execute({"ti": instance})
    wait = (caught.value.reschedule_date - datetime.now(UTC)).total_seconds()
    assert 25 < wait <= 30
    with pytest.raises(AirflowSensorTimeout):
        Waiting(answers=[False], mode="reschedule", timeout=40).execute({"ti": instance})


def test_a_sensor_function() -> None:
    with DAG("d"):

        @task.sensor(poke_interval=0, timeout=10)
        def there(ds=None):
            return PokeReturnValue(ds == "x", "found")

        made = there().operator
    assert made.execute({"ds": "x"}) == "found"
    assert made.poke_interval == 0


def test_a_notifier_renders_its_fields_and_fails_quietly() -> None:
    class Mail(BaseNotifier):
        template_fields = ("text",)

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text
            self.sent: list[str] = []

        def notify(self, context: Any) -> None:
            self.sent.append(self.text)
            raise RuntimeError("no server")

    mail = Mail("run {{ run_id }}")
    mail({"run_id": "r", "dag": DAG("d")})
    assert mail.sent == ["run r"]


def test_the_first_matching_rule_decides_about_a_retry() -> None:
    policy = ExceptionRetryPolicy(
        [
            RetryRule(ConnectionError, retry_delay=timedelta(seconds=5)),
            RetryRule(["builtins.ValueError", "KeyError"], RetryAction.FAIL, reason="bad data"),
            RetryRule(ArithmeticError, RetryAction.FAIL, match_subclasses=False),
        ]
    )
    assert policy.evaluate(ConnectionResetError(), 1, 3).retry_delay == timedelta(seconds=5)
    assert policy.evaluate(KeyError(), 1, 3).reason == "bad data"
    assert policy.evaluate(ZeroDivisionError(), 1, 3).action is RetryAction.DEFAULT
    chained = ChainRetryPolicy(policy, ExceptionRetryPolicy([], default=RetryAction.FAIL))
    assert chained.evaluate(ZeroDivisionError(), 1, 3).action is RetryAction.FAIL
    assert chained.evaluate(ConnectionError(), 1, 3).action is RetryAction.RETRY


def test_params_are_checked_against_their_schema() -> None:
    params = ParamsDict({"n": Param(5, type="integer", minimum=1), "day": Param("2025-11-01", format="date"), "x": "y"})
    assert params.dump() == {"n": 5, "day": "2025-11-01", "x": "y"}
    params["n"] = 7
    assert params["n"] == 7
    with pytest.raises(ParamValidationError, match="Invalid input for param n: 0 is less than the minimum of 1"):
        params["n"] = 0
    with pytest.raises(ParamValidationError, match="json-serializable"):
        Param(object())
    with pytest.raises(ParamValidationError, match="No value passed"):
        Param(type="string").resolve()
