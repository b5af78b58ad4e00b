"""A home with a small SQLite database, a way to run commands, and a scheduler that only listens."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_fakes import Ended, FakeScheduler, Run, fill_database

from tradewind.cli import main as cli_main


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("AIRFLOW", "TRADEWIND")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TRADEWIND_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `tradewind …` in this process, as its entry point does."""

    def run_command(*args: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            cli_main.main(list(args))
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run_command


@pytest.fixture
def database(home: Path) -> Path:
    fill_database()
    return home


@pytest.fixture
def scheduler(home: Path) -> Iterator[FakeScheduler]:
    (home / "run").mkdir(exist_ok=True)
    fake = FakeScheduler()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    here = os.getcwd()
    os.chdir(home / "run")  # the absolute path may be too long for a socket
    listener.bind("scheduler.sock")
    os.chdir(here)
    listener.listen()
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=fake.serve, args=(connection,), daemon=True))
            threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    yield fake
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    accepting.join(5)
    for thread in threads:
        thread.join(5)
