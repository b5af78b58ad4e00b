"""A PostgreSQL server of the benchmark's own: temporary, on a free loopback port, with its defaults."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.ports import free_port

START_SECONDS = 60.0


class Postgres:
    """One server; `new_database` gives the URL of an empty database on it."""

    def __init__(self, scratch: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=scratch))
        self._port = free_port()
        self._password = secrets.token_urlsafe(12)
        self._server: subprocess.Popen[bytes] | None = None
        self._databases = 0
        # PostgreSQL refuses to run as root; its own user exists where it was installed from a package.
        self._user = _unprivileged_user() if os.geteuid() == 0 else None

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    def start(self) -> None:
        data, secret = self._folder / "data", self._folder / "password"
        secret.write_text(self._password)
        if self._user:
            self._folder.chmod(0o755)
            for path in (self._folder, secret):
                shutil.chown(path, self._user)
        arguments = ["-D", str(data), "-U", "bench", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "-N"]
        subprocess.run([_binary("initdb"), *arguments], check=True, stdout=subprocess.DEVNULL, **self._as_user())
        options = ["-D", str(data), "-p", str(self._port), "-h", "127.0.0.1", "-k", str(self._folder)]
        with open(self._folder / "log", "wb") as log:
            self._server = subprocess.Popen(
                [_binary("postgres"), *options], stdout=log, stderr=log, start_new_session=True, **self._as_user()
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect("postgres").close()
                return
            except Exception:
                if time.monotonic() > deadline or self._server.poll() is not None:
                    raise
                time.sleep(0.05)

    def connect(self, database: str) -> Any:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1", port=self._port, user="bench", password=self._password, dbname=database, autocommit=True
        )

    def new_database(self) -> str:
        """`postgresql://…` of a database that is empty."""
        self._databases += 1
        name = f"bench{self._databases}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://bench:{self._password}@127.0.0.1:{self._port}/{name}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.terminate()  # no new connections, then down when the last one has gone
            try:
                self._server.wait(5)
            except subprocess.TimeoutExpired:
                self._server.send_signal(2)  # SIGINT: at once, cleanly
                self._server.wait(20)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _as_user(self) -> dict[str, Any]:
        return {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []} if self._user else {}


def is_available() -> bool:
    """Whether a server can be started here."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return False
    return all(shutil.which(name) for name in ("initdb", "postgres"))


def _binary(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not on PATH; install PostgreSQL or leave it out with --databases sqlite.")
    return os.path.realpath(found)  # it finds its libraries relative to itself


def _unprivileged_user() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as.")
