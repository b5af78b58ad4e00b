"""Ways that part inside a group, a way cut short, a way by weekday, and a task that decides for itself."""

from datetime import datetime, time

from airflow.providers.standard.operators.datetime import BranchDateTimeOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.weekday import BranchDayOfWeekOperator
from airflow.sdk import dag, task, task_group
from airflow.sdk.exceptions import AirflowSkipException


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"rows": 0}, tags=["example"])
def branching_in_groups():
    @task_group
    def load():
        @task.branch
        def how(params: dict) -> str:
            # The id of a task in a group has the group's before it; the id of a group means its first tasks.
            return "load.quick" if params["rows"] < 100 else "load.careful"

        quick = EmptyOperator(task_id="quick")

        @task_group
        def careful():
            EmptyOperator(task_id="count") >> EmptyOperator(task_id="compare")

        how() >> [quick, careful()]

    @task.short_circuit
    def is_there_anything(params: dict) -> bool:
        return params["rows"] > 0

    @task
    def summary() -> None:
        print("something was there")

    weekday = BranchDayOfWeekOperator(
        task_id="weekday",
        week_day={"Saturday", "Sunday"},
        use_task_logical_date=True,
        follow_task_ids_if_true="weekend",
        follow_task_ids_if_false="workday",
    )
    daytime = BranchDateTimeOperator(
        task_id="daytime",
        target_lower=time(6, 0),
        target_upper=time(18, 0),
        use_task_logical_date=True,
        follow_task_ids_if_true="day",
        follow_task_ids_if_false="night",
    )

    @task.skip_if(lambda context: context["params"]["rows"] == 0)
    @task
    def only_with_rows() -> None:
        print("rows")

    @task
    def decides() -> None:
        raise AirflowSkipException("not today")

    done = EmptyOperator(task_id="done", trigger_rule="none_failed_min_one_success")
    load() >> done
    is_there_anything() >> summary()
    weekday >> [EmptyOperator(task_id="weekend"), EmptyOperator(task_id="workday")]
    daytime >> [EmptyOperator(task_id="day"), EmptyOperator(task_id="night")]
    [only_with_rows(), decides()] >> EmptyOperator(task_id="skipped_with_them")


branching_in_groups()
