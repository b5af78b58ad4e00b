"""`dag.test()`: one run of a Dag from its own file, as `tradewind run` does it, for `if __name__ == "__main__":`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.execution.moments import microseconds

if TYPE_CHECKING:
    from tradewind.sdk.execution.dag_run import DagRun

INSIDE = "TRADEWIND_DAG_TEST"
"""Set for what a test starts: a file that calls dag.test() whenever it is imported must not start itself for ever."""


def run_in_terminal(
    dag_id: str,
    file: str,
    *,
    logical_date: datetime | None,
    conf: Mapping[str, Any] | None,
    variables: str | None,
    connections: str | None,
    mark_success: str | None,
) -> DagRun:
    """Run the Dag in an installation of its own, show it in the terminal, and say how it ended."""
    from tradewind.sdk.execution.dag_run import DagRun
    from tradewind.wire.messages import RunInfo

    if os.environ.get(INSIDE):
        raise AirflowException(
            f"Dag {dag_id!r}: {file} calls dag.test() while it is imported; put the call below "
            '`if __name__ == "__main__":`.'
        )
    at = logical_date or datetime.now(UTC).replace(microsecond=0)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    run_id = f"test__{datetime.now(UTC).isoformat()}"
    command = [sys.executable, "-m", "tradewind.cli.main", "run", file, dag_id, "-l", at.isoformat(), "-r", run_id]
    command += ["-c", json.dumps(dict(conf))] if conf else []
    command += ["--mark-success-pattern", mark_success] if mark_success else []
    given = {**_as_environment(variables, "VAR"), **_as_environment(connections, "CONN")}
    sys.stdout.flush()
    ended = subprocess.run(command, env={**os.environ, INSIDE: dag_id, **given}, check=False)
    if ended.returncode not in (0, 1):
        raise AirflowException(f"Dag {dag_id!r} could not be run (exit status {ended.returncode}).")
    info = RunInfo(
        number=0, dag_id=dag_id, run_id=run_id, run_type="manual", run_after_us=microseconds(at),
        logical_date_us=microseconds(at), conf=dict(conf or {}), state="failed" if ended.returncode else "success",
    )  # fmt: skip
    return DagRun(info)


def _as_environment(file: str | None, kind: str) -> dict[str, str]:
    """Variables or connections of a JSON file as the environment gives them."""
    if file is None:
        return {}
    try:
        values = json.loads(Path(file).read_text())
    except (OSError, ValueError) as error:
        raise AirflowException(f"{file} is no JSON file of names and values: {error}.") from None
    if not isinstance(values, dict):
        raise AirflowException(f"{file} must hold a JSON object of names and values.")
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return {f"AIRFLOW_{kind}_{name.upper()}": text for name, text in texts.items()}
