"""What cannot be used as database, home or port is one sentence and a failure, wherever it is met first."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tradewind.testing.servers import PostgresServer, Unavailable

Tradewind = Callable[..., str]
COMMAND = [sys.executable, "-c", "from tradewind.cli.main import main; main()"]
SERVE = ("standalone", "-p", "0")


@pytest.fixture
def tradewind(tmp_path: Path) -> Tradewind:
    """Runs a command that must fail; gives what it said, which is free of tracebacks."""

    def run(*arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> str:
        ended = subprocess.run(
            [*prefix, *COMMAND, *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180,
            cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "TRADEWIND_HOME": str(tmp_path / "home"), **environment},
        )  # fmt: skip
        assert ended.returncode in (1, 2), ended.stdout
        assert "Traceback" not in ended.stdout
        return ended.stdout

    return run


@pytest.mark.parametrize("command", [SERVE, ("scheduler",), ("dags", "pause", "x"), ("db", "migrate")])
def test_a_file_that_is_no_database_is_named(tradewind: Tradewind, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "tradewind.db").write_bytes(b"this is a letter to a friend\n" * 300)
    said = tradewind(*command)
    assert "file is not a database" in said
    assert said.count("not a database") == 1


@pytest.mark.parametrize("command", [SERVE, ("dags", "pause", "x")])
def test_a_postgresql_that_does_not_answer_is_named_without_its_password(
    tradewind: Tradewind, command: tuple[str, ...]
) -> None:
    pytest.importorskip("psycopg")
    url = "postgresql://me:opensesame@127.0.0.1:1/flow"
    said = tradewind(*command, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url)
    assert "PostgreSQL cannot be used:" in said
    assert "postgresql+psycopg://me:***@127.0.0.1:1/flow" in said
    assert "opensesame" not in said


def test_a_wrong_password_is_named(tradewind: Tradewind) -> None:
    pytest.importorskip("psycopg")
    try:
        server = PostgresServer.start()
    except Unavailable as reason:
        pytest.skip(f"PostgreSQL: {reason}")
    try:
        url = server.url("postgres").replace("tradewind@", "tradewind:guessed@")
        Path(server.data, "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        server._run("pg_ctl", "-D", server.data, "reload")
        said = tradewind(*SERVE, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url)
    finally:
        server.stop()
    assert "password authentication failed for user" in said
    assert "guessed" not in said


@pytest.mark.parametrize(
    ("url", "part"), [("mysql://u:p@h/x", "names mysql; Tradewind keeps"), ("nonsense", "is no database URL")]
)
def test_a_database_of_another_kind_is_refused(tradewind: Tradewind, url: str, part: str) -> None:
    assert part in tradewind(*SERVE, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url)


def test_a_home_that_cannot_be_made_is_named(tradewind: Tradewind) -> None:
    said = tradewind(*SERVE, TRADEWIND_HOME="/dev/null/here")
    assert said == "Error: The folder /dev/null/here cannot be created: Not a directory.\n"


def test_a_port_that_is_no_number_is_named_with_where_it_stands(tradewind: Tradewind) -> None:
    said = tradewind("standalone", AIRFLOW__API__PORT="http")
    assert said == "Error: [api] port is 'http' (env AIRFLOW__API__PORT); it must be a whole number.\n"
    assert "'http' is not a valid" in tradewind("standalone", "-p", "http")


@pytest.mark.parametrize("kilobytes", [100, 0])
def test_a_full_disk_is_named(tradewind: Tradewind, tmp_path: Path, kilobytes: int) -> None:
    (tmp_path / "home").mkdir()
    fill = "head -c 2000k /dev/zero > home/big; " if not kilobytes else ""
    small = f"mount -t tmpfs -o size={kilobytes or 40}k none home && {{ {fill}true; }} 2>/dev/null"
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{small} && exec "$@"', "sh")
    if subprocess.run([*prefix, "true"], cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("a small disk needs user namespaces, which this machine does not allow")
    said = tradewind(*SERVE, prefix=prefix)
    assert "database or disk is full; make room" in said or "No space left on device" in said


TREE = """
import sys, time
from pathlib import Path
from types import SimpleNamespace

from tradewind import standalone
from tradewind.core.errors import TradewindError

lives = Path(sys.argv[1])

def service(settings):
    with lives.open("a") as file:
        file.write("x")
    time.sleep(0.1)  # longer than what counts as a death at once
    if "begins" in sys.argv:
        standalone._begun()
    raise TradewindError("The other side does not answer.")

class Tree(standalone.Tree):
    def _died(self, service, status):
        super()._died(service, status)
        self.stopping = self.stopping or service.lives == 3

standalone.QUICK_DEATH_SECONDS = 0.01
sys.exit(Tree(SimpleNamespace(home=lives.parent), [standalone.Service("far", service)]).run())
"""


@pytest.mark.parametrize(("begins", "lives", "status"), [((), 1, 1), (("begins",), 3, 0)])
def test_a_service_that_takes_long_to_say_that_it_cannot_begin_is_not_started_for_ever(
    tmp_path: Path, begins: tuple[str, ...], lives: int, status: int
) -> None:
    command = [sys.executable, "-c", TREE, str(tmp_path / "lives"), *begins]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, (tmp_path / "lives").read_text()) == (status, "x" * lives), ended.stderr
    assert ended.stderr.count("far: The other side does not answer.") == lives
