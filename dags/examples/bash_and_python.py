"""A shell command and a Python function in one Dag, with a template and an explicit order."""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG


def count_words(text: str) -> int:
    words = len(text.split())
    print(f"{words} words")
    return words


with DAG(
    dag_id="bash_and_python",
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=30)},
    tags=["example"],
):
    write = BashOperator(task_id="write", bash_command="echo 'the day is {{ ds }}'")
    count = PythonOperator(
        task_id="count",
        python_callable=count_words,
        op_kwargs={"text": "{{ ti.xcom_pull(task_ids='write') }}"},
    )
    write >> count
