"""Deadlines and SLAs as authors declare them, what the scheduler gets of them, and who is called when one is missed."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from execution_attempts import DAY, FakeRuntime, offer, run_info

from tradewind.core.dag import DeadlineSpec
from tradewind.sdk import DAG, AsyncCallback, BaseNotifier, DeadlineAlert, DeadlineReference, SyncCallback
from tradewind.sdk.deadline import BaseDeadlineReference, VariableInterval, deadline_reference
from tradewind.sdk.execution import prepare, run_callback
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.serialize import dag_spec
from tradewind.wire.messages import Finished

HOUR = timedelta(hours=1)
MISSED = datetime(2024, 3, 6, 1, tzinfo=UTC)
SEEN: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    SEEN.clear()


def plain(**kwargs: Any) -> None:
    SEEN.append(kwargs)


def without_context(text: str) -> None:
    SEEN.append(text)


async def coroutine(context: Any, text: str) -> None:
    SEEN.append((context["dag_run"]["dag_id"], context["deadline"].alert_name, text))


class Notifier(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        SEEN.append(self.text)


def with_deadline(*alerts: DeadlineAlert, **arguments: Any) -> DAG:
    with DAG("d", schedule=None, deadline=alerts[0] if len(alerts) == 1 else list(alerts), **arguments) as dag:
        EmptyOperator(task_id="t")
    return dag


def alert(reference: Any = DeadlineReference.DAGRUN_QUEUED_AT, callback: Any = None, **given: Any) -> DeadlineAlert:
    return DeadlineAlert(reference=reference, callback=callback or SyncCallback(plain), **{"interval": HOUR, **given})


# --- what the scheduler gets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        (DeadlineReference.DAGRUN_LOGICAL_DATE, {"reference": "logical_date"}),
        (DeadlineReference.DAGRUN_QUEUED_AT, {"reference": "queued_at"}),
        (DeadlineReference.FIXED_DATETIME(DAY), {"reference": "fixed", "at": DAY}),
        (DeadlineReference.FIXED_DATETIME(datetime(2024, 3, 5)), {"reference": "fixed", "at": DAY}),
        (DeadlineReference.AVERAGE_RUNTIME(), {"reference": "average_runtime", "max_runs": 10, "min_runs": 10}),
        (DeadlineReference.AVERAGE_RUNTIME(5, 2), {"reference": "average_runtime", "max_runs": 5, "min_runs": 2}),
    ],
)
def test_a_deadline_becomes_plain_values(reference: Any, wanted: dict[str, Any]) -> None:
    spec = dag_spec(with_deadline(alert(reference, name="late")), "d.py")
    assert spec.deadlines == (DeadlineSpec(interval_seconds=3600, name="late", **wanted),)
    assert spec.notices == ()


def test_equal_deadlines_give_equal_specs_and_several_keep_their_order() -> None:
    first, second = alert(interval=HOUR), alert(interval=-HOUR)
    one, other = (dag_spec(with_deadline(first, second), "d.py") for _ in range(2))
    assert one == other
    assert [each.interval_seconds for each in one.deadlines] == [3600, -3600]


def test_an_interval_may_be_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    made = with_deadline(alert(interval=VariableInterval("patience")))
    spec = dag_spec(made, "d.py")
    assert spec.deadlines[0].reference == "none"
    assert "deadline number 1 has no effect: " in spec.notices[0]
    monkeypatch.setenv("AIRFLOW_VAR_PATIENCE", "90")
    assert dag_spec(made, "d.py").deadlines == (DeadlineSpec(reference="queued_at", interval_seconds=90),)
    monkeypatch.setenv("AIRFLOW_VAR_PATIENCE", "soon")
    assert "Variable 'patience' is 'soon'; a deadline needs whole seconds" in dag_spec(made, "d.py").notices[0]


@deadline_reference()
class HoursOfConf(BaseDeadlineReference):
    """Counts from a moment that the run's conf has."""

    required_kwargs = {"conf"}

    def _evaluate_with(self, *, session: Any, conf: dict[str, Any]) -> Any:
        return eval(conf["at"], {"datetime": datetime, "UTC": UTC, "session": session})


@deadline_reference(DeadlineReference.TYPES.DAGRUN_QUEUED)
class AsksTooMuch(BaseDeadlineReference):
    required_kwargs = {"run_id", "moon", "tide"}

    def _evaluate_with(self, *, session: Any, **kwargs: Any) -> None:
        raise AssertionError("never called")


def test_a_reference_of_the_authors_own_is_left_to_a_process_that_has_its_code() -> None:
    found = with_deadline(alert(DeadlineReference.HoursOfConf), alert())  # type: ignore[attr-defined]
    spec = dag_spec(found, "d.py")
    assert [each.reference for each in spec.deadlines] == ["custom", "queued_at"]
    assert spec.notices == ()


def test_a_reference_without_code_has_no_effect_and_a_notice() -> None:
    @deadline_reference()
    class FromTheMoon(BaseDeadlineReference):
        pass

    spec = dag_spec(with_deadline(alert(DeadlineReference.FromTheMoon), alert()), "d.py")  # type: ignore[attr-defined]
    assert [each.reference for each in spec.deadlines] == ["none", "queued_at"]
    (notice,) = spec.notices
    assert "deadline number 1 has no effect: its reference FromTheMoon says by no _evaluate_with" in notice


def worked_out(reference: Any, at: str = "None", **given: Any) -> Finished:
    order = offer("", callback="reference:0", run=run_info(conf={"at": at}))
    return run_callback(prepare(with_deadline(alert(reference, **given))), order, FakeRuntime())


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        ("datetime(2024, 3, 6, tzinfo=UTC)", datetime(2024, 3, 6, 1, tzinfo=UTC)),
        ("datetime(2024, 3, 6)", datetime(2024, 3, 6, 1, tzinfo=UTC)),
        ("None", None),
    ],
)
def test_code_of_the_authors_own_says_from_when_a_deadline_counts(at: str, moment: datetime | None) -> None:
    report = worked_out(HoursOfConf(), at)
    assert (report.outcome, report.error) == ("success", "")
    assert report.moment_us == (int(moment.timestamp() * 1e6) if moment else None)
    assert SEEN == []


@pytest.mark.parametrize(
    ("reference", "at", "error"),
    [
        (HoursOfConf(), "1 / 0", "ZeroDivisionError"),
        (HoursOfConf(), "session.execute(1)", "session.execute: the metadata database is out of reach"),
        (
            AsksTooMuch(),
            "",
            "AsksTooMuch asks for moon, tide; what there is of a run is conf, dag_display_name, dag_id",
        ),
    ],
)
def test_what_goes_wrong_with_such_code_is_in_the_report(reference: Any, at: str, error: str) -> None:
    report = worked_out(reference, at)
    assert (report.outcome, report.moment_us) == ("failed", None)
    assert error in report.error


def test_a_reference_that_gives_no_datetime_is_told_so() -> None:
    class Bad(BaseDeadlineReference):
        def evaluate_with(self, **kwargs: Any) -> Any:
            return "soon"

    assert "Bad says 'soon'; a deadline's reference gives a datetime" in worked_out(Bad()).error


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, HOUR, plain), ValueError, "function are not curr"),
        (lambda: alert(interval=3600), TypeError, "give a timedelta"),
        (lambda: AsyncCallback(plain), AttributeError, "plain is not awaitable"),
        (lambda: SyncCallback(5), TypeError, "give a function, a notifier class or a dotted path"),
        (lambda: SyncCallback(plain, {"context": 1}), ValueError, "gets 'context' from the engine"),
        (lambda: DeadlineReference.AVERAGE_RUNTIME(3, 0), ValueError, "min_runs is 0"),
        (lambda: DAG("d", deadline="soon"), TypeError, "Dag 'd': deadline= holds 'soon'; give a DeadlineAlert"),
    ],
)
def test_what_cannot_be_a_deadline_is_refused_in_a_sentence(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


# --- who is called -------------------------------------------------------------------------------------------------


def miss(dag: DAG, place: int = 0) -> Finished:
    order = offer("", callback=f"deadline:{place}", reason=MISSED.isoformat(), run=run_info(conf={"a": 1}))
    return run_callback(prepare(dag), order, FakeRuntime())


def test_a_function_gets_its_arguments_and_the_context() -> None:
    assert miss(with_deadline(alert(callback=SyncCallback(plain, {"kind": "late"}), name="mine"))).outcome == "success"
    (seen,) = SEEN
    context = seen["context"]
    assert seen["kind"] == "late"
    assert (context["dag_run"].dag_id, context["dag_run"]["dag_run_id"]) == ("d", context["run_id"])
    assert context.get("dag_run", {}).get("conf") == {"a": 1}
    assert (context["deadline"].deadline_time, context["deadline"]["alert_name"]) == (MISSED, "mine")


def test_a_function_without_that_parameter_gets_no_context() -> None:
    miss(with_deadline(alert(callback=SyncCallback(without_context, {"text": "late"}))))
    assert SEEN == ["late"]


@pytest.mark.parametrize("path", [False, True])
def test_a_coroutine_is_run_to_its_end(path: bool) -> None:
    called = f"{__name__}.coroutine" if path else coroutine
    miss(with_deadline(alert(), alert(callback=AsyncCallback(called, {"text": "late"}), name="second")), place=1)
    assert SEEN == [("d", "second", "late")]


@pytest.mark.parametrize("kind", [SyncCallback, AsyncCallback])
def test_a_notifier_renders_what_it_was_given(kind: Any) -> None:
    text = "{{ dag_run.dag_id }} missed {{ deadline.deadline_time }}"
    miss(with_deadline(alert(callback=kind(Notifier, {"text": text}))))
    assert SEEN == ["d missed 2024-03-06 01:00:00+00:00"]


def test_a_callback_that_raises_is_logged_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    report = miss(with_deadline(alert(callback=SyncCallback(without_context))))
    assert report.outcome == "failed"
    assert "TypeError" in report.error
    assert "without_context of a missed deadline failed, which changes nothing" in caplog.text


def test_a_deadline_that_the_dag_has_no_more_calls_nobody(caplog: pytest.LogCaptureFixture) -> None:
    assert miss(with_deadline(alert()), place=3).outcome == "success"
    assert "no deadline number 3" in caplog.text
    assert SEEN == []


# --- sla -----------------------------------------------------------------------------------------------------------


def missed_sla(dag: Any, task_list: str, blocking_task_list: str, slas: Any, blocking_tis: Any) -> None:
    SEEN.append((dag.dag_id, task_list, blocking_task_list, slas, [str(each.state) for each in blocking_tis]))


def older(**arguments: Any) -> DAG:
    dag = DAG(
        "d", schedule_interval="@daily", start_date=datetime(2024, 3, 1),
        sla_miss_callback=arguments.pop("sla_miss_callback", None), default_args={"sla": HOUR, **arguments},
    )  # fmt: skip
    with dag:
        EmptyOperator(task_id="t")
    return dag


def test_an_sla_counts_in_a_dag_of_the_older_generation() -> None:
    spec = dag_spec(older(sla_miss_callback=missed_sla), "d.py")
    assert (spec.callbacks, spec.tasks["t"].sla_seconds) == (("sla_miss",), 3600)
    assert not any("sla" in notice for notice in spec.notices)


def test_an_sla_that_nobody_is_told_of_is_noticed() -> None:
    assert any("has no effect where they have no email=" in notice for notice in dag_spec(older(), "d.py").notices)


def test_a_task_with_addresses_is_mailed_about_unless_slas_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    mailed = older(email="me@x.org", email_on_failure=False, email_on_retry=False)
    spec = dag_spec(mailed, "d.py")
    assert (spec.tasks["t"].callbacks, spec.tasks["t"].sla_seconds) == (("email_sla_miss",), 3600)
    assert not any("sla" in notice for notice in spec.notices)
    monkeypatch.setenv("AIRFLOW__CORE__CHECK_SLAS", "False")
    off = dag_spec(mailed, "d.py").tasks["t"]
    assert (off.callbacks, off.sla_seconds) == ((), None)


def test_in_a_modern_dag_an_sla_is_accepted_with_a_notice() -> None:
    with DAG("d", schedule=None, sla_miss_callback=missed_sla) as dag:
        EmptyOperator(task_id="t", sla=HOUR)
    spec = dag_spec(dag, "d.py")
    assert (spec.callbacks, spec.tasks["t"].sla_seconds) == ((), None)
    assert len([notice for notice in spec.notices if "sla" in notice]) == 2


def test_the_callback_gets_airflow_2s_five_values() -> None:
    answers = FakeRuntime(task_states={"scheduled__2024-03-05T00:00:00+00:00": {"t": "running", "s": "success"}})
    order = offer("t", callback="dag:sla_miss", reason=MISSED.isoformat())
    assert run_callback(prepare(older(sla_miss_callback=missed_sla)), order, answers).outcome == "success"
    ((dag_id, late, blocking, slas, states),) = SEEN
    assert (dag_id, late) == ("d", "t on 2024-03-05T00:00:00+00:00")
    assert (blocking, states) == ("t on 2024-03-05T00:00:00+00:00", ["running"])
    assert [(miss.task_id, miss.execution_date, miss.timestamp) for miss in slas] == [("t", DAY, MISSED)]


def test_a_notifier_may_be_the_sla_callback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answers = FakeRuntime(task_states={})
    order = offer("t", callback="dag:sla_miss", reason=MISSED.isoformat())
    run_callback(prepare(older(sla_miss_callback=[Notifier("late"), missed_sla])), order, answers)
    assert SEEN[0] == "late"
    assert len(SEEN) == 2
