"""SparkSubmitOperator: run a Spark application; a driver that lives on the cluster is found again by a later try."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

from tradewind.sdk.hooks.spark_master import ACTIVE, SUCCEEDED
from tradewind.sdk.hooks.spark_submit import SparkSubmitHook
from tradewind.sdk.operator import BaseOperator, describe
from tradewind.sdk.resumable import ResumableJobMixin


class SparkSubmitOperator(ResumableJobMixin, BaseOperator):
    """Submits `application` to the master of `conn_id` and waits for its end. The driver's log is the task's log.

    In the deploy mode `client` the driver is part of the task and ends with it. In the deploy mode `cluster` of a
    standalone master its id is kept, and a later try waits for the same driver instead of submitting again.
    """

    external_id_key = "spark_job_id"
    template_fields: Collection[str] = (
        "application", "conf", "files", "py_files", "jars", "driver_class_path", "packages", "exclude_packages",
        "keytab", "principal", "proxy_user", "name", "application_args", "env_vars", "post_submit_commands",
        "properties_file",
    )  # fmt: skip
    template_fields_renderers = {"conf": "json", "env_vars": "json", "application_args": "py"}
    ui_color = "#ffe0b8"

    def __init__(
        self,
        *,
        application: str = "",
        conf: dict[Any, Any] | None = None,
        conn_id: str = "spark_default",
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
        name: str = "arrow-spark",
        num_executors: int | None = None,
        status_poll_interval: int = 1,
        application_args: list[Any] | None = None,
        env_vars: dict[str, Any] | None = None,
        verbose: bool = False,
        spark_binary: str | None = None,
        properties_file: str | None = None,
        yarn_queue: str | None = None,
        deploy_mode: str | None = None,
        use_krb5ccache: bool = False,
        post_submit_commands: list[str] | None = None,
        track_driver_via_k8s_api: bool = False,
        yarn_track_via_rm_api: bool = False,
        yarn_rm_auth: Any = None,
        openlineage_inject_parent_job_info: bool = False,
        openlineage_inject_transport_info: bool = False,
        reconnect_on_retry: bool | None = None,
        durable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        durable = reconnect_on_retry if durable is None else durable
        super().__init__(**kwargs, **({} if durable is None else {"durable": durable}))
        where = describe(self.task_id, self._dag)
        if reconnect_on_retry is not None:
            self.notices.append(f"{where}: reconnect_on_retry= is now called durable=.")
        if openlineage_inject_parent_job_info or openlineage_inject_transport_info:
            self.notices.append(f"{where}: nothing of OpenLineage is given to the Spark job; Tradewind has none.")
        self.application, self.conf, self.name = application, conf, name
        self.files, self.py_files, self.jars = files, py_files, jars
        self.driver_class_path, self.packages, self.exclude_packages = driver_class_path, packages, exclude_packages
        self.keytab, self.principal, self.proxy_user = keytab, principal, proxy_user
        self.application_args, self.env_vars, self.properties_file = application_args, env_vars, properties_file
        self.post_submit_commands = post_submit_commands
        self._conn_id = conn_id
        self._further: dict[str, Any] = {
            "archives": archives, "java_class": java_class, "repositories": repositories,
            "total_executor_cores": total_executor_cores, "executor_cores": executor_cores,
            "executor_memory": executor_memory, "driver_memory": driver_memory, "num_executors": num_executors,
            "status_poll_interval": status_poll_interval, "verbose": verbose, "spark_binary": spark_binary,
            "yarn_queue": yarn_queue, "deploy_mode": deploy_mode, "use_krb5ccache": use_krb5ccache,
            "track_driver_via_k8s_api": track_driver_via_k8s_api, "yarn_track_via_rm_api": yarn_track_via_rm_api,
            "yarn_rm_auth": yarn_rm_auth,
        }  # fmt: skip

    @cached_property
    def hook(self) -> SparkSubmitHook:
        """What submits and ends the job; made when it is asked for, with the rendered fields."""
        rendered = {name: getattr(self, name) for name in self.template_fields if name != "application"}
        return SparkSubmitHook(conn_id=self._conn_id, **rendered, **self._further)

    def execute(self, context: Any) -> Any:
        if self.hook.target.keeps_the_driver:
            return self.execute_resumable(context)
        self.hook.submit(self.application)
        return None

    def on_kill(self) -> None:
        self.hook.on_kill()

    # --- a driver on the cluster ---

    def submit_job(self, context: Any) -> Any:
        store = context.get("task_state_store") if self.durable else None

        def keep(driver_id: str) -> None:
            # Before spark-submit has ended: it waits some seconds more, in which this process may die.
            if store is not None:
                store.set(self.external_id_key, driver_id)

        return self.hook.submit(self.application, on_driver=keep)

    def get_job_status(self, external_id: Any, context: Any) -> str:
        return self.hook.master.driver_state(str(external_id))

    def is_job_active(self, status: str) -> bool:
        return status in ACTIVE

    def is_job_succeeded(self, status: str) -> bool:
        return status == SUCCEEDED

    def poll_until_complete(self, external_id: Any, context: Any) -> None:
        self.hook.wait_for(str(external_id))

    def get_job_result(self, external_id: Any, context: Any) -> Any:
        return None
