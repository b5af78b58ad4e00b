"""From nothing to healthy, to the first finished task, and back after a stop; and what a new file takes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from harness import dag_files
from harness.airflow_site import REQUIREMENTS
from harness.bench import Row, Site
from harness.figures import Figure
from harness.installation import GaveUp, Installation

from tradewind.core.errors import TradewindError

FILES = {f"dag{n}.py": dag_files.scheduled(f"dag{n}") for n in range(4)} | {"one.py": dag_files.wide("one", 1)}


def startup(site: Site) -> Iterable[Figure]:
    """Start, stop and start again, each time in a new home."""
    times = 1 if site.is_peer else site.repeat
    fresh: list[float] = []
    existing: list[float] = []
    stops: list[float] = []
    for _ in range(times):
        with site.install(FILES) as installation:
            fresh.append(installation.start_healthy())
            installation.wait_for_dags(["one"])
            stops.append(installation.stop())
            existing.append(installation.start_healthy())
    yield Figure("", "start to healthy, new database", "s", fresh)
    yield Figure("", "start to healthy, migrated database", "s", existing, 2.0)
    yield Figure("", "SIGTERM to the end of all processes", "s", stops)
    first_task: list[float] = []
    for _ in range(times):
        with site.install(FILES) as installation:
            installation.start_healthy()
            installation.wait_for_dags(["one"])
            installation.stop()
            first_task.append(start_to_first_success(installation))
    yield Figure("", "start to the first triggered task's success", "s", first_task, 3.0)


def start_to_first_success(installation: Installation) -> float:
    """Trigger as soon as a trigger is taken, and wait for its task."""
    began = time.monotonic()
    installation.start()
    runs: list[str] = []

    def is_triggered() -> bool:
        # Until the scheduler listens there is nobody to ask; the offline path would need its lease.
        socket = installation.home / "run" / "scheduler.sock"
        if installation.engine == "tradewind" and not socket.exists():
            return False
        with suppress(TradewindError, GaveUp):
            runs.append(installation.trigger("one"))
        return bool(runs)

    installation.wait(is_triggered, "to take a trigger", 300.0, every=0.01)
    installation.wait(
        lambda: ("one", runs[0]) not in installation.open_runs(), "to run the first task", 300.0, every=0.01
    )
    return time.monotonic() - began


def new_file(site: Site) -> Iterable[Figure]:
    """A file is written into the Dags folder of a running installation."""
    with site.install(FILES) as installation:
        installation.start_healthy()
        installation.wait_for_dags(["one"])
        time.sleep(3.0)
        known: list[float] = []
        listed: list[float] = []
        for number in range(2 * site.repeat):
            name = f"new{number}"
            began = time.monotonic()
            (installation.dags / f"{name}.py").write_text(dag_files.scheduled(name))
            installation.wait(lambda name=name: name in installation.known_dags(), "to see a file", 60.0, 0.005)  # type: ignore[misc]
            known.append(time.monotonic() - began)
            installation.wait(lambda name=name: name in installation.listed_dags(), "to list a Dag", 60.0, 0.005)  # type: ignore[misc]
            listed.append(time.monotonic() - began)
            time.sleep(0.3)
        yield Figure("", "written to known by the database", "s", known, 1.0)
        yield Figure("", "written to listed by GET /api/v2/dags", "s", listed, 1.0)


def command_line(site: Site) -> Iterable[Figure]:
    """Commands beside a running installation."""
    with site.install(FILES) as installation:
        installation.start_healthy()
        installation.wait_for_dags(["one"])
        times = 1 if site.is_peer else 2 * site.repeat
        for words, budget in ((("version",), 0.2), (("dags", "list"), 0.4)):
            installation.run_command(*words)
            took = [installation.run_command(*words) for _ in range(times)]
            yield Figure("", " ".join((site.engine, *words)) if not site.is_peer else " ".join(("tradewind", *words)),
                         "s", took, budget)  # fmt: skip


def install(site: Site) -> Iterable[Figure]:
    """pip install into an empty environment, with pip's cache warm."""
    wanted = REQUIREMENTS[:1] if site.is_peer else (str(Path(__file__).parents[2]),)
    took: list[float] = []
    for _ in range(2):
        with tempfile.TemporaryDirectory(dir=site.scratch) as folder:
            venv = Path(folder) / "venv"
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=120)
            packages = next((venv / "lib").glob("python*/site-packages"))
            before, bytes_before = len(list(packages.glob("*.dist-info"))), _size(packages)
            began = time.monotonic()
            subprocess.run(
                [str(venv / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted],
                check=True, timeout=1200, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            took.append(time.monotonic() - began)
            distributions = len(list(packages.glob("*.dist-info"))) - before
            size = (_size(packages) - bytes_before) / 1e6
    yield Figure("", "pip install, cache warm", "s", took[1:], 30.0)
    yield Figure("", "distributions", "", [distributions], 60.0)
    yield Figure("", "size in site-packages", "MB", [size], 150.0)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


ROWS = (
    Row("startup", "standalone, from its start", startup, peers=True),
    Row("new-file", "A new Dag file", new_file),
    Row("command-line", "The command line", command_line, peers=True),
    Row("install", "Base install", install, peers=True, once=True),
)
