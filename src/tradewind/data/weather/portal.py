"""Items of the public data portal: hourly ASOS records (`getWthrDataList`) and the nowcast (`getUltraSrtNcst`).

Both give every value as text. ASOS leaves a missing value empty, has hours as `YYYY-MM-DD HH:MM` of Korean time, and
flags values: 1 is wrong, 9 is missing. The nowcast has one item for each of eight categories, and values beyond ±900
for missing ones.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from tradewind.data.weather.errors import KmaSchemaChanged
from tradewind.data.weather.fields import ASOS, NOWCAST, Field
from tradewind.data.weather.reading import Found, Reading, Rejected, Row, reading
from tradewind.data.weather.times import from_kst

Item = Mapping[str, str]

ASOS_SOURCE = "asos"
NOWCAST_SOURCE = "nowcast"

NO_RAIN = ("강수없음", "-", "null")
"""What the nowcast writes in place of 0 mm."""

_FLAG = "Qcflg"
_CORE = ("tm", "stnId", "ta", "hm", "ws", "wd", "rn", "ps", "td")
"""Keys of ASOS items without which the record is another than the one that is known here."""


def parse_asos(items: Iterable[Item], is_wanted: Callable[[datetime], bool] = lambda moment: True) -> Reading:
    """ASOS records as the columns `ASOS`. A value that quality control called wrong is null, and named in `flagged`."""
    received = list(items)
    found, rejected = _each(received, _asos_row, lambda number: f"item {number}")
    return reading(ASOS_SOURCE, _kept(received), ASOS, found, rejected, is_wanted)


def parse_nowcast(
    cells: Mapping[int, Iterable[Item]], is_wanted: Callable[[datetime], bool] = lambda moment: True
) -> Reading:
    """The nowcast of the cells in which stations lie, by station number, as the columns `NOWCAST`."""
    received = {number: list(items) for number, items in cells.items()}
    found: list[Found] = []
    rejected: list[Rejected] = []
    for station, items in received.items():
        for moment, group in _by_hour(items).items():
            good, bad = _each([group], functools.partial(_nowcast_row, station), lambda _: f"at {moment}")  # noqa: B023
            found += good
            rejected += [Rejected(f"station {station} {one.where}", one.reason, one.text) for one in bad]
    return reading(NOWCAST_SOURCE, _kept(received), NOWCAST, found, rejected, is_wanted)


def read_asos_again(raw: bytes, is_wanted: Callable[[datetime], bool] = lambda moment: True) -> Reading:
    return parse_asos(json.loads(raw), is_wanted)


def read_nowcast_again(raw: bytes, is_wanted: Callable[[datetime], bool] = lambda moment: True) -> Reading:
    return parse_nowcast({int(number): items for number, items in json.loads(raw).items()}, is_wanted)


def _each(
    items: list[Any], read: Callable[[Any], Row], where: Callable[[int], str]
) -> tuple[list[Found], list[Rejected]]:
    found: list[Found] = []
    rejected: list[Rejected] = []
    for number, item in enumerate(items, 1):
        text = json.dumps(item, ensure_ascii=False)
        try:
            found.append(Found(where(number), text, read(item)))
        except ValueError as error:
            rejected.append(Rejected(where(number), str(error), text))
    return found, rejected


def _asos_row(item: Item) -> Row:
    if lacking := [key for key in _CORE if key not in item]:
        raise KmaSchemaChanged(
            f"An ASOS record has no {', '.join(lacking)} now; bring tradewind.data.weather.fields.ASOS up to date.",
            json.dumps(item, ensure_ascii=False).encode(),
        )
    row: Row = {}
    flagged = []
    for field in ASOS:
        if not field.code:
            continue
        flag = item.get(field.code + _FLAG, "").strip()
        row[field.name] = None if flag in ("1", "9") else _value(field, item.get(field.code, ""), "%Y-%m-%d %H:%M")
        if flag == "1":
            flagged.append(field.name)
    if row["observed_at"] is None or row["station"] is None:
        raise ValueError("has no hour or no station")
    if row["precipitation_mm"] is None and "precipitation_mm" not in flagged and item.get(f"rn{_FLAG}", "") != "9":
        # A dry hour is an empty value with a good flag.
        row["precipitation_mm"] = 0.0
    row["flagged"] = ",".join(flagged) or None
    return row


def _by_hour(items: Iterable[Item]) -> dict[str, list[Item]]:
    hours: dict[str, list[Item]] = {}
    for item in items:
        hours.setdefault(f"{item.get('baseDate', '')} {item.get('baseTime', '')}", []).append(item)
    return hours


def _nowcast_row(station: int, items: list[Item]) -> Row:
    values = {item.get("category", ""): item.get("obsrValue", "") for item in items}
    wanted = [field for field in NOWCAST if field.code]
    if lacking := [field.code for field in wanted if field.code not in values]:
        raise ValueError(f"the categories {', '.join(lacking)} are not there")
    first = items[0]
    moment = f"{first.get('baseDate', '')}{first.get('baseTime', '')}"
    row: Row = {"observed_at": _moment(moment, "%Y%m%d%H%M"), "station": station}
    for field in wanted:
        text = values[field.code].strip()
        value = 0.0 if field.code == "RN1" and text in NO_RAIN else _value(field, text, "")
        row[field.name] = None if isinstance(value, int | float) and abs(value) >= 900 else value
    return row


def _value(field: Field, text: str, form: str) -> Any:
    text = text.strip()
    if not text:
        return None
    if field.kind == "moment":
        return _moment(text, form)
    if field.kind == "text":
        return text
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e9 or (field.kind == "whole" and not number.is_integer()):
        raise ValueError(f"has {text[:20]!r} as {field.code}, which is no {field.kind}")
    return int(number) if field.kind == "whole" else number * field.factor


def _moment(text: str, form: str) -> datetime:
    try:
        return from_kst(text, form)
    except ValueError:
        raise ValueError(f"has {text[:20]!r} as its hour") from None


def _kept(received: object) -> bytes:
    return json.dumps(received, ensure_ascii=False, separators=(",", ":")).encode()
