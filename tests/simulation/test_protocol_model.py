"""Every state that the protocol's model can reach, within a few faults, is looked at; and no rule is there in vain."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from protocol_model import ATTEMPTS, Attempt, Found, Protocol, Rows, State, explore

BREAKS = {
    # An offer goes out when its attempt is committed, not before.
    "tell_before_commit": (0, 0, "an offer was told that is not committed"),
    # A report is acknowledged when what it says is committed, not before.
    "ack_before_commit": (0, 0, "a success was acknowledged that is not committed"),
    # The commit of an owner that was overthrown fails.
    "no_epoch_check": (1, 0, "an offer was told that is not committed"),
    # A report of an attempt that is over changes nothing.
    "report_without_attempt_check": (1, 0, "an attempt that was over became something else"),
    # The next attempt waits until the one before is over, whatever a person wants.
    "new_attempt_before_cancelled_ends": (0, 1, "two attempts run at once"),
    # A worker is given up when nothing of it can run any more, not as soon as it is missed.
    "expire_without_grace": (1, 0, "two attempts run at once"),
    # A worker whose lease ran out while it was frozen kills what it runs before it goes on.
    "thaw_without_fencing": (2, 0, "two attempts run at once"),
    # A new instance kills what its predecessor left before it joins.
    "restart_without_killing": (1, 0, "two attempts run at once"),
    # What a new instance does not have is lost with the old one, and not offered again.
    "restart_is_a_rejoin": (1, 0, "an attempt started twice"),
    # A worker that comes back keeps the attempts that it says it has.
    "rejoin_without_holds": (1, 0, "two attempts run at once"),
    # A connection is the worker's from the commit that lets it join, not from its first word.
    "offer_before_join": (1, 0, "an attempt started twice"),
    # An offer is heard on the connection that it was told on, or never.
    "hear_old_connections": (1, 0, "an attempt started twice"),
    # A worker remembers what it has finished: a repeat of the offer starts nothing.
    "forget_done_offers": (0, 0, "an attempt started twice"),
    # A worker keeps a report until it is acknowledged.
    "report_told_once": (0, 0, "nothing leads from here to an end"),
    # The event of a trigger resumes the leg that waits for it, and no later one.
    "event_without_leg_check": (0, 0, "a leg was resumed by the trigger of another"),
}
"""What goes wrong without a rule, and the faults and wishes that it takes."""


def what_is_wrong(before: State, after: State) -> str:
    old, new = before.rows.attempts, after.rows.attempts
    running = sum(len(w.orphans) + (len(w.runs) if w.mode == "up" else 0) for w in after.workers)
    wrongs = {
        "an attempt started twice": max(after.starts) > 1,
        "two attempts run at once": running > 1,
        "an offer was told that is not committed": any(n >= len(new) or new[n].worker != w for n, w in after.offers),
        "a success was acknowledged that is not committed": any(new[n].state != "success" for n in after.acknowledged),
        # Among them a success that was acknowledged.
        "an attempt that was over became something else": old is not new
        and any(a.state not in ("open", b.state) for a, b in zip(old, new, strict=False)),
        "a leg was resumed by the trigger of another": after.rows.woken_by not in (None, len(new) - 1),
    }
    return next((wrong for wrong, is_so in wrongs.items() if is_so), "")


def is_end(state: State) -> bool:
    """The task is over, or out of attempts; nothing runs, and nothing is left to report."""
    task = state.rows.task
    settled = task in ("success", "marked") or (task == "ready" and len(state.rows.attempts) == ATTEMPTS)
    return settled and not state.rows.open() and not any(w.holds() or w.orphans for w in state.workers)


def simpler(state: State) -> State:
    """The state without what cannot matter any more, as long as all rules are kept: there are fewer of these."""
    rows, owners, workers = state.rows, state.owners, state.workers
    if len(owners) == 2 and all(worker.owner != 0 for worker in workers):
        owners = (None, owners[1])  # it can say nothing to anybody
    hear = {name: w.holds() | w.done for name, w in enumerate(workers) if w.mode in ("up", "frozen")}
    offers = frozenset((number, name) for number, name in state.offers if name in hear and number not in hear[name])
    alive = {number for number, _ in offers}.union(*(memory.open() for memory in owners if memory))
    return state._replace(
        rows=bare(rows, alive),
        owners=tuple(memory and bare(memory, alive) for memory in owners),
        workers=tuple(worker._replace(done=worker.done & alive) for worker in workers),
        starts=tuple(count if number in alive else 0 for number, count in enumerate(state.starts)),
        offers=offers,
        told=frozenset(report for report in state.told if report[0] in rows.open()),
        acknowledged=frozenset(),
    )


def bare(rows: Rows, alive: set[int]) -> Rows:
    """Of attempts that are over it does not matter where they were, nor why they left nothing."""
    kept = ("success", "deferred")
    ends = (
        a if n in alive else Attempt(0, a.state if a.state in kept else "lost") for n, a in enumerate(rows.attempts)
    )
    return rows._replace(attempts=tuple(ends))


Everything = Callable[[int, int], Found]


@pytest.fixture(scope="module")
def everything() -> Everything:
    """All that so many faults and wishes lead to, each found once: that takes seconds, and memory."""
    return cache(
        lambda faults, wishes: explore(Protocol(), what_is_wrong, is_end, simpler, faults=faults, wishes=wishes)
    )


@pytest.mark.parametrize(
    ("faults", "wishes", "at_least"),
    [(1, 1, 30_000), (2, 0, 40_000)],
)
def test_nothing_goes_wrong_in_any_state_and_from_each_there_is_a_way_to_an_end(
    faults: int, wishes: int, at_least: int, everything: Everything
) -> None:
    found = everything(faults, wishes)
    assert not found.wrong, shown(found)
    assert len(found.states) >= at_least


@pytest.mark.parametrize("rule", BREAKS)
def test_without_any_one_of_the_rules_something_goes_wrong(rule: str) -> None:
    faults, wishes, wrong = BREAKS[rule]
    found = explore(Protocol(rule), what_is_wrong, is_end, faults=faults, wishes=wishes)
    print(shown(found))
    assert found.wrong == wrong, shown(found)
    assert found.trace


def shown(found: Found) -> str:
    return "\n".join(["", *(f"{number:3} {says}" for number, says in enumerate(found.trace, 1)), f"→ {found.wrong}"])


def test_what_is_left_out_to_save_states_hides_none(everything: Everything) -> None:
    for faults, wishes in ((1, 0), (0, 1)):
        whole = explore(Protocol(), what_is_wrong, is_end, faults=faults, wishes=wishes)
        assert not whole.wrong, shown(whole)
        assert len(whole.states) > 2 * len(everything(faults, wishes).states)
        assert {simpler(state) for state in whole.states} == everything(faults, wishes).states


def test_the_exploration_comes_by_the_corners_that_the_rules_are_for(everything: Everything) -> None:
    states = everything(1, 1).states | everything(2, 0).states
    seen = {
        "two legs are deferred and the third succeeds": lambda s: (
            [a.state for a in s.rows.attempts] == ["deferred", "deferred", "success"]
        ),
        "a worker works for an owner that was overthrown": lambda s: (
            len(s.owners) == 2 and any(w.owner == 0 and w.runs for w in s.workers)
        ),
        "an overthrown owner remembers what is over": lambda s: (
            len(s.owners) == 2 and bool(s.owners[0]) and s.owners[0].open() != s.rows.open()
        ),
        "a new instance brings the report of the old one": lambda s: any(w.fresh and w.reports for w in s.workers),
        "a report is only in the network": lambda s: (
            not any(w.reports for w in s.workers) and bool(s.told) and not any(w.runs for w in s.workers)
        ),
        "what is left of a dead worker runs": lambda s: any(w.orphans for w in s.workers),
        "a worker is frozen beyond its lease": lambda s: any(w.mode == "overdue" and w.runs for w in s.workers),
        "a worker has fenced itself": lambda s: any(w.mode == "fenced" for w in s.workers),
        "a cleared task waits for its attempt to end": lambda s: s.rows.task == "ready" and bool(s.rows.open()),
        "a marked task has an attempt that runs": lambda s: s.rows.task == "marked" and any(w.runs for w in s.workers),
    }
    assert [corner for corner, is_there in seen.items() if not any(map(is_there, states))] == []
