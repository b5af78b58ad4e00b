"""One task for each item of a list that is only known when the Dag runs."""

from datetime import datetime

from airflow.sdk import dag, task, task_group


@dag(schedule=None, start_date=datetime(2026, 1, 1), tags=["example"])
def mapping():
    @task
    def cities() -> list[str]:
        return ["Seoul", "Busan", "Jeju"]

    @task(map_index_template="{{ task.op_kwargs['city'] }}")
    def measure(city: str, unit: str) -> int:
        print(f"Measuring {city} in {unit}")
        return len(city)

    @task_group
    def summary(values):
        @task
        def total(values) -> int:
            return sum(values)

        @task
        def publish(value: int) -> None:
            print(f"Total: {value}")

        publish(total(values))

    summary(measure.partial(unit="letters").expand(city=cities()))


mapping()
