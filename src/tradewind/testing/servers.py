"""Real servers for tests, on free loopback ports, gone when the test session ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

WHERE_BINARIES_ARE = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt")
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root: where tests do, it runs as this user."""


class Unavailable(Exception):
    """The server cannot be started on this machine; the text says why."""


def free_port() -> int:
    """A loopback TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class PostgresServer:
    """One PostgreSQL cluster in a temporary folder. Durability is off: only its behaviour is wanted."""

    folder: Path
    bin: Path
    port: int
    names: count[int] = field(default_factory=lambda: count(1))

    @classmethod
    def start(cls) -> PostgresServer:
        """Create a cluster and start its server. Raises Unavailable."""
        bin = _postgres_binaries()
        # A short path, because a socket's path has at most 107 characters; anyone may enter, for the other user.
        folder = Path(tempfile.mkdtemp(prefix="tw-pg-", dir="/tmp"))
        server = cls(folder, bin, free_port())
        try:
            folder.chmod(0o755)
            if os.getuid() == 0:
                shutil.chown(folder, UNPRIVILEGED)
            server._run("initdb", "-D", server.data, "-U", "tradewind", "-A", "trust", "-E", "UTF8", "--no-sync")
            options = (
                f"-p {server.port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off "
                "-c shared_buffers=16MB -c max_connections=40"
            )
            server._run("pg_ctl", "-D", server.data, "-l", f"{folder}/log", "-w", "-t", "60", "-o", options, "start")
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def data(self) -> str:
        return f"{self.folder}/data"

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://tradewind@127.0.0.1:{self.port}/{database}"

    def new_database(self, like: str = "template1") -> str:
        """Create a database, empty or as the one of this name or URL is, and give its URL."""
        import psycopg

        name = f"test_{next(self.names)}"
        with psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like.rpartition("/")[2]}"'.encode())
        return self.url(name)

    def stop(self) -> None:
        """Stop the server at once and remove everything of it."""
        if Path(self.data, "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [str(self.bin / program), *arguments]
        if os.getuid() == 0:
            command = [*_as_unprivileged(), *command]
        # To a file, not a pipe: the server that pg_ctl leaves behind would keep a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", timeout=120, check=False
            )
            if check and done.returncode:
                output.seek(0)
                raise Unavailable(f"{program} failed: {output.read()[-2000:]}")


def _as_unprivileged() -> list[str]:
    if runuser := shutil.which("runuser"):
        return [runuser, "-u", UNPRIVILEGED, "--"]
    if setpriv := shutil.which("setpriv"):
        return [setpriv, f"--reuid={UNPRIVILEGED}", "--clear-groups", "--"]
    raise Unavailable("Tests run as root and neither runuser nor setpriv is installed, so PostgreSQL cannot start.")


def _postgres_binaries() -> Path:
    found = [path for root in WHERE_BINARIES_ARE for path in Path(root).glob("*/bin") if (path / "initdb").exists()]
    if on_path := shutil.which("initdb"):
        # Debian's wrapper scripts hide the real programs: prefer the folder of a version.
        found = found or [Path(on_path).resolve().parent]
    usable = [path for path in found if (path / "pg_ctl").exists()]
    if not usable:
        raise Unavailable("PostgreSQL's initdb and pg_ctl are not installed, so its tests are skipped.")
    return max(usable, key=lambda path: [int(part) if part.isdigit() else 0 for part in path.parts])
