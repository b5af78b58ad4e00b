"""Operators that ask people: what their report carries, and what an answer, or none, makes of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from execution_attempts import FakeRuntime, attempt, clock, offer, value_of

from tradewind.sdk import DAG, BaseNotifier, BaseOperator, Param
from tradewind.sdk.exceptions import AirflowException, AirflowProviderDeprecationWarning, TaskAwaitingInput
from tradewind.sdk.execution import prepare, run_attempt
from tradewind.sdk.execution.asking import upsert_hitl_detail
from tradewind.sdk.execution.masking import mask_secret
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.operators.hitl import ApprovalOperator, HITLBranchOperator, HITLEntryOperator, HITLOperator
from tradewind.sdk.timezone import utcnow
from tradewind.sdk.triggers.hitl import HITLTrigger
from tradewind.wire.messages import Finished

AT = "2024-03-05T12:00:00+00:00"


def dag_of(cls: Any = HITLOperator, **given: Any) -> DAG:
    if cls is HITLOperator:
        given.setdefault("options", ["Yes", "No"])
    with DAG("d", schedule=None, params=given.pop("dag_params", None)) as dag:
        task = cls(task_id="t", **{"subject": "Go on?", **given})
        task >> EmptyOperator(task_id="x")
        task >> EmptyOperator(task_id="y") >> EmptyOperator(task_id="z")
    return dag


def answered(dag: DAG, *chosen: str, event: dict[str, Any] | None = None, **params: Any) -> Finished:
    """The attempt that goes on with an answer."""
    told = event or {
        "chosen_options": list(chosen), "params_input": params, "responded_at": AT,
        "responded_by_user": {"id": "1", "name": "Ann"}, "timedout": False,
    }  # fmt: skip
    return attempt(
        dag, "t", leg=1, resume_method="execute_complete", resume_kwargs=b"{}", event=json.dumps(told).encode(),
        resume_question=True,
    )  # fmt: skip


# --- asking ------------------------------------------------------------------------------------------------------


def test_the_report_carries_the_rendered_question_and_how_the_task_goes_on() -> None:
    report = attempt(
        dag_of(
            subject="Take {{ ds }}?", body="of {{ run_id }}", defaults="No", response_timeout=timedelta(minutes=5),
            params={"note": Param("", type="string", description="why")}, assigned_users={"id": "1", "name": "Ann"},
        ),
        "t",
    )  # fmt: skip
    assert (report.outcome, report.error, report.value, report.defer) == ("awaiting_input", "", None, None)
    ask = report.ask
    assert ask is not None
    assert (ask.subject, ask.options, ask.defaults, ask.multiple) == ("Take 2024-03-05?", ["Yes", "No"], ["No"], False)
    assert ask.body == "of scheduled__2024-03-05T00:00:00+00:00"
    assert json.loads(ask.params) == {"note": {"value": "", "description": "why", "schema": {"type": "string"}}}
    assert (ask.assigned, ask.timeout_seconds) == ([("1", "Ann")], 300)
    assert (ask.method, ask.method_kwargs) == ("execute_complete", b"{}")


def test_notifiers_are_called_when_it_begins_to_wait_each_with_its_own_templates() -> None:
    told = []

    class Tells(BaseNotifier):
        template_fields = ("text",)

        def __init__(self, text: str) -> None:
            self.text = text  # as in Airflow's own example, which leaves out BaseNotifier's

        def notify(self, context: Any) -> None:
            told.append(
                (self.text, HITLOperator.generate_link_to_ui_from_context(context=context, base_url="http://h"))
            )

    shared = Tells("{{ task.subject }}")
    attempt(dag_of(subject="one", notifiers=shared), "t")
    attempt(dag_of(subject="two", notifiers=[shared]), "t")
    assert [text for text, _ in told] == ["one", "two"]
    assert told[0][1].startswith("http://h/dags/d/runs/scheduled__")
    answered(dag_of(notifiers=shared), "Yes")
    assert len(told) == 2


def test_no_callback_is_called_while_it_waits() -> None:
    called: list[Any] = []
    names = ("on_success_callback", "on_failure_callback", "on_retry_callback", "on_skipped_callback")
    report = attempt(dag_of(**dict.fromkeys(names, called.append)), "t")
    assert (report.outcome, called) == ("awaiting_input", [])


def test_its_form_needs_no_values_before_and_shows_those_it_has_in_templates() -> None:
    params = {"given": Param(3, type="integer"), "asked": Param(type="string")}
    report = attempt(
        dag_of(subject="{{ params.given }} {{ params.team }} {{ 'asked' in params }}", params=params,
               dag_params={"team": "blue"}),
        "t",
    )  # fmt: skip
    assert report.ask is not None
    assert report.ask.subject == "3 blue False"
    assert set(json.loads(report.ask.params)) == {"given", "asked"}


def test_an_operator_of_ones_own_asks_in_the_same_way() -> None:
    class Own(BaseOperator):
        def execute(self, context: Any) -> None:
            upsert_hitl_detail(ti_id=context["ti"].id, options=["A"], subject="own", params={"n": 4})
            raise TaskAwaitingInput(method_name="go_on", kwargs={"k": timedelta(hours=1)}, timeout=timedelta(seconds=9))

        def go_on(self, context: Any, event: Any, k: timedelta) -> Any:
            return [event["chosen_options"], k.total_seconds()]

    with DAG("d", schedule=None) as dag:
        Own(task_id="t")
    ask = attempt(dag, "t").ask
    assert ask is not None
    assert (ask.subject, ask.method, ask.timeout_seconds) == ("own", "go_on", 9)
    assert json.loads(ask.params) == {"n": {"value": 4}}
    told = {"chosen_options": ["A"], "params_input": {}, "responded_at": AT}
    report = attempt(
        dag, "t", leg=1, resume_method="go_on", resume_kwargs=ask.method_kwargs, event=json.dumps(told).encode(),
        resume_question=True,
    )  # fmt: skip
    assert value_of(report) == [["A"], 3600]


def test_a_task_that_defers_with_the_trigger_of_older_releases_asks_people() -> None:
    class Older(BaseOperator):
        def execute(self, context: Any) -> None:
            upsert_hitl_detail(ti_id=context["ti"].id, options=["A", "B"], subject="older")
            until = utcnow() + timedelta(hours=1)
            trigger = HITLTrigger(ti_id=context["ti"].id, options=["A", "B"], params={}, timeout_datetime=until)
            self.defer(trigger=trigger, method_name="go_on")

    with DAG("d", schedule=None) as dag:
        Older(task_id="t")
    report = attempt(dag, "t")
    assert report.outcome == "awaiting_input"
    assert report.ask is not None
    assert report.ask.timeout_seconds == pytest.approx(3600, abs=60)


def test_a_question_without_options_is_refused() -> None:
    with pytest.raises(AirflowException, match="at least one option"):
        upsert_hitl_detail(ti_id="x", options=[], subject="?")


def test_a_task_that_waits_without_a_question_fails_for_good_and_says_what_to_do() -> None:
    class Silent(BaseOperator):
        def execute(self, context: Any) -> None:
            raise TaskAwaitingInput(method_name="go_on")

    with DAG("d", schedule=None) as dag:
        Silent(task_id="t")
    report = attempt(dag, "t", max_tries=3)
    assert report.outcome == "failed_for_good"
    assert "Task 't' could not ask anybody" in report.error
    assert "upsert_hitl_detail" in report.error


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"options": []}, '"options" cannot be empty'),
        ({"params": {"_options": 1}}, '"_options" is not allowed'),
        ({"defaults": "Maybe"}, r"defaults \['Maybe'\] are not among"),
        ({"defaults": ["Yes", "No"]}, "needs multiple=True"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_when_the_file_is_read(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dag_of(**given)


@pytest.mark.parametrize(
    ("cls", "given", "words"),
    [
        (ApprovalOperator, {"options": ["A"]}, "has its own options"),
        (ApprovalOperator, {"multiple": True}, "has its own multiple"),
        (HITLBranchOperator, {"options": ["A"], "options_mapping": {"B": "x"}}, "not among"),
        (HITLBranchOperator, {"options": ["A"], "options_mapping": {"A": 1}}, "task ids as text"),
    ],
)
def test_what_an_operator_decides_itself_cannot_be_given(cls: Any, given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dag_of(cls, **given)


def test_an_execution_timeout_alone_is_how_long_people_have() -> None:
    with pytest.warns(AirflowProviderDeprecationWarning, match="response_timeout"):
        dag = dag_of(execution_timeout=timedelta(seconds=30))
    task = dag.get_task("t")
    assert (task.execution_timeout, task.response_timeout) == (None, timedelta(seconds=30))
    both = dag_of(execution_timeout=timedelta(seconds=30), response_timeout=timedelta(hours=2)).get_task("t")
    assert (both.execution_timeout, both.response_timeout) == (timedelta(seconds=30), timedelta(hours=2))


def test_the_time_that_people_took_is_no_part_of_the_execution_timeout() -> None:
    dag = dag_of(execution_timeout=timedelta(seconds=30), response_timeout=timedelta(hours=2))
    told = {"chosen_options": ["Yes"], "params_input": {}, "responded_at": AT, "responded_by_user": None}
    report = attempt(
        dag, "t", leg=1, resume_method="execute_complete", resume_kwargs=b"{}", event=json.dumps(told).encode(),
        resume_question=True, first_start_us=1,
    )  # fmt: skip
    assert report.outcome == "success"


def test_secrets_are_not_shown_to_those_who_are_asked() -> None:
    mask_secret("hunter2-hunter2")
    report = attempt(dag_of(subject="Use hunter2-hunter2?", body="It is hunter2-hunter2."), "t")
    assert report.ask is not None
    assert (report.ask.subject, report.ask.body) == ("Use ***?", "It is ***.")


# --- the answer --------------------------------------------------------------------------------------------------


def test_the_result_is_the_answer_as_airflow_gives_it() -> None:
    report = answered(dag_of(params={"n": Param(1, type="integer")}), "Yes", n=7)
    assert report.outcome == "success"
    assert value_of(report) == {
        "chosen_options": ["Yes"],
        "params_input": {"n": 7},
        "responded_at": datetime(2024, 3, 5, 12, tzinfo=UTC),
        "responded_by_user": {"id": "1", "name": "Ann"},
    }


def test_text_of_an_answer_is_text_whatever_it_looks_like() -> None:
    tagged = {"__tw__": "datetime", "v": AT}
    report = answered(dag_of(params={"n": Param({})}), "Yes", n=tagged)
    assert value_of(report)["params_input"] == {"n": tagged}


@pytest.mark.parametrize(
    ("answer", "params", "words"),
    [
        (("Maybe",), {}, "'Maybe'"),
        (("Yes",), {"n": "seven"}, "'seven' is not of type 'integer'"),
        (("Yes",), {"m": 1}, r"the form has \['n'\]"),
    ],
)
def test_an_answer_is_checked_again_where_the_task_runs(answer: Any, params: Any, words: str) -> None:
    import re

    report = answered(dag_of(params={"n": Param(1, type="integer")}), *answer, **params)
    assert report.outcome == "failed"
    assert re.search(words, report.error)


def test_without_an_answer_it_fails_as_any_task_does() -> None:
    event = {"error": "Nobody answered.", "error_type": "timeout"}
    report = answered(dag_of(), event=event)
    assert (report.outcome, report.error) == ("failed", "HITLTimeoutError: Nobody answered.")
    other = answered(dag_of(), event={"error": "broken", "error_type": "unknown"})
    assert other.error == "HITLTriggerEventError: broken"


@pytest.mark.parametrize(
    ("given", "chosen", "skip"),
    [
        ({}, "Approve", []),
        ({}, "Reject", ["x", "y"]),
        ({"ignore_downstream_trigger_rules": True}, "Reject", ["x", "y", "z"]),
    ],
)
def test_an_approval_skips_what_follows_when_it_is_rejected(given: Any, chosen: str, skip: list[str]) -> None:
    report = answered(dag_of(ApprovalOperator, **given), chosen)
    assert (report.outcome, sorted(report.skip)) == ("success", skip)
    assert value_of(report)["chosen_options"] == [chosen]


def test_a_rejection_can_fail_the_task() -> None:
    report = answered(dag_of(ApprovalOperator, fail_on_reject=True), "Reject")
    assert report.outcome == "failed"
    assert "HITLRejectException" in report.error
    assert "Ann rejected it" in report.error


def test_a_branch_follows_what_was_chosen() -> None:
    report = answered(dag_of(HITLBranchOperator, options=["x", "y"]), "y")
    assert (report.outcome, report.skip) == ("success", ["x"])
    mapping = {"Do it": "x", "Leave it": "y"}
    report = answered(dag_of(HITLBranchOperator, options=list(mapping), options_mapping=mapping), "Do it")
    assert sorted(report.skip) == ["y"]
    both = answered(dag_of(HITLBranchOperator, options=["x", "y"], multiple=True), "x", "y")
    assert both.skip == []


def test_an_entry_has_ok_alone_which_is_its_default() -> None:
    ask = attempt(dag_of(HITLEntryOperator, params={"n": Param(1)}), "t").ask
    assert ask is not None
    assert (ask.options, ask.defaults) == (["OK"], ["OK"])
    own = attempt(dag_of(HITLEntryOperator, options=["Send"], params={"n": Param(1)}), "t").ask
    assert own is not None
    assert (own.options, own.defaults) == (["Send"], None)


def test_a_link_names_the_task_and_fills_in_what_is_given() -> None:
    class Ti:
        dag_id, run_id, task_id, map_index = "d", "r", "t", 2

    task = dag_of(params={"n": 1}).get_task("t")
    link = urlsplit(
        task.generate_link_to_ui(task_instance=Ti, base_url="http://h:1/", options="Yes", params_input={"n": 3})
    )
    assert (link.netloc, link.path) == ("h:1", "/dags/d/runs/r/tasks/t/required_actions")
    assert parse_qs(link.query) == {"_options": ["['Yes']"], "n": ["3"], "map_index": ["2"]}
    with pytest.raises(ValueError, match="options"):
        task.generate_link_to_ui(task_instance=Ti, base_url="http://h", options="Maybe")


def test_an_instance_of_a_mapped_task_asks_its_own_question() -> None:
    with DAG("d", schedule=None) as dag:
        HITLOperator.partial(task_id="t", options=["Yes"]).expand(subject=["one", "two"])
    ask = attempt(dag, "t", map_index=1).ask
    assert ask is not None
    assert ask.subject == "two"


# --- a task that is run alone ------------------------------------------------------------------------------------


def alone(dag: DAG) -> Finished:
    return run_attempt(prepare(dag), offer("t"), FakeRuntime(), lambda _: None, clock(), triggers_here=True)


def test_a_task_that_is_run_alone_takes_the_default_at_its_deadline() -> None:
    report = alone(dag_of(defaults="No", response_timeout=timedelta(seconds=0.01), params={"n": Param(5)}))
    assert report.outcome == "success"
    said = value_of(report)
    assert (said["chosen_options"], said["params_input"], said["responded_by_user"]) == (["No"], {"n": 5}, None)


def test_a_task_that_is_run_alone_says_that_nobody_can_answer_it() -> None:
    report = alone(dag_of())
    assert report.outcome == "failed"
    assert "nobody can answer a task that is run alone" in report.error
    assert "tradewind hitl respond" in report.error
