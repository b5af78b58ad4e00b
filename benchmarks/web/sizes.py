"""How large the installation is that the web UI is measured on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """At a scale of 1 what the goals name."""

    dags: int
    runs_each: int
    wide_tasks: int
    wide_runs: int
    deep_levels: int
    graph_tasks: int
    grouped_tasks: int
    mapped: int
    log_lines: int
    instances: int
    """Task instances in the database in all."""
    tabs: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def sizes_at(scale: float) -> Sizes:
    """Everything smaller by the same factor, but for what a page shows at once."""

    def scaled(whole: int, least: int) -> int:
        return max(least, round(whole * scale))

    return Sizes(
        dags=scaled(2_000, 60), runs_each=25, wide_tasks=scaled(500, 50), wide_runs=scaled(365, 100),
        deep_levels=scaled(300, 30), graph_tasks=scaled(5_000, 500), grouped_tasks=500, mapped=scaled(10_000, 100),
        log_lines=scaled(1_000_000, 10_000), instances=scaled(5_000_000, 100_000), tabs=scaled(50, 3),
    )  # fmt: skip
