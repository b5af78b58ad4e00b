"""Makes the input of the Spark pipelines, the same for the same seed: orders as CSV, an access log as a web server's.

python make_inputs.py orders FILE [ROWS] | access-log FILE DAY [LINES]
"""

import csv
import os
import random
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

CITIES = ("Busan", "Daegu", "Incheon", "Seoul")
STATUSES = ("paid", "sent", "returned")
PATHS = ("/", "/books/1", "/books/2", "/films/1", "/music/1", "/music/2", "/cart", "/login")


def orders(file: Path, rows: int = 5000, seed: int = 20251101) -> None:
    """Orders with what real files have: amounts that are missing or no number, and rows that come twice."""
    draw = random.Random(seed)

    def write(target: Path) -> None:
        with open(target, "w", newline="", encoding="utf-8") as stream:
            table = csv.writer(stream)
            table.writerow(["order_id", "day", "city", "customer", "amount", "status"])
            row: list[object] = []
            for number in range(1, rows + 1):
                if not row or draw.random() > 0.02:
                    amount: object = draw.randrange(1000, 100_000)
                    if draw.random() < 0.03:
                        amount = draw.choice(["", "n/a"])
                    day = f"2025-11-{draw.randrange(1, 8):02}"
                    customer = f"c{draw.randrange(1, 60):03}"
                    row = [number, day, draw.choice(CITIES), customer, amount, draw.choice(STATUSES)]
                table.writerow(row)  # else the row before once more

    _whole(file, write)


def access_log(file: Path, day: str, lines: int = 8000, seed: int = 20251101) -> None:
    """One day of a web server's log (combined log format), with lines that were cut off."""
    draw = random.Random(f"{seed} {day}")
    start = datetime.fromisoformat(day)

    def write(target: Path) -> None:
        with open(target, "w", encoding="utf-8") as stream:
            for _ in range(lines):
                at = start + timedelta(seconds=draw.randrange(86_400))
                user = draw.choice(["-", *(f"user{number:02}" for number in range(1, 25))])
                status = draw.choices([200, 304, 404, 500], [88, 6, 5, 1])[0]
                line = (
                    f"10.0.{draw.randrange(4)}.{draw.randrange(1, 250)} - {user} "
                    f"[{at:%d/%b/%Y:%H:%M:%S} +0900] "
                    f'"GET {draw.choice(PATHS)} HTTP/1.1" {status} {draw.randrange(200, 9000)} "-" "Mozilla/5.0"'
                )
                stream.write(line[: draw.randrange(5, 40)] if draw.random() < 0.01 else line)
                stream.write("\n")

    _whole(file, write)


def _whole(file: Path, write: Callable[[Path], None]) -> None:
    """The file is there whole or not at all, also when two make it at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    target = file.with_name(f".{file.name}.{os.getpid()}")
    write(target)
    target.replace(file)


if __name__ == "__main__":
    what, where, *more = sys.argv[1:]
    if what == "orders":
        orders(Path(where), *map(int, more))
    else:
        access_log(Path(where), more[0], *map(int, more[1:]))
