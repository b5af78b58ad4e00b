"""Tasks that ask people: what they hold while they wait, and how an answer, or none, has them go on."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import Ask, QuestionAnswered
from tradewind.core.records import Attempt, Deferral, Person, Pool, Question
from tradewind.testing.builders import dag, expand
from tradewind.testing.world import START, Play

ANN = Person("ann", "Ann Lee")
ASKS = Ask(subject="Go on?", options=("Yes", "No"), method="execute_complete", method_kwargs=b'{"n": 1}')


def asks(**changes: Any) -> Ask:
    fields = {name: getattr(ASKS, name) for name in Ask.__dataclass_fields__}
    return Ask(**(fields | changes))


def ask(play: Play, task_id: str, wish: Ask = ASKS, map_index: int = -1) -> Question:
    """The task's attempt ends with a question."""
    play.report(play.attempt(task_id, map_index), "awaiting_input", ask=wish)
    question = waits(play, task_id, map_index).question
    assert question is not None
    return question


def waits(play: Play, task_id: str, map_index: int = -1) -> Deferral:
    return play.world.deferrals[play.task(task_id, map_index).key]


def answer(play: Play, question: Question, *chosen: str, by: Person = ANN, params_input: bytes = b"{}") -> Any:
    wish = QuestionAnswered(key=question.key, id=question.id, chosen=chosen, by=by, params_input=params_input)
    return play.give(wish)


def event(play: Play, task_id: str) -> dict[str, Any]:
    """What the operator's method is told."""
    said = waits(play, task_id).answer
    assert said is not None
    assert said.error == ""
    found: dict[str, Any] = json.loads(said.event)
    return found


def test_a_task_that_asks_holds_nothing_and_goes_on_in_the_same_try(play: Play) -> None:
    play.start(dag("a >> b", retries=1))
    question = ask(play, "a")
    assert (play.state("a"), play.world.total_active, play.triggers) == ("awaiting_input", 0, {})
    assert play.questions == {question.id: question}
    play.advance(hours=2)
    answered = answer(play, question, "Yes", params_input=b'{"x": 3}')
    assert play.state("a") == "queued"
    attempt = play.attempt("a")
    assert (attempt.try_number, attempt.leg) == (1, 1)
    assert (waits(play, "a").method, waits(play, "a").method_kwargs) == ("execute_complete", b'{"n": 1}')
    assert event(play, "a") == {
        "chosen_options": ["Yes"],
        "params_input": {"x": 3},
        "responded_at": (START + timedelta(hours=2)).isoformat(),
        "responded_by_user": {"id": "ann", "name": "Ann Lee"},
        "timedout": False,
    }
    play.succeed("a")
    play.succeed("b")
    assert (play.run_state(), play.deferrals) == ("success", {})
    assert play.questions[question.id] == answered
    assert (answered.answered_by, answered.chosen) == (ANN, ("Yes",))


def test_why_names_the_question_the_options_and_the_deadline(play: Play) -> None:
    play.start(dag("a"))
    ask(play, "a", asks(defaults=("No",), timeout_seconds=90.0, assigned=(ANN,)))
    [reason] = play.why("a")
    assert reason.code == "question"
    for words in ("'Go on?'", "one of 'Yes', 'No'", "Ann Lee", START.isoformat(), "in 90 s", "'No' is taken"):
        assert words in reason.sentence
    assert f"tradewind hitl respond etl {play.run().run_id} a --option" in reason.sentence


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ((), "give an option"),
        (("Maybe",), "does not offer 'Maybe'; choose from 'Yes', 'No'"),
        (("Yes", "No"), "asks for one option"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_changes_nothing(
    play: Play, chosen: tuple[str, ...], words: str
) -> None:
    play.start(dag("a"))
    question = ask(play, "a")
    with pytest.raises(InvalidInput, match=words):
        answer(play, question, *chosen)
    assert play.state("a") == "awaiting_input"


def test_several_options_are_taken_where_several_may_be_chosen(play: Play) -> None:
    play.start(dag("a"))
    answer(play, ask(play, "a", asks(multiple=True)), "Yes", "No")
    assert event(play, "a")["chosen_options"] == ["Yes", "No"]


def test_only_those_who_are_asked_may_answer(play: Play) -> None:
    play.start(dag("a"))
    question = ask(play, "a", asks(assigned=(ANN, Person("7", "Bo"))))
    with pytest.raises(InvalidInput, match=r"asks ann \(Ann Lee\), 7 \(Bo\), not eve"):
        answer(play, question, "Yes", by=Person("eve", "Ann Lee"))
    answer(play, question, "Yes", by=Person("7", "Bo"))
    assert play.state("a") == "queued"


def test_a_second_answer_is_refused(play: Play) -> None:
    play.start(dag("a"))
    question = ask(play, "a")
    answer(play, question, "Yes")
    with pytest.raises(InvalidInput, match="does not ask this any more"):
        answer(play, question, "No")
    assert event(play, "a")["chosen_options"] == ["Yes"]


def test_the_default_is_taken_at_the_deadline(play: Play) -> None:
    play.start(dag("a"))
    params = json.dumps({"n": {"value": 5, "schema": {}, "description": None}}).encode()
    question = ask(play, "a", asks(defaults=("No",), timeout_seconds=60.0, params=params))
    play.advance(seconds=59)
    assert play.state("a") == "awaiting_input"
    play.advance(seconds=1)
    said = event(play, "a")
    assert (said["chosen_options"], said["params_input"]) == (["No"], {"n": 5})
    assert (said["responded_by_user"], said["timedout"]) == (None, True)
    assert play.questions[question.id].answered_at == START + timedelta(seconds=60)
    with pytest.raises(InvalidInput):
        answer(play, question, "Yes")


def test_without_a_default_the_task_is_told_that_nobody_answered_and_may_be_tried_again(play: Play) -> None:
    play.start(dag("a", retries=1, retry_delay_seconds=10))
    first = ask(play, "a", asks(timeout_seconds=60.0))
    play.advance(seconds=60)
    assert event(play, "a")["error_type"] == "timeout"
    play.fail("a", error="HITLTimeoutError: …")
    play.advance(seconds=10)
    assert (play.attempt("a").try_number, play.deferrals) == (2, {})
    second = ask(play, "a")
    assert first.id != second.id
    assert play.questions[first.id].answered_at is None
    with pytest.raises(InvalidInput, match="any more"):
        answer(play, first, "Yes")
    answer(play, second, "Yes")
    play.succeed("a")
    assert play.run_state() == "success"


def test_an_answer_before_the_deadline_makes_the_deadline_mean_nothing(play: Play) -> None:
    play.start(dag("a"))
    answer(play, ask(play, "a", asks(defaults=("No",), timeout_seconds=60.0)), "Yes")
    play.begin("a")
    play.advance(seconds=120)
    assert play.state("a") == "running"
    assert event(play, "a")["chosen_options"] == ["Yes"]


@pytest.mark.parametrize("how", ["clear", "mark", "run", "timeout", "gone"])
def test_a_question_is_asked_no_more_when_its_task_is_taken_from_it(play: Play, how: str) -> None:
    play.start(dag("a; z", dagrun_timeout_seconds=60.0))
    question = ask(play, "a", asks(defaults=("No",), timeout_seconds=3600.0))
    match how:
        case "clear":
            play.clear(["a"])
            assert play.state("a") == "queued"
        case "mark":
            play.mark("a", "success")
        case "run":
            play.mark_run("failed")
        case "timeout":
            play.advance(seconds=60)
        case "gone":
            play.load(dag("z"))
            assert play.state("a") == "removed"
    assert play.deferrals == {}
    assert play.questions[question.id].answered_at is None
    before = play.states()
    with pytest.raises(InvalidInput, match="any more"):
        answer(play, question, "Yes")
    if how not in ("timeout", "run"):
        play.advance(seconds=59)
        assert play.states() == before
    play.advance(hours=2)
    assert play.questions[question.id].answered_at is None


def test_a_task_that_was_cleared_asks_anew_and_the_old_answer_means_nothing(play: Play) -> None:
    play.start(dag("a"))
    first = ask(play, "a")
    play.clear(["a"])
    second = ask(play, "a")
    with pytest.raises(InvalidInput, match="any more"):
        answer(play, first, "No")
    answer(play, second, "Yes")
    assert event(play, "a")["chosen_options"] == ["Yes"]


def test_an_answered_attempt_that_was_given_back_is_offered_with_the_same_answer(play: Play) -> None:
    play.start(dag("a"))
    answer(play, ask(play, "a"), "Yes")
    play.end("a", "not_started")
    assert play.attempt("a").leg == 2
    assert event(play, "a")["chosen_options"] == ["Yes"]


def test_a_worker_that_is_lost_costs_a_waiting_task_nothing_and_an_answered_one_its_leg(play: Play) -> None:
    play.start(dag("a", retries=2, retry_delay_seconds=0))
    question = ask(play, "a")
    play.lose_worker()
    assert play.state("a") == "awaiting_input"
    answer(play, question, "Yes")
    play.begin("a")
    play.lose_worker()
    play.advance(seconds=1)
    assert (play.attempt("a").try_number, play.attempt("a").leg) == (2, 0)
    assert play.questions[question.id].chosen == ("Yes",)
    answer(play, ask(play, "a", asks(subject="Sure?")), "No")
    play.succeed("a")
    assert (play.run_state(), len(play.questions)) == ("success", 2)


def lost_after_its_answer(play: Play, **given: Any) -> Question:
    play.start(dag("a", **{"retries": 2, "retry_delay_seconds": 0, **given}))
    question = ask(play, "a")
    answer(play, question, "Yes", params_input=b'{"n": 3}')
    play.begin("a")
    play.lose_worker()
    play.advance(seconds=1)
    assert (play.attempt("a").try_number, play.attempt("a").leg) == (2, 0)
    return question


@pytest.mark.parametrize(
    "given", [{}, {"retries": 1, "lost_policy": "default"}, {"retries": 0, "lost_policy": "retry"}]
)
def test_an_answer_is_kept_for_the_next_try_when_the_try_that_had_it_is_lost(play: Play, given: dict[str, Any]) -> None:
    first = lost_after_its_answer(play, **given)
    second = ask(play, "a", asks(body="other words", method_kwargs=b'{"n": 2}'))
    assert (second.id != first.id, second.chosen, second.answered_by) == (True, ("Yes",), ANN)
    assert play.state("a") == "queued"
    assert (event(play, "a")["chosen_options"], event(play, "a")["params_input"]) == (["Yes"], {"n": 3})
    assert waits(play, "a").method_kwargs == b'{"n": 2}'
    assert play.attempt("a").leg == 1
    play.succeed("a")
    assert (play.run_state(), play.deferrals) == ("success", {})


@pytest.mark.parametrize(
    "other", [{"subject": "Really?"}, {"options": ("Yes", "Never")}, {"params": b'{"n": {}}'}, {"assigned": (ANN,)}]
)
def test_another_question_is_asked_although_an_answer_was_kept(play: Play, other: dict[str, Any]) -> None:
    lost_after_its_answer(play)
    second = ask(play, "a", asks(**other))
    assert (play.state("a"), second.answered_at) == ("awaiting_input", None)
    answer(play, second, "Yes")
    assert play.state("a") == "queued"


def test_a_kept_answer_is_still_there_when_the_next_try_is_given_back_or_lost_as_well(play: Play) -> None:
    lost_after_its_answer(play)
    play.end("a", "not_started")
    assert waits(play, "a").is_kept
    play.begin("a")
    play.lose_worker()
    play.advance(seconds=1)
    assert ask(play, "a").chosen == ("Yes",)


@pytest.mark.parametrize("how", ["failed", "cleared"])
def test_a_try_that_ended_by_itself_and_a_task_that_was_cleared_ask_anew(play: Play, how: str) -> None:
    lost_after_its_answer(play)
    if how == "failed":
        play.end("a", "failed")
        play.advance(seconds=1)
    else:
        play.begin("a")
        play.clear(["a"])
        play.end("a", "cancelled")
    assert play.deferrals == {}
    assert ask(play, "a").answered_at is None
    assert play.state("a") == "awaiting_input"


def test_it_counts_towards_the_limits_of_its_task_and_of_no_pool(play: Play) -> None:
    play.world.set_pool(Pool(name="p", slots=1, include_deferred=True))
    own = {"m": {"map": expand(x=2), "max_active_tis_per_dag": 1, "effective_weight": 9}}
    play.start(dag("m; b", pool="p", tasks=own))
    question = ask(play, "m", map_index=0)
    assert play.why("m", 1)[0].code == "task_limit"
    assert play.active() == ["b"]
    answer(play, question, "Yes")
    play.succeed("b")
    play.succeed("m", 1)  # it was ready before the other went on
    assert play.state("m", 0) == "queued"


def test_an_answer_to_a_paused_dag_waits_until_it_goes_on(play: Play) -> None:
    play.start(dag("a"))
    question = ask(play, "a")
    play.pause()
    answer(play, question, "Yes")
    assert (play.state("a"), play.why("a")[0].code) == ("scheduled", "paused")
    play.unpause()
    assert play.state("a") == "queued"
    assert event(play, "a")["chosen_options"] == ["Yes"]


def test_nobody_waits_for_ever_in_a_run_that_fails_fast(play: Play) -> None:
    play.start(dag("a; b", fail_fast=True))
    ask(play, "a")
    play.end("b", "failed_for_good")
    assert play.states() == {"a": "skipped", "b": "failed"}
    assert (play.run_state(), play.deferrals) == ("failed", {})


@pytest.mark.parametrize("seeds", [range(n, n + 20) for n in range(0, 80, 20)], ids=str)
def test_whatever_happens_each_question_has_one_answer_and_every_run_ends(seeds: range) -> None:
    for seed in seeds:
        random, play = Random(seed), Play(capacity=3)
        own = {"m": {"map": expand(x=2), "max_active_tis_per_dag": 2}}
        play.start(dag("a >> b; m", tasks=own, retries=20, retry_delay_seconds=5))
        try:
            for _ in range(80):
                disturb(play, random)
            come_to_rest(play)
        except BaseException:
            print(f"seed {seed}")
            raise
        assert play.deferrals == {}
        for question in play.questions.values():
            if question.answered_at is not None and question.answered_by is None:
                assert question.timeout_at is not None
                assert (question.answered_at >= question.timeout_at, question.chosen) == (True, question.defaults), seed
        for run in play.runs.values():
            assert set(play.states(run=run).values()) == {"success"}


def disturb(play: Play, random: Random) -> None:
    """One random event. Play itself checks that what waits is what is asked, and that no answer comes twice."""
    active, open_ = list(play.world.attempts.values()), pending(play)
    match random.randint(0, 11):
        case 0 | 1 | 2 if active:
            timeout = random.choice([None, 10.0, 60.0])
            wish = asks(timeout_seconds=timeout, defaults=random.choice([None, ("No",)]))
            end_one(play, random.choice(active), "awaiting_input", ask=wish)
        case 3 | 4 if active:
            end_one(play, random.choice(active), random.choice(["success", "failed", "not_started", "lost"]))
        case 5 | 6 if open_:
            answer(play, random.choice(open_), random.choice(["Yes", "No"]))
        case 7 if play.questions:
            stale = random.choice(list(play.questions.values()))
            if stale not in open_:
                with pytest.raises(InvalidInput):
                    answer(play, stale, "Yes")
        case 8:
            play.lose_worker()
        case 9:
            run = play.runs[random.choice(list(play.runs))]
            play.clear([random.choice("abm")], run=run)
        case 10:
            play.pause() if random.random() < 0.5 else play.unpause()
        case _:
            play.advance(seconds=random.randint(1, 40))


def come_to_rest(play: Play) -> None:
    play.unpause()
    for _ in range(500):
        for question in pending(play):
            answer(play, question, "Yes")
        active = list(play.world.attempts.values())
        if active:
            end_one(play, active[0], "success")
        elif play.world.runs:
            play.advance(seconds=20)
        else:
            return
    raise AssertionError("it never ends")


def end_one(play: Play, attempt: Attempt, outcome: str, **report: Any) -> None:
    play.report(attempt, "cancelled" if attempt.cancel else outcome, **({} if attempt.cancel else report))


def pending(play: Play) -> list[Question]:
    return [d.question for d in play.world.deferrals.values() if d.question is not None and d.answer is None]
