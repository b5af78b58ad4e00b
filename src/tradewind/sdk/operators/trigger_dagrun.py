"""TriggerDagRunOperator: create a run of another Dag, and wait for it if asked to."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from datetime import datetime
from typing import Any

from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    DagNotFound,
    DagRunAlreadyExists,
)
from tradewind.sdk.operator import BaseOperator, describe
from tradewind.sdk.timezone import aware, utcnow
from tradewind.sdk.types import NOTSET, ArgNotSet, DagRunState

XCOM_RUN_ID = "trigger_run_id"
XCOM_LOGICAL_DATE_ISO = "trigger_logical_date_iso"


class TriggerDagRunOperator(BaseOperator):
    """Creates a run of `trigger_dag_id` with `conf`. With `wait_for_completion` it looks every `poke_interval` seconds
    until the run is in one of `allowed_states` (success) or `failed_states` (failure)."""

    template_fields: Collection[str] = (
        "trigger_dag_id", "trigger_run_id", "logical_date", "conf", "wait_for_completion", "skip_when_already_exists",
    )  # fmt: skip
    template_fields_renderers = {"conf": "py"}
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: dict[str, Any] | None = None,
        logical_date: str | datetime | ArgNotSet | None = NOTSET,
        execution_date: str | datetime | None = None,
        run_after: Any = NOTSET,
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: int = 60,
        allowed_states: list[str] | None = None,
        failed_states: list[str] | None = None,
        skip_when_already_exists: bool = False,
        fail_when_dag_is_paused: bool = False,
        note: str | None = None,
        deferrable: bool = False,
        openlineage_inject_parent_info: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = describe(self.task_id, self._dag)
        if execution_date is not None:
            self.notices.append(f"{where}: execution_date= is now called logical_date=.")
            logical_date = execution_date
        if logical_date is not None and not isinstance(logical_date, (str, datetime, ArgNotSet)):
            raise TypeError(f"{where}: logical_date must be text or a datetime, not {type(logical_date).__name__}.")
        for name, value in (
            ("run_after", run_after is not NOTSET),
            ("fail_when_dag_is_paused", fail_when_dag_is_paused),
        ):
            if value:
                raise AirflowException(f"{where}: {name}= is not supported; leave it out.")
        self.trigger_dag_id, self.trigger_run_id, self.conf = trigger_dag_id, trigger_run_id, conf
        self.logical_date = logical_date
        self.reset_dag_run, self.wait_for_completion, self.poke_interval = (
            reset_dag_run, wait_for_completion, poke_interval,
        )  # fmt: skip
        self.allowed_states = [str(state) for state in allowed_states or [DagRunState.SUCCESS]]
        # An empty list says that no state is a failure, which None does not.
        self.failed_states = [str(s) for s in ([DagRunState.FAILED] if failed_states is None else failed_states)]
        self.skip_when_already_exists, self.note, self.deferrable = skip_when_already_exists, note, deferrable

    def execute(self, context: Any) -> None:
        logical_date = self._logical_date()
        request: dict[str, Any] = {"dag_id": self.trigger_dag_id, "conf": self._conf()}
        if self.trigger_run_id:
            request["run_id"] = str(self.trigger_run_id)
        if logical_date is not None:
            request["logical_date_us"] = int(logical_date.timestamp() * 1_000_000)
        if self.note is not None:
            request["note"] = self.note
        run_id = self._create(request)
        self.log.info("Created run %s of Dag %s", run_id, self.trigger_dag_id)
        context["ti"].xcom_push(key=XCOM_RUN_ID, value=run_id)
        if self.wait_for_completion and self.deferrable:
            self._defer(run_id)
        if self.wait_for_completion:
            self._wait(run_id)

    def _defer(self, run_id: str) -> None:
        from tradewind.sdk.triggers.external_task import DagStateTrigger

        trigger = DagStateTrigger(
            dag_id=self.trigger_dag_id,
            states=[*self.allowed_states, *self.failed_states],
            run_ids=[run_id],
            poll_interval=self.poke_interval,
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any) -> None:
        """Goes on when the run is over. `event` is the path of the trigger and its arguments, with the run's state."""
        _, facts = event
        for run_id in facts["run_ids"]:
            self._is_done(run_id, facts[run_id])

    def _create(self, request: dict[str, Any]) -> str:
        from tradewind.sdk.execution.runtime import RuntimeRequestError, current_runtime

        try:
            return str(current_runtime().request("run.create", **request)["run_id"])
        except RuntimeRequestError as error:
            if error.kind in ("RunAlreadyExists", "DagRunAlreadyExists"):
                if self.skip_when_already_exists:
                    raise AirflowSkipException(f"Skipping: {error.text}") from None
                hint = " reset_dag_run= cannot clear it from a task; clear it by hand." if self.reset_dag_run else ""
                raise DagRunAlreadyExists(request.get("run_id"), f"{error.text}{hint}") from None
            if error.kind == "DagNotFound":
                raise DagNotFound(f"Dag id {self.trigger_dag_id} not found: {error.text}") from None
            raise

    def _wait(self, run_id: str) -> None:
        from tradewind.sdk.execution.runtime import current_runtime

        while True:
            self.log.info(
                "Waiting for %s on %s to become allowed state %s ...", self.trigger_dag_id, run_id, self.allowed_states
            )
            run = current_runtime().request("run.get", dag_id=self.trigger_dag_id, run_id=run_id)
            if run is None:
                raise AirflowException(
                    f"Run {run_id!r} of Dag {self.trigger_dag_id!r} is gone while it was waited for."
                )
            if self._is_done(run_id, run["state"]):
                return
            time.sleep(self.poke_interval)

    def _is_done(self, run_id: str, state: str) -> bool:
        """Whether the run is in a state that was waited for. Raises AirflowException when it has failed."""
        if state in self.failed_states:
            raise AirflowException(f"{self.trigger_dag_id} failed with failed state {state}")
        if state in self.allowed_states:
            self.log.info("%s: %s finished with allowed state %s", self.trigger_dag_id, run_id, state)
        return state in self.allowed_states

    def _logical_date(self) -> datetime | None:
        if isinstance(self.logical_date, ArgNotSet):
            return utcnow()
        try:
            return aware(self.logical_date)
        except ValueError:
            raise AirflowFailException(
                f"{describe(self.task_id, self._dag)}: logical_date {self.logical_date!r} is not an ISO 8601 moment."
            ) from None

    def _conf(self) -> dict[str, Any]:
        try:
            conf = json.loads(self.conf) if isinstance(self.conf, str) else self.conf or {}
            json.dumps(conf)
        except (TypeError, ValueError):
            raise AirflowException(
                f"{describe(self.task_id, self._dag)}: conf parameter should be JSON Serializable {self.conf!r}"
            ) from None
        if not isinstance(conf, dict):
            raise AirflowException(f"{describe(self.task_id, self._dag)}: conf must be a dict, not {conf!r}.")
        return conf
