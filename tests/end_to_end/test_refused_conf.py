"""A run is refused before it is stored when its conf does not fit the params of its Dag, whoever asks for it."""

import pytest

from tradewind.core.errors import TradewindError
from tradewind.testing.installation import Installation

DAGS = """
from airflow.sdk import DAG, Param, dag, task
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

@dag(schedule=None, params={"rows": Param(1, type="integer", minimum=1), "name": Param(type="string")})
def strict():
    @task
    def show(params=None): return dict(params)
    show()
strict()

with DAG("asks", schedule=None):
    TriggerDagRunOperator(task_id="wrongly", trigger_dag_id="strict", conf={"rows": 0, "name": "x"})
    TriggerDagRunOperator(task_id="rightly", trigger_dag_id="strict", conf={"rows": 7, "name": "x"})

with DAG("clocked", schedule="@daily", params={"name": Param(type="string")}):
    pass
"""


def test_params_are_checked_before_a_run_is_stored() -> None:
    with Installation({"params.py": DAGS}) as here:
        here.start()
        here.until("the Dags", lambda: here.rows("SELECT 1 FROM dag WHERE dag_id = 'asks'"))
        for conf, part in (({"name": 5}, "param 'name'"), ({}, "param 'name'"), ({"name": "x", "rows": 0}, "'rows'")):
            with pytest.raises(TradewindError, match=part):
                here.command("run.create", dag_id="strict", run_id="refused", conf=conf)
        assert here.rows("SELECT * FROM run") == []

        assert here.run("asks") == "failed"
        states = {row["task_id"]: row["state"] for row in here.rows("SELECT task_id, state FROM task_instance")}
        assert (states["wrongly"], states["rightly"]) == ("failed", "success")
        assert "0 is less than the minimum of 1" in here.log("asks", "wrongly")
        runs = here.rows("SELECT conf FROM run WHERE dag_id = 'strict'")
        assert [row["conf"] for row in runs] == ['{"rows": 7, "name": "x"}']

        errors = here.rows("SELECT dag_id, message FROM import_error")
        assert len(errors) == 1
        assert "param 'name' needs a valid default because the Dag has a schedule" in errors[0]["message"]
