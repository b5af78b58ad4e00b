from __future__ import annotations

import asyncio
import logging
import os
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probing import SPAWN, answers_of_workers

from tradewind.data import CircuitBreaker, CircuitOpen, CircuitState, DataProblem, FileState, MemoryState, RetryHandler
from tradewind.data.circuit import CircuitRecord, CircuitRules, Permit, Refusal, ask, report
from tradewind.data.problems import BadSetting
from tradewind.data.shared_state import SharedState, default_state

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "file"])
def storage(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> SharedState:
    return MemoryState(clock) if request.param == "memory" else FileState(tmp_path / "state" / "shared.db", clock)


def down() -> None:
    raise ConnectionError("down")


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ConnectionError):
            breaker.call(down)


def test_it_opens_at_the_threshold_half_opens_after_the_pause_and_closes_on_success(
    storage: SharedState, clock: Clock
) -> None:
    changes: list[tuple[CircuitState, CircuitState]] = []
    breaker = CircuitBreaker("api", 3, 60, storage=storage, on_change=lambda _, old, new: changes.append((old, new)))
    fail(breaker, 2)
    assert (breaker.state, breaker.failure_count) == (CLOSED, 2)
    fail(breaker)
    assert breaker.state is OPEN
    clock.now += 59.5
    with pytest.raises(CircuitOpen, match=r"'api' is open .* in 1 s") as refused:
        breaker.call(pytest.fail, "the service was called")
    assert refused.value.retry_after == 0.5
    clock.now += 0.5
    assert breaker.state is HALF_OPEN
    assert breaker.call(lambda rows: rows + 1, 41) == 42
    assert (breaker.state, breaker.failure_count) == (CLOSED, 0)
    assert changes == [(CLOSED, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, CLOSED)]


def test_a_probe_that_fails_opens_it_for_another_pause(storage: SharedState, clock: Clock) -> None:
    breaker = CircuitBreaker("api", 1, 60, storage=storage)
    fail(breaker)
    clock.now += 60
    fail(breaker)
    assert breaker.state is OPEN
    clock.now += 59
    with pytest.raises(CircuitOpen):
        breaker.call(down)


def test_a_success_in_between_starts_the_count_anew(storage: SharedState) -> None:
    breaker = CircuitBreaker("api", 2, 60, storage=storage)
    fail(breaker)
    breaker.call(int)
    fail(breaker)
    assert breaker.state is CLOSED


def test_breakers_of_one_name_share_their_state_and_others_do_not(storage: SharedState) -> None:
    here, there = (CircuitBreaker("api", 1, 60, storage=storage) for _ in range(2))
    other = CircuitBreaker("other", 1, 60, storage=storage)
    fail(here)
    with pytest.raises(CircuitOpen):
        there.call(int)
    assert other.call(int) == 0


def test_only_as_many_probes_go_out_as_allowed_and_all_must_come_back_well(storage: SharedState, clock: Clock) -> None:
    breaker = CircuitBreaker("api", 1, 60, half_open_max_calls=2, storage=storage)
    fail(breaker)
    clock.now += 60
    with breaker:
        with breaker:
            with pytest.raises(CircuitOpen, match="once a probe has succeeded"):
                breaker.call(int)
        assert breaker.state is HALF_OPEN
        with pytest.raises(CircuitOpen):
            breaker.call(int)
    assert breaker.state is CLOSED


def test_a_probe_whose_process_died_is_replaced_when_its_lease_ends(storage: SharedState, clock: Clock) -> None:
    breaker = CircuitBreaker("api", 1, 60, storage=storage, probe_timeout=30)
    fail(breaker)
    clock.now += 60
    lost = breaker._permit()
    clock.now += 29
    with pytest.raises(CircuitOpen):
        breaker.call(int)
    clock.now += 1
    with breaker:
        # The one taken for dead was only slow: it has no say any more.
        breaker._report(lost, "failure")
        assert breaker.state is HALF_OPEN
    assert breaker.state is CLOSED


def test_a_call_from_before_the_circuit_opened_does_not_close_it(storage: SharedState) -> None:
    breaker = CircuitBreaker("api", 1, 60, storage=storage)
    with breaker:
        fail(breaker)
    assert breaker.state is OPEN


def test_errors_that_say_nothing_about_the_service_are_not_counted(storage: SharedState, clock: Clock) -> None:
    breaker = CircuitBreaker("api", 1, 60, storage=storage, expected_exceptions=(ConnectionError, DataProblem))
    for error in (DataProblem("bad file"), ValueError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            with breaker:
                raise error
    assert breaker.state is CLOSED
    fail(breaker)
    clock.now += 60
    with pytest.raises(DataProblem), breaker:
        raise DataProblem("the probe told nothing")
    assert breaker.state is HALF_OPEN
    assert breaker.call(int) == 0
    assert breaker.state is CLOSED


def test_functions_and_coroutine_functions_are_decorated(storage: SharedState) -> None:
    breaker = CircuitBreaker("api", 1, 60, storage=storage)

    @breaker
    def read(rows: int) -> int:
        return rows

    @breaker
    async def fetch(fails: bool) -> str:
        await asyncio.sleep(0)
        if fails:
            raise ConnectionError
        return "rows"

    assert (read(3), asyncio.run(fetch(False))) == (3, "rows")
    with pytest.raises(ConnectionError):
        asyncio.run(fetch(True))
    for call in (lambda: read(3), lambda: asyncio.run(fetch(False))):
        with pytest.raises(CircuitOpen):
            call()
    with pytest.raises(BadSetting, match="call_async"):
        breaker.call(fetch, False)


def test_of_many_coroutines_one_is_the_probe(storage: SharedState, clock: Clock) -> None:
    breaker = CircuitBreaker("api", 1, 60, storage=storage)
    fail(breaker)
    clock.now += 60

    async def slow() -> str:
        await asyncio.sleep(0.05)
        return "probe"

    async def main() -> list[Any]:
        return await asyncio.gather(*(breaker.call_async(slow) for _ in range(20)), return_exceptions=True)

    answers = asyncio.run(main())
    assert answers.count("probe") == 1
    assert sum(isinstance(answer, CircuitOpen) for answer in answers) == 19


def test_a_cancelled_probe_makes_room_for_another(storage: SharedState, clock: Clock) -> None:
    breaker = CircuitBreaker("api", 1, 60, storage=storage)
    fail(breaker)
    clock.now += 60

    async def main() -> None:
        task = asyncio.create_task(breaker.call_async(asyncio.sleep, 60))
        while not breaker._read()[0].probes:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await breaker.call_async(asyncio.sleep, 0, "back") == "back"

    asyncio.run(main())
    assert breaker.state is CLOSED


def test_a_person_can_open_and_close_it(storage: SharedState) -> None:
    breaker = CircuitBreaker("api", 5, 60, storage=storage)
    breaker.force_open()
    with pytest.raises(CircuitOpen):
        breaker.call(int)
    breaker.reset()
    assert breaker.call(int) == 0


def test_retries_wait_until_the_circuit_lets_them_through(clock: Clock) -> None:
    breaker = CircuitBreaker("api", 1, 60, storage=MemoryState(clock))
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.now += seconds

    fail(breaker)
    assert RetryHandler(sleep=sleep).execute(breaker.call, int) == 0
    assert pauses == [60]


def test_a_clock_that_was_set_back_does_not_keep_it_open(clock: Clock) -> None:
    breaker = CircuitBreaker("api", 1, 60, storage=MemoryState(clock))
    fail(breaker)
    clock.now -= 3600
    assert breaker.call(int) == 0


def test_where_its_file_cannot_be_made_it_opens_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    breaker = CircuitBreaker("api", 2, 60, storage=FileState(tmp_path / "file" / "shared.db"))
    fail(breaker, 2)
    with pytest.raises(CircuitOpen):
        breaker.call(int)


def test_without_its_storage_calls_go_on_and_the_process_counts_for_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shared.db").write_text("this is no database, and longer than a header" * 10)
    breaker = CircuitBreaker("api", 2, 60, storage=FileState(tmp_path / "shared.db"))
    assert breaker.call(int) == 0
    fail(breaker, 2)
    with pytest.raises(CircuitOpen):
        breaker.call(int)
    assert caplog.text.count("This process remembers for itself meanwhile") == 1
    assert "this is no database" in (tmp_path / "shared.db").read_text()


def test_calls_while_all_is_well_write_nothing(tmp_path: Path) -> None:
    breaker = CircuitBreaker("api", storage=FileState(tmp_path / "shared.db"))
    for _ in range(3):
        breaker.call(int)
    assert list(tmp_path.iterdir()) == []


def test_changes_are_logged_and_measured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fail(CircuitBreaker("api", 1, 60, storage=MemoryState()))
    assert "Circuit 'api': closed -> open." in caplog.text
    assert "metric circuit_state=2 circuit=api" in caplog.text


def test_the_default_storage_is_a_file_in_the_home_of_the_installation(tmp_path: Path) -> None:
    def of(**env: str) -> Any:
        return default_state(env)

    home, data = str(tmp_path / "home"), str(tmp_path / "data")
    assert of(TRADEWIND_HOME=home, AIRFLOW_HOME="/x").path == tmp_path / "home" / "toolkit_state.db"
    assert of(AIRFLOW_HOME=home) is of(TRADEWIND_HOME=home)
    assert of(TRADEWIND_DATA=data).path == tmp_path / "data" / "toolkit_state.db"
    assert of().path == Path("data/toolkit_state.db").absolute()
    assert of(TRADEWIND_DATA_STATE=str(tmp_path / "x.db"), TRADEWIND_HOME=home).path == tmp_path / "x.db"
    assert isinstance(of(TRADEWIND_DATA_STATE="memory"), MemoryState)


@pytest.mark.parametrize(
    "options", [{"failure_threshold": 0}, {"recovery_timeout": 0}, {"half_open_max_calls": 0}, {"probe_timeout": -1}]
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=next(iter(options))):
        CircuitBreaker("api", **options)


def test_the_refusal_crosses_process_borders() -> None:
    error = pickle.loads(pickle.dumps(CircuitOpen("api", 3.0)))
    assert (error.name, error.retry_after) == ("api", 3.0)


@settings(deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(["ask", "success", "failure", "unknown"]), st.floats(0, 50)), max_size=60),
    allowed=st.integers(1, 3),
)
def test_whatever_happens_no_more_probes_are_out_than_allowed_and_an_open_circuit_refuses(
    steps: list[tuple[str, float]], allowed: int
) -> None:
    rules = CircuitRules(2, 30.0, allowed, 40.0)
    record, now, out = CircuitRecord(), 1000.0, list[Permit]()
    for number, (step, passed) in enumerate(steps):
        now += passed
        if step == "ask":
            refuses = record.state is OPEN and now < record.changed_at + 30
            record, answer = ask(record, rules, now, str(number))
            assert isinstance(answer, Refusal) or not refuses
            if isinstance(answer, Permit):
                out.append(answer)
        elif out:
            record = report(record, rules, now, out.pop(0), step)  # type: ignore[arg-type]
        assert len(record.probes) <= allowed
        assert record.failures <= rules.failure_threshold
        assert CircuitRecord.read(record.stored()) == record


def test_of_several_processes_exactly_one_probes(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    fail(CircuitBreaker("api", 1, 0.01, storage=FileState(path)))
    got = answers_of_workers(6, "api", FileState, str(path))
    assert got == ["probe"] + ["refused"] * 5
    assert CircuitBreaker("api", 1, 60, storage=FileState(path)).state is CLOSED


def _count_together(path: str, all_ready: Any) -> None:
    breaker = CircuitBreaker("api", 1000, 60, storage=FileState(path))
    all_ready.wait(100)
    for _ in range(25):
        try:
            breaker.call(down)
        except ConnectionError:
            pass


def test_failures_of_several_processes_that_begin_together_all_count(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    all_ready = SPAWN.Barrier(4)
    workers = [SPAWN.Process(target=_count_together, args=(str(path), all_ready)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(100)
    assert CircuitBreaker("api", 1000, 60, storage=FileState(path)).failure_count == 100
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def _probe_and_die(path: Path, now: float) -> None:
    with CircuitBreaker("api", 1, 60, storage=FileState(path, lambda: now), probe_timeout=30):
        os._exit(9)


def test_a_killed_probe_holds_the_circuit_only_for_its_lease(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "shared.db"
    breaker = CircuitBreaker("api", 1, 60, storage=FileState(path, clock), probe_timeout=30)
    fail(breaker)
    clock.now += 60
    worker = SPAWN.Process(target=_probe_and_die, args=(path, clock.now))
    worker.start()
    worker.join(100)
    assert worker.exitcode == 9
    clock.now += 29.5
    with pytest.raises(CircuitOpen):
        breaker.call(int)
    clock.now += 0.5
    breaker.call(int)
    assert breaker.state is CLOSED
