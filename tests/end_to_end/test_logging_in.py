"""An installation as a person meets it: first start, login, who may reach it, and what it leaves on the disk."""

import os
import re
import stat
from pathlib import Path

import pytest

from tradewind.testing.installation import Installation

DAG_FILE = """
from airflow.sdk import dag, task

@dag(schedule=None)
def greets():
    @task
    def hello():
        import os
        print("environment", sorted(os.environ))
        return "x" * 100_000
    hello()

greets()
"""


def test_the_first_start_shows_a_password_once_and_it_opens_the_installation() -> None:
    with Installation() as installation:
        installation._environment = {"_AIRFLOW_WWW_USER_PASSWORD": "", "_AIRFLOW_WWW_USER_USERNAME": ""}
        installation.start()
        said = installation.until("a password", lambda: _passwords(installation))
        assert len(said) == 1
        installation.password = said[0]
        token = {"Authorization": f"Bearer {_token(installation, 'admin')}"}
        assert installation.http("/api/v2/dags", **token)[0] == 200
        assert installation.http("/api/v2/dags", Authorization="")[0] == 401
        installation.stop()
        before = len(installation.output.read_text())
        installation.processes.clear()
        installation.start()
        installation.until("the scheduler", installation.is_listening)
        assert installation.http("/api/v2/dags", **token)[0] == 200, "a token outlives a start"
        assert "password" not in installation.output.read_text()[before:]


def _passwords(installation: Installation) -> list[str]:
    text = installation.output.read_text() if installation.output.exists() else ""
    return re.findall(r"Log in as admin with the password (\S+) ", text)


def _token(installation: Installation, username: str) -> str:
    body = {"username": username, "password": installation.password}
    status, answer = installation.http("/auth/token", method="POST", body=body, Authorization="")
    assert status == 201, answer
    return str(answer["access_token"])


def test_what_an_installation_leaves_on_the_disk_is_its_own_and_tasks_know_no_password() -> None:
    before = os.umask(0)
    try:
        with Installation({"greets.py": DAG_FILE}) as installation:
            installation.start()
            assert installation.run("greets") == "success"
            assert installation.http("/api/v2/dags")[0] == 200
            log = installation.log("greets", "hello")
            assert "TRADEWIND_HOME" in log
            assert "_AIRFLOW_WWW_USER_PASSWORD" not in log
            installation.stop()
            open_to_others = [
                (str(path.relative_to(installation.home)), oct(stat.S_IMODE(path.lstat().st_mode)))
                for path in installation.home.rglob("*")
                if path.lstat().st_mode & 0o077 and not path.is_relative_to(installation.dags)
            ]
            assert open_to_others == []
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", ["secret.key", "tradewind.db"])
def test_a_file_with_secrets_that_others_can_read_is_not_used(name: str) -> None:
    with Installation() as installation:
        installation.start()
        installation.until("the first account", lambda: installation.rows("SELECT 1 FROM account"))
        installation.stop()
        (installation.home / name).chmod(0o644)
        installation.processes.clear()
        assert installation.start().wait(30) == 1
        assert f"chmod 600 {installation.home / name}" in installation.output.read_text()


def _bound(installation: Installation, **environ: str) -> tuple[str, str]:
    """Where it listens, and what it says about that."""
    from tradewind.config import load_settings
    from tradewind.standalone import bind_api

    sock, address, notice = bind_api(load_settings(installation.home, {"AIRFLOW__API__PORT": "0", **environ}))
    host = sock.getsockname()[0]
    sock.close()
    return f"{host} {address.rpartition(':')[0]}", notice


def test_it_listens_where_it_is_told_and_says_what_is_risky() -> None:
    everywhere = {"AIRFLOW__API__HOST": "0.0.0.0"}
    is_open = {"AIRFLOW__API__AUTHENTICATE": "False"}
    with Installation() as installation:
        where, notice = _bound(installation)
        assert (where, notice) == ("127.0.0.1 http://127.0.0.1", "")
        where, notice = _bound(installation, **everywhere)
        assert where == "0.0.0.0 http://127.0.0.1"
        assert "without TLS" in notice
        assert _bound(installation, **everywhere, AIRFLOW__FAB__ENABLE_PROXY_FIX="True")[1] == ""
        where, notice = _bound(installation, **everywhere, **is_open)
        assert where == "127.0.0.1 http://127.0.0.1"
        assert "instead of 0.0.0.0" in notice
        where, notice = _bound(installation, **everywhere, **is_open, TRADEWIND__API__ALLOW_OPEN_NETWORK="True")
        assert where == "0.0.0.0 http://127.0.0.1"
        assert "may run code here" in notice
        assert "Nobody has to log in" in _bound(installation, **is_open)[1]


def test_it_speaks_tls_with_a_certificate() -> None:
    import http.client
    import ssl

    with Installation() as installation:
        cert, key = installation.base / "cert.pem", installation.base / "key.pem"
        _make_certificate(cert, key)
        installation._environment = {"AIRFLOW__API__SSL_CERT": str(cert), "AIRFLOW__API__SSL_KEY": str(key)}
        installation.start()
        installation.until("the first account", lambda: installation.rows("SELECT 1 FROM account"))
        address = installation.until("the HTTP server", installation.address)
        assert address.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(cert))
        connection = http.client.HTTPSConnection(address.removeprefix("https://"), context=context, timeout=30)
        body = f'{{"username": "tester", "password": "{installation.password}"}}'
        connection.request("POST", "/auth/login", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert "; Secure" in (answer.headers["set-cookie"] or "")
        connection.close()


def _make_certificate(cert: Path, key: Path) -> None:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1)).add_extension(alternative, critical=False)
    )  # fmt: skip
    cert.write_bytes(builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def test_a_certificate_that_cannot_be_used_is_named_before_anything_starts() -> None:
    with Installation() as installation:
        installation._environment = {
            "AIRFLOW__API__SSL_CERT": "/nowhere/cert.pem",
            "AIRFLOW__API__SSL_KEY": "/nowhere/k",
        }
        process = installation.start()
        assert process.wait(30) == 1
        assert "ssl_cert /nowhere/cert.pem" in installation.output.read_text()
