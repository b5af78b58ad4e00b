"""Put the model that was in production before back there.

    python -m tradewind.data.pipelines.weather.rollback             # the version before
    python -m tradewind.data.pipelines.weather.rollback --to 20260106T0200Z-1f3c9a0b
    python -m tradewind.data.pipelines.weather.rollback --list

What is taken out is not deployed again by itself; `--to` brings it back.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from tradewind.data.objects import open_store
from tradewind.data.pipelines.weather import mlflow_mirror
from tradewind.data.pipelines.weather.registry import ModelRegistry
from tradewind.data.pipelines.weather.run import WeatherSettings
from tradewind.data.problems import DataError

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tradewind.data.pipelines.weather.rollback", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--to", metavar="VERSION", help="this version instead of the one before")
    parser.add_argument("--list", action="store_true", help="only list the versions")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        registry = ModelRegistry(open_store(WeatherSettings.from_env().store))
        if options.list:
            _list(registry)
            return 0
        production = registry.roll_back(datetime.now(UTC), options.to)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    mlflow_mirror.point_to(production.version)
    print(
        f"In production is {production.version}; not deployed by itself: {', '.join(production.withdrawn) or 'none'}."
    )
    return 0


def _list(registry: ModelRegistry) -> None:
    production = registry.production()
    for version in registry.versions():
        is_there = production is not None and production.version == version
        withdrawn = production is not None and version in production.withdrawn
        print(version + ("  in production" if is_there else "  rolled back" if withdrawn else ""))


if __name__ == "__main__":
    raise SystemExit(main())
