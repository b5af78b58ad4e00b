"""Whether a connection reaches its system: `python -m tradewind.worker.connection_test`, in a process of its own.

Reads the connection as JSON from stdin and writes {"status", "message"} to stdout. Which code looks follows from the
table below alone: no hook of a provider, and nothing that the connection itself names, is imported.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tradewind.sdk.connection import Connection

NAME = "tested"
CONNECT_SECONDS = 8.0
MOST_MEMORY = 2 * 1024**3
MOST_TEXT = 500
MOST_SECONDS = 30

Outcome = tuple[bool, str]


def main() -> None:
    """Test what stdin says, and say how it went."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(MOST_SECONDS)  # whoever asked may be gone by then
    fields = json.load(sys.stdin)
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    reached, said = outcome(fields)
    json.dump({"status": reached, "message": _without_secrets(said, fields)}, answers)
    answers.flush()


def outcome(fields: Mapping[str, Any]) -> Outcome:
    """Whether the system of a connection answers, and a sentence about it."""
    look = LOOKS.get(fields["conn_type"])
    if look is None:
        kinds = ", ".join(LOOKS)
        return False, f"Connections of the type {fields['conn_type']!r} cannot be tested here; these can: {kinds}."
    # Hooks look for their connection by name, and find this one.
    os.environ[f"AIRFLOW_CONN_{NAME.upper()}"] = json.dumps({name: value for name, value in fields.items() if value})
    try:
        return look(Connection(conn_id=NAME, **fields))
    except Exception as error:  # of any driver
        return False, f"{type(error).__name__}: {error}"


# --- how each kind is looked at ----------------------------------------------------------------------------------


def _http(connection: Connection) -> Outcome:
    from tradewind.sdk.hooks.http import HttpHook

    hook = HttpHook(method="GET", http_conn_id=NAME)
    if urlsplit(hook.base_url).scheme not in ("http", "https"):
        return False, "Its address does not begin with http:// or https://."
    return hook.test_connection()


def _postgres(connection: Connection) -> Outcome:
    from tradewind.sdk.hooks.postgres import PostgresHook

    return PostgresHook(postgres_conn_id=NAME).test_connection()


def _smtp(connection: Connection) -> Outcome:
    from tradewind.sdk.hooks.smtp import SmtpHook

    return SmtpHook(smtp_conn_id=NAME).test_connection()


def _folder(connection: Connection) -> Outcome:
    from tradewind.sdk.hooks.filesystem import FSHook

    return FSHook(fs_conn_id=NAME).test_connection()


def _sqlite(connection: Connection) -> Outcome:
    """Read-only: the hook would make a file that is not there."""
    import sqlite3

    path = Path(connection.host or "")
    if not path.is_file():
        return False, f"There is no file {connection.host or ''!r} on the server's machine."
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)) as database:
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return True, "The database answers."


def _spark(connection: Connection) -> Outcome:
    """A master that has an address; `yarn`, `k8s` and `local` have none of their own."""
    host = connection.host or ""
    if not host.startswith("spark://") and not connection.port:
        return False, f"The master {host!r} has no address of its own that could be reached; only spark://HOST has."
    return _address(host if "://" in host else f"spark://{host}", connection.port or 7077)


def _spark_connect(connection: Connection) -> Outcome:
    host = connection.host or ""
    return _address(host if "://" in host else f"sc://{host}", connection.port or 15002)


def _address(url: str, port: int) -> Outcome:
    """Whether something takes connections there; what it is stays unknown."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or port
    if not host:
        return False, "The connection has no host."
    with socket.create_connection((host, port), timeout=CONNECT_SECONDS):
        return True, f"{host}:{port} takes connections; whether it takes this login was not tried."


def _aws(connection: Connection) -> Outcome:
    """The bucket of `service_config`, listed with these keys; without one an endpoint of its own (MinIO and the like),
    which is only reached."""
    extra = connection.extra_dejson
    endpoint = str(extra.get("endpoint_url") or "")
    services = extra.get("service_config")
    of_s3 = services.get("s3") if isinstance(services, dict) else None
    bucket = str(of_s3.get("bucket_name") or "") if isinstance(of_s3, dict) else ""
    if bucket:
        return _bucket(bucket, connection, endpoint, str(extra.get("region_name") or "us-east-1"))
    if not endpoint:
        return False, (
            'Only a connection with an endpoint_url, or with a bucket in its extra ({"service_config": {"s3": '
            '{"bucket_name": "…"}}}), can be tested here.'
        )
    return _address(endpoint, 80 if endpoint.startswith("http://") else 443)


def _bucket(name: str, connection: Connection, endpoint: str, region: str) -> Outcome:
    try:
        from obstore.store import S3Store
    except ImportError:
        return False, "A bucket is listed by a library that is not installed; run `pip install 'tradewind[s3]'`."
    options: dict[str, Any] = {"region": region, "retry_config": {"max_retries": 0}}
    if endpoint:
        options["endpoint"] = endpoint
        options["client_options"] = {"allow_http": endpoint.startswith("http://")}
    if connection.login:
        options["access_key_id"], options["secret_access_key"] = connection.login, connection.password or ""
    if token := connection.extra_dejson.get("aws_session_token"):
        options["session_token"] = str(token)
    next(iter(S3Store(name, **options).list(chunk_size=1)), None)
    return True, f"The bucket {name} can be listed."


LOOKS: Mapping[str, Callable[[Connection], Outcome]] = {
    "http": _http,
    "postgres": _postgres,
    "sqlite": _sqlite,
    "smtp": _smtp,
    "fs": _folder,
    "aws": _aws,
    "spark": _spark,
    "spark_connect": _spark_connect,
}


def _without_secrets(text: str, fields: Mapping[str, Any]) -> str:
    """Drivers may repeat what they were given."""
    try:
        extra = json.loads(fields.get("extra") or "{}")
    except ValueError:
        extra = {}
    secrets = [fields.get("password"), *(extra.values() if isinstance(extra, dict) else ())]
    for secret in secrets:
        if isinstance(secret, str) and len(secret) > 3:
            text = text.replace(secret, "***")
    return text[:MOST_TEXT]


if __name__ == "__main__":
    main()
