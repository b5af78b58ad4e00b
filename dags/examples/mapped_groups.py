"""A few steps for each city of a list that is known when the Dag runs: one with bad data holds up no other."""

from datetime import datetime

from airflow.sdk import dag, task, task_group


@dag(schedule=None, start_date=datetime(2026, 1, 1), tags=["example"])
def mapped_groups():
    @task
    def cities() -> list[dict]:
        return [
            {"city": "Seoul", "readings": [21, 24]},
            {"city": "Busan", "readings": []},
            {"city": "Jeju", "readings": [25]},
        ]

    @task(map_index_template="{{ task.op_kwargs['city'] }}")
    def check(city: str, readings: list[int]) -> list[int]:
        if not readings:
            raise ValueError(f"{city} sent nothing")
        return readings

    @task
    def mean(readings: list[int]) -> float:
        return sum(readings) / len(readings)

    @task_group
    def per_city(city, readings):
        return mean(check(city, readings))

    @task(trigger_rule="all_done")
    def report(means) -> None:
        print(f"Mean of the means: {sum(means) / len(means):.1f}")

    report(per_city.expand_kwargs(cities()))


mapped_groups()
