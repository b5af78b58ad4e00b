"""A simulated time as people and programs read it: a picture in characters, JSON, YAML, or one run a line."""

import heapq
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any

import click
import msgspec

from tradewind.cli.app import counted
from tradewind.cli.foreseeing import Foreseen, Foresight
from tradewind.cli.output import render
from tradewind.cli.run_lines import duration
from tradewind.core.foresight import PoolUse
from tradewind.core.timetables import DueRun

WIDTH = 48
"""Characters of a picture: each stands for so much of the time."""

_BARS = " ▁▂▃▄▅▆▇█"


def write(found: Foresight, output: str, limit: int) -> None:
    """Print what was foreseen. Whatever is long is written as it comes."""
    match output:
        case "json":
            _write_json(found)
        case "yaml":
            import yaml

            facts = {**_head(found), "runs": [_run(dag, run) for dag in found.dags for run in dag.runs]}
            click.echo(yaml.safe_dump(facts, allow_unicode=True, sort_keys=False).rstrip())
        case "plain":
            for line in _plain(found):
                click.echo(line)
        case _:
            click.echo("\n".join(_picture(found, limit)))


def picture_of(values: Sequence[int], most: int) -> str:
    """Values as a row of bars; the highest is as high as `most`."""
    top = max(1, most)
    return "".join(_BARS[-(-min(value, top) * (len(_BARS) - 1) // top)] for value in values)


# --- for people --------------------------------------------------------------------------------------------------


def _picture(found: Foresight, limit: int) -> Iterator[str]:
    total = sum(len(dag.runs) for dag in found.dags)
    span = f"{_time(found.start)} to {_time(found.end)}"
    yield f"{counted(total, 'run')} of {counted(len(found.dags), 'Dag')}, {span}\n"
    if found.dags:
        yield render([_dag_row(dag, found) for dag in found.dags], "table")
    if found.uses:
        yield "\n" + render([_pool_row(name, use, found) for name, use in found.uses.items()], "table")
    remarks = [*_remarks(found)]
    if remarks:
        yield "\n" + "\n".join(remarks)
    if limit and total:
        yield "\n" + render([_run(dag, run) for dag, run in islice(_in_order(found), limit)], "table")
        if total > limit:
            yield f"… and {total - limit:,} more; --limit shows more of them, -o plain and -o json all."


def _dag_row(dag: Foreseen, found: Foresight) -> dict[str, Any]:
    counts = _counts(dag, found)
    return {
        "dag_id": dag.spec.dag_id,
        "schedule": dag.spec.timetable.summary,
        "runs": len(dag.runs),
        "each takes": f"{duration(dag.lasts.total_seconds())} ({dag.lasts_from})",
        "at once": dag.overlap.most,
        "overlap": dag.overlap.runs,
        "when": picture_of(counts, max(counts)),
    }


def _pool_row(name: str, use: PoolUse, found: Foresight) -> dict[str, Any]:
    slots = found.pools.get(name)
    return {
        "pool": name,
        "slots": "none" if slots is None else "any" if slots < 0 else slots,
        "wanted": use.most,
        "first at": _time(use.most_at) if use.most_at else "",
        "when": picture_of(use.peaks(found.start, found.end, WIDTH), use.most),
    }


def _remarks(found: Foresight) -> Iterator[str]:
    for dag in found.dags:
        overlap, limit = dag.overlap, dag.spec.max_active_runs
        if overlap.most > limit > 0 and overlap.at is not None:
            yield (
                f"{dag.spec.dag_id}: {overlap.most} runs want to go on at once from {_time(overlap.at)} on, and "
                f"max_active_runs is {limit}; runs will wait."
            )
        if dag.spec.timetable.kind == "asset":
            yield f"{dag.spec.dag_id}: its runs come from asset events, which nobody can foresee."
    for name, use in found.uses.items():
        slots = found.pools.get(name)
        if slots is None:
            yield f"Pool {name} does not exist; {use.most} slots of it are wanted."
        elif use.most > slots >= 0:
            seconds = use.seconds_above(slots)
            yield f"Pool {name} has {slots} slots, and more are wanted for {duration(seconds)}; tasks will wait."


def _in_order(found: Foresight) -> Iterator[tuple[Foreseen, DueRun]]:
    """All runs, in the order in which they are due."""

    def of(dag: Foreseen) -> Iterator[tuple[Foreseen, DueRun]]:
        return ((dag, run) for run in dag.runs)

    return heapq.merge(*map(of, found.dags), key=lambda entry: (entry[1].run_after, entry[0].spec.dag_id))


def _counts(dag: Foreseen, found: Foresight) -> list[int]:
    """How many of its runs are due in each part of the time."""
    edges = [found.start + (found.end - found.start) * part / WIDTH for part in range(WIDTH + 1)]
    before = [bisect_left(dag.runs, edge, key=lambda run: run.run_after) for edge in edges]
    return [after - first for first, after in pairwise(before)]


# --- for programs ------------------------------------------------------------------------------------------------


def _write_json(found: Foresight) -> None:
    """One object; the runs are written Dag by Dag, since there may be millions."""
    out = sys.stdout.buffer
    out.write(msgspec.json.encode(_head(found))[:-1] + b',"runs":[')
    with_runs = [dag for dag in found.dags if dag.runs]
    for dag in with_runs:
        runs = msgspec.json.encode([_run(dag, run) for run in dag.runs])
        out.write(runs[1:-1] + (b"," if dag is not with_runs[-1] else b""))
    out.write(b"]}\n")


def _head(found: Foresight) -> dict[str, Any]:
    return {
        "from": _time(found.start),
        "to": _time(found.end),
        "dags": [
            {
                "dag_id": dag.spec.dag_id,
                "schedule": dag.spec.timetable.summary,
                "runs": len(dag.runs),
                "duration_seconds": dag.lasts.total_seconds(),
                "duration_from": dag.lasts_from,
                "overlapping_runs": dag.overlap.runs,
                "most_at_once": dag.overlap.most,
                "most_at_once_from": _time(dag.overlap.at) if dag.overlap.at else None,
                "max_active_runs": dag.spec.max_active_runs,
            }
            for dag in found.dags
        ],
        "pools": [
            {
                "pool": name,
                "slots": found.pools.get(name),
                "most_wanted": use.most,
                "most_wanted_from": _time(use.most_at) if use.most_at else None,
                "seconds_short": use.seconds_above(found.pools[name]) if found.pools.get(name, -1) >= 0 else 0,
            }
            for name, use in found.uses.items()
        ],
        "problems": found.problems,
    }


def _plain(found: Foresight) -> Iterator[str]:
    wide = max((len(dag.spec.dag_id) for dag in found.dags if dag.runs), default=6)
    heads = ("run_after", "logical_date", "data_interval_start", "data_interval_end")
    yield "  ".join([f"{'dag_id':<{wide}}", *(f"{head:<32}" for head in heads)]).rstrip()
    for dag, run in _in_order(found):
        cells = list(_run(dag, run).values())
        yield "  ".join([f"{cells[0]:<{wide}}", *(f"{cell or '-':<32}" for cell in cells[1:])]).rstrip()


def _run(dag: Foreseen, run: DueRun) -> dict[str, str | None]:
    interval = run.data_interval
    return {
        "dag_id": dag.spec.dag_id,
        "run_after": _time(run.run_after),
        "logical_date": None if run.logical_date is None else _time(run.logical_date),
        "data_interval_start": None if interval is None else _time(interval.start),
        "data_interval_end": None if interval is None else _time(interval.end),
    }


@lru_cache(maxsize=1 << 16)  # Dags with the same schedule share their runs
def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
