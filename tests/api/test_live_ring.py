"""The last changes, and the topics and needs of each: values alone."""

import pytest

from tradewind.api.live.changes import MOST_TOPICS, change_of, checked_topics, grown, log_of, may_hear, topics_of
from tradewind.api.live.ring import Ring
from tradewind.core.access import BUILT_IN, Action, Caller, DagFacts, DagScope, Grant, Resource, Role
from tradewind.core.errors import InvalidInput
from tradewind.wire.events import TOPICS
from tradewind.wire.messages import Event


def change(seq: int, at: float = 0.0, name: str = "run.moved"):
    found = change_of(Event(seq=seq, at_us=1, name=name, dag_id="etl", run_id="one"))
    found.heard_at = at
    return found


def numbers(ring: Ring, seq: int) -> list[int] | None:
    found = ring.after(seq)
    return None if found is None else [each.seq for each in found]


def test_a_ring_knows_what_came_after_as_far_as_it_reaches() -> None:
    ring = Ring(10, most=3, seconds=60)
    assert numbers(ring, 10) == []
    assert numbers(ring, 9) is None
    assert numbers(ring, 11) is None, "it has never been told of that"
    for seq in range(11, 16):
        ring.add(change(seq))
    assert numbers(ring, 12) == [13, 14, 15]
    assert numbers(ring, 14) == [15]
    assert numbers(ring, 11) is None
    ring.add(change(16, at=59.0))
    ring.add(change(17, at=61.0))
    assert numbers(ring, 15) == [16, 17], "what is older than a minute is forgotten"
    assert numbers(ring, 14) is None
    ring.jump(100)
    assert numbers(ring, 100) == []
    assert numbers(ring, 99) is None


def test_a_change_belongs_to_the_topics_that_show_it() -> None:
    task = change_of(
        Event(seq=1, at_us=1, name="task.moved", dag_id="etl", run_id="a/b", task_id="load", map_index=3, try_number=2)
    )
    assert set(topics_of(task)) == {"task", "dag:etl", "run:etl/a/b", "log:etl/a/b/load/3/2"}
    assert set(topics_of(change(1))) == {"run", "dags", "dag:etl", "run:etl/one"}
    assert set(topics_of(change(1, name="quarantined"))) >= {"quarantined", "dags", "health"}
    log = grown("log:etl/a/b/load/3/2")
    assert log is not None
    assert topics_of(log) == ["log:etl/a/b/load/3/2"]
    assert log_of("log:etl/a/b/load/-1/1") == ("etl", "a/b", "load", -1, 1)
    assert log_of("log:etl/one/load/²/1") is None


def test_every_family_of_the_event_log_is_a_topic() -> None:
    assert checked_topics(TOPICS) == frozenset(TOPICS)
    with pytest.raises(InvalidInput, match=f"{MOST_TOPICS} topics at most"):
        checked_topics([f"dag:{n}" for n in range(MOST_TOPICS + 1)])


def of(name: str, dag_id: str = ""):
    return change_of(Event(seq=1, at_us=1, name=name, dag_id=dag_id))


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("account.changed", Resource.USER), ("login.failed", Resource.USER), ("role.set", Resource.ROLE),
        ("command", Resource.EVENT_LOG), ("secrets.rotated", Resource.EVENT_LOG), ("variable.set", Resource.VARIABLE),
        ("connection.set", Resource.CONNECTION), ("pool.set", Resource.POOL), ("worker.lost", Resource.SYSTEM),
        ("nobody.knows", Resource.EVENT_LOG),
    ],
)  # fmt: skip
def test_only_who_may_read_something_hears_of_it(name: str, resource: Resource) -> None:
    all_else = frozenset(Resource) - {resource}
    without = Caller("kim", (Role("x", (Grant(frozenset({Action.READ}), all_else),)),))
    only = Caller("lee", (Role("x", (Grant(frozenset({Action.READ}), frozenset({resource})),)),))
    assert may_hear(only, of(name), None)
    assert not may_hear(without, of(name), None)


def test_a_scope_of_dags_hears_of_these_and_of_nothing_that_is_about_none() -> None:
    some = Grant(frozenset({Action.READ}), frozenset(Resource), DagScope(tags=frozenset({"open"})))
    caller = Caller("kim", (Role("x", (some,)),))
    opened, closed = DagFacts("etl", frozenset({"open"})), DagFacts("etl", frozenset({"closed"}))
    assert may_hear(caller, of("task.moved", "etl"), opened)
    assert not may_hear(caller, of("task.moved", "etl"), closed)
    assert not may_hear(caller, of("task.moved", "etl"), None)
    assert not may_hear(caller, of("command"), None)
    assert not may_hear(caller, of("quarantined"), None)
    assert may_hear(Caller("lee", (BUILT_IN["Viewer"],)), of("quarantined"), None)
