"""Worker processes that meet at an open circuit breaker."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

from tradewind.data import CircuitBreaker, CircuitOpen

SPAWN = multiprocessing.get_context("spawn")


def answers_of_workers(count: int, name: str, storage: Callable[[str], Any], address: str) -> list[str]:
    """What so many processes are told that ask together: `probe` or `refused`, in alphabetical order."""
    all_ready, all_answered, answers = SPAWN.Barrier(count), SPAWN.Event(), SPAWN.Queue()
    arguments = (name, storage, address, all_ready, all_answered, answers)
    workers = [SPAWN.Process(target=_probe_together, args=arguments) for _ in range(count)]
    for worker in workers:
        worker.start()
    got = sorted(answers.get(timeout=100) for _ in workers)
    all_answered.set()
    for worker in workers:
        worker.join(100)
    return got


def _probe_together(
    name: str, storage: Callable[[str], Any], address: str, all_ready: Any, all_answered: Any, answers: Any
) -> None:
    """One worker: asks when all the others do, and stays inside until every other one has its answer."""
    breaker = CircuitBreaker(name, 1, 0.01, storage=storage(address), probe_timeout=300)
    all_ready.wait(100)
    try:
        with breaker:
            answers.put("probe")
            all_answered.wait(100)
    except CircuitOpen:
        answers.put("refused")
