"""What a server loads before it is ready: nothing that nobody has asked for, and what two services need only once."""

import json
import subprocess
import sys
from typing import Any


def found_after(code: str) -> dict[str, Any]:
    """Modules and threads of a fresh interpreter that has run this."""
    tell = (
        "import json, os, sys; threads = len(os.listdir('/proc/self/task'));"
        "print(json.dumps({'modules': list(sys.modules), 'threads': threads}))"
    )
    done = subprocess.run([sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_server_is_ready_without_what_is_only_wanted_now_and_then() -> None:
    modules = found_after("from tradewind.api.app import make_app")["modules"]
    assert "tradewind.api.public.dags" in modules
    wanted_later = {
        "rich", "prometheus_client", "alembic", "psycopg", "tradewind.api.public.pools",
        "tradewind.api.ui.grid", "tradewind.sdk",
    }  # fmt: skip
    assert wanted_later & set(modules) == set()


def test_what_scheduler_and_server_share_is_loaded_before_the_fork_and_nothing_of_either() -> None:
    found = found_after("import tradewind.standalone; tradewind.standalone.import_what_is_shared()")
    modules = set(found["modules"])
    assert {"sqlalchemy", "uvloop", "structlog", "tradewind.store.tables", "tradewind.core.dag"} <= modules
    assert {
        "fastapi",
        "pydantic",
        "rich",
        "tradewind.api",
        "tradewind.scheduler.service",
        "tradewind.sdk",
    } & modules == set()
    assert found["threads"] == 1, "a process with threads must not fork"
