"""What waits for something else than its upstream is named once for each cause."""

from tradewind.core.waits import waits
from tradewind.testing.builders import dag, expand
from tradewind.testing.world import Play


def _of(play: Play, most: int = 20, held: dict[str, tuple[int, int]] | None = None) -> list[tuple[str, str, str, int]]:
    found, _ = waits(play.world, play.now, most, held or {})
    return [(each.dag_id, each.task_id, each.code, each.count) for each in found]


def test_many_tasks_behind_one_pool_are_one_cause_and_upstream_is_none(play: Play) -> None:
    play.set_pool("small", 2)
    play.start(dag("m >> after", tasks={"m": {"map": expand(v=7), "pool": "small"}}))
    assert _of(play) == [("etl", "m", "pool_full", 5)]


def test_a_try_to_come_a_run_that_is_queued_and_another_dag_are_causes_of_their_own(play: Play) -> None:
    play.start(dag("a", dag_id="again", retries=2, retry_delay_seconds=300.0))
    play.fail("a", error="ValueError: odd")
    one = dag("b", dag_id="single", max_active_runs=1)
    for _ in range(3):
        play.start(one)
    assert _of(play) == [("again", "a", "retry_timer", 1), ("single", "", "queued_run", 2)]


def test_what_runs_waits_for_nothing_unless_its_worker_holds_it_back(play: Play) -> None:
    play.start(dag("a"))
    assert _of(play) == []
    (attempt,) = play.world.attempts
    assert _of(play, held={attempt: (4 * 1024**3, 1024**3)}) == [("etl", "a", "memory_guard", 1)]


def test_no_more_causes_than_asked_for_and_it_says_so(play: Play) -> None:
    play.set_pool("none", 0)
    for n in range(5):
        play.start(dag("a", dag_id=f"d{n}", pool="none"))
    found, is_all = waits(play.world, play.now, 3, {})
    assert ([each.dag_id for each in found], is_all) == (["d0", "d1", "d2"], False)
    assert waits(play.world, play.now, 20, {}, looked_at=2)[1] is False
    assert waits(play.world, play.now, 20, {})[1] is True
