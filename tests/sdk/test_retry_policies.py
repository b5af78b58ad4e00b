"""Retry policies: which rule decides, and what becomes of the try in the child's report."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from execution_attempts import attempt

from tradewind.sdk import (
    DAG,
    ChainRetryPolicy,
    ExceptionRetryPolicy,
    PythonOperator,
    RetryAction,
    RetryDecision,
    RetryPolicy,
    RetryRule,
)
from tradewind.sdk.exceptions import AirflowFailException
from tradewind.sdk.serialize import dag_spec

MINUTE = timedelta(minutes=1)


def ended(error: BaseException, policy: RetryPolicy, *, tries: int = 3, number: int = 1) -> tuple[str, str, Any, str]:
    """Outcome, its text, the delay, and which callback was called."""
    called: list[str] = []

    def fails() -> None:
        raise error

    with DAG("d", schedule=None) as dag:
        PythonOperator(
            task_id="t", python_callable=fails, retry_policy=policy,
            on_retry_callback=lambda context: called.append("retry"),
            on_failure_callback=lambda context: called.append("failure"),
        )  # fmt: skip
    assert dag_spec(dag, "d.py").tasks["t"].retry_policy
    report = attempt(dag, "t", max_tries=tries, try_number=number)
    return report.outcome, report.error, report.retry_delay_seconds, "".join(called)


RULES = ExceptionRetryPolicy(
    rules=[
        RetryRule(ConnectionError, RetryAction.RETRY, MINUTE, "the other side is away"),
        RetryRule([PermissionError, "builtins.KeyError"], RetryAction.FAIL, reason="no use\nto try again"),
        RetryRule(OSError, RetryAction.DEFAULT, match_subclasses=False),
    ]
)


def test_a_rule_may_say_when_to_try_again() -> None:
    text = "ConnectionResetError: gone (retry policy: the other side is away)"
    assert ended(ConnectionResetError("gone"), RULES) == ("failed", text, 60.0, "retry")


def test_a_rule_may_end_the_task_whatever_tries_are_left() -> None:
    text = "KeyError: 'x' (retry policy: no use to try again)"
    assert ended(KeyError("x"), RULES) == ("failed_for_good", text, None, "failure")


@pytest.mark.parametrize("error", [OSError("disk"), FileNotFoundError("f"), ValueError("v")])
def test_what_no_rule_is_about_follows_the_tasks_own_retries(error: Exception) -> None:
    outcome, text, delay, called = ended(error, RULES)
    assert (outcome, delay, called) == ("failed", None, "retry")
    assert "retry policy" not in text


def test_a_policy_makes_no_tries_that_are_used_up() -> None:
    outcome, _, _, called = ended(ConnectionError(), RULES, tries=1, number=2)
    assert (outcome, called) == ("failed", "failure")


def test_a_failure_that_the_task_declares_is_not_asked_about() -> None:
    always = ExceptionRetryPolicy([], RetryAction.RETRY)
    assert ended(AirflowFailException("no"), always)[::3] == ("failed_for_good", "failure")


class Broken(RetryPolicy):
    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        raise RuntimeError("policy")


class Backfills(RetryPolicy):
    """Looks at everything that it is given."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        if context["dag_run"].run_type == "scheduled" and (try_number, max_tries) == (2, 3):
            return RetryDecision.fail(reason=f"of {type(exception).__name__}")
        return RetryDecision.default()


def test_a_policy_that_fails_leaves_the_decision_to_the_retries() -> None:
    assert ended(ValueError("v"), Broken()) == ("failed", "ValueError: v", None, "retry")


def test_a_policy_sees_the_exception_the_tries_and_the_context() -> None:
    assert ended(ValueError("v"), Backfills())[0] == "failed"
    assert ended(ValueError("v"), Backfills(), number=2)[:2] == (
        "failed_for_good", "ValueError: v (retry policy: of ValueError)"
    )  # fmt: skip


def test_the_first_policy_of_a_chain_with_an_opinion_decides() -> None:
    chain = ChainRetryPolicy(Backfills(), RULES)
    assert ended(ConnectionError(), chain)[2] == 60.0
    assert ended(ConnectionError(), chain, number=2)[0] == "failed_for_good"


def test_rules_become_plain_values_and_are_the_same_again() -> None:
    again = ExceptionRetryPolicy.deserialize(RULES.serialize())
    assert again.serialize() == RULES.serialize()
    assert RULES.serialize()["rules"][0] == {
        "exception": ["ConnectionError"], "action": "retry", "retry_delay": 60.0,
        "reason": "the other side is away", "match_subclasses": True,
    }  # fmt: skip
    for error in (ConnectionResetError(), KeyError(), OSError(), ValueError()):
        assert again.evaluate(error, 1, 3) == RULES.evaluate(error, 1, 3)
