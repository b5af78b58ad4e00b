"""Asking KMA: the API hub's hourly text, the portal's hourly ASOS records and its nowcast.

client = KmaClient(KmaAccess.from_env())
reading = client.hour(datetime(2026, 1, 5, 3, tzinfo=UTC), STATIONS.values())
reading.frame          # one row for each station; the columns are those of `fields.HUB`
"""

from __future__ import annotations

import functools
import os
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from tradewind.data.circuit_breaker import CircuitBreaker
from tradewind.data.problems import BadSetting, DataProblem, SourceUnavailable
from tradewind.data.retry_rules import RetryStrategy
from tradewind.data.retrying import RetryHandler
from tradewind.data.weather import hub_text, portal
from tradewind.data.weather.envelopes import Answer, portal_page
from tradewind.data.weather.envelopes import hub_text as hub_answer
from tradewind.data.weather.errors import KmaGarbled
from tradewind.data.weather.reading import Reading
from tradewind.data.weather.stations import Station
from tradewind.data.weather.times import HOUR, in_kst, whole_hour
from tradewind.data.weather.transport import ask

HUB_URL = "https://apihub.kma.go.kr"
PORTAL_URL = "https://apis.data.go.kr"
LARGEST_PAGE = 999
LONGEST_PERIOD = timedelta(days=30)
"""The most that one call for a period asks for."""

SHORTEST_KEY = 12

Result = TypeVar("Result")


@dataclass(frozen=True)
class KmaAccess:
    """Addresses and keys. A key of the portal may be given in either of its forms, encoded or decoded."""

    hub_key: str = field(default="", repr=False)
    service_key: str = field(default="", repr=False)
    hub_url: str = HUB_URL
    portal_url: str = PORTAL_URL

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> KmaAccess:
        """From KMA_HUB_KEY, KMA_SERVICE_KEY, KMA_HUB_URL and KMA_PORTAL_URL."""
        return cls(
            hub_key=env.get("KMA_HUB_KEY", "").strip(),
            service_key=env.get("KMA_SERVICE_KEY", "").strip(),
            hub_url=(env.get("KMA_HUB_URL", "").strip() or HUB_URL).rstrip("/"),
            portal_url=(env.get("KMA_PORTAL_URL", "").strip() or PORTAL_URL).rstrip("/"),
        )

    @property
    def decoded_service_key(self) -> str:
        """The key as it is before it is encoded for an address; a decoded key has no percent sign."""
        return urllib.parse.unquote(self.service_key) if "%" in self.service_key else self.service_key

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys in every form in which an address or a message could show them."""
        keys = [key for key in (self.hub_key, self.service_key, self.decoded_service_key) if key]
        return tuple(
            {form for key in keys for form in (key, urllib.parse.quote(key, ""), urllib.parse.quote_plus(key))}
        )


def patient(sleep: Callable[[float], None] = time.sleep) -> RetryHandler:
    """Five tries with growing pauses, for what may be different after one."""
    return RetryHandler(
        max_attempts=5,
        base_delay=1.0,
        max_delay=30.0,
        strategy=RetryStrategy.JITTER,
        retryable_exceptions=(SourceUnavailable,),
        non_retryable_exceptions=(DataProblem,),
        sleep=sleep,
    )


class KmaClient:
    """Asks one question at a time, at most one each `pace`; `retries` says what is asked again, and how often.

    With a `breaker`, questions are refused at once while the service is known to be down.
    """

    def __init__(
        self,
        access: KmaAccess,
        *,
        retries: RetryHandler | None = None,
        breaker: CircuitBreaker | None = None,
        pace: timedelta = timedelta(milliseconds=100),
        timeout: timedelta = timedelta(seconds=30),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.access = access
        self.retries = retries or patient()
        self._breaker = breaker
        self._pace = pace.total_seconds()
        self._timeout = timeout.total_seconds()
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._turn = threading.Lock()
        self._next_turn = 0.0

    def hour(self, moment: datetime, stations: Iterable[Station]) -> Reading:
        """The hub's rows for the hour `moment` lies in. There are none before the hour is observed."""
        hour = whole_hour(moment)
        parameters = {"tm": _kst(hour, "%Y%m%d%H%M"), "stn": _numbers(stations), "help": "0"}
        text = self._hub_text("kma_sfctm2.php", parameters)
        return hub_text.parse(text, lambda observed: observed == hour)

    def period(self, first: datetime, last: datetime, stations: Iterable[Station]) -> Iterator[Reading]:
        """The hub's rows from hour `first` to hour `last`, both included, in readings of at most thirty days.

        The hub grants the use of this service separately.
        """
        numbers = _numbers(stations)
        for start, end in pieces(whole_hour(first), whole_hour(last)):
            parameters = {"tm1": _kst(start, "%Y%m%d%H%M"), "tm2": _kst(end, "%Y%m%d%H%M"), "stn": numbers, "help": "0"}
            text = self._hub_text("kma_sfctm3.php", parameters)
            yield hub_text.parse(text, functools.partial(_is_within, start, end))

    def asos(self, station: Station, first: datetime, last: datetime) -> Reading:
        """The portal's records of one station from hour `first` to hour `last`, both included; up to yesterday only."""
        start, end = whole_hour(first), whole_hour(last)
        parameters = {
            "dataCd": "ASOS",
            "dateCd": "HR",
            "startDt": _kst(start, "%Y%m%d"),
            "startHh": _kst(start, "%H"),
            "endDt": _kst(end, "%Y%m%d"),
            "endHh": _kst(end, "%H"),
            "stnIds": str(station.number),
        }
        items = self._portal_items("AsosHourlyInfoService/getWthrDataList", parameters)
        return portal.parse_asos(items, lambda observed: start <= observed <= end)

    def nowcast(self, moment: datetime, stations: Iterable[Station]) -> Reading:
        """The portal's analysis of the hour for the grid cells of these stations; of about the last day only."""
        hour = whole_hour(moment)
        cells = {}
        for station in stations:
            nx, ny = station.cell
            parameters = {
                "base_date": _kst(hour, "%Y%m%d"),
                "base_time": _kst(hour, "%H00"),
                "nx": str(nx),
                "ny": str(ny),
            }
            cells[station.number] = self._portal_items("VilageFcstInfoService_2.0/getUltraSrtNcst", parameters)
        return portal.parse_nowcast(cells, lambda observed: observed == hour)

    def _hub_text(self, page: str, parameters: Mapping[str, str]) -> str:
        key = _required(self.access.hub_key, "KMA_HUB_KEY", "apihub.kma.go.kr")
        service = f"KMA's API hub ({page})"
        url = f"{self.access.hub_url}/api/typ01/url/{page}"

        def try_once() -> str:
            answer = self._ask(service, url, {**parameters, "authKey": key})
            return hub_answer(service, answer, self._now())

        return self._patiently(service, try_once)

    def _portal_items(self, page: str, parameters: Mapping[str, str]) -> list[dict[str, str]]:
        """The items of all pages."""
        _required(self.access.service_key, "KMA_SERVICE_KEY", "data.go.kr")
        service = f"KMA's {page.rpartition('/')[2]} at data.go.kr"
        url = f"{self.access.portal_url}/1360000/{page}"
        items: list[dict[str, str]] = []
        while True:
            number = len(items) // LARGEST_PAGE + 1
            asked = {
                "serviceKey": self.access.decoded_service_key,
                "pageNo": str(number),
                "numOfRows": str(LARGEST_PAGE),
                "dataType": "JSON",
                **parameters,
            }

            def try_once(
                asked: Mapping[str, str] = asked, before: int = len(items)
            ) -> tuple[list[dict[str, str]], int]:
                rows, total = portal_page(service, self._ask(service, url, asked), self._now())
                expected = min(LARGEST_PAGE, max(total - before, 0))
                if len(rows) < expected:
                    raise KmaGarbled(f"{service} sent {len(rows)} rows where {expected} of {total} were left to send.")
                return rows, total

            rows, total = self._patiently(service, try_once)
            items += rows
            if len(items) >= total:
                return items

    def _patiently(self, service: str, try_once: Callable[[], Result]) -> Result:
        try_once.__qualname__ = service  # what the log calls it
        if self._breaker is None:
            return self.retries.execute(try_once)
        return self.retries.execute(self._breaker.call, try_once)

    def _ask(self, service: str, url: str, parameters: Mapping[str, str]) -> Answer:
        self._wait_for_turn()
        answer = ask(service, url, parameters, timeout_seconds=self._timeout, secrets=self.access.secrets)
        return Answer(answer.status, _without(answer.body, self.access.secrets), answer.retry_after)

    def _wait_for_turn(self) -> None:
        with self._turn:
            now = self._clock()
            turn = max(now, self._next_turn)
            self._next_turn = turn + self._pace
        if turn > now:
            self._sleep(turn - now)


def pieces(first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The hours from `first` to `last`, both included, in stretches that one call may ask for."""
    start = first
    while start <= last:
        end = min(start + LONGEST_PERIOD - HOUR, last)
        yield start, end
        start = end + HOUR


def _is_within(first: datetime, last: datetime, moment: datetime) -> bool:
    return first <= moment <= last


def _without(body: bytes, secrets: Iterable[str]) -> bytes:
    # A refusal may repeat the question; what is raised, logged or kept of it must not hold the key. Real keys have 22
    # characters and more; a short one, as for a local server, could be part of the data.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_KEY:
            body = body.replace(secret.encode(), b"***")
    return body


def _required(key: str, name: str, where: str) -> str:
    if not key:
        raise BadSetting(f"{name} is not set; get a key at {where}, or ask the local server of tradewind.data.demo.")
    return key


def _kst(moment: datetime, form: str) -> str:
    return in_kst(moment).strftime(form)


def _numbers(stations: Iterable[Station]) -> str:
    numbers = ":".join(str(station.number) for station in stations)
    if not numbers:
        raise BadSetting("No station is named; name at least one.")
    return numbers
