"""What tasks keep: who may write it, how long it lasts, and that a play stores what the database would."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from tradewind.core.inputs import AssetStoreChanged, TaskStoreChanged
from tradewind.core.records import TaskKey
from tradewind.core.states import ATTEMPT_ACTIVE, TaskState
from tradewind.testing.builders import dag
from tradewind.testing.world import START, Play

WORK = TaskKey(1, "work", -1)


def playing(*, clears: bool = False) -> Play:
    play = Play()
    play.world.success_clears_store = clears
    play.start(dag("work", retries=2, retry_delay_seconds=60))
    return play


def keep(play: Play, attempt: str, key: str = "job", value: bytes | None = b'"j1"', **more: timedelta) -> object:
    return play.give(TaskStoreChanged(attempt=attempt, key=key, value=value, **more))


def kept(play: Play) -> dict[str, bytes]:
    return {key: row["value"] for (place, key), row in play.task_state_store.items() if place == WORK}


def test_what_one_try_keeps_the_next_finds_and_the_first_may_not_change_any_more() -> None:
    play = playing()
    first = play.begin("work").id
    assert keep(play, first) is True
    play.fail("work")
    assert keep(play, first, value=b'"late"') is False
    play.advance(seconds=60)
    second = play.begin("work").id
    assert second != first
    assert keep(play, first, value=b'"later"') is False
    assert keep(play, first, key="") is False
    assert kept(play) == {"job": b'"j1"'}
    assert [(r.name, r.reason) for r in play.records if r.name == "attempt.stale_report"] == [
        ("attempt.stale_report", "task_state_store")
    ] * 3
    assert keep(play, second, value=b'"j2"') is True
    assert kept(play) == {"job": b'"j2"'}


def test_a_key_or_everything_is_forgotten() -> None:
    play = playing()
    attempt = play.begin("work").id
    for key in ("a", "b", "c"):
        keep(play, attempt, key)
    keep(play, attempt, "b", None)
    keep(play, attempt, "unknown", None)
    assert kept(play).keys() == {"a", "c"}
    keep(play, attempt, "", None)
    assert kept(play) == {}


def test_retention_counts_from_now() -> None:
    play = playing()
    attempt = play.begin("work").id
    keep(play, attempt, "short", retention=timedelta(hours=6))
    keep(play, attempt, "long")
    expires = {key: row["expires_at"] for (_, key), row in play.task_state_store.items()}
    assert expires == {"short": START + timedelta(hours=6), "long": None}


def test_a_task_that_was_marked_may_not_write_while_it_is_being_stopped() -> None:
    play = playing()
    attempt = play.begin("work").id
    keep(play, attempt)
    play.mark("work", TaskState.FAILED)
    assert attempt in play.world.attempts
    assert keep(play, attempt, value=b"2") is False
    assert kept(play) == {"job": b'"j1"'}


def test_a_cleared_task_keeps_its_values() -> None:
    play = playing()
    keep(play, play.begin("work").id)
    play.succeed("work")
    play.clear(["work"])
    assert kept(play) == {"job": b'"j1"'}


def test_success_forgets_only_where_the_installation_says_so() -> None:
    for clears in (False, True):
        play = playing(clears=clears)
        keep(play, play.begin("work").id)
        play.fail("work")
        assert kept(play)
        play.advance(seconds=60)
        play.succeed("work")
        assert bool(kept(play)) is not clears


def test_success_that_a_person_says_forgets_as_well() -> None:
    play = playing(clears=True)
    keep(play, play.begin("work").id)
    play.mark("work", TaskState.SUCCESS)
    assert kept(play) == {}


def test_an_assets_value_names_its_writer_and_a_stale_attempt_writes_none() -> None:
    play = playing()
    attempt = play.begin("work").id
    change = AssetStoreChanged(attempt=attempt, name="orders", uri="s3://orders", key="mark", value=b"5")
    assert play.give(change) is True
    play.fail("work")
    assert (
        play.give(AssetStoreChanged(attempt=attempt, name="orders", uri="s3://orders", key="mark", value=b"6")) is False
    )
    [(place, row)] = play.asset_state_store.items()
    assert place == ("orders", "s3://orders", "mark")
    run = play.runs[1]
    assert (row["value"], row["dag_id"], row["run_id"], row["task_id"], row["map_index"]) == (
        b"5", "etl", run.run_id, "work", -1,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_a_value_is_the_last_one_of_an_attempt_that_was_under_way(seed: int) -> None:
    """Random lives of two tasks; any attempt that there ever was tries to write at any time."""
    random, play = Random(seed), Play()
    play.start(dag("a; b", retries=3, retry_delay_seconds=10))
    wanted: dict[tuple[TaskKey, str], bytes] = {}
    heard = refused = 0
    for step in range(120):
        task_id = random.choice("ab")
        active = [a for a in play.attempts.values() if a.key.task_id == task_id and a.state in ATTEMPT_ACTIVE]
        match random.randrange(12):
            case 0 | 1 if active:
                play.end(task_id, random.choice(["success", "failed", "lost", "rescheduled", "not_started"]))
            case 2 if active:
                play.begin(task_id)
            case 3 | 4:
                play.clear([task_id])
            case 5:
                play.mark(task_id, random.choice(["success", "failed"]))
            case 6:
                play.advance(seconds=random.choice([1, 10, 60]))
            case _:
                attempt = random.choice((active if random.random() < 0.5 else None) or [*play.attempts.values()])
                key, value = random.choice("xyz"), str(step).encode()
                state = play.tasks[attempt.key].state
                speaks = attempt.state in ATTEMPT_ACTIVE and state in ("queued", "running", "restarting")
                assert keep(play, attempt.id, key, value) is speaks, (attempt, state)
                heard, refused = heard + speaks, refused + (not speaks)
                if speaks:
                    wanted[attempt.key, key] = value
        assert {place: row["value"] for place, row in play.task_state_store.items()} == wanted
    assert heard
    assert refused
