"""`tasks render` and `tasks test` where there is something to say first: mapped tasks, params."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from tradewind.cli.single_task import tasks_render, tasks_test
from tradewind.config import Settings, load_settings
from tradewind.core.errors import TradewindError
from tradewind.store import tables as t
from tradewind.store.engine import open_engine

DAG = """
import logging
from airflow.sdk import BaseOperator, Param, dag, task

class Echo(BaseOperator):
    template_fields = ("text",)
    def __init__(self, text, **kwargs):
        super().__init__(**kwargs)
        self.text = text
    def execute(self, context):
        logging.getLogger("mine").debug("a detail")
        return self.text

@dag(params={"n": Param(3, type="integer")})
def mapped():
    @task
    def numbers(): return [1, 2]
    @task
    def double(x): return 2 * x
    Echo(task_id="plain", text="once")
    Echo.partial(task_id="literal").expand(text=["a {{ 1 + 1 }}", "b"])
    Echo.partial(task_id="nothing").expand(text=[])
    double.expand(x=numbers())
mapped()
"""
DAY = "2026-01-01"


@pytest.fixture
def settings(home: Path) -> Settings:
    (home / "dags").mkdir(exist_ok=True)
    (home / "dags" / "mapped.py").write_text(DAG)
    return load_settings()


@pytest.mark.parametrize(
    ("task_id", "map_index", "said"),
    [
        ("literal", -1, "Task 'literal' of Dag 'mapped' is mapped; --map-index may be 0 to 1."),
        ("literal", 2, "Task 'literal' of Dag 'mapped' has no instance 2; --map-index may be 0 to 1."),
        ("nothing", 0, "Task 'nothing' of Dag 'mapped' is mapped and has no instance in this run"),
        ("plain", 0, "Task 'plain' of Dag 'mapped' is not mapped; leave out --map-index."),
        ("double", -1, "Task 'double' of Dag 'mapped' is mapped over what 'numbers' returned, and there is nothing"),
        ("double", 0, "Task 'double' of Dag 'mapped' is mapped over what 'numbers' returned, and there is nothing"),
    ],
)
def test_an_instance_that_is_none_is_refused_with_what_to_give(
    settings: Settings, task_id: str, map_index: int, said: str
) -> None:
    with pytest.raises(TradewindError) as refused:
        tasks_render(settings, "mapped", task_id, DAY, map_index=map_index)
    assert str(refused.value).startswith(said)


def test_an_instance_of_a_mapped_task_is_rendered(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert tasks_render(settings, "mapped", "literal", DAY, map_index=0) == 0
    assert "a 2" in capsys.readouterr().out


def test_params_that_do_not_fit_are_one_line(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    assert tasks_test(settings, "mapped", "plain", DAY, params={"n": "many"}) == 1
    out, err = capfd.readouterr()
    assert err == ""
    assert "plain failed (0 ms): --task-params: Invalid input for param n" in out


def test_a_task_logs_from_the_level_that_is_set(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tasks_test(settings, "mapped", "plain", DAY) == 0
    assert "a detail" not in capsys.readouterr().out
    monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "debug")
    assert tasks_test(load_settings(), "mapped", "plain", DAY) == 0
    assert "a detail" in capsys.readouterr().out


DEFERRING = """
import asyncio
from airflow.sdk import DAG, BaseOperator
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.triggers.base import BaseTrigger, TriggerEvent

class Mine(BaseTrigger):
    def serialize(self): return f"{type(self).__module__}.Mine", {}
    async def run(self):
        self.log.info("the trigger runs")
        await asyncio.sleep(0.01)
        yield TriggerEvent({"rows": 3})

class Defers(BaseOperator):
    def execute(self, context): self.defer(trigger=Mine(), method_name="go_on")
    def go_on(self, context, event): return event["rows"]

with DAG("deferring", schedule=None):
    Defers(task_id="t")
    ExternalTaskSensor(task_id="s", external_dag_id="nowhere", check_existence=True)
"""


def test_a_task_that_defers_waits_for_its_trigger_and_goes_on(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    (settings.core.dags_folder / "deferring.py").write_text(DEFERRING)
    assert tasks_test(settings, "deferring", "t", DAY) == 0
    out = capfd.readouterr().out
    assert "until deferring.Mine fires" in out
    assert "the trigger runs" in out
    assert "Returned: 3" in out


def test_a_sensor_learns_that_another_dag_does_not_exist(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    (settings.core.dags_folder / "deferring.py").write_text(DEFERRING)
    assert tasks_test(settings, "deferring", "s", DAY) == 1
    assert "The external Dag 'nowhere' does not exist" in capfd.readouterr().out


KEEPING = """
from airflow.sdk import DAG, Asset, task

ORDERS, PRICES = Asset("orders", "s3://orders"), Asset("prices", "s3://prices")

with DAG("keeping", schedule=None):

    @task(inlets=[ORDERS], outlets=[PRICES])
    def t(task_state_store, asset_state_store):
        found = [task_state_store.get("job"), asset_state_store[ORDERS].get("mark"), task_state_store.get("over")]
        task_state_store.set("job", "mine")
        asset_state_store[ORDERS].delete("mark")
        asset_state_store[PRICES].set("mark", 8)
        found += [task_state_store.get("job"), asset_state_store[ORDERS].get("mark", "gone")]
        task_state_store.clear()
        return [*found, task_state_store.get("job"), asset_state_store[PRICES].get("mark")]
"""


def test_a_task_under_test_reads_what_is_kept_and_changes_nothing(
    database: Path, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    (settings.core.dags_folder / "keeping.py").write_text(KEEPING + "    t()\n")
    engine = open_engine(settings.database.sql_alchemy_conn)
    run = {"number": 99, "dag_id": "keeping", "run_id": "r1", "run_type": "manual", "state": "success", "version": "v"}
    mine = {"run": 99, "task_id": "t", "map_index": -1, "value": b'"stored"', "updated_at": 1}
    writer = {"dag_id": "keeping", "run_id": "r1", "task_id": "t", "map_index": -1, "updated_at": 1}
    with engine.begin() as connection:
        connection.execute(t.run.insert(), {**run, "run_after": 1, "conf": "{}"})
        for key, expires in (("job", None), ("over", 1)):
            connection.execute(t.task_state_store.insert(), {**mine, "key": key, "expires_at": expires})
        for name, value in (("orders", b"7"), ("prices", b"1")):
            row = {"name": name, "uri": f"s3://{name}", "key": "mark", "value": value}
            connection.execute(t.asset_state_store.insert(), {**row, **writer})
    assert tasks_test(settings, "keeping", "t", "r1") == 0, capfd.readouterr().out
    assert 'Returned: ["stored",7,null,"mine","gone",null,8]' in capfd.readouterr().out
    with engine.connect() as connection:
        assert connection.execute(select(t.task_state_store.c.key).order_by(t.task_state_store.c.key)).all() == [
            ("job",), ("over",),
        ]  # fmt: skip
        assert connection.execute(select(t.asset_state_store.c.value).order_by(t.asset_state_store.c.name)).all() == [
            (b"7",), (b"1",),
        ]  # fmt: skip
    engine.dispose()


def test_a_task_of_a_made_up_run_starts_with_nothing_kept(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    (settings.core.dags_folder / "keeping.py").write_text(KEEPING + "    t()\n")
    assert tasks_test(settings, "keeping", "t", DAY) == 0
    assert 'Returned: [null,null,null,"mine","gone",null,8]' in capfd.readouterr().out
