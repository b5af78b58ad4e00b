"""Values that a run is given, checked before it is made: `tradewind dags trigger params --conf '{"rows": 50}'`.

What does not fit is refused in a sentence, and no run is made: `{"rows": -1}`, `{"region": "moon"}`, `{"code": "x"}`.
"""

from datetime import datetime

from airflow.sdk import DAG, Param, task

with DAG(
    "params",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={
        "rows": Param(10, type="integer", minimum=1, maximum=1000, title="Rows", description="How many to read"),
        "region": Param("kr", enum=["kr", "us", "eu"], description="Where from"),
        "code": Param("A-17", type="string", pattern="^[A-Z]-[0-9]+$"),
        "since": Param("2026-01-01", type="string", format="date"),
        "note": Param(None, type=["null", "string"], section="If you like"),
        "columns": Param(["id", "price"], type="array", items={"type": "string"}, section="If you like"),
    },
    render_template_as_native_obj=True,
    tags=["example"],
):

    @task
    def read(rows: int, params: dict) -> int:
        print(params["region"], params["code"], params["columns"], params["note"] or "no note")
        return rows

    @task.bash
    def since() -> str:
        return "echo since {{ params.since }}"

    read("{{ params.rows }}") >> since()
