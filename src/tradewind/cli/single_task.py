"""`tasks test` and `tasks render`: one task in a child process; nothing is recorded."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from tradewind.cli.app import moment_of, printable
from tradewind.cli.dag_file import file_of
from tradewind.cli.kept_here import KeptHere
from tradewind.cli.live import glyph, instance_name
from tradewind.cli.private_home import place_of
from tradewind.cli.reading import NoDatabase, Row, open_database
from tradewind.cli.run_lines import duration
from tradewind.cli.task_logs import text_of
from tradewind.config import Settings
from tradewind.core.errors import RunNotFound, TradewindError
from tradewind.store.times import to_us
from tradewind.wire.messages import Finished, Offer, Request, Response, RunInfo
from tradewind.worker.channel import Channel, ChannelClosed
from tradewind.worker.process import kill_group, kill_tree

GRACE_SECONDS = 5.0
LONGEST_VALUE = 2000


def tasks_test(
    settings: Settings,
    dag_id: str,
    task_id: str,
    run_or_date: str | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    env_vars: Mapping[str, Any] | None = None,
    map_index: int = -1,
) -> int:
    """Run one task and print its log as it comes. Gives 0 if it succeeded or was skipped, else 1.

    Without a recorded run there are no results of upstream tasks. Variables that the task sets and XComs that it
    pushes are seen by itself alone.
    """
    environment = {**os.environ, **{name: str(value) for name, value in (env_vars or {}).items()}}
    report = _serve_child(settings, _offer(settings, dag_id, task_id, run_or_date, map_index), environment, params)
    state = {"failed_for_good": "failed", "rescheduled": "up_for_reschedule"}.get(report.outcome, report.outcome)
    took = duration(max(0, (report.end_us or 0) - (report.start_us or 0)) / 1e6)
    if report.value is not None:
        text = report.value.decode()
        click.echo(printable(f"Returned: {text if len(text) <= LONGEST_VALUE else f'{text[:LONGEST_VALUE]}…'}"))
    why = f": {report.error}" if report.error else ""
    click.echo(printable(f"{glyph(state)} {instance_name(task_id, map_index)} {state.replace('_', ' ')} ({took}){why}"))
    return 0 if report.outcome in ("success", "skipped") else 1


def tasks_render(
    settings: Settings, dag_id: str, task_id: str, run_or_date: str | None = None, *, map_index: int = -1
) -> int:
    """Print the template fields of one task as they are rendered for a run or date. Gives the exit status."""
    offer = _offer(settings, dag_id, task_id, run_or_date, map_index)
    report = _serve_child(settings, offer, dict(os.environ), None, render_only=True)
    if report.value is None:
        raise TradewindError(report.error)
    for name, value in json.loads(report.value).items():
        click.echo(f"# {'-' * 58}\n# property: {printable(name)}\n# {'-' * 58}\n{printable(value)}\n")
    return 0


# --- the run -----------------------------------------------------------------------------------------------------


def _offer(settings: Settings, dag_id: str, task_id: str, run_or_date: str | None, map_index: int) -> Offer:
    _, name = place_of(file_of(settings, dag_id), settings.core.dags_folder)
    run = _run_of(settings, dag_id, run_or_date)
    return Offer(
        attempt="test", run=run, task_id=task_id, map_index=map_index, try_number=1, max_tries=0, file=name, version=""
    )  # fmt: skip


def _run_of(settings: Settings, dag_id: str, text: str | None) -> RunInfo:
    """The recorded run of that id or date, else one that is made up for the date (or for now)."""
    try:
        at = datetime.now(UTC) if text is None else moment_of(settings, text)
    except click.UsageError:
        at = None
    if text is not None:
        row = _recorded(settings, dag_id, text, at)
        if row is not None:
            times = ("run_after", "logical_date", "data_interval_start", "data_interval_end", "start_date", "end_date")
            same = ("number", "dag_id", "run_id", "run_type", "state", "triggering_user", "note", "triggered_by")
            return RunInfo(
                **{name: row[name] for name in same},
                **{f"{name}_us": row[name] for name in times},
                conf=json.loads(row["conf"] or "{}"),
                clear_number=row["clear_number"],
            )
    if at is None:
        raise RunNotFound(dag_id, text or "")
    us = to_us(at)
    return RunInfo(
        number=0, dag_id=dag_id, run_id=f"test__{at.isoformat()}", run_type="manual", run_after_us=us,
        logical_date_us=us, start_date_us=to_us(datetime.now(UTC)), triggered_by="cli",
    )  # fmt: skip


def _recorded(settings: Settings, dag_id: str, text: str, at: datetime | None) -> Row | None:
    try:
        with open_database(settings) as database:
            found = database.rows(
                "SELECT * FROM run WHERE dag_id = ? AND (run_id = ? OR logical_date = ?) ORDER BY number DESC LIMIT 1",
                dag_id, text, to_us(at) if at else None,
            )  # fmt: skip
    except NoDatabase:
        return None
    return found[0] if found else None


# --- the child ---------------------------------------------------------------------------------------------------


def _serve_child(
    settings: Settings,
    offer: Offer,
    environment: Mapping[str, str],
    params: Mapping[str, Any] | None,
    *,
    render_only: bool = False,
) -> Finished:
    """Start the child, print its log, answer what it asks, and give its report."""
    ours, theirs = socket.socketpair()
    log, log_end = os.pipe()
    order = {
        "config": host_config(settings), "log_fd": log_end, "parent": os.getpid(), "render_only": render_only,
        "params": dict(params or {}),
    }  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-m", "tradewind.worker.single", str(theirs.fileno()), json.dumps(order)],
        env=environment,
        pass_fds=(theirs.fileno(), log_end),
        stdin=subprocess.DEVNULL,
    )
    theirs.close()
    os.close(log_end)
    os.set_blocking(log, False)
    channel = Channel(ours)
    try:
        channel.send(offer)
        return _talk(channel, log, Answers(settings, offer.run)) or Finished(
            attempt="", outcome="failed", error=f"The task's process ended without a report (status {child.wait()})."
        )
    finally:
        _end(child)
        channel.close()
        os.close(log)


def host_config(settings: Settings) -> dict[str, Any]:
    """What a host or child needs to know of the installation; the fields of a HostConfig."""
    values: dict[str, dict[str, str]] = {}
    for (section, key), text in settings.sdk_values().items():
        values.setdefault(section, {})[key] = text
    return {
        "dags_folder": str(settings.core.dags_folder),
        "plugins_folder": str(settings.core.plugins_folder),
        "config_folder": str(settings.home / "config"),
        "logs_folder": str(settings.logging.base_log_folder),
        "xcoms_folder": str(settings.xcoms_folder),
        "log_level": settings.logging.logging_level,
        "default_timezone": settings.core.default_timezone,
        "values": values,
    }


def _talk(channel: Channel, log: int, answers: "Answers") -> Finished | None:
    lines = _LogPrinter(log)
    report: Finished | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        selector.register(log, selectors.EVENT_READ)
        try:
            while True:
                for key, _ in selector.select():
                    if key.fileobj == log and not lines.read():
                        selector.unregister(log)
                    elif key.fileobj != log:
                        channel.read()
                        while (message := channel.pending()) is not None:
                            if isinstance(message, Request):
                                channel.send(answers.to(message))
                            elif isinstance(message, Finished):
                                report = message
        except ChannelClosed:
            while lines.read():
                pass
    return report


class _LogPrinter:
    """Prints the JSON lines that come through a pipe as text."""

    def __init__(self, fd: int) -> None:
        self._fd, self._rest = fd, b""

    def read(self) -> bool:
        """Print what has come; false when nothing more is to come now."""
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        for raw in lines:
            for text in text_of(raw):
                click.echo(text)
        return bool(data)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """See the child gone, and everything that it started. One that still runs may clean up first."""
    if child.poll() is None:
        deadline = time.monotonic() + GRACE_SECONDS
        child.send_signal(signal.SIGTERM)
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        kill_tree(child.pid)
        child.wait()
    kill_group(child.pid)


# --- what it asks ------------------------------------------------------------------------------------------------


class Answers:
    """The engine as a task under test sees it: what is stored can be read, and what it writes is its own."""

    def __init__(self, settings: Settings, run: RunInfo) -> None:
        self._settings, self._run = settings, run
        self._variables: dict[str, str | None] = {}
        self._xcoms: dict[tuple[str, int, str], bytes] = {}
        self._kept = KeptHere(self._rows, run)
        self._methods: dict[str, Callable[..., Any]] = {
            "variable.get": self._variable,
            "variable.keys": self._keys,
            "variable.set": self._set_variable,
            "variable.delete": self._delete_variable,
            "connection.get": self._connection,
            "xcom.pull": self._pull,
            "xcom.push": self._push,
            "dag.get": self._dag,
            "run.get": lambda **_: msgspec.to_builtins(run),
            "run.previous": lambda **_: None,
            "run.count": lambda **_: 0,
            "task.states": lambda **_: {},
            "task.count": lambda **_: 0,
            "asset.triggering": self._triggering,
            "asset.events": self._asset_events,
            "asset.named": self._uri_named,
            "asset.through_alias": self._through_alias,
            **self._kept.methods,
        }

    def to(self, request: Request) -> Response:
        """The answer to one request; what cannot be answered is refused in a sentence."""
        method = self._methods.get(request.method)
        if method is None:
            return Response(id=request.id, kind="InvalidInput", error=f"A task under test cannot do {request.method}.")
        try:
            return Response(id=request.id, value=method(**request.args))
        except TradewindError as error:
            return Response(id=request.id, error=str(error), kind=type(error).__name__)

    def _rows(self, sql: str, *values: Any) -> list[Row]:
        try:
            with open_database(self._settings) as database:
                return database.rows(sql, *values)
        except NoDatabase:
            return []

    def _decrypt(self, token: str | None) -> str | None:
        from tradewind.security.secrets import open_vault

        return open_vault(self._settings, make_key=False).decrypt(token) if token else token

    def _variable(self, key: str) -> str | None:
        if key in self._variables:
            return self._variables[key]
        found = self._rows("SELECT value FROM variable WHERE key = ?", key)
        return self._decrypt(found[0]["value"]) if found else None

    def _keys(self, prefix: str = "") -> list[str]:
        keys = {row["key"] for row in self._rows("SELECT key FROM variable")} | set(self._variables)
        return sorted(key for key in keys if key.startswith(prefix) and self._variables.get(key, "") is not None)

    def _set_variable(self, key: str, value: Any, **_: Any) -> None:
        self._variables[key] = value if isinstance(value, str) else json.dumps(value)

    def _delete_variable(self, key: str) -> bool:
        known = self._variable(key) is not None
        self._variables[key] = None
        return known

    def _connection(self, conn_id: str) -> Row | None:
        found = self._rows("SELECT * FROM connection WHERE conn_id = ?", conn_id)
        if not found:
            return None
        row = {name: value for name, value in found[0].items() if name != "updated_at"}
        return {**row, "password": self._decrypt(row["password"]), "extra": self._decrypt(row["extra"])}

    def _dag(self, dag_id: str) -> Row | None:
        found = self._rows(
            "SELECT d.is_paused, d.is_stale, v.spec FROM dag d JOIN dag_version v ON v.id = d.version "
            "WHERE d.dag_id = ?",
            dag_id,
        )
        if not found:
            return None
        spec = json.loads(found[0]["spec"])
        return {
            "dag_id": dag_id,
            "is_paused": bool(found[0]["is_paused"]),
            "is_stale": bool(found[0]["is_stale"]),
            "task_ids": list(spec["tasks"]),
            "groups": {group["group_id"]: group["task_ids"] for group in spec["groups"] if group["group_id"]},
        }

    def _triggering(self, dag_id: str, run_id: str) -> list[Row]:
        found = self._rows(
            "SELECT e.* FROM asset_event e JOIN asset_run a ON a.event = e.number JOIN run r ON r.number = a.run "
            "WHERE r.dag_id = ? AND r.run_id = ? ORDER BY e.number",
            dag_id,
            run_id,
        )
        return [_event(row) for row in found]

    def _asset_events(
        self, name: str = "", uri: str = "", alias: str = "", after_us: int = 0, before_us: int = 2**62, **narrower: Any
    ) -> list[Row]:
        found = [
            _event(row)
            for row in self._rows(
                "SELECT * FROM asset_event WHERE (name = ? OR ? = '') AND (uri = ? OR ? = '') AND at BETWEEN ? AND ? "
                "ORDER BY number",
                *(name, name, uri, uri, after_us, before_us),
            )
        ]
        chosen = [event for event in found if not alias or alias in event["aliases"]]
        return chosen[-(narrower.get("newest") or len(chosen)) :]

    def _uri_named(self, name: str) -> str | None:
        found = self._rows("SELECT uri FROM asset_event WHERE name = ? ORDER BY number DESC LIMIT 1", name)
        return found[0]["uri"] if found else None

    def _through_alias(self, alias: str) -> list[list[str]]:
        found = self._rows(
            "SELECT DISTINCT e.name, e.uri FROM asset_event e JOIN asset_event_alias a ON a.event = e.number "
            "WHERE a.alias = ? ORDER BY e.name, e.uri",
            alias,
        )
        return [[row["name"], row["uri"]] for row in found]

    def _push(self, task_id: str, map_index: int, key: str, value: bytes, **_: Any) -> None:
        self._xcoms[task_id, map_index, key] = value

    def _pull(
        self, task_ids: list[str] | None = None, map_indexes: list[int] | None = None, key: str | None = None, **_: Any
    ) -> list[list[Any]]:
        rows = self._rows("SELECT * FROM xcom WHERE run = ?", self._run.number) if self._run.number else []
        values = {(row["task_id"], row["map_index"], row["key"]): bytes(row["value"]) for row in rows} | self._xcoms
        chosen = [
            [*name, value]
            for name, value in values.items()
            if (task_ids is None or name[0] in task_ids)
            and (map_indexes is None or name[1] in map_indexes)
            and (key is None or name[2] == key)
        ]
        order = {task_id: position for position, task_id in enumerate(task_ids or ())}
        return sorted(chosen, key=lambda row: (order.get(row[0], 0), row[0], row[1], row[2]))


def _event(row: Row) -> Row:
    """A row of the ledger as a task sees it."""
    same = ("number", "name", "uri", "dag_id", "run_id", "task_id", "map_index", "actor")
    said = {"group": row["asset_group"], "extra": bytes(row["extra"]), "aliases": json.loads(row["aliases"])}
    return {**{name: row[name] for name in same}, **said, "at_us": row["at"]}
