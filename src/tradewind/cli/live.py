"""A run in the terminal while it goes on: a live tree where there is a terminal, a line per change elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

import click

from tradewind.cli.app import printable
from tradewind.cli.client import Client, CommandRefused, NoScheduler
from tradewind.cli.reading import Reader
from tradewind.cli.run_lines import ENDED, Line, Progress, Snapshot, amount, duration, elapsed, fit, lines_of
from tradewind.core.errors import TradewindError
from tradewind.wire.events import PROGRESS
from tradewind.wire.messages import Event

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

FRAME_SECONDS = 0.1
LOOK_SECONDS = 1.0
"""Events are hints: the run is looked at this often even when none comes."""
SAY_PROGRESS_SECONDS = 10.0

GLYPHS = {
    "success": "✓", "failed": "✗", "running": "▶", "skipped": "↷", "upstream_failed": "⊘", "up_for_retry": "↻",
    "up_for_reschedule": "↻", "restarting": "↻", "deferred": "…", "awaiting_input": "?", "removed": "-", "queued": "◦",
    "scheduled": "◦", "none": "·", "": " ",
}  # fmt: skip
ASCII = {
    "success": "+", "failed": "x", "running": ">", "skipped": "~", "upstream_failed": "!", "up_for_retry": "r",
    "up_for_reschedule": "r", "restarting": "r", "deferred": ".", "awaiting_input": "?", "removed": "-", "queued": ".",
    "scheduled": ".", "none": " ", "": " ",
}  # fmt: skip
STYLES = {
    "success": "green", "failed": "bold red", "running": "bold cyan", "skipped": "magenta", "up_for_retry": "yellow",
    "upstream_failed": "red", "up_for_reschedule": "yellow", "awaiting_input": "bold yellow", "": "bold",
}  # fmt: skip
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Board(Protocol):
    """Where a run is shown."""

    def show(self, snapshot: Snapshot) -> None: ...

    def close(self) -> None: ...


def open_board(spec: Mapping[str, Any]) -> Board:
    """A live tree on a terminal, else lines; both on standard output."""
    return Tree(spec) if is_terminal() else Lines(spec)


def is_terminal() -> bool:
    """Whether standard output can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def glyph(state: str) -> str:
    """One character for a state; in ASCII where the output cannot show others."""
    return (GLYPHS if _has_signs() else ASCII).get(state, "?")


def _has_signs() -> bool:
    # Not sys.stdout, which something else stands for while a live tree is drawn.
    return (getattr(sys.__stdout__, "encoding", None) or "").lower().replace("-", "") == "utf8"


class Tree:
    """The run as a tree that is drawn again and again in place."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = spec
        self._live = _live(transient=False)

    def show(self, snapshot: Snapshot) -> None:
        self._live.update(self._draw(snapshot, self._live.console.size.height - 2), refresh=True)

    def close(self) -> None:
        self._live.stop()

    def _draw(self, snapshot: Snapshot, room: int) -> "RenderableType":
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        now = now_us()
        lines, hidden = fit(lines_of(self._spec, snapshot, now), max(room, 5))
        table = Table.grid(padding=(0, 2))
        for is_note in (False, False, False, True):
            table.add_column(no_wrap=not is_note)  # where there is no room, the note is what gives way
        for line in lines:
            style = STYLES.get(line.state, "dim")
            name = Text(f"{'  ' * line.depth}{_mark(line)} ", style=style) + Text(
                printable(line.name), style="bold" if not line.state else ""
            )
            note = Text(printable(line.note), style="dim", no_wrap=True, overflow="ellipsis")
            table.add_row(name, Text(_word(line.state), style=style), elapsed(line, now), _bar(line, note))
        parts: list[RenderableType] = [table]
        if hidden:
            parts.append(Text(f"  and {hidden} more lines", style="dim"))
        return Group(*parts)


def _live(*, transient: bool) -> "Live":
    """A place on the terminal that is drawn when we say so: no thread of its own."""
    from rich.console import Console
    from rich.live import Live

    live = Live(console=Console(highlight=False), auto_refresh=False, transient=transient)
    live.start()
    return live


def _mark(line: Line) -> str:
    if line.state == "running" and _has_signs():
        return SPINNER[int(time.monotonic() * 10) % len(SPINNER)]
    return glyph(line.state)


def _word(state: str) -> str:
    return {"none": "waiting", "scheduled": "ready"}.get(state, state.replace("_", " "))


def _bar(line: Line, note: Any) -> Any:
    if line.progress is None:
        return note
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    cells = Table.grid(padding=(0, 1))
    done, total, _ = line.progress
    so_far = Text(amount(line.progress), no_wrap=True, overflow="ellipsis")
    if total:
        cells.add_row(ProgressBar(total=total, completed=min(done, total), width=24), so_far, note)
    else:
        cells.add_row(so_far, note)
    return cells


class Lines:
    """One line for each task that starts, ends or is to be tried again; progress now and then."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._said: dict[tuple[str, int], tuple[str, int]] = {}
        self._progress_said: dict[tuple[str, int], float] = {}

    def show(self, snapshot: Snapshot) -> None:
        from tradewind.cli.run_lines import note_of

        now = now_us()
        for row in sorted(snapshot.tasks, key=_moved_at):
            key, state = (row["task_id"], row["map_index"]), row["state"]
            if state in ("none", "scheduled", "queued", "removed"):
                continue
            if self._said.get(key) != (state, row["try_number"]):
                self._said[key] = (state, row["try_number"])
                line = Line(instance_name(*key), 0, state, start_us=row["start_date"], end_us=row["end_date"])
                took = f"  {elapsed(line, now)}" if state in ENDED and row["try_number"] else ""
                note = f"  ({note})" if (note := note_of(row, now)) else ""
                click.echo(printable(f"{glyph(state)} {line.name}  {_word(state)}{took}{note}"))
            elif state == "running" and (done := snapshot.progress.get(key)):
                self._say_progress(key, done)

    def _say_progress(self, key: tuple[str, int], done: Progress) -> None:
        at = time.monotonic()
        if at - self._progress_said.setdefault(key, at) >= SAY_PROGRESS_SECONDS:
            self._progress_said[key] = at
            share = f"  {100 * done[0] / done[1]:.0f} %" if done[1] else ""
            click.echo(printable(f"{glyph('running')} {instance_name(*key)}  {amount(done)}{share}"))

    def close(self) -> None:
        """Everything has been said."""


def _moved_at(row: Mapping[str, Any]) -> int:
    return int(row["end_date"] or row["start_date"] or sys.maxsize)


def instance_name(task_id: str, map_index: int) -> str:
    """`task` or `task[3]`."""
    return task_id if map_index < 0 else f"{task_id}[{map_index}]"


# --- following ---------------------------------------------------------------------------------------------------


class Follower:
    """Follows one run until it ends, and shows it on a board."""

    def __init__(self, client: Client, reader: Reader, run: Mapping[str, Any], is_alive: Callable[[], bool]) -> None:
        self._client, self._reader, self._is_alive = client, reader, is_alive
        self._dag_id, self._run_id = str(run["dag_id"]), str(run["run_id"])
        self._progress: dict[tuple[str, int], Progress] = {}

    def look(self) -> Snapshot:
        """The run as the database has it, with the progress that was heard of."""
        run = self._reader.run(self._dag_id, self._run_id)
        return Snapshot(run, self._reader.tasks_of_run(run["number"]), self._progress)

    def follow(self, board: Board) -> Snapshot:
        """Show the run until it has ended. Raises TradewindError when its scheduler is gone for good."""
        looked = drawn = 0.0
        snapshot = self.look()
        changed = True
        for event in self._events():
            if event is not None:
                if event.name == PROGRESS:
                    body = event.body
                    key = (event.task_id, event.map_index)
                    self._progress[key] = (body["done"], body["total"], body["unit"])
                else:
                    changed = True
            now = time.monotonic()
            if now - drawn < FRAME_SECONDS:
                continue
            if changed or now - looked >= LOOK_SECONDS:
                snapshot, looked, changed = self.look(), now, False
            drawn = now
            board.show(snapshot)
            if snapshot.ended:
                break
        return snapshot

    def _events(self) -> Iterator[Event | None]:
        """Events and silences; a scheduler that is being started again is waited for."""
        while True:
            try:
                yield from self._client.subscribe(self._dag_id, self._run_id, every=FRAME_SECONDS)
            except (CommandRefused, NoScheduler):
                if not self._is_alive():
                    raise TradewindError(
                        f"The scheduler is gone before run {self._run_id} of {self._dag_id} ended."
                    ) from None
                time.sleep(FRAME_SECONDS)
                yield None


class WorkBar:
    """A bar for work that is no task: `with WorkBar(title) as bar`, and `bar(done, total, unit)` as it goes."""

    def __init__(self, title: str) -> None:
        self._title, self._began = title, time.monotonic()
        self._drawn = self._said = 0.0
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if is_terminal():
            self._live = _live(transient=True)
            self(0, None, "")
        return self

    def __call__(self, done: float, total: float | None, unit: str) -> None:
        now = time.monotonic()
        if self._live is not None and now - self._drawn >= FRAME_SECONDS:
            self._drawn = now
            self._live.update(self._row((done, total, unit)), refresh=True)
        elif self._live is None and now - self._said >= SAY_PROGRESS_SECONDS:
            self._said = now
            click.echo(f"  {self._title}  {amount((done, total, unit))}")

    def _row(self, progress: Progress) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        done, total, _ = progress
        row = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=total, completed=min(done, total), width=30) if total else ""
        row.add_row(f"  {self._title}", bar, amount(progress) if done else "", duration(time.monotonic() - self._began))
        return row

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()


def now_us() -> int:
    """The time, as the database has it."""
    return time.time_ns() // 1000
