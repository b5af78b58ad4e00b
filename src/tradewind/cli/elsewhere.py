"""Airflow's commands that have no counterpart here: what to do instead, so that nobody looks for a typing error."""

import click

INSTEAD: dict[str, str] = {
    "celery": "`tradewind worker` runs an agent.",
    "cheat-sheet": "`tradewind --help` lists the commands, and each has its own --help.",
    "config update": "`tradewind config lint` says which settings have moved.",
    "connections create-default-connections": "`tradewind connections add` creates those that are needed.",
    "connections test": "`tradewind tasks test DAG_ID TASK_ID` tries a task that uses it.",
    "dags list-jobs": "`tradewind info` says whether a scheduler runs.",
    "dags show-dependencies": "`tradewind dags show DAG_ID` draws one Dag.",
    "db check-migrations": "`tradewind db migrate` brings the database to this version and may be repeated.",
    "db clean": "",
    "db downgrade": "",
    "db drop-archived": "",
    "db export-archived": "",
    "db shell": "`tradewind config get-value database sql_alchemy_conn` says what to open with `sqlite3` or `psql`.",
    "db-manager": "",
    "fab-db": "`tradewind db` is for all tables, those of users and roles too.",
    "internal-api": "workers reach the scheduler by its socket.",
    "jobs": "`tradewind info` says whether a scheduler runs.",
    "kerberos": "",
    "kubernetes": "",
    "partitions": "",
    "plugins": "",
    "providers": "`pip list` shows what is installed.",
    "sync-perm": "roles need no synchronizing.",
    "tasks run": "`tradewind tasks test DAG_ID TASK_ID` runs one task here and now.",
    "teams": "",
}
"""By command, with its noun: what to do instead, where there is something."""

PARTS: dict[str, str] = {
    "dag-processor": "`dag-processor` is a part of `tradewind scheduler`; start that instead.",
}
"""Airflow's services that do not run alone."""


def refuse(name: str, ctx: click.Context) -> None:
    """Raise UsageError if this is a command of Airflow; return for any other name."""
    if name in PARTS:
        raise click.UsageError(PARTS[name], ctx)
    if name in INSTEAD:
        instead = INSTEAD[name]
        raise click.UsageError(
            f"`{name}` is a command of Airflow that this version does not have{f'; {instead}' if instead else '.'}", ctx
        )
