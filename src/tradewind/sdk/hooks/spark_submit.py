"""SparkSubmitHook: a Spark job by spark-submit, with the driver's log in the task's log."""

from __future__ import annotations

import base64
import binascii
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import Any

from tradewind.sdk.exceptions import AirflowException, AirflowNotFoundException
from tradewind.sdk.hooks.base import BaseHook
from tradewind.sdk.hooks.spark_master import ACTIVE, LOST, SUCCEEDED, SparkMaster, SparkUnreachable
from tradewind.sdk.hooks.spark_programs import program, with_java
from tradewind.sdk.hooks.spark_target import SparkTarget, target_of
from tradewind.sdk.hooks.spark_watch import Said, Watch, tell_tasks
from tradewind.sdk.hooks.spark_words import DriverLog, failure, shown
from tradewind.sdk.subprocess_hook import SubprocessHook

_MISSED_AT_MOST = 10
"""How often in a row a master may not answer before a job that it keeps is given up."""
_POST_SUBMIT_SECONDS = 30
_KILLED_SECONDS = 5.0
_OF_THE_ENGINE = ("AIRFLOW", "TRADEWIND", "_AIRFLOW")
_ELSEWHERE = "run `pip install --no-deps apache-airflow-providers-apache-spark` for it"


class SparkSubmitHook(BaseHook):
    """Runs spark-submit with what the caller and the connection say. A connection that does not exist means YARN.

    In the deploy mode `cluster` of a standalone master the driver lives on the cluster: `submit` gives its id, and
    `wait_for` waits for its end. Everywhere else `submit` returns when the job has ended.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "spark_default"
    conn_type = "spark"
    hook_name = "Spark"

    def __init__(
        self,
        conf: dict[str, Any] | None = None,
        conn_id: str = default_conn_name,
        files: str | None = None,
        py_files: str | None = None,
        archives: str | None = None,
        driver_class_path: str | None = None,
        jars: str | None = None,
        java_class: str | None = None,
        packages: str | None = None,
        exclude_packages: str | None = None,
        repositories: str | None = None,
        total_executor_cores: int | None = None,
        executor_cores: int | None = None,
        executor_memory: str | None = None,
        driver_memory: str | None = None,
        keytab: str | None = None,
        principal: str | None = None,
        proxy_user: str | None = None,
        name: str = "default-name",
        num_executors: int | None = None,
        status_poll_interval: int = 1,
        application_args: list[Any] | None = None,
        env_vars: dict[str, Any] | None = None,
        verbose: bool = False,
        spark_binary: str | None = None,
        properties_file: str | None = None,
        yarn_queue: str | None = None,
        deploy_mode: str | None = None,
        *,
        use_krb5ccache: bool = False,
        post_submit_commands: list[str] | None = None,
        track_driver_via_k8s_api: bool = False,
        yarn_track_via_rm_api: bool = False,
        yarn_rm_auth: Any = None,
    ) -> None:
        super().__init__()
        for wish, given in (
            ("track_driver_via_k8s_api", track_driver_via_k8s_api),
            ("yarn_track_via_rm_api", yarn_track_via_rm_api),
        ):
            if given:
                raise AirflowException(f"Spark job {name!r}: {wish} is not supported by Tradewind yet; {_ELSEWHERE}.")
        self._conf = {str(key): value for key, value in (conf or {}).items()}
        self._conn_id, self._name, self._java_class = conn_id, name, java_class
        self._options = {
            "--properties-file": properties_file, "--files": files, "--py-files": py_files, "--archives": archives,
            "--driver-class-path": driver_class_path, "--jars": jars, "--packages": packages,
            "--exclude-packages": exclude_packages, "--repositories": repositories, "--num-executors": num_executors,
            "--total-executor-cores": total_executor_cores, "--executor-cores": executor_cores,
            "--executor-memory": executor_memory, "--driver-memory": driver_memory,
        }  # fmt: skip
        self._keytab, self._proxy_user, self._verbose = keytab, proxy_user, verbose
        self._principal = _kerberos_principal(principal) if use_krb5ccache else principal
        self._use_krb5ccache = use_krb5ccache
        self._pause = status_poll_interval
        self._application_args = [str(argument) for argument in application_args or ()]
        self._env_vars = {str(key): str(value) for key, value in (env_vars or {}).items()}
        self._spark_binary, self._yarn_queue, self._deploy_mode = spark_binary, yarn_queue, deploy_mode
        self._post_submit_commands = list(post_submit_commands or ())
        self._heard = DriverLog()
        self._driver_id = ""

    # --- where ---

    @cached_property
    def target(self) -> SparkTarget:
        """The cluster, by the connection and what the caller says."""
        said: Mapping[str, Any] = {
            "deploy_mode": self._deploy_mode,
            "queue": self._yarn_queue,
            "binary": self._spark_binary,
            "namespace": self._conf.get("spark.kubernetes.namespace"),
            "principal": self._principal,
        }
        try:
            connection = self.get_connection(self._conn_id)
        except AirflowNotFoundException:
            self.log.info("There is no connection %r; the master is YARN.", self._conn_id)
            return SparkTarget(**{name: value for name, value in said.items() if value})
        return target_of(connection, **said)

    @cached_property
    def master(self) -> SparkMaster:
        """The standalone master, asked over HTTP."""
        return SparkMaster(self.target)

    def get_conn(self) -> Any:
        """There is no client; use `submit`."""

    # --- the command ---

    def command(self, application: str, keytab: str | None = None) -> list[str]:
        """What is run; `keytab` is the path of the connection's one."""
        target = self.target
        words = [target.binary, "--master", target.master]
        for name, value in self._settings().items():
            words += ["--conf", f"{name}={value}"]
        options = {
            **self._options,
            "--keytab": self._keytab or keytab,
            "--principal": target.principal,
            "--proxy-user": self._proxy_user,
            "--name": self._name,
            "--class": self._java_class,
        }
        for option, value in options.items():
            words += [option, str(value)] if value else []
        words += ["--verbose"] if self._verbose else []
        words += ["--queue", target.queue] if target.queue else []
        words += ["--deploy-mode", target.deploy_mode] if target.deploy_mode else []
        return [*words, application, *self._application_args]

    def _settings(self) -> dict[str, Any]:
        """What goes along as `--conf`."""
        target, found = self.target, dict(self._conf)
        if self._env_vars and target.keeps_the_driver:
            raise AirflowException(
                f"Spark job {self._name!r}: env_vars do not reach a driver on a standalone cluster; "
                "pass the values as application_args or conf, or use the deploy mode client."
            )
        prefix = ""
        if target.is_yarn:
            prefix = "spark.yarn.appMasterEnv."
        elif target.is_kubernetes:
            prefix = "spark.kubernetes.driverEnv."
        if prefix:
            found |= {f"{prefix}{name}": value for name, value in self._env_vars.items()}
        if target.is_kubernetes and target.namespace:
            found["spark.kubernetes.namespace"] = target.namespace
        if self._use_krb5ccache:
            if not os.environ.get("KRB5CCNAME"):
                raise AirflowException(
                    f"Spark job {self._name!r}: use_krb5ccache needs KRB5CCNAME in the environment of the worker."
                )
            found["spark.kerberos.renewal.credentials"] = "ccache"
        return found

    def _environment(self) -> dict[str, str]:
        own = {} if self.target.is_kubernetes else self._env_vars
        found = with_java({**os.environ, **own})
        if self.target.keeps_the_driver:
            # spark-submit hands all of it to the driver, which is to outlive the engine's processes: their marks would
            # end it with them, and their settings and secrets are none of its business.
            return {name: value for name, value in found.items() if not name.startswith(_OF_THE_ENGINE)}
        return found

    # --- running it ---

    @cached_property
    def _process(self) -> SubprocessHook:
        return SubprocessHook(self.log)

    def submit(self, application: str = "", on_driver: Callable[[str], None] | None = None) -> str | None:
        """Run the job, or hand it to a standalone cluster: then its driver's id, which `on_driver` is told at once."""
        keeps_the_driver = self.target.keeps_the_driver
        try:
            return self._submit(application, on_driver)
        finally:
            if not keeps_the_driver:
                self.run_post_submit_commands()

    def _submit(self, application: str, on_driver: Callable[[str], None] | None) -> str | None:
        heard = self._heard = DriverLog()
        environment = self._environment()
        with ExitStack() as stack:
            command = self.command(application, self._keytab_file(stack))
            self.log.info("Running: %s", shown(command))
            lines = self._process.lines([program(command[0], environment), *command[1:]], env=environment)
            if self.target.is_standalone and not self.target.keeps_the_driver:
                stack.enter_context(Watch(self.master, heard, self.log, self._pause))
            for line in lines:
                self.log.log(heard.read(line), "%s", line)
                tell_tasks(heard)
                if self.target.keeps_the_driver and heard.driver_id and not self._driver_id:
                    self._driver_id = heard.driver_id
                    if on_driver is not None:
                        on_driver(self._driver_id)
        exit_code = self._process.exit_code
        if self.target.is_kubernetes and self.target.deploy_mode == "cluster" and not exit_code:
            exit_code = heard.pod_exit_code or 0
        # A driver that is known is asked about itself: spark-submit may have gone before it or not waited for it.
        if exit_code and not self._driver_id:
            raise AirflowException(failure(self._name, exit_code, heard.problem))
        if self.target.keeps_the_driver and not self._driver_id:
            raise AirflowException(
                f"Spark job {self._name!r} was submitted, but spark-submit did not say the driver's id; "
                "let org.apache.spark.deploy log at the level INFO."
            )
        return self._driver_id or None

    def wait_for(self, driver_id: str) -> None:
        """Wait for the end of a driver on the standalone cluster, with its log; raise unless it ended well."""
        self._driver_id = driver_id
        output = _Output(self.master, driver_id, self._heard, self.log)
        said, last, missed = Said(self.log), "", 0
        while True:
            try:
                state, missed = self.master.driver_state(driver_id), 0
            except SparkUnreachable as error:
                missed += 1
                if missed > _MISSED_AT_MOST:
                    raise
                self.log.warning("%s", error)
                state = last
            if state and state != last:
                self.log.info("The master has driver %s as %s.", driver_id, state)
                last = state
            output.copy()
            if state and state not in ACTIVE:
                break
            self._say_application(said)
            time.sleep(max(self._pause, 0.1))
        output.end()
        self.run_post_submit_commands()
        if last != SUCCEEDED:
            lost = "the master does not know it any more" if last == LOST else f"it ended as {last}"
            why = f"{lost}: {self._heard.problem}" if self._heard.problem else lost
            raise AirflowException(f"Driver {driver_id} of Spark job {self._name!r} did not succeed: {why}.")

    def _say_application(self, said: Said) -> None:
        if self._heard.application_id:
            try:
                said.say(self.master.application(self._heard.application_id))
            except SparkUnreachable:
                return  # its state comes from the submission server

    def on_kill(self) -> None:
        """End the job: spark-submit with all that it started, and a driver that lives on the cluster."""
        try:
            if self._driver_id and self.target.keeps_the_driver:
                self.log.info("%s.", self.master.kill(self._driver_id).rstrip("."))
                self._wait_until_it_is_over()
        finally:
            self._process.send_sigterm()
            if self._heard.yarn_id and self.target.is_yarn and self.target.deploy_mode == "cluster":
                self._end("yarn", "application", "-kill", self._heard.yarn_id)
            if self._heard.pod and self.target.is_kubernetes:
                namespace = ["--namespace", self.target.namespace] if self.target.namespace else []
                self._end("kubectl", "delete", "pod", self._heard.pod, "--wait=false", *namespace)
            self.run_post_submit_commands()

    def _wait_until_it_is_over(self) -> None:
        """A next try would take a driver that is still being ended for one that goes on."""
        until = time.monotonic() + _KILLED_SECONDS
        while self.master.driver_state(self._driver_id) in ACTIVE and time.monotonic() < until:
            time.sleep(0.1)

    def _end(self, *command: str) -> None:
        """Have another program end what lives on a cluster."""
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_POST_SUBMIT_SECONDS, check=False)
            said = (done.stdout + done.stderr).strip().splitlines()
            self.log.info("%s: %s", " ".join(command), said[-1] if said else f"exit code {done.returncode}")
        except (OSError, subprocess.TimeoutExpired) as error:
            self.log.warning("%s did not work: %s", " ".join(command), error)

    def run_post_submit_commands(self) -> None:
        """Run them, once. What fails is logged and changes nothing."""
        commands, self._post_submit_commands = self._post_submit_commands, []
        for command in commands:
            try:
                done = subprocess.run(
                    shlex.split(command), capture_output=True, text=True, timeout=_POST_SUBMIT_SECONDS, check=False
                )
                if done.returncode:
                    self.log.warning("%s ended with exit code %s: %s", command, done.returncode, done.stderr.strip())
            except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                self.log.warning("%s did not work: %s", command, error)

    def _keytab_file(self, stack: ExitStack) -> str | None:
        """The connection's keytab as a file that only this user reads, for as long as the stack."""
        if self._keytab or not self.target.keytab:
            return None
        try:
            data = base64.b64decode(self.target.keytab, validate=True)
        except (binascii.Error, ValueError):
            raise AirflowException(
                f"Connection {self._conn_id!r} has a keytab that is not base64; write what `base64 -w0 FILE` prints."
            ) from None
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tradewind-"))  # 0700
        path = os.path.join(folder, "spark.keytab")
        with open(path, "wb") as file:
            file.write(data)
        return path


class _Output:
    """Copies what a driver on the cluster writes into the task's log."""

    def __init__(self, master: SparkMaster, driver_id: str, heard: DriverLog, log: Any) -> None:
        self._master, self._driver_id, self._heard, self._log = master, driver_id, heard, log
        self._offsets = {"stderr": 0, "stdout": 0}
        self._rest = {"stderr": b"", "stdout": b""}
        self._refused = ""

    def copy(self) -> None:
        """Everything that it has written since. A page that cannot be read now may be read later."""
        self._refused = ""
        for kind in self._offsets:
            try:
                while data := self._master.driver_output(self._driver_id, kind, self._offsets[kind]):
                    self._offsets[kind] += len(data)
                    *lines, self._rest[kind] = (self._rest[kind] + data).split(b"\n")
                    for line in lines:
                        self._write(line)
                    tell_tasks(self._heard)
            except SparkUnreachable as error:
                self._refused = str(error).rstrip(".")

    def end(self) -> None:
        """Lines that were not ended, and why some may be missing."""
        for line in filter(None, self._rest.values()):
            self._write(line)
        if self._refused:
            self._log.warning("%s; look at the worker's page.", self._refused)

    def _write(self, line: bytes) -> None:
        text = line.decode("utf-8", "backslashreplace").rstrip()
        self._log.log(self._heard.read(text), "%s", text)


def _kerberos_principal(principal: str | None) -> str:
    from tradewind.sdk.compat_kerberos import get_kerberos_principal

    return get_kerberos_principal(principal)
