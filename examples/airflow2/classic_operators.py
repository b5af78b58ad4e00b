"""Airflow 2 spellings: schedule_interval, days_ago, `*_operator` modules, DummyOperator."""

from datetime import timedelta

from airflow import DAG
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import BranchPythonOperator, PythonOperator
from airflow.utils.dates import days_ago
from airflow.utils.trigger_rule import TriggerRule

default_args = {
    "owner": "data",
    "depends_on_past": False,
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
}


def extract(**context):
    context["ti"].xcom_push(key="rows", value=[1, 2, 3])


def choose(**context):
    return "load" if context["ti"].xcom_pull(task_ids="extract", key="rows") else "nothing"


def load(**context):
    print(context["ds"], context["ti"].xcom_pull(task_ids="extract", key="rows"))


dag = DAG(
    "classic_operators",
    default_args=default_args,
    description="The old way to write a Dag",
    schedule_interval="@daily",
    start_date=days_ago(2),
    catchup=False,
)

start = DummyOperator(task_id="start", dag=dag)
extract_task = PythonOperator(task_id="extract", python_callable=extract, dag=dag)
choose_task = BranchPythonOperator(task_id="choose", python_callable=choose, dag=dag)
load_task = PythonOperator(task_id="load", python_callable=load, dag=dag)
nothing = BashOperator(task_id="nothing", bash_command="echo 'nothing on {{ ds }}'", dag=dag)
end = DummyOperator(task_id="end", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, dag=dag)

start >> extract_task >> choose_task >> [load_task, nothing] >> end
