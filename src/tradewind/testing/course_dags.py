"""Two pipelines as a course prints them, in Airflow 2's spelling: one classic, one TaskFlow, both `example_dag`."""

CLASSIC = """
from datetime import datetime

from airflow import DAG
from airflow.operators.python import PythonOperator


def extract_data():
    print("Extracting data...")
    return "raw_data"

def transform_data(data):
    print(f"Transforming data: {data}")
    return f"transformed_{data}"

def load_data(data):
    print(f"Loading data: {data}")
    return f"loaded_data"

# DAG 정의
with DAG(dag_id="example_dag", schedule_interval="@daily", start_date=datetime(2025, 11, 1)) as dag:

    # PythonOperator를 사용하여 각 태스크를 명시적으로 정의
    extract_task = PythonOperator(task_id="extract_data", python_callable=extract_data)
    transform_task = PythonOperator(task_id="transform_data", python_callable=transform_data, op_args=["{{ task_instance.xcom_pull(task_ids='extract_data') }}"])
    load_task = PythonOperator(task_id="load_data", python_callable=load_data, op_args=["{{ task_instance.xcom_pull(task_ids='transform_data') }}"])

    # 태스크 간 의존성 설정
    extract_task >> transform_task >> load_task
"""  # noqa: E501

TASKFLOW = """
from datetime import datetime

from airflow.decorators import dag, task


# DAG 정의
@dag(schedule_interval="@daily", start_date=datetime(2025, 11, 1))
def example_dag():

    # @task 데코레이터로 Airflow 태스크로 변환
    @task
    def extract_data():
        print("Extracting data...")
        return "raw_data"

    @task
    def transform_data(data):
        print(f"Transforming data: {data}")
        return f"transformed_{data}"

    @task
    def load_data(data):
        print(f"Loading data: {data}")
        # 데이터 로딩 예시
        return f"loaded_{data}"

    # 함수 간 의존성 설정
    data = extract_data()   # 첫 번째 태스크
    transformed_data = transform_data(data)  # 두 번째 태스크
    load_data(transformed_data)  # 세 번째 태스크

# DAG 실행
example_dag()
"""
