"""The hub's hourly text (`kma_sfctm2.php`, `kma_sfctm3.php`): 46 columns between `#START7777` and `#7777END`.

The format is read as public clients have recorded it. A missing value is -9, -9.0 or -9.00 by the width of its column,
and -99.0 for temperatures; hours are Korean. An hour that is not observed yet has the header and no rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from tradewind.data.weather.errors import KmaSchemaChanged
from tradewind.data.weather.fields import HUB, Field
from tradewind.data.weather.reading import Found, Reading, Rejected, Row, reading
from tradewind.data.weather.times import from_kst

SOURCE = "hub"

HEADER = [
    "YYMMDDHHMI", "STN", "WD", "WS", "GST", "GST", "GST", "PA", "PS", "PT", "PR", "TA", "TD", "HM", "PV", "RN",
    "RN", "RN", "RN", "SD", "SD", "SD", "WC", "WP", "WW", "CA", "CA", "CH", "CT", "CT", "CT", "CT", "VS", "SS",
    "SI", "ST", "TS", "TE", "TE", "TE", "TE", "ST", "WH", "BF", "IR", "IX",
]  # fmt: skip
"""The first of the two header lines; it names several columns alike."""

_WORDS_BEFORE_WW = [field.code for field in HUB].index("WW")
_WORDS_AFTER_WW = len(HUB) - _WORDS_BEFORE_WW - 1

NO_RAIN = 3
"""The value of IR that says that rain was left out because there was none."""


def parse(text: str, is_wanted: Callable[[datetime], bool] = lambda moment: True) -> Reading:
    """Every station's row as the columns `HUB`; rows that cannot be read are in `rejected`."""
    lines = text.splitlines()
    if problem := _unknown_header(lines):
        raise KmaSchemaChanged(problem, text.encode())
    found: list[Found] = []
    rejected: list[Rejected] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            found.append(Found(f"line {number}", line, _row(line)))
        except ValueError as error:
            rejected.append(Rejected(f"line {number}", str(error), line))
    if rejected and not found:
        problem = f"No row of the hub's text could be read; {rejected[0].where} {rejected[0].reason}."
        raise KmaSchemaChanged(problem, text.encode())
    return reading(SOURCE, text.encode(), HUB, found, rejected, is_wanted)


def read_again(raw: bytes, is_wanted: Callable[[datetime], bool] = lambda moment: True) -> Reading:
    """The reading of what an earlier one kept as `raw`."""
    return parse(raw.decode(), is_wanted)


def _unknown_header(lines: Iterable[str]) -> str | None:
    """What is wrong with the header, or None. With help=1 a legend comes before it."""
    for line in lines:
        words = line.lstrip("#").split()
        if line.startswith("#") and words[:1] == HEADER[:1]:
            if words == HEADER:
                return None
            position = next((n for n, (a, b) in enumerate(zip(words, HEADER, strict=False)) if a != b), len(HEADER))
            return (
                f"The hub's text has other columns than before: {len(words)} in place of {len(HEADER)}, different "
                f"from column {position + 1} on; bring tradewind.data.weather.fields.HUB up to date."
            )
    return "The hub's text has no header line; its columns cannot be known."


def _row(line: str) -> Row:
    words = line.split()
    if len(words) < len(HUB):
        raise ValueError(f"has {len(words)} of {len(HUB)} columns")
    # WW, 22 characters of codes, is the one column that may hold blanks.
    end = len(words) - _WORDS_AFTER_WW
    words[_WORDS_BEFORE_WW:end] = [" ".join(words[_WORDS_BEFORE_WW:end])]
    row = {field.name: _value(field, word) for field, word in zip(HUB, words, strict=True)}
    if row["station"] is None:
        raise ValueError("has no station number")
    if row["precipitation_mm"] is None and row["precipitation_report_code"] == NO_RAIN:
        row["precipitation_mm"] = 0.0
    if row["pressure_tendency_code"] is not None and row["pressure_change_hpa"] is None:
        # -9.0 means missing only where the tendency is missing as well: pressure can fall by 9 hPa.
        row["pressure_change_hpa"] = _number(words[[field.code for field in HUB].index("PR")], "PR")
    return row


def _value(field: Field, word: str) -> Any:
    if field.kind == "moment":
        try:
            return from_kst(word, "%Y%m%d%H%M")
        except ValueError:
            raise ValueError(f"has {word[:20]!r} as its hour") from None
    if field.kind == "text":
        return None if word in ("-", "-9") else word
    number = _number(word, field.code)
    if number <= field.missing_at:
        return None
    if field.kind == "whole":
        if not number.is_integer():
            raise ValueError(f"has {word[:20]!r} in column {field.code}, which holds whole numbers")
        return int(number)
    return number * field.factor


def _number(word: str, code: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e9:
        raise ValueError(f"has {word[:20]!r} in column {code}, which is no number")
    return number
