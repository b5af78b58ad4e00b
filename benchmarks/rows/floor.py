"""What the machine itself allows: the bare operations that every engine with isolated tasks must pay, without one.

Engine figures from a busy or virtual machine mean little beside figures from another; beside these they mean something.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable

from harness.bench import Row, Site
from harness.figures import Figure

SCRIPT = r'''
import gc, json, os, socket, sqlite3, statistics, sys, time
from tradewind.worker.template import import_everything
import_everything()
gc.collect(); gc.freeze()

def child():
    """A process that waits for a byte, answers with one, and ends: a task with nothing in it."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        theirs.recv(1)
        theirs.send(b"x")
        os._exit(0)
    theirs.close()
    return ours, pid

def commits(path):
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL"); database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, v TEXT)")
    return database

database = commits(sys.argv[1])
links, standby = [], [child(), child()]
for number in range(60):
    began = time.perf_counter()
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO t (v) VALUES ('x')")
    database.execute("COMMIT")
    link, pid = standby.pop(0)
    link.send(b"x"); link.recv(1)
    links.append((time.perf_counter() - began) * 1e3)
    standby.append(child())
    link.close(); os.waitpid(pid, 0)
before = os.times(); began = time.perf_counter()
for number in range(200):
    link, pid = child()
    link.send(b"x"); link.recv(1); link.close(); os.waitpid(pid, 0)
seconds, after = time.perf_counter() - began, os.times()
cpu = sum(after[:4]) - sum(before[:4])
print(json.dumps({"link_ms": statistics.median(links), "forks_a_second": 200 / seconds, "cpu_ms": cpu / 200 * 1e3}))
os._exit(0)
'''


def floor(site: Site) -> Iterable[Figure]:
    """A process with our imports forks children that do nothing; SQLite commits in between."""
    found = []
    for number in range(max(3, site.repeat)):
        path = site.scratch / f"floor-{number}.db"
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=True, timeout=120
        )
        path.unlink()
        found.append(json.loads(done.stdout))
    yield Figure("", "SQLite commit and a waiting child's answer", "ms", [one["link_ms"] for one in found])
    yield Figure(
        "", "fork, answer, end: one after the other", "1/s", [one["forks_a_second"] for one in found], better="more"
    )
    yield Figure("", "CPU of one such fork", "ms", [one["cpu_ms"] for one in found])


ROWS = (Row("floor", "The machine's own floor, without an engine", floor, once=True),)
