"""Weather written as KMA's services write it: the hub's text, the portal's items, their envelopes and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from xml.sax.saxutils import escape

from tradewind.data.demo.kma_feed import NAMES, Observed
from tradewind.data.weather.fields import ASOS, HUB
from tradewind.data.weather.hub_text import HEADER
from tradewind.data.weather.times import in_kst

_UNITS = (
    "KST ID 16 m/s WD WS TM hPa hPa - hPa C C % hPa mm DAY JUN INT HR3 DAY TOT -- -- ---------------------- TOT MID "
    "MIN -------- TOP MID LOW GD C 5 10 20 30 SEA m -- - -"
)
_LEGEND = """\
#START7777
#--------------------------------------------------------------------------------------------------
#  기상청 지상관측 시간자료 [입력인수형태][예] ?tm=201007151200&stn=0
#--------------------------------------------------------------------------------------------------
#  1. TM     : 관측시각 (KST)
#  2. STN    : 국내 지점번호
#  3. WD     : 풍향 (16방위)
#  4. WS     : 풍속 (m/s)
# 12. TA     : 기온 (C)
# 16. RN     : 강수량 (mm)
"""


def hub_text(rows: Iterable[str], *, legend: bool = False) -> bytes:
    """The hub's answer, in EUC-KR."""
    start = _LEGEND if legend else "#START7777\n"
    text = f"{start}#{'2345678901' * 25}\n# {' '.join(HEADER)}\n# {_UNITS}\n" + "".join(f"{row}\n" for row in rows)
    return f"{text}#7777END\n".encode("euc-kr")


def hub_row(station: int, hour: datetime, weather: Observed) -> str:
    """One row of it. What is missing has the mark that its column's width allows."""
    rain = weather.precipitation_mm
    values = {
        "TM": f"{in_kst(hour):%Y%m%d%H%M}",
        "STN": str(station),
        "WD": _rounded(weather.wind_direction_deg, 0, "-9", 0.1),
        "WS": _rounded(weather.wind_speed_ms, 1, "-9.0"),
        "GST_WS": _rounded(weather.gust_speed_ms, 1, "-9.0"),
        "PA": _rounded(weather.pressure_hpa, 1, "-9.0"),
        "PS": _rounded(weather.pressure_hpa, 1, "-9.0"),
        "TA": _rounded(weather.temperature_c, 1, "-99.0"),
        "TD": _rounded(weather.dew_point_c, 1, "-99.0"),
        "HM": _rounded(weather.humidity_percent, 1, "-9.0"),
        "PV": _rounded(weather.vapour_pressure_hpa, 1, "-9.0"),
        "RN": _rounded(rain or None, 1, "-9.0"),
        "VS": _rounded(weather.visibility_m, 0, "-9", 0.1),
        "IR": "4" if rain is None else "1" if rain else "3",
        "IX": "2",
        **dict.fromkeys(("GST_WD", "CA_TOT", "CA_MID", "CH_MIN"), "-9"),
        "WW": "-",
        "CT": "-",
        "SI": "-9.00",
    }
    return " ".join(
        values.get(field.code, "-99.0" if field.missing_at == -99 else _NOTHING[field.kind]) for field in HUB
    )


_NOTHING = {"moment": "", "whole": "-9", "number": "-9.0", "text": "-"}


def asos_item(number: int, station: int, hour: datetime, weather: Observed) -> dict[str, str]:
    """One ASOS record: all values are text, a missing one is empty and has the flag 9."""
    values = {
        "ta": _rounded(weather.temperature_c, 1, ""),
        "rn": _rounded(weather.precipitation_mm or None, 1, ""),
        "ws": _rounded(weather.wind_speed_ms, 1, ""),
        "wd": _rounded(weather.wind_direction_deg, 0, ""),
        "hm": _rounded(weather.humidity_percent, 0, ""),
        "pv": _rounded(weather.vapour_pressure_hpa, 1, ""),
        "td": _rounded(weather.dew_point_c, 1, ""),
        "pa": _rounded(weather.pressure_hpa, 1, ""),
        "ps": _rounded(weather.pressure_hpa, 1, ""),
        "vs": _rounded(weather.visibility_m, 0, "", 0.1),
    }
    item = {"tm": f"{in_kst(hour):%Y-%m-%d %H:%M}", "rnum": str(number), "stnId": str(station), "stnNm": NAMES[station]}
    for field in ASOS:
        if not field.code or field.code in item:
            continue
        item[field.code] = values.get(field.code, "")
        if field.code in _FLAGGED:
            item[f"{field.code}Qcflg"] = "" if values[field.code] else "9"
    if weather.precipitation_mm == 0:
        item["rnQcflg"] = ""
    return item


_FLAGGED = ("ta", "rn", "ws", "wd", "hm", "pa", "ps")


def nowcast_items(hour: datetime, cell: tuple[int, int], weather: Observed) -> list[dict[str, object]]:
    """The eight categories of one cell. What is missing is -998.9, as the service writes it."""
    missing = "-998.9"
    rain = weather.precipitation_mm
    values = {
        "PTY": "0" if not rain else "3" if (weather.temperature_c or 0) < 0 else "1",
        "REH": _rounded(weather.humidity_percent, 0, missing),
        "RN1": "강수없음" if rain == 0 else _rounded(rain, 1, missing),
        "T1H": _rounded(weather.temperature_c, 1, missing),
        "UUU": missing,
        "VEC": _rounded(weather.wind_direction_deg, 0, missing),
        "VVV": missing,
        "WSD": _rounded(weather.wind_speed_ms, 1, missing),
    }
    clock = in_kst(hour)
    place = {"baseDate": f"{clock:%Y%m%d}", "baseTime": f"{clock:%H00}", "nx": cell[0], "ny": cell[1]}
    return [{**place, "category": category, "obsrValue": value} for category, value in values.items()]


def page_json(items: Sequence[Mapping[str, object]], page: int, size: int, total: int) -> bytes:
    body = {"dataType": "JSON", "items": {"item": items}, "pageNo": page, "numOfRows": size, "totalCount": total}
    response = {"header": {"resultCode": "00", "resultMsg": "NORMAL_SERVICE"}, "body": body}
    return json.dumps({"response": response}, ensure_ascii=False).encode()


def page_xml(items: Sequence[Mapping[str, object]], page: int, size: int, total: int) -> bytes:
    rows = "".join(
        "<item>" + "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in item.items()) + "</item>"
        for item in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><response><header><resultCode>00</resultCode><resultMsg>NORMAL_SERVICE'
        f"</resultMsg></header><body><dataType>XML</dataType><items>{rows}</items><numOfRows>{size}</numOfRows>"
        f"<pageNo>{page}</pageNo><totalCount>{total}</totalCount></body></response>"
    ).encode()


def code_json(code: str, message: str) -> bytes:
    """A refusal of a service itself: a header and no body."""
    return json.dumps({"response": {"header": {"resultCode": code, "resultMsg": message}}}, ensure_ascii=False).encode()


def code_xml(code: str, message: str) -> bytes:
    header = f"<header><resultCode>{code}</resultCode><resultMsg>{escape(message)}</resultMsg></header>"
    return f'<?xml version="1.0" encoding="UTF-8"?><response>{header}</response>'.encode()


def old_gateway(code: str, name: str) -> bytes:
    """A refusal of the portal's old gateway: XML whatever was asked for."""
    return (
        f"<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg><returnAuthMsg>{name}</returnAuthMsg>"
        f"<returnReasonCode>{code}</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>"
    ).encode()


def hub_refusal(status: int, message: str) -> bytes:
    return json.dumps({"result": {"status": status, "message": message}}, ensure_ascii=False).encode()


def _rounded(value: float | None, digits: int, missing: str, factor: float = 1.0) -> str:
    if value is None:
        return missing
    return f"{round(value * factor, digits) + 0.0:.{digits}f}"
