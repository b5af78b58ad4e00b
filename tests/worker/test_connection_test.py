"""How each kind of connection is looked at."""

from __future__ import annotations

import json
import socket
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tradewind.worker.connection_test import NAME, _without_secrets, outcome


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{NAME.upper()}", "")


def fields(conn_type: str, **given: Any) -> dict[str, Any]:
    parts = ("host", "login", "password", "schema", "port", "extra")
    return {"conn_type": conn_type, **dict.fromkeys(parts), **given}


def test_a_database_file_is_opened_and_never_made(tmp_path: Path) -> None:
    path = tmp_path / "a b.db"
    assert outcome(fields("sqlite", host=str(path))) == (
        False,
        f"There is no file {str(path)!r} on the server's machine.",
    )
    assert not path.exists()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE a (b)")
    assert outcome(fields("sqlite", host=str(path))) == (True, "The database answers.")
    path.write_bytes(b"no database, whatever its name says" * 100)
    assert outcome(fields("sqlite", host=str(path)))[0] is False


@pytest.mark.parametrize(("conn_type", "host"), [("spark", "spark://127.0.0.1"), ("spark_connect", "sc://127.0.0.1")])
def test_a_master_is_reached_or_not(conn_type: str, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reached, said = outcome(fields(conn_type, host=host, port=port))
        assert (reached, said.startswith(f"127.0.0.1:{port} takes connections")) == (True, True)
    reached, said = outcome(fields(conn_type, host=host, port=port))
    assert (reached, said.startswith("ConnectionRefusedError: ")) == (False, True)


def test_what_has_no_address_says_so() -> None:
    assert outcome(fields("spark", host="yarn"))[1].startswith("The master 'yarn' has no address")
    assert outcome(fields("aws", login="key"))[1].startswith("Only a connection with an endpoint_url, or")
    assert outcome(fields("http", host="file:///etc/passwd")) == (
        False, "Its address does not begin with http:// or https://.",
    )  # fmt: skip


def test_a_server_that_is_not_there_is_no_success() -> None:
    for conn_type in ("http", "smtp"):
        assert outcome(fields(conn_type, host="127.0.0.1", port=1))[0] is False


def test_what_a_driver_repeats_of_a_secret_is_not_told() -> None:
    given = fields("postgres", password="canary-1", extra='{"token": "canary-2"}')
    assert _without_secrets("no login with canary-1 or canary-2", given) == "no login with *** or ***"


def test_a_bucket_is_listed_with_the_keys_of_the_connection() -> None:
    pytest.importorskip("obstore")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/here", method="PUT"), timeout=30).close()
        for name, reached in (("here", True), ("gone", False)):
            extra = {"endpoint_url": endpoint, "service_config": {"s3": {"bucket_name": name}}}
            given = fields("aws", login="key", password="canary", extra=json.dumps(extra))
            got, said = outcome(given)
            assert got is reached, said
            assert ("can be listed" in said) is reached
            assert "canary" not in said
    finally:
        server.stop()
