"""Formats as they were recorded: every trap of the hub's text and of the portal's items."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tradewind.data.weather import hub_text, portal
from tradewind.data.weather.envelopes import Answer, portal_page
from tradewind.data.weather.envelopes import hub_text as hub_answer
from tradewind.data.weather.errors import KmaGarbled, KmaQuotaSpent, KmaRefused

pytest.importorskip("polars")

NOW = datetime(2026, 1, 6, 3, 20, tzinfo=UTC)

RECORDED = """\
#START7777
# YYMMDDHHMI STN  WD   WS GST  GST  GST     PA     PS PT    PR    TA    TD    HM    PV     RN     RN     RN     RN     SD     SD     SD WC WP WW                      CA  CA   CH CT        CT  CT  CT    VS   SS    SI ST    TS    TE    TE    TE    TE  ST   WH BF IR IX
#        KST  ID  16  m/s  WD   WS   TM    hPa    hPa  -   hPa     C     C     %   hPa     mm    DAY    JUN    INT    HR3    DAY    TOT -- -- ---------------------- TOT MID  MIN -------- TOP MID LOW                  GD     C     5    10    20    30 SEA    m --  -  -
202511130800 108   5  2.6  -9 -9.0   -9 1010.5 1021.0 -9  -9.0   8.1   5.0  81.0   8.7   -9.0   -9.0   -9.0   -9.0   -9.0   -9.0   -9.0 -9 -9 -                        9   9   10 Sc         0   0   5  1074  0.0  0.04 -9   8.2   8.7   9.1  10.8  11.7  -9 -9.0 -9  3  2
#7777END
"""  # noqa: E501
COLUMNS = RECORDED.splitlines()[3].split()


def row(**changed: str) -> dict[str, object]:
    """The recorded row, with other words in these columns, as it is read."""
    from tradewind.data.weather.fields import HUB

    words = list(COLUMNS)
    for code, word in changed.items():
        words[[field.code for field in HUB].index(code)] = word
    reading = hub_text.parse(RECORDED.replace(RECORDED.splitlines()[3], " ".join(words)))
    assert reading.rejected == ()
    return reading.frame.row(0, named=True)


def test_the_recorded_row_has_these_values() -> None:
    found = {name: value for name, value in row().items() if value is not None}
    assert found == {
        "observed_at": datetime(2025, 11, 12, 23, tzinfo=UTC),
        "station": 108,
        "wind_direction_deg": 50.0,
        "wind_speed_ms": 2.6,
        "station_pressure_hpa": 1010.5,
        "sea_level_pressure_hpa": 1021.0,
        "temperature_c": 8.1,
        "dew_point_c": 5.0,
        "humidity_percent": 81.0,
        "vapour_pressure_hpa": 8.7,
        "precipitation_mm": 0.0,
        "cloud_tenths": 9.0,
        "low_cloud_tenths": 9.0,
        "cloud_base_m": 1000.0,
        "cloud_types": "Sc",
        "high_cloud_code": 0,
        "middle_cloud_code": 0,
        "low_cloud_code": 5,
        "visibility_m": 10740.0,
        "sunshine_h": 0.0,
        "radiation_mj_m2": 0.04,
        "surface_temperature_c": 8.2,
        "soil_5cm_c": 8.7,
        "soil_10cm_c": 9.1,
        "soil_20cm_c": 10.8,
        "soil_30cm_c": 11.7,
        "precipitation_report_code": 3,
        "station_operation_code": 2,
    }


@pytest.mark.parametrize(("word", "value"), [("-9.0", -9.0), ("-9", -9.0), ("-15.2", -15.2), ("-99.0", None)])
def test_nine_below_zero_is_a_temperature(word: str, value: float | None) -> None:
    for code, name in {"TA": "temperature_c", "TD": "dew_point_c", "TS": "surface_temperature_c"}.items():
        assert row(**{code: word})[name] == value


@pytest.mark.parametrize("word", ["-9", "-9.0", "-9.00", "-99.0"])
def test_missing_is_written_by_the_width_of_the_column(word: str) -> None:
    assert row(HM=word, PS=word, SI=word)["humidity_percent"] is None
    assert row(SI=word)["radiation_mj_m2"] is None


@pytest.mark.parametrize(
    ("rain", "report", "value"), [("-9.0", "3", 0.0), ("-9.0", "4", None), ("-9.0", "-9", None), ("1.5", "1", 1.5)]
)
def test_whether_no_rain_is_nothing_or_unknown_says_another_column(rain: str, report: str, value: float | None) -> None:
    assert row(RN=rain, IR=report)["precipitation_mm"] == value


def test_pressure_can_fall_by_nine() -> None:
    assert row(PR="-9.0", PT="8")["pressure_change_hpa"] == -9.0
    assert row(PR="-9.0", PT="-9")["pressure_change_hpa"] is None


def test_the_weather_column_may_hold_blanks() -> None:
    found = row(WW="10 61 80")
    assert found["weather_codes"] == "10 61 80"
    assert found["station_operation_code"] == 2


def test_korean_text_is_read_in_its_own_encoding() -> None:
    legend = RECORDED.replace("#START7777\n", "#START7777\n# 2. STN : 국내 지점번호\n")
    answer = Answer(200, legend.encode("euc-kr"))
    assert hub_text.parse(hub_answer("the hub", answer, NOW)).frame.height == 1
    assert "국내" in hub_answer("the hub", answer, NOW)


def test_a_reading_is_made_again_of_what_it_kept() -> None:
    reading = hub_text.parse(RECORDED)
    assert hub_text.read_again(reading.raw).frame.equals(reading.frame)


# --- the portal ---------------------------------------------------------------------------------------------------

ASOS_ITEM = {
    "tm": "2026-01-05 09:00", "rnum": "1", "stnId": "108", "stnNm": "서울", "ta": "-8.1", "taQcflg": "", "rn": "",
    "rnQcflg": "", "ws": "2.6", "wsQcflg": "0", "wd": "320", "wdQcflg": "", "hm": "41", "hmQcflg": "1", "pv": "1.3",
    "td": "-19.0", "pa": "1013.0", "paQcflg": "", "ps": "1023.9", "psQcflg": "9", "vs": "2000",
}  # fmt: skip


def test_flags_of_quality_control_are_heeded() -> None:
    found = portal.parse_asos([ASOS_ITEM]).frame.row(0, named=True)
    assert found["observed_at"] == datetime(2026, 1, 5, 0, tzinfo=UTC)
    assert (found["temperature_c"], found["visibility_m"], found["precipitation_mm"]) == (-8.1, 20000.0, 0.0)
    assert (found["humidity_percent"], found["sea_level_pressure_hpa"]) == (None, None)
    assert found["flagged"] == "humidity_percent"
    unknown = portal.parse_asos([{**ASOS_ITEM, "rnQcflg": "9"}]).frame.row(0, named=True)
    assert unknown["precipitation_mm"] is None


@pytest.mark.parametrize(("text", "value"), [("0", 0.0), ("강수없음", 0.0), ("2.5", 2.5), ("-998.9", None)])
def test_rain_of_the_nowcast_may_be_a_word(text: str, value: float | None) -> None:
    values = {"PTY": "0", "REH": "41", "RN1": text, "T1H": "-8.1", "UUU": "1", "VEC": "320", "VVV": "-1", "WSD": "2.6"}
    place = {"baseDate": "20260122", "baseTime": "1100"}
    items = [{**place, "category": category, "obsrValue": value} for category, value in values.items()]
    found = portal.parse_nowcast({108: items}).frame.row(0, named=True)
    assert found["observed_at"] == datetime(2026, 1, 22, 2, tzinfo=UTC)
    assert found["temperature_c"] == -8.1
    assert found["precipitation_mm"] == value
    lacking = portal.parse_nowcast({108: items[1:]})
    assert lacking.frame.is_empty()
    assert "PTY are not there" in lacking.rejected[0].reason


@pytest.mark.parametrize(
    "body",
    [
        b'{"response":{"header":{"resultCode":"00","resultMsg":"NORMAL_SERVICE"},"body":{"dataType":"JSON",'
        b'"items":{"item":{"tm":"x"}},"totalCount":1}}}',
        b"<response><header><resultCode>00</resultCode></header><body><items><item><tm>x</tm></item></items>"
        b"<totalCount>1</totalCount></body></response>",
    ],
)
def test_one_item_is_a_list_of_one(body: bytes) -> None:
    assert portal_page("it", Answer(200, body), NOW) == ([{"tm": "x"}], 1)


def test_no_items_may_be_an_empty_text() -> None:
    body = b'{"response":{"header":{"resultCode":"00"},"body":{"items":"","totalCount":0}}}'
    assert portal_page("it", Answer(200, body), NOW) == ([], 0)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b'{"response":{"header":{"resultCode":"22"}}}', KmaQuotaSpent),
        (200, b'{"response":{"header":{"resultCode":"77"}}}', KmaRefused),
        (200, b'{"response":{"header":{"resultCode":"NONE"}}}', KmaGarbled),
        (200, b'{"response":{"header":{"resultCode":"0"},"body":{"items":{"item":[1]},"totalCount":1}}}', KmaGarbled),
        (200, b'{"response":{"header":{"resultCode":"00"},"body":{"items":{"item":[]}}}}', KmaGarbled),
        (200, b'{"response"', KmaGarbled),
        (200, b"[1]", KmaGarbled),
        (200, b"<response><header/></response>", KmaGarbled),
        (200, b'<!DOCTYPE a [<!ENTITY b "bb">]><response>&b;</response>', KmaGarbled),
        (403, b"<OpenAPI_ServiceResponse><cmmMsgHeader><returnReasonCode>30</returnReasonCode></cmmMsgHeader>"
              b"</OpenAPI_ServiceResponse>", KmaRefused),
    ],
)  # fmt: skip
def test_odd_answers_of_the_portal_have_a_name(status: int, body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        portal_page("it", Answer(status, body), NOW)
