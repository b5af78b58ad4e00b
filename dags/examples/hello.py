"""The smallest Dag: two functions, one value handed on."""

from datetime import datetime

from airflow.sdk import dag, task


@dag(schedule="@daily", start_date=datetime(2026, 1, 1), tags=["example"])
def hello():
    @task
    def whom() -> str:
        return "world"

    @task
    def greet(name: str) -> None:
        print(f"Hello, {name}!")

    greet(whom())


hello()
