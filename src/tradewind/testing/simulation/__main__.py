"""`python -m tradewind.testing.simulation --seeds 300 --from 0`: play seeds, on all cores; shrink what fails."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from itertools import count, islice

from tradewind.testing.simulation import teeth
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.jobs_workload import have_jobs, jobs_of
from tradewind.testing.simulation.players import CHUNK, play
from tradewind.testing.simulation.shrink import reduced, shrink
from tradewind.testing.simulation.simulation import Result, Simulation

ROUND = 1000
"""Seeds between two lines of progress, where nobody watches."""


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when nothing broke."""
    parser = argparse.ArgumentParser(prog="python -m tradewind.testing.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many seeds to play")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--without", action="append", default=[], help="leave a fault class or part out (repeatable)")
    parser.add_argument("--jobs", action="store_true", help="only seeds with backfills, deadlines, state and questions")
    parser.add_argument("--story", action="store_true", help="print everything that happens; for one seed")
    parser.add_argument("--no-shrink", action="store_true", help="do not make failing seeds small")
    parser.add_argument("--teeth", action="store_true", help="plant bugs, and show that each is found")
    given = parser.parse_args(arguments)
    if given.teeth:
        return teeth.show(given.seeds, given.first)
    if given.seeds == 1 and (given.story or given.without):
        return _play_one(given.first, tuple(given.without), given.story)
    return _play_many(given)


def _play_one(seed: int, without: tuple[str, ...], story: bool) -> int:
    simulation = reduced(Simulation(seed, Database()), without)
    simulation.timeline.story = [] if story else None
    result = simulation.run()
    for line in simulation.timeline.story or ():
        print(line)
    print(simulation.plan)
    print(simulation.workload)
    print(f"seed {seed}: {result.broken or 'nothing broke'} ({result.played} events, trace {result.trace})")
    return 1 if result.broken else 0


def _play_many(given: argparse.Namespace) -> int:
    chosen = (seed for seed in count(given.first) if not given.jobs or have_jobs(jobs_of(seed)))
    seeds = list(islice(chosen, given.seeds))
    began = time.monotonic()
    failed: list[Result] = []
    covered: Counter[tuple[str, str]] = Counter()
    done = played = attempts = 0
    drawn = sys.stderr.isatty()
    try:
        for done, result in enumerate(play(seeds, given.processes), 1):
            played += result.played
            attempts += result.attempts
            covered.update(result.covered)
            if result.broken:
                failed.append(result)
                print(f"\rseed {result.seed}: {result.broken[:200]}", flush=True)
            if done % (CHUNK if drawn else ROUND) == 0:
                where = f"{done:,} of {given.seeds:,} seeds"
                print(f"\r{where}" if drawn else where, end="" if drawn else "\n", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print(f"\nstopped after {done:,} seeds", file=sys.stderr)
    seconds = time.monotonic() - began
    print(
        f"{done} seeds from {given.first}: {played:,} events, {attempts:,} attempts in {seconds:.1f} s "
        f"({played / seconds:,.0f} events/s); {len(failed)} failed"
    )
    print_coverage(covered)
    for result in sorted(failed, key=lambda found: found.played)[:3]:
        if not given.no_shrink:
            small = shrink(result.seed, Database())
            print(f"\n{small.command}\n  {small.result.broken}\n{small.plan}\n{small.workload}")
    return 1 if failed else 0


def print_coverage(covered: Counter[tuple[str, str]]) -> None:
    """In which states of tasks each fault has struck, and in how many seeds."""
    states = sorted({state for _, state in covered})
    faults = sorted({fault for fault, _ in covered})
    if not faults:
        return
    width = max(map(len, faults))
    print(f"\nfault struck while a task was … ({len(covered)} pairs)")
    print(" " * width, *(f"{state[:9]:>9}" for state in states))
    for fault in faults:
        print(f"{fault:{width}}", *(f"{covered[fault, state] or '':>9}" for state in states))


if __name__ == "__main__":
    sys.exit(main())
