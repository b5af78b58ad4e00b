"""`tradewind demo`: the large-data pipeline on real data, from its input to its report, with a server beside it."""

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tradewind.cli.app import Leaf, printable
from tradewind.cli.client import Client, is_scheduler_running
from tradewind.cli.live import Follower, WorkBar, glyph, instance_name, now_us, open_board
from tradewind.cli.private_home import Services
from tradewind.cli.reading import NoDatabase, Reader, Row, open_database
from tradewind.cli.run_lines import Snapshot, duration
from tradewind.cli.task_logs import last_lines, log_file
from tradewind.config import Settings, load_settings
from tradewind.core.errors import TradewindError
from tradewind.wire.xcom_files import XComFiles

DAG_ID = "large_data_etl_pipeline"
START_SECONDS = 60.0
BASE_BYTES = 200_000_000
OUTPUT_BYTES_PER_SF = 600_000_000
"""Staging, warehouse and mart of one run at scale factor 1, and what it spills."""


@click.command("demo", cls=Leaf)
@click.option("--sf", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True,
              help="Scale of the data: 1 is 6 million rows (0.8 GB), 0.01 is a ten-second try.")  # fmt: skip
@click.option("--once", is_flag=True, help="Stop after the run, with its exit status, instead of serving.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(".demo"), show_default=True,
              help="Where the demo lives; delete it to start afresh.")  # fmt: skip
@click.option("--dags", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of its Dag file.")
@click.option("-p", "--port", type=int, default=8080, show_default=True, help="Port of the HTTP server, if it is free.")
def demo(sf: float, once: bool, folder: Path, dags: Path | None, port: int) -> int:
    """Make the demo's data, run the large-data pipeline on them, and serve until Ctrl-C."""
    settings = demo_settings(folder, dags or find_dags(), port)
    data = settings.home / "data"
    _check(settings, data, sf)
    _make_home(settings)
    os.environ["TRADEWIND_DATA"] = str(data)
    services = Services(settings, settings.home / "run" / "services.log", _serve)
    services.start()
    client = Client(settings)
    try:
        _make_input(data, sf)
        reader = _wait_for_dag(services)
        address = _address(services, port)
        click.echo(f"Server: {address} (open to everybody on this machine, without a login)\n")
        snapshot = _run(services, client, reader)
        status = _say_end(snapshot, settings)
        if not once:
            click.echo(f"\nThe server goes on at {address}; Ctrl-C stops it.")
            _serve_until_stopped(services)
        return status
    finally:
        client.close()
        services.stop()


def demo_settings(folder: Path, dags: Path, port: int) -> Settings:
    """An installation in the demo's folder. What this machine configures for others does not count here."""
    settings = load_settings(folder.absolute(), environ={})
    core = replace(settings.core, dags_folder=dags.absolute())
    # Who tries the demo need not log in: it listens on this machine alone, and holds nothing but its own data.
    return replace(settings, core=core, api=replace(settings.api, port=port, authenticate=False))


def find_dags() -> Path:
    """The folder `dags/etl` of this folder, else of the checkout that Tradewind is installed from."""
    for root in (Path.cwd(), *Path(__file__).absolute().parents):
        if (root / "dags" / "etl" / f"{DAG_ID}.py").is_file():
            return root / "dags" / "etl"
    raise TradewindError(
        f"{DAG_ID}.py was not found; run this in a checkout of Tradewind, or name its folder by --dags."
    )


def _check(settings: Settings, data: Path, sf: float) -> None:
    """Say what is missing before anything is begun."""
    from tradewind.data.demo.inputs import BYTES_PER_SF, flights_folder, generator, is_current
    from tradewind.data.files import human
    from tradewind.data.problems import DataProblem

    try:
        generator()
        flights_folder()
    except DataProblem as problem:
        raise TradewindError(str(problem)) from None
    if is_scheduler_running(settings):
        raise TradewindError(f"A demo already runs in {settings.home}; stop it first, or name another --folder.")
    reused = is_current(data / "raw" / "lineitem.csv", sf)
    needed = int(BASE_BYTES + sf * (OUTPUT_BYTES_PER_SF + (0 if reused else BYTES_PER_SF)))
    existing = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise TradewindError(
            f"The demo at scale {sf:g} needs {human(needed)} in {data} and {human(free)} are free; make room, or take "
            "a smaller scale (SF=0.1)."
        )
    click.echo(f"Tradewind demo at scale {sf:g}: up to {human(needed)} in {_short(settings.home)}.")


def _make_home(settings: Settings) -> None:
    settings.ensure_home()
    (settings.home / ".gitignore").write_text("*\n")
    (settings.home / "run" / "api.url").unlink(missing_ok=True)


def _serve(settings: Settings) -> int:
    from tradewind.standalone import run_standalone

    return run_standalone(settings)


def _make_input(data: Path, sf: float) -> None:
    """Make the input where it is missing, with a bar."""
    from tradewind.data.demo.inputs import is_current, make_database, make_lineitem
    from tradewind.data.files import human
    from tradewind.data.problems import DataError

    raw = data / "raw"
    known = is_current(raw / "lineitem.csv", sf) and (raw / "flights.db").is_file()
    began = time.monotonic()
    try:
        with WorkBar("lineitem.csv") as bar:
            lineitem = make_lineitem(raw, sf, bar)
        with WorkBar("flights.db") as bar:
            database = make_database(raw, bar)
    except (DataError, OSError) as error:
        raise TradewindError(f"The demo's input could not be made: {error}") from None
    sizes = f"lineitem.csv {human(lineitem.stat().st_size)}, flights.db {human(database.stat().st_size)}"
    how = "is there already" if known else f"made in {duration(time.monotonic() - began)}"
    click.echo(f"Input {how}: {sizes}")


def _wait_for_dag(services: Services) -> Reader:
    def reader() -> Reader | None:
        try:
            found = Reader(open_database(services.settings))
            known = found.dags()
            problems = found.import_errors()
        except NoDatabase:
            return None
        if problems:
            raise TradewindError("; ".join(problem["message"] for problem in problems))
        return found if any(row["dag_id"] == DAG_ID for row in known) else None

    found = services.wait_for(reader, seconds=START_SECONDS, what=f"Reading {DAG_ID}")
    assert isinstance(found, Reader)
    return found


def _address(services: Services, port: int) -> str:
    path = services.settings.home / "run" / "api.url"
    address = str(services.wait_for(lambda: path.exists() and path.read_text().strip(), seconds=START_SECONDS,
                                    what="The start of the HTTP server"))  # fmt: skip
    if port and not address.endswith(f":{port}"):
        click.echo(f"Port {port} is taken, so the server took the next free one.")
    return address


# --- the run -----------------------------------------------------------------------------------------------------


def _run(services: Services, client: Client, reader: Reader) -> Snapshot:
    client.command("dag.unpause", dag_id=DAG_ID)
    # Unpaused, a Dag whose hour has passed begins a run by itself; a second one beside it would only take its memory.
    run = _live_run(reader) or client.command("run.create", dag_id=DAG_ID)
    click.echo(printable(f"{DAG_ID}  {run['run_id']}"))
    board = open_board(reader.spec(DAG_ID))
    try:
        return Follower(client, reader, run, services.is_alive).follow(board)
    finally:
        board.close()


def _live_run(reader: Reader, patience: float = 0.5) -> Row | None:
    deadline = time.monotonic() + patience
    while True:
        for state in ("running", "queued"):
            if runs := reader.runs(DAG_ID, state):
                return runs[0]
        if time.monotonic() > deadline:
            return None
        time.sleep(0.05)


def _say_end(snapshot: Snapshot, settings: Settings) -> int:
    run = snapshot.run
    took = duration(max(0, (run["end_date"] or now_us()) - (run["start_date"] or now_us())) / 1e6)
    if snapshot.state != "success":
        logs = settings.logging.base_log_folder
        for task in snapshot.with_state("failed"):
            path = log_file(logs, DAG_ID, run["run_id"], task["task_id"], task["map_index"], task["try_number"])
            name = instance_name(task["task_id"], task["map_index"])
            click.echo(printable(f"\n{name} failed: {task['reason']}\n    (log: {_short(path)})"))
            click.echo("\n".join(f"    {line}" for line in last_lines(path, 20)))
        click.echo(f"\n{glyph('failed')} The pipeline failed after {took}.")
        return 1
    click.echo(f"\n{glyph('success')} The pipeline is through in {took}.")
    for name, text in _results(settings, run["number"]):
        click.echo(f"  {name:<10} {text}")
    return 0


def _results(settings: Settings, run: int) -> list[tuple[str, str]]:
    """What the run left, and where: from what its tasks returned."""
    left: dict[str, Any] = {}
    files = XComFiles(settings.xcoms_folder, inline_bytes=-1)
    with open_database(settings) as database:
        for row in database.rows("SELECT task_id, value FROM xcom WHERE run = ? AND key = 'return_value'", run):
            left[row["task_id"]] = json.loads(files.read(bytes(row["value"])))
    report, processed = left.get("report", {}), settings.home / "data" / "processed"
    rows = [
        ("rows", f"{report['rows_in']:,} read, {report['rows_loaded']:,} loaded; quality {report['score']:g} of 100")
    ]
    return [
        *(rows if {"rows_in", "rows_loaded", "score"} <= set(report) else []),
        ("report", _short(Path(report.get("report", processed / "reports")))),
        ("warehouse", f"{_short(processed / 'warehouse')} (Parquet)"),
        ("mart", f"{_short(processed / 'mart.duckdb')} (DuckDB)"),
        ("logs", _short(settings.logging.base_log_folder)),
    ]


def _short(path: Path) -> str:
    """A path as it is typed from here, where that is shorter."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _serve_until_stopped(services: Services) -> None:
    try:
        while services.is_alive():
            time.sleep(0.2)
    except KeyboardInterrupt:
        click.echo("\nStopped.", err=True)
        return
    raise TradewindError(f"The server has ended; {services.log} says more.")
