"""What branches and short circuits decide to skip."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tradewind.sdk import DAG, BaseOperator, SkipMixin, TaskGroup, task
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.operators.datetime import BranchDateTimeOperator
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.latest_only import LatestOnlyOperator
from tradewind.sdk.operators.python import BranchPythonOperator, ShortCircuitOperator
from tradewind.sdk.operators.weekday import BranchDayOfWeekOperator
from tradewind.sdk.serialize import dag_spec
from tradewind.sdk.timetables import DagRunInfo, DataInterval, TimeRestriction, Timetable


def skipped_by(operator: Any, **context: Any) -> list[str]:
    context = {"tradewind_skip": [], "task": operator, **context}
    operator.execute(context)
    return sorted(context["tradewind_skip"])


def branching(chosen: Any) -> Any:
    """branch >> [a, b, group.x]; a >> join; b >> join; group.x >> group.y; a >> b2; branch >> b2"""
    with DAG("d"):
        branch = BranchPythonOperator(task_id="branch", python_callable=lambda: chosen)
        a, b, b2, join = (EmptyOperator(task_id=name) for name in ("a", "b", "b2", "join"))
        with TaskGroup("group") as group:
            EmptyOperator(task_id="x") >> EmptyOperator(task_id="y")
        branch >> [a, b, b2, join] >> EmptyOperator(task_id="end")
        branch >> group
        a >> [join, b2]
        b >> join
    return branch


@pytest.mark.parametrize(
    ("chosen", "skipped"),
    [
        ("a", ["b", "group.x"]),
        ("b", ["a", "b2", "group.x"]),
        (["a", "b"], ["group.x"]),
        ("group", ["a", "b", "b2", "join"]),
        (("group.x", "b2"), ["a", "b", "join"]),
        (None, ["a", "b", "b2", "group.x", "join"]),
        ([], ["a", "b", "b2", "group.x", "join"]),
    ],
)
def test_what_a_followed_branch_does_not_lead_to_is_skipped(chosen: Any, skipped: list[str]) -> None:
    assert skipped_by(branching(chosen)) == skipped


@pytest.mark.parametrize(
    ("chosen", "message"),
    [("nowhere", "Task 'branch' of Dag 'd' returned 'nowhere'; its downstream tasks are: a, b"), (5, "not int")],
)
def test_a_branch_to_nowhere_is_explained(chosen: Any, message: str) -> None:
    with pytest.raises(AirflowException, match=message):
        skipped_by(branching(chosen))


def test_a_mapped_branch_skips_its_own_index() -> None:
    assert skipped_by(branching("a"), ti=SimpleNamespace(map_index=2)) == ["b[2]", "group.x[2]"]


@pytest.mark.parametrize(("everything", "skipped"), [(True, ["a", "b"]), (False, ["a"])])
def test_a_short_circuit_spares_teardowns(everything: bool, skipped: list[str]) -> None:
    with DAG("d") as made:
        stop = ShortCircuitOperator(
            task_id="stop", python_callable=lambda: 0, ignore_downstream_trigger_rules=everything
        )
        down = EmptyOperator(task_id="down").as_teardown()
        stop >> EmptyOperator(task_id="a") >> EmptyOperator(task_id="b") >> down
        stop >> down
    assert skipped_by(stop) == skipped
    assert dag_spec(made, "d.py").tasks["stop"].skips_downstream
    assert not dag_spec(made, "d.py").tasks["a"].skips_downstream


def test_a_true_short_circuit_skips_nothing() -> None:
    with DAG("d"):
        stop = ShortCircuitOperator(task_id="stop", python_callable=lambda: "yes")
        stop >> EmptyOperator(task_id="a")
    assert skipped_by(stop) == []


def test_branching_functions() -> None:
    with DAG("d"):

        @task.branch
        def choose(ds):
            return "a" if ds == "x" else "b"

        @task.short_circuit
        def goes_on():
            return False

        made = choose()
        made >> [EmptyOperator(task_id="a"), EmptyOperator(task_id="b")]
        stop = goes_on()
        stop >> EmptyOperator(task_id="c")
    assert skipped_by(made.operator, ds="x") == ["b"]
    assert skipped_by(stop.operator) == ["c"]


def test_an_operator_of_ones_own_may_skip() -> None:
    class Chooser(BaseOperator, SkipMixin):
        def execute(self, context: Any) -> None:
            self.skip(context["ti"], [self.dag.get_task("a")])
            self.skip_all_except(context["ti"], "b")

    context: dict[str, Any] = {"tradewind_skip": []}
    context["ti"] = SimpleNamespace(map_index=-1, get_template_context=lambda: context)
    with DAG("d") as made:
        chooser = Chooser(task_id="chooser")
        chooser >> [EmptyOperator(task_id=name) for name in "abc"]
    chooser.execute(context)
    assert context["tradewind_skip"] == ["a", "c"]
    assert dag_spec(made, "d.py").tasks["chooser"].skips_downstream


def test_only_the_newest_run_goes_on() -> None:
    with DAG("d", schedule="@daily", start_date=datetime(2025, 1, 1)):
        latest = LatestOnlyOperator(task_id="latest")
        latest >> EmptyOperator(task_id="a")
    now = datetime.now(UTC)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)

    def run(at: datetime, run_type: str = "scheduled") -> Any:
        return SimpleNamespace(
            run_type=run_type, logical_date=at, data_interval_start=at, data_interval_end=at, run_after=at
        )

    assert skipped_by(latest, dag_run=run(today)) == []
    assert skipped_by(latest, dag_run=run(today - timedelta(days=3))) == ["a"]
    assert skipped_by(latest, dag_run=run(today - timedelta(days=3), "manual")) == []


def test_a_timetable_of_ones_own_says_itself_which_run_is_the_newest() -> None:
    class EveryOtherDay(Timetable):
        def next_dagrun_info(
            self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
        ) -> DagRunInfo | None:
            assert last_automated_data_interval is not None
            return DagRunInfo.exact(last_automated_data_interval.end + timedelta(days=2))

    with DAG("d", schedule=EveryOtherDay()):
        latest = LatestOnlyOperator(task_id="latest")
        latest >> EmptyOperator(task_id="a")
    for days, skipped in ((1, []), (3, ["a"])):
        at = datetime.now(UTC) - timedelta(days=days)
        run = SimpleNamespace(
            run_type="scheduled", logical_date=at, data_interval_start=at, data_interval_end=at, run_after=at
        )
        assert skipped_by(latest, dag_run=run) == skipped


def test_branches_by_clock_and_calendar() -> None:
    def clock(**bounds: Any) -> Any:
        return BranchDateTimeOperator(
            task_id="t",
            follow_task_ids_if_true="in",
            follow_task_ids_if_false="out",
            use_task_logical_date=True,
            **bounds,
        )

    at = {"logical_date": datetime(2025, 11, 1, 12, tzinfo=UTC)}  # a Saturday
    assert clock(target_lower=time(11), target_upper=time(13)).choose_branch(at) == "in"
    assert clock(target_lower=time(13), target_upper=None).choose_branch(at) == "out"
    assert clock(target_lower=None, target_upper=datetime(2025, 11, 1, 11)).choose_branch(at) == "out"
    assert clock(target_lower=time(11), target_upper=time(1)).choose_branch(at) == "in"
    with pytest.raises(AirflowException, match="Task 't': give target_lower"):
        clock(target_lower=None, target_upper=None)
    days = BranchDayOfWeekOperator(
        task_id="w", follow_task_ids_if_true="in", follow_task_ids_if_false="out", week_day={"Saturday", "Sunday"},
        use_task_logical_date=True,
    )  # fmt: skip
    assert days.choose_branch(at) == "in"
    assert days.choose_branch({"logical_date": datetime(2025, 11, 3, tzinfo=UTC)}) == "out"
