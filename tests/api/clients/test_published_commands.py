"""The two requests of an installation guide of Airflow 2, as they are written there."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess

import pytest
from login_stage import change
from serving import USER, Served

from tradewind.security.passwords import hash_password
from tradewind.testing.builders import dag

LIST = 'curl -X GET "http://localhost:8080/api/v1/dags" --user "airflow:airflow"'
TRIGGER = """curl -X POST "http://localhost:8080/api/v1/dags/example_bash_operator/dagRuns" \
  -H "Content-Type: application/json" --user "airflow:airflow" -d '{"conf": {"custom_param": "value"}}'"""

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


def said(served: Served, command: str) -> dict[str, object]:
    """What a command prints; nothing in it is changed but where the server listens."""
    words = [word.replace("http://localhost:8080", served.url) for word in shlex.split(command)]
    done = subprocess.run([*words, "-sS", "--fail-with-body"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_two_requests_work_as_they_are_written(served: Served) -> None:
    served.stage.load(dag("a", dag_id="example_bash_operator"))
    change(served.stage, "account.password", username=USER, password_hash=hash_password("airflow"))
    listed = said(served, LIST)
    assert set(listed) == {"dags", "total_entries"}
    assert [row["dag_id"] for row in listed["dags"]] == ["example_bash_operator"]  # type: ignore[attr-defined]
    run = said(served, TRIGGER)
    assert run["conf"] == {"custom_param": "value"}
    assert run["dag_id"] == "example_bash_operator"
