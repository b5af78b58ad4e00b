"""`tradewind dags`: what is known about Dags, and changes to them."""

import json
import os
import re
from typing import Any

import click

from tradewind.cli.app import App, Noun, confirm, counted, iso, json_object, output_option, pass_app, yes_option
from tradewind.cli.clearing import clear_with_preview, latest_option
from tradewind.cli.dag_rows import COLUMNS, DEFAULT_COLUMNS, details_of, import_error_rows, report_rows, run_row
from tradewind.cli.damaged import Row, read_row, readable
from tradewind.cli.files import write_text
from tradewind.cli.output import show
from tradewind.core.access import BUILT_IN
from tradewind.core.dag_access import FIELD as ACCESS
from tradewind.core.errors import TradewindError
from tradewind.core.states import RunState
from tradewind.store.times import to_us


@click.group(cls=Noun)
def dags() -> None:
    """List, run, test and change Dags."""


@dags.command("list")
@click.option("--columns", default=",".join(DEFAULT_COLUMNS), help="Column names, separated by commas.")
@click.option("-l", "--local", is_flag=True, expose_value=False, hidden=True)
@output_option
@pass_app
def list_dags(app: App, columns: str, output: str) -> None:
    """All Dags."""
    wanted = [name.strip() for name in columns.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in COLUMNS]
    if unknown:
        click.echo(f"There is no column {', '.join(unknown)}; the columns are {', '.join(COLUMNS)}.", err=True)
    chosen = [name for name in wanted if name in COLUMNS] or list(DEFAULT_COLUMNS)
    show(readable(app.reader.dags(), "dag", lambda row: {n: COLUMNS[n](row, app.settings) for n in chosen}), output)
    if broken := app.reader.unreadable_files():
        files = f"{counted(broken, 'Dag file')} {'has' if broken == 1 else 'have'} problems"
        click.echo(f"{files}; `tradewind dags list-import-errors` shows them.", err=True)


@dags.command("details")
@click.argument("dag_id")
@output_option
@pass_app
def details(app: App, dag_id: str, output: str) -> None:
    """Everything known about one Dag."""
    from tradewind.cli.asset_catalogue import wait_of

    spec = app.reader.spec(dag_id)
    facts = read_row(app.reader.dag(dag_id), "dag", lambda row: details_of(row, spec, app.settings))
    facts["notices"] += [
        f"access_control= names role {role!r}, which there is not; `tradewind roles create {role}` makes it."
        for role in sorted(set((spec.get("extra") or {}).get(ACCESS, {})) - {row["name"] for row in app.reader.roles()})
        if role not in BUILT_IN
    ]
    facts["asset_expression"], facts["waits_for"] = (
        spec.get("assets") or None,
        wait_of(app.reader, dag_id, spec) or None,
    )
    if output in ("json", "yaml"):
        show([facts], output)
    else:
        show([{"property_name": name, "property_value": value} for name, value in facts.items()], output)


@dags.command("show")
@click.argument("dag_id")
@click.option("-s", "--save", type=click.Path(dir_okay=False), help="Write the graph to a file; DOT by its ending.")
@click.option("-o", "--output", type=click.Choice(["tree", "dot"]), default="tree", show_default=True)
@click.option("--imgcat", is_flag=True, hidden=True)
@pass_app
def show_dag(app: App, dag_id: str, save: str | None, output: str, imgcat: bool) -> None:
    """The graph of one Dag, as a tree of tasks or as DOT."""
    from tradewind.cli.graph import dot_lines, tree_lines

    if imgcat:
        raise click.UsageError("Pictures in the terminal are not drawn; `--save file.dot` writes DOT for Graphviz.")
    if save and output == "tree" and os.path.splitext(save)[1] not in (".txt", ".dot", ".gv"):
        raise click.UsageError(f"{save}: a graph is written as .dot, .gv or .txt; Graphviz makes pictures of DOT.")
    spec = app.reader.spec(dag_id)
    as_dot = output == "dot" or (save is not None and not save.endswith(".txt"))
    text = "\n".join(dot_lines(spec) if as_dot else tree_lines(spec))
    if save is None:
        click.echo(text)
        return
    write_text(save, text + "\n", mode=0o666)
    click.echo(f"File {save} saved")


@dags.command("trigger")
@click.argument("dag_id")
@click.option("-r", "--run-id", help="Name of the run.")
@click.option("-c", "--conf", help="JSON object that the run is given.")
@click.option("-l", "--logical-date", "-e", "--exec-date", "logical_date", help="Logical date of the run.")
@click.option("--no-replace-microseconds", is_flag=True, help="Keep the microseconds of the logical date.")
@click.option("--note", help="A note on the run.")
@click.option("--partition-key", help="The partition that the run is for, of a Dag that has partitions.")
@click.option(
    "-w",
    "--wait",
    is_flag=True,
    help="Wait for the run's end; exit with 1 unless it succeeded. A paused Dag is not waited for.",
)
@output_option
@pass_app
def trigger(
    app: App, dag_id: str, run_id: str | None, conf: str | None, logical_date: str | None,
    no_replace_microseconds: bool, note: str | None, partition_key: str | None, wait: bool, output: str,
) -> int:  # fmt: skip
    """Create a run.

    The run of a paused Dag is created too, and stays queued until the Dag is unpaused; with --wait the command says so
    and ends at once with 1.
    """
    body: dict[str, Any] = {"dag_id": dag_id}
    if run_id:
        body["run_id"] = run_id
    if conf is not None:
        body["conf"] = json_object(conf, "--conf")
    if note is not None:
        body["note"] = note
    if partition_key is not None:
        body["partition_key"] = partition_key
    if logical_date is not None:
        moment = app.moment(logical_date)
        body["logical_date"] = (moment if no_replace_microseconds else moment.replace(microsecond=0)).isoformat()
    from tradewind.cli.waiting import create_and_wait, held_by_pause

    if wait:
        created, state = create_and_wait(app.client, body, lambda: _is_paused(app, dag_id))
        show([run_row({**created, "state": state})], output)
        return 0 if state == "success" else 1
    created = app.client.command("run.create", **body)
    if _is_paused(app, dag_id):
        click.echo(held_by_pause(dag_id), err=True)
    show([run_row(created)], output)
    return 0


def _is_paused(app: App, dag_id: str) -> bool:
    try:
        return bool(app.reader.dag(dag_id)["is_paused"])
    except TradewindError:  # only a remark depends on it
        return False


@dags.command("pause")
@click.argument("dag_id")
@click.option("--treat-dag-id-as-regex", is_flag=True, help="Pause every Dag whose id matches.")
@yes_option
@output_option
@pass_app
def pause(app: App, dag_id: str, treat_dag_id_as_regex: bool, yes: bool, output: str) -> None:
    """Let no new run of a Dag start."""
    _set_paused(app, "dag.pause", dag_id, treat_dag_id_as_regex, yes, output)


@dags.command("unpause")
@click.argument("dag_id")
@click.option("--treat-dag-id-as-regex", is_flag=True, help="Unpause every Dag whose id matches.")
@yes_option
@output_option
@pass_app
def unpause(app: App, dag_id: str, treat_dag_id_as_regex: bool, yes: bool, output: str) -> None:
    """Let runs of a Dag start."""
    _set_paused(app, "dag.unpause", dag_id, treat_dag_id_as_regex, yes, output)


def _set_paused(app: App, kind: str, dag_id: str, as_regex: bool, yes: bool, output: str) -> None:
    ids = [dag_id]
    if as_regex:
        ids = matching(app, dag_id)
        if not ids:
            raise click.ClickException(f"No Dag matches {dag_id!r}.")
        confirm(f"{kind.removeprefix('dag.').capitalize()} {counted(len(ids), 'Dag')}: {', '.join(ids)}?", yes)
    for name in ids:
        app.client.command(kind, dag_id=name)
    show([{"dag_id": name, "is_paused": kind == "dag.pause"} for name in ids], output)


@dags.command("delete")
@click.argument("dag_id")
@yes_option
@pass_app
def delete(app: App, dag_id: str, yes: bool) -> None:
    """Remove a Dag's runs and history; its file stays, and brings the Dag back."""
    app.reader.dag(dag_id)
    confirm(f"Delete all runs and history of {dag_id}?", yes)
    app.client.command("dag.delete", dag_id=dag_id)
    click.echo(f"Removed {dag_id}; its file stays.")


@dags.command("clear")
@click.argument("dag_id")
@click.option("--run-id", help="The run.")
@click.option("--partition-key", help="Instead: the runs for this partition.")
@click.option("--partition-date-start", help="Instead: the runs whose partition is not before this date.")
@click.option("--partition-date-end", help="And not after this one.")
@click.option("-f", "--only-failed", is_flag=True, help="Only what failed.")
@click.option("-r", "--only-running", is_flag=True, help="Only what is running.")
@latest_option
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be cleared.")
@yes_option
@pass_app
def clear(
    app: App, /, dag_id: str, run_id: str | None, partition_key: str | None, partition_date_start: str | None,
    partition_date_end: str | None, dry_run: bool, yes: bool, **choice: Any,
) -> None:  # fmt: skip
    """Set the tasks of one run, or of the runs for a partition, back, so that they run again."""
    dates = {"partition_date_start": partition_date_start, "partition_date_end": partition_date_end}
    asked = {name: app.moment(text).isoformat() for name, text in dates.items() if text is not None}
    ways = [run_id is not None, partition_key is not None, bool(asked)]
    if sum(ways) != 1:
        raise click.UsageError("Name the runs in one way: --run-id, --partition-key, or --partition-date-start/-end.")
    which = {"run_id": run_id, "partition_key": partition_key, **asked}
    body = {**which, "upstream": False, "downstream": False, **choice}
    clear_with_preview(app, [dag_id], {name: v for name, v in body.items() if v is not None}, dry_run, yes)


@dags.command("backfill")
@click.argument("dag_id")
@click.option("-s", "--start-date", help="Least logical date.")
@click.option("-e", "--end-date", help="Greatest logical date; it is included.")
@click.option("-c", "--conf", help="JSON object that the runs are given.")
@click.option("-B", "--run-backwards", is_flag=True, help="Begin with the newest date.")
@click.option("--reset-dagruns", is_flag=True, help="Also run again what is over.")
@click.option("--rerun-failed-tasks", is_flag=True, help="Also run again what has failed.")
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("-t", "--task-regex", hidden=True)
@click.option("-m", "--mark-success", is_flag=True, hidden=True)
@click.option("--treat-dag-as-regex", "--treat-dag-id-as-regex", "as_regex", is_flag=True, hidden=True)
@click.option("--pool", expose_value=False, hidden=True)
@click.option("--delay-on-limit", expose_value=False, hidden=True)
@click.option("-l", "--local", is_flag=True, expose_value=False, hidden=True)
@click.option("-x", "--donot-pickle", is_flag=True, expose_value=False, hidden=True)
@click.option("-y", "--yes", is_flag=True, expose_value=False, hidden=True)
@click.option("--continue-on-failures", is_flag=True, expose_value=False, hidden=True)
@click.option("-I", "--ignore-first-depends-on-past", is_flag=True, expose_value=False, hidden=True)
@click.option("-i", "--ignore-dependencies", is_flag=True, hidden=True)
@click.option("--disable-retry", is_flag=True, hidden=True)
@pass_app
def backfill(
    app: App, /, dag_id: str, start_date: str | None, end_date: str | None, conf: str | None, run_backwards: bool,
    reset_dagruns: bool, rerun_failed_tasks: bool, dry_run: bool, **unsupported: Any,
) -> None:  # fmt: skip
    """Airflow 2's name for `tradewind backfill create`; the command does not wait for the runs."""
    from tradewind.cli.backfill import create_backfill

    given = [f"--{name.replace('_', '-')}" for name, value in unsupported.items() if value]
    if given:
        names = ", ".join(given).replace("--as-regex", "--treat-dag-id-as-regex")
        raise click.UsageError(f"{names}: a backfill makes whole runs of one Dag; `tradewind tasks clear` takes tasks.")
    first, last = start_date or end_date, end_date or start_date
    if first is None or last is None:
        raise click.UsageError("Name the range with --start-date and --end-date.")
    body: dict[str, Any] = {
        "dag_id": dag_id,
        "from_date": app.moment(first).isoformat(),
        "to_date": app.moment(last).isoformat(),
        "run_backwards": run_backwards,
        "reprocess_behavior": "completed" if reset_dagruns else "failed" if rerun_failed_tasks else "none",
    }
    if conf is not None:
        body["conf"] = json_object(conf, "--conf")
    create_backfill(app, body, dry_run)


@dags.command("list-runs")
@click.argument("dag_id", required=False)
@click.option("-d", "--dag-id", "dag_option", help="The Dag, as in Airflow 2.")
@click.option("--state", type=click.Choice(["queued", "running", "success", "failed"]))
@click.option("--no-backfill", is_flag=True, help="Leave out backfill runs.")
@click.option("-s", "--start-date", help="Least logical date.")
@click.option("-e", "--end-date", help="Greatest logical date.")
@output_option
@pass_app
def list_runs(
    app: App, dag_id: str | None, dag_option: str | None, state: str | None, no_backfill: bool,
    start_date: str | None, end_date: str | None, output: str,
) -> None:  # fmt: skip
    """Runs of a Dag, newest first."""
    name = dag_id or dag_option
    if not name:
        raise click.UsageError("Missing argument 'DAG_ID'.")
    bounds = [to_us(app.moment(text)) if text else None for text in (start_date, end_date)]
    runs = app.reader.runs(name, state, bounds[0], bounds[1], no_backfill)
    if not runs:
        app.reader.dag(name)
    fields = ("run_after", "logical_date", "start_date", "end_date")

    def shown(run: Row) -> dict[str, Any]:
        named = {"dag_id": run["dag_id"], "run_id": run["run_id"], "state": RunState(run["state"]).value}
        return named | {field: iso(run[field]) or "" for field in fields}

    show(readable(runs, "run", shown), output)


@dags.command("state")
@click.argument("dag_id")
@click.argument("run_or_date")
@pass_app
def state(app: App, dag_id: str, run_or_date: str) -> None:
    """The state of one run, named by its id or logical date, and its conf."""

    def shown(run: Row) -> str:
        conf = json.loads(run["conf"] or "{}")
        return RunState(run["state"]).value + (f", {json.dumps(conf, ensure_ascii=False)}" if conf else "")

    click.echo(read_row(find_run(app, dag_id, run_or_date), "run", shown))


@dags.command("list-import-errors")
@click.option("-l", "--local", is_flag=True, expose_value=False, hidden=True)
@output_option
@pass_app
def list_import_errors(app: App, output: str) -> int:
    """What is wrong with which Dag file; exits with 1 when there is anything."""
    rows = import_error_rows(app.reader.import_errors(), app.settings)
    show(rows, output)
    return 1 if rows else 0


@dags.command("next-execution")
@click.argument("dag_id")
@click.option("-n", "--num-executions", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--field",
    type=click.Choice(["logical_date", "data_interval.start", "data_interval.end", "run_after"]),
    default="logical_date",
    show_default=True,
)
@click.option("--table", is_flag=True, help="All fields as a table.")
@pass_app
def next_execution(app: App, dag_id: str, num_executions: int, field: str, table: bool) -> None:
    """When the next runs of a Dag are due."""
    from tradewind.cli.asset_catalogue import wait_of
    from tradewind.cli.next_runs import next_runs

    row, spec = app.reader.dag(dag_id), app.reader.spec(dag_id)
    due = next_runs(row, spec, num_executions)
    if row["is_paused"]:
        click.echo(f"{dag_id} is paused: no run starts before it is unpaused.", err=True)
    if assets := wait_of(app.reader, dag_id, spec):
        click.echo(f"{dag_id} waits for: {assets}.", err=True)
    elif not due:
        click.echo(f"{dag_id} has no further run by its schedule ({row['timetable_summary'] or 'None'}).", err=True)
    if table:
        show(due, "table")
    else:
        click.echo("\n".join(str(run[field]) for run in due) or "None")


@dags.command("report")
@output_option
@pass_app
def report(app: App, output: str) -> None:
    """How long each Dag file takes to import, and what it holds."""
    show(report_rows(app.reader.files(), app.reader.specs()), output)


@dags.command("reserialize")
@click.option("--clear-only", is_flag=True, hidden=True)
@pass_app
def reserialize(app: App, clear_only: bool) -> None:
    """Read all Dag files again."""
    if clear_only:
        click.echo("--clear-only has no effect: stored versions are history and stay.", err=True)
    app.client.command("dag.reparse")
    click.echo("All Dag files will be read again.")


@dags.command("test")
@click.argument("dag_id")
@click.argument("logical_date", required=False)
@click.option("-c", "--conf", help="JSON object that the run is given.")
@click.option("-f", "--dagfile-path", type=click.Path(exists=True, dir_okay=False), help="The Dag's file.")
@click.option("--mark-success-pattern", help="Tasks whose id matches succeed without being run.")
@click.option("--show-dagrun", is_flag=True, hidden=True)
@click.option("--use-executor", is_flag=True, hidden=True)
@pass_app
def test(
    app: App, dag_id: str, logical_date: str | None, conf: str | None, dagfile_path: str | None,
    mark_success_pattern: str | None, show_dagrun: bool, use_executor: bool,
) -> int:  # fmt: skip
    """Run a whole Dag here and now, without a scheduler; DAG_ID may also be a Dag file."""
    from tradewind.cli.run import dags_test

    for name, given in (("--show-dagrun", show_dagrun), ("--use-executor", use_executor)):
        if given:
            click.echo(f"{name} has no effect.", err=True)
    return int(
        dags_test(
            app.settings,
            dag_id,
            logical_date=app.moment(logical_date) if logical_date else None,
            conf=json_object(conf, "--conf") if conf else None,
            file=dagfile_path,
            mark_success_pattern=mark_success_pattern,
        )
        or 0
    )


def matching(app: App, pattern: str) -> list[str]:
    """Ids of Dags that the pattern finds."""
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise click.UsageError(f"{pattern!r} is not a regular expression: {error}.") from None
    return [row["dag_id"] for row in app.reader.dags() if wanted.search(row["dag_id"])]


def find_run(app: App, dag_id: str, run_or_date: str) -> dict[str, Any]:
    """A run by its id or by its logical date."""
    try:
        logical = to_us(app.moment(run_or_date))
    except click.UsageError:
        logical = None
    return app.reader.run(dag_id, run_or_date, logical)
