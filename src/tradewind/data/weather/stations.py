"""Stations, and the cell of KMA's forecast grid that a place lies in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tradewind.data.problems import BadSetting


@dataclass(frozen=True)
class Station:
    """A station of the ASOS network, by its number."""

    number: int
    name: str
    latitude: float
    longitude: float

    @property
    def cell(self) -> tuple[int, int]:
        """Its cell (nx, ny) of the forecast grid."""
        return grid_cell(self.latitude, self.longitude)


STATIONS = {
    station.number: station
    for station in (
        Station(108, "Seoul", 37.5714, 126.9658),
        Station(112, "Incheon", 37.4777, 126.6249),
        Station(119, "Suwon", 37.2575, 126.9830),
    )
}
"""The stations that the pipelines know by themselves."""


def chosen(numbers: Iterable[int]) -> tuple[Station, ...]:
    """The stations with these numbers, in order of number."""
    wanted = sorted(set(numbers))
    unknown = [number for number in wanted if number not in STATIONS]
    if unknown or not wanted:
        known = ", ".join(f"{number} {station.name}" for number, station in STATIONS.items())
        raise BadSetting(f"The stations {unknown or 'none'} are not known; choose among {known}.")
    return tuple(STATIONS[number] for number in wanted)


def grid_cell(latitude: float, longitude: float) -> tuple[int, int]:
    """The cell (nx, ny) of KMA's 5 km grid: Lambert's conformal conic projection as its user guide defines it."""
    radius = 6371.00877 / 5.0
    first, second = math.radians(30.0), math.radians(60.0)
    origin_longitude, origin_latitude = math.radians(126.0), math.radians(38.0)

    cone = math.log(math.cos(first) / math.cos(second)) / math.log(_half_angle(second) / _half_angle(first))
    scale = _half_angle(first) ** cone * math.cos(first) / cone
    from_pole = radius * scale / _half_angle(origin_latitude) ** cone
    distance = radius * scale / _half_angle(math.radians(latitude)) ** cone
    angle = (math.radians(longitude) - origin_longitude + math.pi) % (2 * math.pi) - math.pi
    x = distance * math.sin(angle * cone) + 43
    y = from_pole - distance * math.cos(angle * cone) + 136
    return math.floor(x + 0.5), math.floor(y + 0.5)


def _half_angle(latitude: float) -> float:
    return math.tan(math.pi / 4 + latitude / 2)
