"""Every sensor and trigger under each of its spellings, and nothing of the SDK's imported before it is asked for."""

from __future__ import annotations

import importlib

import pytest

SPELLINGS = {
    "BashSensor": "airflow.sensors.bash airflow.contrib.sensors.bash_sensor airflow.providers.standard.sensors.bash",
    "DateTimeSensor": "airflow.sensors.date_time airflow.sensors.date_time_sensor "
    "airflow.providers.standard.sensors.date_time",
    "DateTimeSensorAsync": "airflow.sensors.date_time airflow.providers.standard.sensors.date_time",
    "DayOfWeekSensor": "airflow.sensors.weekday airflow.contrib.sensors.weekday_sensor "
    "airflow.providers.standard.sensors.weekday",
    "ExternalTaskMarker": "airflow.sensors.external_task airflow.providers.standard.sensors.external_task",
    "ExternalTaskSensor": "airflow.sensors.external_task airflow.sensors.external_task_sensor "
    "airflow.providers.standard.sensors.external_task",
    "FileSensor": "airflow.sensors.filesystem airflow.contrib.sensors.file_sensor "
    "airflow.providers.standard.sensors.filesystem",
    "FSHook": "airflow.hooks.filesystem airflow.contrib.hooks.fs_hook airflow.providers.standard.hooks.filesystem",
    "HttpHook": "airflow.hooks.http_hook airflow.providers.http.hooks.http",
    "HttpOperator": "airflow.providers.http.operators.http",
    "HttpSensor": "airflow.sensors.http_sensor airflow.providers.http.sensors.http",
    "PostgresHook": "airflow.hooks.postgres_hook airflow.providers.postgres.hooks.postgres",
    "PythonSensor": "airflow.sensors.python airflow.contrib.sensors.python_sensor "
    "airflow.providers.standard.sensors.python",
    "SimpleHttpOperator": "airflow.operators.http_operator airflow.providers.http.operators.http",
    "SqliteHook": "airflow.hooks.sqlite_hook airflow.providers.sqlite.hooks.sqlite",
    "SqlSensor": "airflow.sensors.sql airflow.sensors.sql_sensor airflow.providers.common.sql.sensors.sql",
    "TimeDeltaSensor": "airflow.sensors.time_delta airflow.sensors.time_delta_sensor "
    "airflow.providers.standard.sensors.time_delta",
    "TimeDeltaSensorAsync": "airflow.sensors.time_delta airflow.providers.standard.sensors.time_delta",
    "TimeSensor": "airflow.sensors.time_sensor airflow.providers.standard.sensors.time",
    "TimeSensorAsync": "airflow.sensors.time_sensor airflow.providers.standard.sensors.time",
    "WaitSensor": "airflow.providers.standard.sensors.time_delta",
    "BaseTrigger": "airflow.triggers.base airflow.triggers.temporal",
    "BaseEventTrigger": "airflow.triggers.base airflow.providers.common.compat.triggers",
    "DateTimeTrigger": "airflow.triggers.temporal airflow.providers.standard.triggers.temporal",
    "DagStateTrigger": "airflow.triggers.external_task airflow.providers.standard.triggers.external_task",
    "FileTrigger": "airflow.triggers.file airflow.providers.standard.triggers.file",
    "FileDeleteTrigger": "airflow.providers.standard.triggers.file",
    "StartTriggerArgs": "airflow.triggers.base airflow.sensors.filesystem",
    "TaskSuccessEvent": "airflow.triggers.base airflow.triggers.temporal",
    "TimeDeltaTrigger": "airflow.triggers.temporal airflow.providers.common.compat.standard.triggers",
    "TriggerEvent": "airflow.triggers.base airflow.triggers.file",
    "TriggerFailureReason": "airflow.models.trigger airflow.sdk.bases.operator",
    "WorkflowTrigger": "airflow.triggers.external_task airflow.providers.standard.triggers.external_task",
    "TaskDeferred": "airflow.exceptions airflow.sdk.exceptions",
    "PokeReturnValue": "airflow.sensors.base airflow.sdk",
}


@pytest.mark.usefixtures("airflow_names")
@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_is_the_same_object_of_ours(name: str) -> None:
    found = {getattr(importlib.import_module(module), name) for module in SPELLINGS[name].split()}
    assert len(found) == 1
    assert found.pop().__module__.startswith("tradewind.sdk.")


@pytest.mark.usefixtures("airflow_names")
def test_an_author_may_write_a_trigger_and_an_operator_that_defers() -> None:
    from airflow.sdk import BaseOperator
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    class Mine(BaseTrigger):
        def serialize(self):
            return "mine.Mine", {}

        async def run(self):
            yield TriggerEvent("done")

    class Defers(BaseOperator):
        def execute(self, context):
            self.defer(trigger=Mine(), method_name="finish")

        def finish(self, context, event=None):
            return event

    from airflow.exceptions import TaskDeferred

    with pytest.raises(TaskDeferred) as caught:
        Defers(task_id="t").execute({})
    assert caught.value.trigger.serialize() == ("mine.Mine", {})
    with pytest.raises(TypeError, match="abstract"):
        BaseTrigger()
