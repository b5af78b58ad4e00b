"""What a goal is measured with, and how its figures are named."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from harness.bench import say
from harness.figures import Figure, quantile
from harness.tradewind_site import Tradewind

from web.eyes import Eyes
from web.sizes import Sizes


@dataclass(frozen=True)
class Sight:
    """A large installation with a browser before it."""

    place: Tradewind
    eyes: Eyes
    sizes: Sizes
    repeat: int


@dataclass(frozen=True)
class Goal:
    """One goal of the web UI."""

    name: str
    title: str
    measure: Callable[[Sight], Iterable[Figure]]


def figure(what: str, unit: str, values: Sequence[float], limit: float | None = None, *, better: str = "less",
           note: str = "") -> Figure:  # fmt: skip
    return Figure("", what, unit, list(values), limit, better, note)


def frames_of(what: str, gaps: Sequence[float], at_least: float) -> Iterable[Figure]:
    """Of frames: how many a second, and which part took longer than 32 ms."""
    yield figure(f"{what}: frames a second", "1/s", [1000 * len(gaps) / sum(gaps)], at_least, better="more")
    yield figure(f"{what}: frames over 32 ms", "%", [100 * sum(gap > 32 for gap in gaps) / len(gaps)], 3.0)


def measured(goal: Goal, sight: Sight) -> tuple[list[Figure], str]:
    """Its figures, and why not all of them are there."""
    load = os.getloadavg()[0]
    say(f"{goal.name}: {goal.title} (load {load:.1f})")
    began, found, trouble = time.monotonic(), [], ""
    try:
        for one in goal.measure(sight):
            found.append(replace(one, row=goal.name, engine="tradewind", load=round(load, 2)))
            say(
                f"  {one.what}: {one.median:.4g} {one.unit} [{quantile(one.values, 0.95):.4g}] (of {len(one.values)})"
                + ("" if one.budget is None else f", limit {one.budget:g}" + ("" if one.within_budget else " ✗"))
            )
    except Exception as error:
        trouble = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        say(f"  not measured: {trouble}")
    say(f"  {time.monotonic() - began:.0f} s")
    return found, trouble
