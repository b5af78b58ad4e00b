"""A CSV batch with pandas: read, clean and add up in a PythonOperator."""

import os
import sys
from datetime import datetime
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("TRADEWIND_DATA", "data")).resolve() / "spark"
ORDERS, RESULT = DATA / "orders.csv", DATA / "output" / "pandas" / "cities.csv"


def process_csv(source: str, target: str) -> dict[str, int]:
    """The orders of each city, without rows that come twice or have no amount."""
    import pandas as pd

    orders = pd.read_csv(source)
    orders["amount"] = pd.to_numeric(orders["amount"], errors="coerce")
    good = orders.dropna(subset=["amount"]).drop_duplicates("order_id").astype({"amount": "int64"})
    cities = good.groupby("city")["amount"].agg(orders="count", total="sum").reset_index().sort_values("city")
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    cities.to_csv(target, index=False)
    print(cities.to_string(index=False))
    return {"read": len(orders), "used": len(good), "cities": len(cities)}


with DAG("csv_test", schedule=None, start_date=datetime(2025, 11, 1), catchup=False, tags=["spark", "batch"]):
    make_input = BashOperator(
        task_id="make_input", bash_command=f"'{sys.executable}' '{HERE}/scripts/make_inputs.py' orders '{ORDERS}'"
    )
    process = PythonOperator(
        task_id="process_csv", python_callable=process_csv, op_args=[str(ORDERS), str(RESULT)], retries=1
    )
    make_input >> process
