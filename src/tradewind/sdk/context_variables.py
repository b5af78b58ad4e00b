"""What the commands and interpreters that a task starts are told about it, as environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def context_variables(context: Mapping[str, Any]) -> dict[str, str]:
    """`AIRFLOW_CTX_DAG_ID` and its like, those that have a value."""
    task, instance, run = context.get("task"), context.get("ti"), context.get("dag_run")
    dag = context.get("dag") or getattr(task, "_dag", None)
    facts = {
        "DAG_EMAIL": getattr(task, "email", None),
        "DAG_OWNER": getattr(task, "owner", None),
        "DAG_ID": getattr(dag, "dag_id", None) or getattr(instance, "dag_id", None),
        "TASK_ID": getattr(task, "task_id", None) or getattr(instance, "task_id", None),
        "LOGICAL_DATE": context.get("logical_date"),
        "EXECUTION_DATE": context.get("logical_date"),
        "TRY_NUMBER": getattr(instance, "try_number", None),
        "DAG_RUN_ID": context.get("run_id") or getattr(run, "run_id", None),
    }
    return {f"AIRFLOW_CTX_{name}": _text(value) for name, value in facts.items() if value}


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple, set)):
        return ",".join(map(str, value))
    return str(value)
