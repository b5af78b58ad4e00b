"""Every trigger rule, over every small upstream, against the published table."""

from itertools import combinations_with_replacement

import pytest

from tradewind.core.states import FINISHED, TaskState, TriggerRule
from tradewind.core.trigger_rules import UpstreamCounts, Verdict, evaluate

S, K, F, U, R = (
    TaskState.SUCCESS,
    TaskState.SKIPPED,
    TaskState.FAILED,
    TaskState.UPSTREAM_FAILED,
    TaskState.REMOVED,
)
OPEN = TaskState.RUNNING
RULE = TriggerRule

UPSTREAMS = [states for n in range(4) for states in combinations_with_replacement((S, K, F, U, R, OPEN), n)]


def never(states: tuple[TaskState, ...]) -> bool:
    return False


def has(states: tuple[TaskState, ...], *some: TaskState) -> bool:
    return any(state in some for state in states)


def only(states: tuple[TaskState, ...], *allowed: TaskState) -> bool:
    return all(state in allowed for state in states)


def done(states: tuple[TaskState, ...]) -> bool:
    return only(states, S, K, F, U, R)


# The table, said about the states themselves: (runs when, else skipped when, else upstream_failed when).
TABLE = {
    RULE.ALL_SUCCESS: (lambda s: only(s, S, R), lambda s: has(s, K) and not has(s, F, U), lambda s: has(s, F, U)),
    RULE.ALL_FAILED: (lambda s: only(s, F, U, R), lambda s: has(s, S, K), never),
    RULE.ALL_DONE: (lambda s: done(s), never, never),
    RULE.ALL_DONE_MIN_ONE_SUCCESS: (
        lambda s: only(s, S, F, U, R) and has(s, S),
        lambda s: has(s, K),
        lambda s: done(s) and not has(s, S),
    ),
    RULE.ALL_DONE_SETUP_SUCCESS: (lambda s: done(s), never, never),
    RULE.ONE_SUCCESS: (lambda s: has(s, S), lambda s: only(s, K), lambda s: done(s) and not has(s, S)),
    RULE.ONE_FAILED: (lambda s: has(s, F, U), lambda s: done(s), never),
    RULE.ONE_DONE: (lambda s: has(s, S, F), lambda s: done(s), never),
    RULE.NONE_FAILED: (lambda s: only(s, S, K, R), never, lambda s: has(s, F, U)),
    RULE.NONE_FAILED_MIN_ONE_SUCCESS: (
        lambda s: only(s, S, K, R) and has(s, S),
        lambda s: only(s, K),
        lambda s: has(s, F, U) or (done(s) and not has(s, S)),
    ),
    RULE.NONE_SKIPPED: (lambda s: only(s, S, F, U, R), lambda s: has(s, K), never),
    RULE.ALL_SKIPPED: (lambda s: only(s, K), lambda s: has(s, S, F, U), never),
    RULE.ALWAYS: (lambda s: True, never, never),
}


def by_table(rule: TriggerRule, states: tuple[TaskState, ...]) -> Verdict:
    if not states:
        return Verdict.RUN
    runs, skips, fails = TABLE[rule]
    if runs(states):
        return Verdict.RUN
    if skips(states):
        return Verdict.SKIP
    return Verdict.UPSTREAM_FAILED if fails(states) else Verdict.WAIT


@pytest.mark.parametrize("rule", RULE)
def test_every_rule_decides_as_the_table_says(rule: TriggerRule) -> None:
    wrong = {
        states: (verdict, by_table(rule, states))
        for states in UPSTREAMS
        if (verdict := evaluate(rule, UpstreamCounts.of(states))) is not by_table(rule, states)
    }
    assert not wrong


@pytest.mark.parametrize("rule", RULE)
def test_a_final_verdict_never_goes_back_to_waiting(rule: TriggerRule) -> None:
    for states in UPSTREAMS:
        if OPEN not in states or evaluate(rule, UpstreamCounts.of(states)) is Verdict.WAIT:
            continue
        for finished in FINISHED:
            later = (*states[: states.index(OPEN)], *states[states.index(OPEN) + 1 :], finished)
            assert evaluate(rule, UpstreamCounts.of(later)) is not Verdict.WAIT, (states, later)


@pytest.mark.parametrize("rule", RULE)
def test_a_run_verdict_stays_a_run_verdict(rule: TriggerRule) -> None:
    for states in UPSTREAMS:
        if OPEN in states and evaluate(rule, UpstreamCounts.of(states)) is Verdict.RUN:
            for finished in FINISHED:
                later = (*states[: states.index(OPEN)], *states[states.index(OPEN) + 1 :], finished)
                assert evaluate(rule, UpstreamCounts.of(later)) is Verdict.RUN, (states, later)


@pytest.mark.parametrize("rule", RULE)
def test_only_all_skipped_beside_a_removed_task_waits_when_all_upstream_is_done(rule: TriggerRule) -> None:
    for states in UPSTREAMS:
        if states and done(states) and evaluate(rule, UpstreamCounts.of(states)) is Verdict.WAIT:
            assert rule is RULE.ALL_SKIPPED
            assert R in states
            assert only(states, K, R)


@pytest.mark.parametrize(
    ("states", "map_index", "verdict"),
    [
        ((S, S, R), 2, Verdict.REMOVE),
        ((S, S, R), 1, Verdict.RUN),
        ((S, S, R), -1, Verdict.RUN),
        ((S, S, S), 7, Verdict.RUN),
        ((R, R), 3, Verdict.RUN),
        ((S, OPEN, R), 2, Verdict.WAIT),
        ((S, F, R), 2, Verdict.UPSTREAM_FAILED),
        ((S, K, R), 2, Verdict.SKIP),
    ],
)
def test_an_index_beyond_a_shrunken_upstream_is_removed_once_the_upstream_is_done(
    states: tuple[TaskState, ...], map_index: int, verdict: Verdict
) -> None:
    assert evaluate(RULE.ALL_SUCCESS, UpstreamCounts.of(states), map_index) is verdict


@pytest.mark.parametrize(
    ("work", "setups", "verdict"),
    [
        ((F,), (S,), Verdict.RUN),
        ((U,), (S, F), Verdict.RUN),
        ((OPEN,), (S,), Verdict.WAIT),
        ((U,), (OPEN,), Verdict.WAIT),
        ((U,), (F,), Verdict.UPSTREAM_FAILED),
        ((K,), (K,), Verdict.SKIP),
        ((K,), (K, F), Verdict.UPSTREAM_FAILED),
        ((U, K), (), Verdict.RUN),
        ((), (K,), Verdict.SKIP),
    ],
)
def test_a_teardown_runs_when_a_setup_succeeded_and_all_work_has_ended(
    work: tuple[TaskState, ...], setups: tuple[TaskState, ...], verdict: Verdict
) -> None:
    assert evaluate(RULE.ALL_DONE_SETUP_SUCCESS, UpstreamCounts.of(work, setups)) is verdict


@pytest.mark.parametrize(
    ("setups", "verdict"),
    [
        ((S, S), Verdict.RUN),
        ((S, R), Verdict.RUN),
        ((S, OPEN), Verdict.WAIT),
        ((F, OPEN), Verdict.UPSTREAM_FAILED),
        ((U, K), Verdict.UPSTREAM_FAILED),
        ((K, OPEN), Verdict.SKIP),
    ],
)
def test_a_task_needs_the_setups_further_up_to_have_succeeded(setups: tuple[TaskState, ...], verdict: Verdict) -> None:
    counts = UpstreamCounts.of([S])
    for state in setups:
        counts.add_indirect_setup(state)
    assert evaluate(RULE.ALL_DONE, counts) is verdict
    assert evaluate(RULE.ALWAYS, counts) is Verdict.RUN


@pytest.mark.parametrize("state", TaskState)
def test_counting_a_state_in_and_out_again_leaves_nothing(state: TaskState) -> None:
    counts = UpstreamCounts()
    counts.add(state, setup=True)
    counts.add_indirect_setup(state)
    assert counts.total == counts.setups_total == counts.indirect_total == 1
    assert counts.all_done is (state in FINISHED)
    counts.add(state, setup=True, times=-1)
    counts.add_indirect_setup(state, times=-1)
    assert counts == UpstreamCounts()
