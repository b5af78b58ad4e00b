"""A run as lines to draw: one a task, under its groups, with counts for mapped tasks. Plain values in and out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Spec = Mapping[str, Any]
Row = Mapping[str, Any]
Progress = tuple[float, float | None, str]
"""Done, of how much (None: nobody knows), and the unit."""

ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
WAITING = frozenset({"none", "scheduled", "queued"})
MOST_INSTANCES = 8
"""A task with more mapped instances shows those that are under way or failed, and counts the others."""


@dataclass(slots=True)
class Line:
    """One line: a task instance, a mapped task as a whole, or the heading of a group (no state)."""

    name: str
    depth: int = 0
    state: str = ""
    note: str = ""
    start_us: int | None = None
    end_us: int | None = None
    progress: Progress | None = None
    key: tuple[str, int] = ("", -1)


@dataclass(slots=True)
class Snapshot:
    """A run at one moment."""

    run: Row
    tasks: Sequence[Row]
    progress: dict[tuple[str, int], Progress] = field(default_factory=dict)

    @property
    def state(self) -> str:
        return str(self.run["state"])

    @property
    def ended(self) -> bool:
        return self.state in ("success", "failed")

    def with_state(self, state: str) -> list[Row]:
        return [task for task in self.tasks if task["state"] == state]


def lines_of(spec: Spec, snapshot: Snapshot, now_us: int) -> list[Line]:
    """All lines in the order in which a person reads them: groups where their first task stands."""
    instances: dict[str, list[Row]] = {}
    for row in snapshot.tasks:
        instances.setdefault(row["task_id"], []).append(row)
    parents = {group["group_id"]: group.get("parent") for group in spec.get("groups", ()) if group.get("group_id")}
    tree: dict[str, Any] = {}
    for task_id, task in spec["tasks"].items():
        branch, group = tree, task.get("group_id")
        for name in _path(group, parents):
            branch = branch.setdefault(f"{name}/", {})
        branch[task_id] = group
    return list(_walk(tree, "", 0, instances, snapshot, now_us))


def _path(group: str | None, parents: Mapping[str, str | None]) -> list[str]:
    path: list[str] = []
    while group:
        path.insert(0, group)
        group = parents.get(group)
    return path


def _walk(
    branch: Mapping[str, Any], group: str, depth: int, rows: Mapping[str, list[Row]], snapshot: Snapshot, now_us: int
) -> Iterator[Line]:
    for name, inner in branch.items():
        label = name.removeprefix(f"{group}.") if group else name
        if isinstance(inner, Mapping):
            inside = list(_walk(inner, name.removesuffix("/"), depth + 1, rows, snapshot, now_us))
            yield from [Line(label.removesuffix("/"), depth), *inside] if inside else []
        else:
            yield from _task(label, depth, rows.get(name, []), snapshot, now_us)


def _task(label: str, depth: int, rows: list[Row], snapshot: Snapshot, now_us: int) -> Iterator[Line]:
    if len(rows) == 1 and rows[0]["map_index"] < 0:
        yield _instance(label, depth, rows[0], snapshot, now_us)
        return
    if not rows:
        return
    yield _summary(label, depth, rows)
    shown = rows if len(rows) <= MOST_INSTANCES else [row for row in rows if row["state"] not in ENDED | WAITING]
    if len(rows) > MOST_INSTANCES:
        shown = [*[row for row in rows if row["state"] == "failed"], *shown][:MOST_INSTANCES]
    for row in shown:
        name = f"[{row['map_index']}]" + (f" {row['rendered_map_index']}" if row["rendered_map_index"] else "")
        yield _instance(name, depth + 1, row, snapshot, now_us)


def _summary(label: str, depth: int, rows: list[Row]) -> Line:
    """A mapped task as a whole: how many of its instances have ended."""
    states = [row["state"] for row in rows]
    ended = sum(state in ENDED for state in states)
    for state in ("failed", "upstream_failed", "running", "up_for_retry", "awaiting_input"):
        if state in states:
            break
    else:
        state = "success" if ended == len(rows) else "queued" if ended == 0 else "running"
    starts = [row["start_date"] for row in rows if row["start_date"] is not None]
    ends = [row["end_date"] for row in rows if row["end_date"] is not None]
    return Line(
        label, depth, state, f"{len(rows)} instances",
        start_us=min(starts, default=None),
        end_us=max(ends, default=None) if ended == len(rows) else None,
        progress=(ended, len(rows), "instances") if ended < len(rows) else None,
        key=(rows[0]["task_id"], -1),
    )  # fmt: skip


def _instance(name: str, depth: int, row: Row, snapshot: Snapshot, now_us: int) -> Line:
    state, key = row["state"], (row["task_id"], row["map_index"])
    started = row["try_number"] > 0 and state not in WAITING
    return Line(
        name, depth, state, note_of(row, now_us),
        start_us=row["start_date"] if started else None,
        end_us=row["end_date"] if state != "running" else None,
        progress=snapshot.progress.get(key) if state == "running" else None,
        key=key,
    )  # fmt: skip


def note_of(row: Row, now_us: int) -> str:
    """What is worth saying beside a task's state: which try it is, when the next one comes and why."""
    parts = []
    tries = row["max_tries"] + 1
    if row["try_number"] > 1 or (row["state"] == "up_for_retry" and tries > 1):
        parts.append(f"try {row['try_number']} of {max(tries, row['try_number'])}")
    if row["state"] in ("up_for_retry", "up_for_reschedule") and row["not_before"]:
        parts.append(f"again in {duration(max(0.0, (row['not_before'] - now_us) / 1e6))}")
    reason = (row["reason"] or "").partition("\n")[0]
    if row["state"] == "awaiting_input" and reason:
        parts.append(reason)
    note = ", ".join(parts)
    return f"{note}: {reason}" if row["state"] == "up_for_retry" and reason else note


def fit(lines: list[Line], room: int) -> tuple[list[Line], int]:
    """As many lines as there is room for, those under way and failed first; and how many were left out."""
    if len(lines) <= room:
        return lines, 0
    order = sorted(range(len(lines)), key=lambda index: (_rank(lines[index]), index))
    kept = sorted(order[: max(room - 1, 1)])
    return [lines[index] for index in kept], len(lines) - len(kept)


def _rank(line: Line) -> int:
    if line.state in ("running", "up_for_retry", "restarting", "awaiting_input"):
        return 0
    return {"failed": 1, "queued": 2, "scheduled": 2, "success": 3}.get(line.state, 4)


# --- words -------------------------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """A time span as people say it: `20 ms`, `4.1 s`, `2 min 05 s`, `1 h 04 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def amount(progress: Progress) -> str:
    """How far something is: `1,200 of 6,000 rows`, `34.0 of 780.0 MB`."""
    done, total, unit = progress
    if unit == "bytes":
        size, name = _scale(total or done)
        return f"{done / size:.1f} of {total / size:.1f} {name}" if total else f"{done / size:.1f} {name}"
    text = f"{done:,.0f}" if total is None else f"{done:,.0f} of {total:,.0f}"
    return f"{text} {unit}".rstrip()


def _scale(size: float) -> tuple[float, str]:
    for power, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= power:
            return power, name
    return 1.0, "bytes"


def elapsed(line: Line, now_us: int) -> str:
    """How long a task has taken, or has taken so far."""
    if line.start_us is None or line.state in WAITING:
        return ""
    return duration(max(0, (line.end_us or now_us) - line.start_us) / 1e6)
