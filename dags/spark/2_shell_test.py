"""The same CSV batch by a shell script, run by a BashOperator; its last line is the result."""

import os
import sys
from datetime import datetime
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("TRADEWIND_DATA", "data")).resolve() / "spark"
ORDERS, RESULT = DATA / "orders.csv", DATA / "output" / "shell" / "cities.csv"

with DAG("shell_test", schedule=None, start_date=datetime(2025, 11, 1), catchup=False, tags=["spark", "batch"]):
    make_input = BashOperator(
        task_id="make_input", bash_command=f"'{sys.executable}' '{HERE}/scripts/make_inputs.py' orders '{ORDERS}'"
    )
    process = BashOperator(
        task_id="process_csv",
        # The quotes after the script's name keep it from being taken for a template that ends in .sh.
        bash_command=f"bash '{HERE}/plugins/shell/process_csv.sh' '{ORDERS}' '{RESULT}'",
        retries=1,
    )
    make_input >> process
