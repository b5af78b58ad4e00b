"""`tradewind run FILE`: one run of one Dag in the terminal, without a server. Also `dags test` and `tasks test`."""

import os
import re
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tradewind.cli.app import App, Leaf, counted, json_object, pass_app, printable
from tradewind.cli.asking import Asking
from tradewind.cli.client import Client, CommandRefused
from tradewind.cli.dag_file import file_of
from tradewind.cli.live import Follower, glyph, instance_name, now_us, open_board
from tradewind.cli.private_home import OneFile, installation_for
from tradewind.cli.reading import Row
from tradewind.cli.run_lines import Snapshot, duration
from tradewind.cli.single_task import tasks_render, tasks_test
from tradewind.cli.task_logs import last_lines, log_file
from tradewind.config import Settings
from tradewind.core.errors import TradewindError

__all__ = ["dags_test", "run", "tasks_render", "tasks_test"]

MOST_LOGS = 5
LOG_LINES = 20
CALLBACK_SECONDS = 60.0


@click.command("run", cls=Leaf)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("dag_id", metavar="[DAG]", required=False)
@click.option("-c", "--conf", help="JSON object that the run is given.")
@click.option("-l", "--logical-date", "-e", "--exec-date", "logical_date", help="Logical date of the run; else now.")
@click.option("-r", "--run-id", help="Name of the run.")
@click.option("--mark-success-pattern", help="Tasks whose id matches succeed without being run.")
@pass_app
def run(
    app: App, file: Path, dag_id: str | None, conf: str | None, logical_date: str | None, run_id: str | None,
    mark_success_pattern: str | None,
) -> int:  # fmt: skip
    """Run one Dag of FILE here and now, without a server; DAG may be left out when the file defines one.

    Variables, connections and pools are those of your installation, if there is one; nothing is written to it.
    Exits with 0 when the run succeeded and with 1 when it failed.
    """
    return run_file(
        app.settings,
        file,
        dag_id,
        conf=json_object(conf, "--conf") if conf is not None else None,
        logical_date=app.moment(logical_date) if logical_date is not None else None,
        run_id=run_id,
        mark_success_pattern=mark_success_pattern,
    )


def dags_test(
    settings: Settings,
    dag_id_or_file: str,
    *,
    logical_date: datetime | None = None,
    conf: Mapping[str, Any] | None = None,
    file: str | None = None,
    mark_success_pattern: str | None = None,
) -> int:
    """`dags test`: the same as `run`, for a Dag that is named by its id or file. Gives the exit status."""
    dag_id: str | None = dag_id_or_file
    if file is None and dag_id_or_file.endswith((".py", ".zip")) and os.path.isfile(dag_id_or_file):
        file, dag_id = dag_id_or_file, None
    path = Path(file) if file is not None else _file_of(settings, dag_id_or_file)
    return run_file(
        settings, path, dag_id, conf=conf, logical_date=logical_date, mark_success_pattern=mark_success_pattern
    )


def _file_of(settings: Settings, name: str) -> Path:
    """The file of a Dag id. Raises UsageError for what can only be a path."""
    if os.path.isdir(name):
        raise click.UsageError(f"{name} is a folder; name a Dag, or one Dag file.")
    try:
        return file_of(settings, name)
    except TradewindError:
        if name.endswith((".py", ".zip")):
            raise click.UsageError(f"There is no file {name}.") from None
        raise


def run_file(
    settings: Settings,
    file: Path,
    dag_id: str | None,
    *,
    conf: Mapping[str, Any] | None = None,
    logical_date: datetime | None = None,
    run_id: str | None = None,
    mark_success_pattern: str | None = None,
) -> int:
    """Run one Dag of a file in a temporary installation, and show it. Gives 0 if it succeeded, else 1.

    The logical date is now, unless one is given: a Dag that is tried out may well ask for its date.
    """
    at = logical_date or datetime.now(UTC).replace(microsecond=0)
    body: dict[str, Any] = {"conf": dict(conf or {}), "logical_date": at.isoformat()}
    if run_id is not None:
        body["run_id"] = run_id
    pattern = _pattern(mark_success_pattern)
    with _stoppable(), installation_for(settings, file) as place:
        if _say_problems(place, file):
            return 1
        chosen = _choose(place, file, dag_id)
        client = Client(place.settings)
        try:
            created = client.command("run.create", dag_id=chosen, **body)
            try:
                return _run(place, client, created, pattern)
            except BaseException as error:
                _cancel(place, client, created)
                if isinstance(error, KeyboardInterrupt):
                    click.echo(f"Cancelled {chosen} {created['run_id']}.", err=True)
                raise
        finally:
            client.close()


def _run(place: OneFile, client: Client, created: Row, mark_success: re.Pattern[str] | None) -> int:
    dag_id = created["dag_id"]
    spec = place.reader.spec(dag_id)
    for notice in spec.get("notices", ()):
        click.echo(printable(f"Note: {notice}"), err=True)
    if mark_success is not None:
        _mark_success(place, client, created, mark_success)
    click.echo(printable(f"{dag_id}  {created['run_id']}"))
    # Until now the Dag was paused, so that nothing could start before it was marked. The file's others may be
    # triggered by it; none of them is due by itself here, and those that wait for assets must not begin at its end.
    for other, its in place.reader.specs().items():
        if other == dag_id or not its.get("assets"):
            client.command("dag.unpause", dag_id=other)
    board = Asking(open_board(spec), place.reader, dag_id, str(place.settings.home))
    try:
        snapshot = Follower(client, place.reader, created, place.services.is_alive).follow(board)
    finally:
        board.close()
    _wait_for_callbacks(place)
    return say_end(snapshot, place)


def _mark_success(place: OneFile, client: Client, created: Row, pattern: re.Pattern[str]) -> None:
    for task in place.reader.tasks_of_run(created["number"]):
        if pattern.search(task["task_id"]):
            names = {"dag_id": created["dag_id"], "run_id": created["run_id"], "task_id": task["task_id"]}
            client.command("task.mark", **names, map_index=task["map_index"], state="success")


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text is not None else None
    except re.error as error:
        raise click.UsageError(f"--mark-success-pattern {text!r} is not a regular expression: {error}.") from None


def say_end(snapshot: Snapshot, place: OneFile) -> int:
    """Print how the run ended, and what the failed tasks had to say; gives the exit status."""
    run, tasks = snapshot.run, snapshot.tasks
    took = duration(max(0, (run["end_date"] or now_us()) - (run["start_date"] or now_us())) / 1e6)
    succeeded = snapshot.state == "success"
    failed = snapshot.with_state("failed")
    place.keep_logs = bool(failed)
    for task in failed[:MOST_LOGS]:
        _say_log(run, task, place.settings.logging.base_log_folder)
    if len(failed) > MOST_LOGS:
        click.echo(f"\n{len(failed) - MOST_LOGS} more tasks failed; all logs are in "
                   f"{place.settings.logging.base_log_folder}.")  # fmt: skip
    if succeeded:
        click.echo(f"{glyph('success')} {run['dag_id']} succeeded in {took} ({counted(len(tasks), 'task')}).")
        return 0
    reason = f" ({printable(run['reason'])})" if run.get("reason") and not failed else ""
    click.echo(
        f"{glyph('failed')} {run['dag_id']} failed after {took}{reason}: "
        f"{len(failed)} of {counted(len(tasks), 'task')} failed.",
    )
    return 1


def _say_log(run: Mapping[str, Any], task: Mapping[str, Any], logs: Path) -> None:
    path = log_file(logs, run["dag_id"], run["run_id"], task["task_id"], task["map_index"], task["try_number"])
    reason = f": {task['reason']}" if task["reason"] else ""
    click.echo(printable(f"\n{instance_name(task['task_id'], task['map_index'])} failed{reason}"))
    for line in last_lines(path, LOG_LINES):
        click.echo(f"    {line}")
    if path.exists():
        click.echo(f"    (log: {path})\n")


# --- the file ----------------------------------------------------------------------------------------------------


def _say_problems(place: OneFile, file: Path) -> bool:
    """Print what is wrong with the file; true when that leaves no Dag to run."""
    problems = place.rows("SELECT * FROM import_error ORDER BY position")
    for problem in problems:
        message = problem["message"]
        if message.startswith(place.file):
            message = f"{file}{message.removeprefix(place.file)}"
        click.echo(printable(f"Error: {message}"), err=True)
        if trace := _without_repetition(problem["traceback"] or "", message):
            click.echo(printable(trace), err=True)
    return any(not problem["dag_id"] for problem in problems) or bool(problems and not place.reader.dags())


def _without_repetition(trace: str, message: str) -> str:
    """A traceback without its last line, where the message has just said the same."""
    lines = trace.rstrip().splitlines()
    if lines and message.endswith(lines[-1].partition(": ")[2] or lines[-1]):
        lines.pop()
    return "\n".join(lines)


def _choose(place: OneFile, file: Path, dag_id: str | None) -> str:
    known = [row["dag_id"] for row in place.reader.dags()]
    names = ", ".join(map(printable, known))
    if dag_id in known:
        return str(dag_id)
    if not known:
        raise TradewindError(
            f"{file} defines no Dag that can be run; a Dag is found when a name of the module holds it, and a function "
            "under @dag makes one when it is called."
        )
    if dag_id is not None:
        raise click.UsageError(f"{file} defines no Dag {dag_id!r}; it defines {names}.")
    if len(known) > 1:
        raise click.UsageError(f"{file} defines {len(known)} Dags; name one of them: {names}.")
    return str(known[0])


# --- stopping ----------------------------------------------------------------------------------------------------


class _stoppable:
    """SIGTERM and a closed terminal stop the command as Ctrl-C does."""

    def __enter__(self) -> None:
        self._before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        for number in self._before:
            signal.signal(number, self._stop)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, *_: object) -> None:
        raise KeyboardInterrupt


def _cancel(place: OneFile, client: Client, created: Row) -> None:
    """End the run, and give its running tasks their time to clean up. A second Ctrl-C ends the wait."""
    try:
        client.command("run.mark", dag_id=created["dag_id"], run_id=created["run_id"], state="failed")
        _wait_while(
            place,
            "SELECT COUNT(*) AS n FROM attempt WHERE state IN ('assigned', 'running')",
            place.settings.worker.kill_grace_seconds + 1.0,
        )
    except (CommandRefused, TradewindError, KeyboardInterrupt):
        return


def _wait_for_callbacks(place: OneFile) -> None:
    _wait_while(place, "SELECT COUNT(*) AS n FROM callback", CALLBACK_SECONDS)


def _wait_while(place: OneFile, count: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while place.rows(count)[0]["n"] and time.monotonic() < deadline and place.services.is_alive():
        time.sleep(0.05)
