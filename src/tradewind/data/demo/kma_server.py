"""KMA on this machine: its three services over a year of real weather, in its own formats, with faults on demand.

    python -m tradewind.data.demo.kma_server --port 8098 --faults burst,cut,hub-401

needs no key of KMA's; it prints the settings for a client. What the weather is and where it is from says `kma_feed`.
Each fault spoils one answer; `POST /faults` with names in the body adds more.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tradewind.data.demo import kma_formats as formats
from tradewind.data.demo.kma_faults import FAULTS, Fault
from tradewind.data.demo.kma_feed import NAMES, observed
from tradewind.data.demo.serving import serving
from tradewind.data.problems import BadSetting
from tradewind.data.weather.client import LARGEST_PAGE, LONGEST_PERIOD, KmaAccess
from tradewind.data.weather.envelopes import ONLY_THE_LAST_DAYS, ONLY_UNTIL_YESTERDAY
from tradewind.data.weather.stations import STATIONS
from tradewind.data.weather.times import HOUR, from_kst, in_kst, whole_hour

HUB_KEY = "local-hub-key-0123456789"
SERVICE_KEY = "local+service/key+0123456789=="
"""As the portal's own keys, it has characters that an address has to encode."""

Sent = tuple[int, bytes]
Query = Mapping[str, str]


class KmaServer(ThreadingHTTPServer):
    """Serves on a loopback port what would be observed at `now()`."""

    daemon_threads = True

    def __init__(self, port: int = 0, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.now = now
        self.calls: list[str] = []
        """The pages asked for, in order; without queries."""
        observed(next(iter(NAMES)), now())  # the year is read now, so that the first answer does not wait for it
        self._script: deque[Fault] = deque()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def access(self) -> KmaAccess:
        """What a client needs to ask this server."""
        return KmaAccess(HUB_KEY, SERVICE_KEY, self.url, self.url)

    def script(self, *names: str) -> None:
        """Spoil the next answers in these ways, one each; `ok` leaves one as it is."""
        unknown = [name for name in names if name not in FAULTS and name != "ok"]
        if unknown:
            raise BadSetting(f"There is no fault {', '.join(unknown)}; there are ok, {', '.join(FAULTS)}.")
        with self._lock:
            self._script += [FAULTS.get(name, Fault()) for name in names]

    def next_fault(self, page: str) -> Fault:
        with self._lock:
            self.calls.append(page)
            return self._script.popleft() if self._script else Fault()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that went away is not worth a traceback
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: KmaServer

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        fault = self.server.next_fault(address.path)
        status, body = answer(address.path, query, self.server.now())
        if fault.body is not None or fault.status != 200:
            status, body = fault.status, fault.body or b""
        body = fault.change(body)
        if fault.late_seconds:
            time.sleep(fault.late_seconds)
        self._send(status, body, fault)

    def do_POST(self) -> None:
        names = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode().replace(",", " ").split()
        try:
            self.server.script(*names)
        except BadSetting as error:
            self._send(400, str(error).encode(), Fault())
        else:
            self._send(200, b"", Fault())

    def _send(self, status: int, body: bytes, fault: Fault) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault.cut else body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line each."""


def answer(path: str, query: Query, now: datetime) -> Sent:
    """Status and body that KMA would send at `now`."""
    match path:
        case "/api/typ01/url/kma_sfctm2.php":
            return _hub(query, now, _one_hour)
        case "/api/typ01/url/kma_sfctm3.php":
            return _hub(query, now, _period)
        case "/1360000/AsosHourlyInfoService/getWthrDataList":
            return _portal(query, now, _asos)
        case "/1360000/VilageFcstInfoService_2.0/getUltraSrtNcst":
            return _portal(query, now, _nowcast)
    return 404, b"API not found"


# --- the API hub --------------------------------------------------------------------------------------------------


def _hub(query: Query, now: datetime, hours: Callable[[Query, datetime], Iterable[datetime]]) -> Sent:
    if query.get("authKey") != HUB_KEY:
        return 401, formats.hub_refusal(401, "유효한 인증키가 아닙니다.")
    chosen = [int(number) for number in query.get("stn", "0").split(":") if number.isdigit() and int(number)]
    try:
        moments = [hour for hour in hours(query, now) if hour <= now]
    except ValueError:
        return 400, formats.hub_refusal(400, "요청 인수가 올바르지 않습니다.")
    rows = [
        formats.hub_row(station, hour, weather)
        for hour in moments
        for station in sorted(NAMES)
        if not chosen or station in chosen
        for weather in observed(station, hour)
    ]
    return 200, formats.hub_text(rows, legend=query.get("help") == "1")


def _one_hour(query: Query, now: datetime) -> list[datetime]:
    text = query.get("tm", "0")
    return [whole_hour(now) if text == "0" else from_kst(text, "%Y%m%d%H%M")]


def _period(query: Query, now: datetime) -> list[datetime]:
    first, last = from_kst(query.get("tm1", ""), "%Y%m%d%H%M"), from_kst(query.get("tm2", ""), "%Y%m%d%H%M")
    if last - first >= LONGEST_PERIOD:
        raise ValueError("longer than the hub gives at once")
    return _hours(first, last)


def _hours(first: datetime, last: datetime) -> list[datetime]:
    return [first + n * HOUR for n in range(int((last - first) / HOUR) + 1)]


# --- the public data portal ---------------------------------------------------------------------------------------


def _portal(query: Query, now: datetime, find: Callable[[Query, datetime], list[dict[str, object]]]) -> Sent:
    if query.get("serviceKey") != SERVICE_KEY:
        # The old gateway knows no JSON.
        return 200, formats.old_gateway("30", "SERVICE_KEY_IS_NOT_REGISTERED_ERROR")
    as_json = query.get("dataType", "XML") == "JSON"
    try:
        page, size = int(query.get("pageNo", "1")), int(query.get("numOfRows", "10"))
        if page < 1 or not 1 <= size <= LARGEST_PAGE:
            raise ValueError("no such page")
        items = find(query, now)
    except _Code as refusal:
        return 200, (formats.code_json if as_json else formats.code_xml)(refusal.code, refusal.message)
    except (ValueError, KeyError):
        return 200, (formats.code_json if as_json else formats.code_xml)("10", "INVALID_REQUEST_PARAMETER_ERROR")
    shown = items[(page - 1) * size : page * size]
    return 200, (formats.page_json if as_json else formats.page_xml)(shown, page, size, len(items))


class _Code(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _asos(query: Query, now: datetime) -> list[dict[str, object]]:
    first = from_kst(f"{query['startDt']}{query['startHh']}", "%Y%m%d%H")
    last = from_kst(f"{query['endDt']}{query['endHh']}", "%Y%m%d%H")
    if in_kst(last).date() >= in_kst(now).date():
        raise _Code("99", f"{ONLY_UNTIL_YESTERDAY} 제공됩니다. 요청 날짜를 확인해 주세요.")
    station = int(query["stnIds"])
    found = [(hour, weather) for hour in _hours(first, last) for weather in observed(station, hour)]
    if not found:
        raise _Code("03", "NODATA_ERROR")
    return [{**formats.asos_item(n, station, hour, weather)} for n, (hour, weather) in enumerate(found, 1)]


def _nowcast(query: Query, now: datetime) -> list[dict[str, object]]:
    hour = from_kst(f"{query['base_date']}{query['base_time']}", "%Y%m%d%H%M")
    cell = (int(query["nx"]), int(query["ny"]))
    if hour < now - timedelta(days=1):
        raise _Code("10", f"{ONLY_THE_LAST_DAYS}/3일 간의 자료만 제공합니다.")
    station = next((number for number, station in STATIONS.items() if station.cell == cell), None)
    weather = observed(station, hour)[-1:] if station is not None and hour + timedelta(minutes=10) <= now else ()
    if not weather:
        raise _Code("03", "NO_DATA")
    return formats.nowcast_items(hour, cell, weather[0])


# --- starting it --------------------------------------------------------------------------------------------------


def running(
    port: int = 0, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AbstractContextManager[KmaServer]:
    """The server, in a thread of its own, inside the block."""
    return serving(KmaServer(port, now))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tradewind.data.demo.kma_server", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--port", type=int, default=8098)
    parser.add_argument("--faults", default="", help="how the first answers are spoiled, with commas")
    options = parser.parse_args()
    server = KmaServer(options.port)
    try:
        server.script(*options.faults.replace(",", " ").split())
    except BadSetting as error:
        parser.error(str(error))
    print(f"export KMA_HUB_URL={server.url} KMA_PORTAL_URL={server.url}")
    print(f"export KMA_HUB_KEY={HUB_KEY} KMA_SERVICE_KEY='{SERVICE_KEY}'", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
