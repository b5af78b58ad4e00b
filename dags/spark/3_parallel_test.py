"""The same batch side by side: one task for each day, written with decorators, then one that puts them together."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from airflow.sdk import dag, task

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("TRADEWIND_DATA", "data")).resolve() / "spark"
ORDERS = DATA / "orders.csv"


@dag(schedule=None, start_date=datetime(2025, 11, 1), catchup=False, tags=["spark", "batch"])
def parallel_test():
    @task
    def days() -> list[str]:
        """Make the orders; the days that they are of."""
        import csv

        subprocess.run([sys.executable, HERE / "scripts" / "make_inputs.py", "orders", ORDERS], check=True)
        with open(ORDERS, newline="", encoding="utf-8") as stream:
            return sorted({row["day"] for row in csv.DictReader(stream)})

    @task(max_active_tis_per_dagrun=4)
    def add_up(day: str) -> dict[str, list[int]]:
        """By city: how many orders that day had, and their sum."""
        import csv

        seen: set[str] = set()
        cities: dict[str, list[int]] = {}
        with open(ORDERS, newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                if row["day"] == day and row["amount"].isdigit() and row["order_id"] not in seen:
                    seen.add(row["order_id"])
                    city = cities.setdefault(row["city"], [0, 0])
                    city[0] += 1
                    city[1] += int(row["amount"])
        return cities

    @task
    def put_together(parts: list[dict[str, list[int]]]) -> dict[str, list[int]]:
        cities: dict[str, list[int]] = {}
        for part in parts:
            for city, (orders, total) in part.items():
                before = cities.get(city, [0, 0])
                cities[city] = [before[0] + orders, before[1] + total]
        return dict(sorted(cities.items()))

    put_together(add_up.expand(day=days()))


parallel_test()
