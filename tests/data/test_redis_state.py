"""Shared state on a real Redis; skipped where there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from probing import answers_of_workers

from tradewind.data import CircuitBreaker, CircuitState, RedisState
from tradewind.data.shared_state import StateUnavailable
from tradewind.testing.servers import free_port


@pytest.fixture(scope="module")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    redis = pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed, so the tests of shared state in Redis are skipped.")
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"redis://127.0.0.1:{port}/0"
    try:
        with redis.Redis.from_url(address) as client:
            for _ in range(100):
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    time.sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait(10)


def down() -> None:
    raise ConnectionError


def test_of_several_processes_exactly_one_probes(redis_address: str) -> None:
    breaker = CircuitBreaker("together", 1, 0.01, storage=RedisState(redis_address))
    with pytest.raises(ConnectionError):
        breaker.call(down)
    got = answers_of_workers(5, "together", RedisState, redis_address)
    assert got == ["probe"] + ["refused"] * 4
    assert breaker.state is CircuitState.CLOSED


def test_a_record_that_somebody_changed_meanwhile_is_decided_on_again(redis_address: str) -> None:
    state = RedisState(redis_address)
    seen = []

    def change(record: dict[str, Any] | None, now: float) -> tuple[dict[str, Any] | None, str]:
        seen.append(record)
        if len(seen) == 1:
            state.update("key", lambda *_: ({"from": "another"}, None))
        return {"from": "me"}, "done"

    assert state.update("key", change) == "done"
    assert seen == [None, {"from": "another"}]
    record, now = state.read("key")
    assert record == {"from": "me"}
    assert abs(now - time.time()) < 5
    state.update("key", lambda *_: (None, None))
    assert state.read("key")[0] is None


def test_a_redis_that_is_away_is_named_without_its_password() -> None:
    pytest.importorskip("redis")
    state = RedisState(f"redis://:hidden@127.0.0.1:{free_port()}/0")
    with pytest.raises(StateUnavailable, match=r"redis://\*\*\*@127.0.0.1") as caught:
        state.read("key")
    assert "hidden" not in f"{caught.value} {state!r}"


def test_the_package_is_asked_for_by_name_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(Exception, match="needs the package `redis`"):
        RedisState("redis://127.0.0.1:1")
