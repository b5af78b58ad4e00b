"""`tradewind run FILE` as a person uses it: a process of its own, its output, its exit status, and nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tradewind.worker.process import marked_processes

GOOD = """
from airflow.sdk import Variable, dag, task, task_group

@dag(schedule="@daily", start_date=__import__("datetime").datetime(2024, 1, 1), catchup=True)
def good():
    @task
    def numbers(): return [1, 2, 3]
    @task_group
    def sums():
        @task(retries=2, retry_delay=0.1)
        def total(values, ti=None):
            if ti.try_number < 2:
                raise ValueError("not yet")
            assert Variable.get("where") == "home", Variable.get("where")
            return sum(values)
        @task
        def double(x): return 2 * x
        return total(double.expand(x=numbers()))
    @task.bash
    def say(total): return "echo {{ ds }} {{ dag_run.conf['who'] }}"
    say(sums())
good()
"""
FAILING = """
from airflow.sdk import dag, task

@dag
def failing():
    @task
    def divide():
        print("about to divide")
        return 1 / 0
    @task
    def after(x): pass
    after(divide())
failing()
"""
TWO = """
from airflow.sdk import DAG, task

for name in ("first", "second"):
    with DAG(name):
        @task
        def hello(): print("hello")
        hello()
"""
SLOW = """
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("slow"):
    BashOperator(task_id="nap", bash_command="sleep 300 & echo $$ > $NAP; sleep 300", env={"NAP": "%s"},
                 append_env=True)
"""

Tradewind = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home and a folder for temporary files of this test alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TRADEWIND"))}
    (tmp_path / "tmp").mkdir()
    return {**kept, "TRADEWIND_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "PYTHONUTF8": "1"}


@pytest.fixture
def tradewind(environment: dict[str, str], tmp_path: Path) -> Tradewind:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tradewind.cli.main", *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=180)

    return run


def left_behind(environment: dict[str, str]) -> list[int]:
    """Live processes that were started with this test's folder for temporary files."""
    wanted = f"TMPDIR={environment['TMPDIR']}".encode()
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if wanted in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                found.append(int(name))
        except OSError:
            continue
    return found


def wait_until(true: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_good_file_runs_once_with_the_users_variables_and_leaves_nothing(
    tradewind: Tradewind, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "ignored.py").write_text(
        "from airflow.sdk import DAG\nraise SystemExit('read, though not asked for')\n"
    )
    assert tradewind("variables", "set", "where", "home").returncode == 0
    done = tradewind("run", "good.py", "--conf", '{"who": "world"}', "-l", "2024-05-05")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("good  manual__")
    assert any(line.startswith("✓ sums.total  success") and "try 2 of 3" in line for line in lines)
    assert sum("sums.double[" in line and "✓" in line for line in lines) == 3
    assert lines[-1].startswith("✓ good succeeded in ")
    assert "read, though not asked for" not in done.stdout + done.stderr
    assert os.listdir(environment["TMPDIR"]) == []
    assert left_behind(environment) == []
    assert "good" not in tradewind("dags", "list").stdout, "the user's own installation knows nothing of it"


def test_a_failing_task_says_why_and_where_its_log_is(
    tradewind: Tradewind, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    done = tradewind("run", "failing.py")
    assert done.returncode == 1
    assert "about to divide" in done.stdout
    assert "return 1 / 0" in done.stdout
    assert "✗ failing failed after" in done.stdout
    assert "1 of 2 tasks failed" in done.stdout
    [log] = Path(environment["TMPDIR"]).rglob("attempt=1.log")
    assert f"(log: {log})" in done.stdout
    home = next(Path(environment["TMPDIR"]).iterdir())
    assert [path.name for path in home.iterdir()] == ["logs"]
    assert marked_processes(f"local@{home}") == []
    assert left_behind(environment) == []


def test_a_broken_import_is_named_with_file_and_line(tradewind: Tradewind, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("from airflow.sdk import dag\n\nimport no_such_module\n")
    done = tradewind("run", "broken.py")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: broken.py:3: module 'no_such_module' is not installed")
    assert "import no_such_module" in done.stderr


def test_of_several_dags_one_has_to_be_named(tradewind: Tradewind, tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(TWO)
    done = tradewind("run", "two.py")
    assert done.returncode == 2
    assert "two.py defines 2 Dags; name one of them: first, second." in done.stderr
    done = tradewind("run", "two.py", "second", "--run-id", "mine")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "second  mine"
    done = tradewind("run", "two.py", "third")
    assert done.returncode == 2
    assert "defines no Dag 'third'; it defines first, second." in done.stderr


def test_interrupting_it_cancels_the_run_and_leaves_no_process(environment: dict[str, str], tmp_path: Path) -> None:
    mark = tmp_path / "napping"
    (tmp_path / "slow.py").write_text(SLOW % mark)
    command = [sys.executable, "-m", "tradewind.cli.main", "run", "slow.py"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(mark.exists)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=180)
    finally:
        process.kill()
    assert process.returncode == 130
    assert said.startswith("Cancelled slow manual__")
    assert left_behind(environment) == []
    assert os.listdir(environment["TMPDIR"]) == []


def test_killing_it_leaves_no_process_either(environment: dict[str, str], tmp_path: Path) -> None:
    mark = tmp_path / "napping"
    (tmp_path / "slow.py").write_text(SLOW % mark)
    command = [sys.executable, "-m", "tradewind.cli.main", "run", "slow.py"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        wait_until(mark.exists)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: left_behind(environment) == [])


def test_a_task_is_tried_alone_and_nothing_is_recorded(tradewind: Tradewind, tmp_path: Path) -> None:
    dags = tmp_path / "home" / "dags"
    dags.mkdir(parents=True)
    (dags / "good.py").write_text(GOOD)
    (dags / "failing.py").write_text(FAILING)
    done = tradewind("tasks", "test", "failing", "divide")
    assert done.returncode == 1
    assert "about to divide" in done.stdout
    assert "✗ divide failed" in done.stdout
    done = tradewind("tasks", "test", "good", "sums.numbers", "2024-05-05")
    assert (done.returncode, "Returned: [1,2,3]" in done.stdout) == (0, True), done.stdout + done.stderr
    assert not (tmp_path / "home" / "tradewind.db").exists()


def test_templates_are_rendered_for_a_date(tradewind: Tradewind, tmp_path: Path) -> None:
    dags = tmp_path / "home" / "dags"
    dags.mkdir(parents=True)
    (dags / "bash.py").write_text(
        "from airflow.sdk import DAG\nfrom airflow.providers.standard.operators.bash import BashOperator\n"
        "with DAG('shell'):\n    BashOperator(task_id='say', bash_command='echo {{ ds }} {{ nothing }}')\n"
    )
    done = tradewind("tasks", "render", "shell", "say", "2024-05-05")
    assert done.returncode == 1
    assert "'nothing' is undefined" in done.stderr
    (dags / "bash.py").write_text((dags / "bash.py").read_text().replace(" {{ nothing }}", ""))
    done = tradewind("tasks", "render", "shell", "say", "2024-05-05")
    assert done.returncode == 0, done.stderr
    assert "# property: bash_command\n# " in done.stdout
    assert "\necho 2024-05-05\n" in done.stdout


def test_a_whole_dag_is_tried_by_its_id_with_some_tasks_taken_as_done(tradewind: Tradewind, tmp_path: Path) -> None:
    dags = tmp_path / "home" / "dags"
    dags.mkdir(parents=True)
    (dags / "failing.py").write_text(FAILING)
    assert tradewind("dags", "test", "failing").returncode == 1
    done = tradewind("dags", "test", "failing", "--mark-success-pattern", "div")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "about to divide" not in done.stdout


TESTED = """
import json, sys
from airflow.sdk import DAG, Variable, BaseHook, task

with DAG("tested", params={"times": 1}) as dag:
    @task
    def hello(params=None):
        assert Variable.get("who", deserialize_json=True) == {"name": "world"}
        assert BaseHook.get_connection("db").host == "h.example"
        if params["times"] > 2:
            raise ValueError("too often")

    @task
    def never():
        raise ValueError("not to be run")

    hello()
    never()

if __name__ == "__main__":
    run = dag.test(run_conf={"times": int(sys.argv[1])}, variable_file_path="v.json", conn_file_path="c.json",
                   mark_success_pattern="never")
    print("it was a", run.state, run.conf)
"""


@pytest.mark.parametrize(("times", "end"), [(2, "success"), (3, "failed")])
def test_dag_test_runs_the_dag_of_its_own_file(tmp_path: Path, times: int, end: str) -> None:
    (tmp_path / "tested.py").write_text(TESTED)
    (tmp_path / "v.json").write_text('{"who": {"name": "world"}}')
    (tmp_path / "c.json").write_text('{"db": "postgres://u:p@h.example/x"}')
    ended = subprocess.run(
        [sys.executable, "-m", "tradewind.compat", "tested.py", str(times)],
        cwd=tmp_path, env={**os.environ, "TRADEWIND_HOME": str(tmp_path / "home")}, text=True, capture_output=True,
        timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == f"it was a {end} {{'times': {times}}}"
    assert "tested  test__" in ended.stdout


CALLING = """
from airflow.sdk import DAG, task
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

with DAG("caller"):
    TriggerDagRunOperator(task_id="call", trigger_dag_id="called", wait_for_completion=True, poke_interval=1)

with DAG("called", schedule="@continuous", start_date=__import__("datetime").datetime(2024, 1, 1)):
    @task
    def answer(): pass
    answer()
"""


def test_a_dag_that_triggers_another_one_of_its_file_sees_it_run(tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(CALLING)
    ended = subprocess.run(
        [sys.executable, "-m", "tradewind.cli.main", "run", "two.py", "caller"], cwd=tmp_path, text=True,
        env={**os.environ, "TRADEWIND_HOME": str(tmp_path / "home")}, capture_output=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_dag_function_that_nobody_calls_is_explained(tmp_path: Path) -> None:
    (tmp_path / "uncalled.py").write_text("from airflow.sdk import dag\n\n@dag\ndef uncalled(): pass\n")
    ended = subprocess.run(
        [sys.executable, "-m", "tradewind.cli.main", "run", "uncalled.py"], cwd=tmp_path, text=True,
        env={**os.environ, "TRADEWIND_HOME": str(tmp_path / "home")}, capture_output=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "a function under @dag makes one when it is called" in ended.stderr


def test_the_dags_that_wait_for_what_it_updates_do_not_begin(tradewind: Tradewind, tmp_path: Path) -> None:
    flag = tmp_path / "began"
    (tmp_path / "assets.py").write_text(f"""
from airflow.sdk import DAG, Asset, task
RAW = Asset("raw")
with DAG("makes", schedule=None):
    task(lambda: 1, task_id="make", outlets=[RAW])()
with DAG("reads", schedule=RAW):
    @task
    def read():
        open({str(flag)!r}, "w").close()
    read()
""")
    ended = tradewind("run", str(tmp_path / "assets.py"), "makes")
    assert (ended.returncode, flag.exists()) == (0, False), ended.stderr
    assert tradewind("run", str(tmp_path / "assets.py"), "reads").returncode == 0
    assert flag.exists()
