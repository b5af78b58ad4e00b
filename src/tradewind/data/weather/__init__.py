"""Weather of the Korea Meteorological Administration (KMA): a client for three of its services, and what they mean.

`client` asks, `envelopes` tells answers from refusals, `hub_text` and `portal` read the formats, `fields` names every
column with its unit. Polars is imported where a frame is made.
"""

from __future__ import annotations

from tradewind.data.weather.client import KmaAccess, KmaClient
from tradewind.data.weather.errors import (
    KmaBusy,
    KmaGarbled,
    KmaNotObserved,
    KmaQuotaSpent,
    KmaRefused,
    KmaSchemaChanged,
)
from tradewind.data.weather.reading import Reading, Rejected
from tradewind.data.weather.stations import STATIONS, Station

__all__ = [
    "STATIONS",
    "KmaAccess",
    "KmaBusy",
    "KmaClient",
    "KmaGarbled",
    "KmaNotObserved",
    "KmaQuotaSpent",
    "KmaRefused",
    "KmaSchemaChanged",
    "Reading",
    "Rejected",
    "Station",
]
