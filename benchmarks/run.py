"""Measure Tradewind, on SQLite and PostgreSQL, beside its peers on the same machine in the same session.

    python benchmarks/run.py                          every row, Tradewind only
    python benchmarks/run.py --peers airflow          with Apache Airflow beside it
    python benchmarks/run.py --rows chain,wide-200    some rows
    python benchmarks/run.py --page results/*.json    write docs/benchmarks.md from earlier sessions

A session leaves a JSON file with every single value. One with every row also writes docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import machine, postgres, report
from harness.airflow_site import default_venv, ensure_venv
from harness.bench import Row, Site, run_row, say, write
from harness.figures import Figure, figure_from_json
from rows import chains, floor, idle, owner, scale, startup, throughput
from web.report import ui_section

from tradewind import __version__

ROWS: dict[str, Row] = {
    row.name: row
    for row in (*floor.ROWS, *chains.ROWS, *throughput.ROWS, *startup.ROWS, *idle.ROWS, *scale.ROWS, *owner.ROWS)
}
TITLES = {row.name: row.title for row in ROWS.values()}
HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"


def main() -> None:
    options = _options()
    if options.page:
        write_page([json.loads(Path(path).read_text()) for path in options.page], options.page_to)
        return
    names = _chosen(options.rows)
    # An interrupt ends what was started, through the context managers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(
        prefix="tradewind-bench-", dir=options.scratch, ignore_cleanup_errors=True
    ) as place:
        scratch = Path(place)
        scratch.chmod(0o711)  # PostgreSQL's own user passes through when this runs as root
        session: dict[str, Any] = {
            "began": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": shlex.join(["python", "benchmarks/run.py", *sys.argv[1:]]),
            "version": __version__,
            "load": os.getloadavg()[0],
            "machine": machine.machine_facts(scratch),
            "figures": [],
        }
        say(json.dumps(session["machine"]))
        target = options.out / f"{session['began'][:19].replace(':', '')}-{os.getpid()}.json"
        figures: list[Figure] = []
        with sites(options, scratch) as chosen:
            for name in names:
                for site in chosen:
                    if _applies(ROWS[name], site, chosen):
                        figures += run_row(ROWS[name], site)
                        session["figures"] = [figure.as_json() for figure in figures]
                        write(target, json.dumps(session, indent=1) + "\n")
    print(report.as_text(TITLES, figures))
    say(f"\nEvery value: {target}")
    if len(names) == len(ROWS):
        write_page([session], options.page_to)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="", help="peers to measure beside Tradewind: airflow")
    parser.add_argument("--rows", default="", help=f"some of {','.join(ROWS)}")
    parser.add_argument("--repeat", type=int, default=5, help="measurements of each figure; peers take fewer")
    parser.add_argument("--databases", default="", help="sqlite,postgresql; else both where PostgreSQL is on PATH")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the JSON files")
    parser.add_argument("--scratch", type=Path, default=None, help="folder whose disk is measured")
    parser.add_argument("--venv", type=Path, default=None, help="the peer's environment; installed when missing")
    parser.add_argument("--page", nargs="+", default=[], metavar="JSON", help="write the page from these sessions")
    parser.add_argument("--page-to", type=Path, default=PAGE, help="where the page goes")
    return parser.parse_args()


def _chosen(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()] or list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        sys.exit(f"There is no row {', '.join(unknown)}; the rows are {', '.join(ROWS)}.")
    return names


@contextmanager
def sites(options: argparse.Namespace, scratch: Path) -> Iterator[list[Site]]:
    """Every engine on every database that was asked for, with a PostgreSQL server while it lasts."""
    peers = [name for name in options.peers.split(",") if name]
    if unknown := [name for name in peers if name != "airflow"]:
        sys.exit(f"There is no peer {', '.join(unknown)}; there is airflow.")
    here = ["sqlite", "postgresql"] if postgres.is_available() else ["sqlite"]
    databases = [name for name in options.databases.split(",") if name] or here
    if missing := [name for name in databases if name not in here]:
        sys.exit(f"{', '.join(missing)} cannot be measured here; PostgreSQL needs initdb and postgres on PATH.")
    if peers and "postgresql" not in databases:
        sys.exit("Airflow is measured on PostgreSQL; put initdb and postgres on PATH.")
    server = postgres.Postgres(scratch) if "postgresql" in databases else None
    venv = ensure_venv(options.venv or default_venv()) if peers else None
    try:
        if server is not None:
            server.start()
        chosen = [Site("tradewind", name, options.repeat, scratch, server) for name in databases]
        chosen += [Site(peer, "postgresql", options.repeat, scratch, server, venv) for peer in peers]
        yield chosen
    finally:
        if server is not None:
            server.stop()


def _applies(row: Row, site: Site, chosen: list[Site]) -> bool:
    if site.is_peer:
        return row.peers
    return not row.once or site is chosen[0]


def write_page(sessions: list[dict[str, Any]], target: Path) -> None:
    """docs/benchmarks.md from sessions, oldest first. Its section of the web UI, which `ui.py` writes, stays."""
    figures = [
        replace(figure_from_json(stored), session=session["began"])
        for session in sessions
        for stored in session["figures"]
    ]
    there = target.read_text("utf-8") if target.exists() else ""
    write(target, report.as_page(TITLES, sessions, figures) + ui_section(there))
    say(f"Page: {target}")


if __name__ == "__main__":
    main()
