"""Waiting for a database and for a web page, here for this server itself. Airflow needs a provider for each.

Make the connections first:
`tradewind connections add example_shop --conn-type sqlite --conn-host /tmp/example_shop.db` and
`tradewind connections add example_server --conn-uri http://127.0.0.1:8080`.
"""

from datetime import datetime, timedelta

from airflow.providers.common.sql.sensors.sql import SqlSensor
from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.sqlite.hooks.sqlite import SqliteHook
from airflow.sdk import DAG, task

PATIENCE = {"mode": "reschedule", "poke_interval": 1, "timeout": timedelta(minutes=1)}

with DAG("sensors_of_services", schedule=None, start_date=datetime(2026, 1, 1), tags=["example"]):

    @task
    def order() -> None:
        shop = SqliteHook("example_shop")
        shop.run("CREATE TABLE IF NOT EXISTS orders (pieces INTEGER)")
        shop.run("INSERT INTO orders VALUES (42)")

    ordered = SqlSensor(
        task_id="ordered",
        conn_id="example_shop",
        sql="SELECT SUM(pieces) FROM orders",
        success=lambda pieces: pieces is not None and pieces >= 42,
        **PATIENCE,
    )
    is_well = HttpSensor(
        task_id="is_well",
        http_conn_id="example_server",
        endpoint="api/v2/monitor/health",
        response_check=lambda response: response.json()["scheduler"]["status"] == "healthy",
        **PATIENCE,
    )
    order() >> [ordered, is_well]
