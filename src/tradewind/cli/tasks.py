"""`tradewind tasks`: tasks of a Dag, and their instances in runs."""

from typing import Any

import click

from tradewind.cli.app import App, Noun, iso, json_object, output_option, pass_app, yes_option
from tradewind.cli.clearing import clear_with_preview, latest_option, mark_with_preview
from tradewind.cli.dags import find_run, matching
from tradewind.cli.damaged import Row, read_row, readable
from tradewind.cli.output import show
from tradewind.core.errors import TaskNotFound
from tradewind.core.states import TaskState


@click.group(cls=Noun)
def tasks() -> None:
    """List, test, clear and look at tasks."""


@tasks.command("list")
@click.argument("dag_id")
@click.option("-t", "--tree", is_flag=True, help="As a tree.")
@pass_app
def list_tasks(app: App, dag_id: str, tree: bool) -> None:
    """Tasks of a Dag."""
    spec = app.reader.spec(dag_id)
    if tree:
        from tradewind.cli.graph import tree_lines

        click.echo("\n".join(tree_lines(spec)))
    else:
        click.echo("\n".join(sorted(spec["tasks"])))


@tasks.command("state")
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("run_or_date")
@click.option("--map-index", type=int, default=-1, help="Which instance of a mapped task, from 0.")
@pass_app
def state(app: App, dag_id: str, task_id: str, run_or_date: str, map_index: int) -> None:
    """The state of one task in one run."""
    run = find_run(app, dag_id, run_or_date)
    instances = app.reader.tasks_of_run(run["number"], task_id)
    if not instances:
        raise TaskNotFound(dag_id, task_id)
    by_index = {row["map_index"]: row for row in instances}
    if map_index not in by_index:
        if list(by_index) == [-1]:
            raise click.ClickException(f"{task_id} is not mapped in this run; leave out --map-index.")
        known = ", ".join(str(index) for index in by_index if index >= 0)
        problem = f"has no instance {map_index} in this run" if map_index >= 0 else "is mapped"
        raise click.ClickException(f"{task_id} {problem}; --map-index may be {known}.")
    click.echo(read_row(by_index[map_index], "task_instance", _state) or "None")


@tasks.command("states-for-dag-run")
@click.argument("dag_id")
@click.argument("run_or_date")
@output_option
@pass_app
def states_for_dag_run(app: App, dag_id: str, run_or_date: str, output: str) -> None:
    """The states of all tasks in one run."""
    run = find_run(app, dag_id, run_or_date)
    instances = app.reader.tasks_of_run(run["number"])
    logical_date = read_row(run, "run", lambda run: iso(run["logical_date"])) or ""
    mapped = any(row["map_index"] != -1 for row in instances)

    def shown(row: Row) -> dict[str, Any]:
        times = {name: iso(row[name]) or "" for name in ("start_date", "end_date")}
        index = {"map_index": int(row["map_index"])} if mapped else {}
        task = {"dag_id": dag_id, "logical_date": logical_date, "task_id": row["task_id"], "state": _state(row)}
        return {**task, **times, **index}

    show(readable(instances, "task_instance", shown), output)


@tasks.command("clear")
@click.argument("dag_id")
@click.option("-t", "--task-regex", help="Only tasks whose id matches.")
@click.option("-s", "--start-date", help="Least logical date.")
@click.option("-e", "--end-date", help="Greatest logical date.")
@click.option("--run-id", "--dag-run-id", "run_id", help="Only this run.")
@click.option("--map-index", "map_indexes", type=int, multiple=True, help="Only this instance; may be repeated.")
@click.option("-u", "--upstream", is_flag=True, help="Also everything before them.")
@click.option("-d", "--downstream", is_flag=True, help="Also everything after them.")
@click.option("--future", is_flag=True, help="Also in every run after these.")
@click.option("--past", is_flag=True, help="Also in every run before these.")
@click.option("-f", "--only-failed", is_flag=True, help="Only what failed.")
@click.option("-r", "--only-running", is_flag=True, help="Only what is running.")
@click.option("-R", "--dag-regex", is_flag=True, help="DAG_ID is a regular expression.")
@latest_option
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be cleared.")
@click.option("-x", "--exclude-subdags", is_flag=True, expose_value=False, hidden=True)
@click.option("-X", "--exclude-parentdag", is_flag=True, expose_value=False, hidden=True)
@yes_option
@pass_app
def clear(
    app: App, /, dag_id: str, start_date: str | None, end_date: str | None, run_id: str | None, dag_regex: bool,
    dry_run: bool, yes: bool, **choice: Any,
) -> None:  # fmt: skip
    """Set tasks back, so that they run again."""
    body = {name: value for name, value in choice.items() if value is not None and value != ()}
    for name, text in (("start", start_date), ("end", end_date)):
        if text:
            body[name] = app.moment(text).isoformat()
    if run_id:
        body["run_id"] = run_id
    ids = matching(app, dag_id) if dag_regex else [dag_id]
    clear_with_preview(app, ids, body, dry_run, yes)


@tasks.command("mark")
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("run_or_date")
@click.argument("state", type=click.Choice(["success", "failed"]))
@click.option("--map-index", type=int, help="Only this instance of a mapped task, from 0.")
@click.option("-u", "--upstream", is_flag=True, help="Also everything before it.")
@click.option("-d", "--downstream", is_flag=True, help="Also everything after it.")
@click.option("--future", is_flag=True, help="Also in every run after this one.")
@click.option("--past", is_flag=True, help="Also in every run before this one.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be marked.")
@yes_option
@pass_app
def mark(
    app: App, /, dag_id: str, task_id: str, run_or_date: str, state: str, dry_run: bool, yes: bool, **choice: Any
) -> None:
    """Say that a task has succeeded or failed, without running it."""
    run = find_run(app, dag_id, run_or_date)
    body = {name: value for name, value in choice.items() if value}
    if choice["map_index"] is not None:
        body["map_index"] = choice["map_index"]
    mark_with_preview(app, dag_id, {"task_id": task_id, "run_id": run["run_id"], "state": state, **body}, dry_run, yes)


@tasks.command("failed-deps")
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("run_or_date")
@click.option("--map-index", type=int, expose_value=False, hidden=True)
@click.pass_context
def failed_deps(ctx: click.Context, dag_id: str, task_id: str, run_or_date: str) -> None:
    """Same as `tradewind why DAG_ID TASK_ID RUN`."""
    from tradewind.cli.why import why

    ctx.invoke(why, dag_id=dag_id, task_id=task_id, run=run_or_date, as_json=False, output="table")


@tasks.command("test")
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("run_or_date", required=False)
@click.option("-t", "--task-params", help="JSON object of params.")
@click.option("--env-vars", help="JSON object of environment variables.")
@click.option("--map-index", type=int, default=-1, help="Which instance of a mapped task, from 0.")
@click.option("-n", "--dry-run", is_flag=True, help="Only render its templates.")
@click.option("-m", "--post-mortem", is_flag=True, hidden=True)
@pass_app
def test(
    app: App, dag_id: str, task_id: str, run_or_date: str | None, task_params: str | None, env_vars: str | None,
    map_index: int, dry_run: bool, post_mortem: bool,
) -> int:  # fmt: skip
    """Run one task here and now; nothing is recorded."""
    from tradewind.cli.run import tasks_render, tasks_test

    if post_mortem:
        click.echo("--post-mortem has no effect: the task runs in a process of its own.", err=True)
    if dry_run:
        return int(tasks_render(app.settings, dag_id, task_id, run_or_date, map_index=map_index) or 0)
    params = json_object(task_params, "--task-params") if task_params else None
    variables = json_object(env_vars, "--env-vars") if env_vars else None
    return int(
        tasks_test(app.settings, dag_id, task_id, run_or_date, params=params, env_vars=variables, map_index=map_index)
        or 0
    )


@tasks.command("render")
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("run_or_date")
@click.option("--map-index", type=int, default=-1, help="Which instance of a mapped task, from 0.")
@pass_app
def render(app: App, dag_id: str, task_id: str, run_or_date: str, map_index: int) -> int:
    """The templates of one task as they are rendered for a run or date."""
    from tradewind.cli.run import tasks_render

    return int(tasks_render(app.settings, dag_id, task_id, run_or_date, map_index=map_index) or 0)


def _state(row: Row) -> str | None:
    """Airflow has no word for a task that is not due yet. Raises ValueError for what is no state."""
    state = TaskState(row["state"])
    return None if state is TaskState.NONE else state.value
