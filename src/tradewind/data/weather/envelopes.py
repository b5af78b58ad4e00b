"""Is an answer weather or a refusal? Each service has several ways to refuse, and uses them in formats not asked for.

The API hub (apihub.kma.go.kr) sends text in EUC-KR, and refuses with JSON `{"result": {"status", "message"}}`, with
that status or with 200. The public data portal (apis.data.go.kr) refuses in three ways: the service's own header with a
`resultCode`, in JSON or XML; its old gateway's XML `OpenAPI_ServiceResponse`; its newer gateway's plain text with a
status of 400 and above. The shapes are those that public clients have recorded; the codes are the portal's own table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from xml.etree import ElementTree

from tradewind.data.retry_rules import AGAIN_LATER
from tradewind.data.weather.errors import KmaBusy, KmaGarbled, KmaQuotaSpent, KmaRefused
from tradewind.data.weather.times import next_kst_midnight


@dataclass(frozen=True)
class Answer:
    """What came over HTTP."""

    status: int
    body: bytes
    retry_after: float | None = None


class Then(Enum):
    """What follows from a code of the portal."""

    USE = "use"
    EMPTY = "empty"
    ASK_AGAIN = "ask again"
    AFTER_MIDNIGHT = "after midnight"
    GIVE_UP = "give up"


CODES: dict[int, tuple[str, Then]] = {
    0: ("NORMAL_SERVICE", Then.USE),
    1: ("APPLICATION_ERROR", Then.ASK_AGAIN),
    2: ("DB_ERROR", Then.ASK_AGAIN),
    3: ("NODATA_ERROR", Then.EMPTY),
    4: ("HTTP_ERROR", Then.ASK_AGAIN),
    5: ("SERVICETIME_OUT", Then.ASK_AGAIN),
    10: ("INVALID_REQUEST_PARAMETER_ERROR", Then.GIVE_UP),
    11: ("NO_MANDATORY_REQUEST_PARAMETERS_ERROR", Then.GIVE_UP),
    12: ("NO_OPENAPI_SERVICE_ERROR", Then.GIVE_UP),
    20: ("SERVICE_ACCESS_DENIED_ERROR", Then.GIVE_UP),
    21: ("TEMPORARILY_DISABLE_THE_SERVICEKEY_ERROR", Then.GIVE_UP),
    22: ("LIMITED_NUMBER_OF_SERVICE_REQUESTS_EXCEEDS_ERROR", Then.AFTER_MIDNIGHT),
    30: ("SERVICE_KEY_IS_NOT_REGISTERED_ERROR", Then.GIVE_UP),
    31: ("DEADLINE_HAS_EXPIRED_ERROR", Then.GIVE_UP),
    32: ("UNREGISTERED_IP_ERROR", Then.GIVE_UP),
    33: ("UNSIGNED_CALL_ERROR", Then.GIVE_UP),
    99: ("UNKNOWN_ERROR", Then.ASK_AGAIN),
}
"""The portal's result codes, and what a client does about each."""

ADVICE = {
    20: "apply for this service at data.go.kr with the account of the key",
    30: "check KMA_SERVICE_KEY; either form of the key will do, and a new one takes up to an hour to be known",
    31: "prolong the use of the service at data.go.kr",
    32: "register this machine's address with the key at data.go.kr",
}

ONLY_UNTIL_YESTERDAY = "전날 자료까지"
ONLY_THE_LAST_DAYS = "최근 1일"


def hub_text(service: str, answer: Answer, now: datetime) -> str:
    """The text of the hub's answer, whole; what is none is raised as one of the errors of `errors`."""
    start = answer.body.lstrip()[:1]
    if start == b"{":
        _refused_by_hub(service, answer, now)
    if answer.status != 200:
        _refused_by_gateway(service, answer, now)
    if start == b"<":
        raise KmaGarbled(f"{service} sent a web page instead of text.")
    text = _decoded(answer.body)
    if text is None or not text.lstrip().startswith("#START7777"):
        raise KmaGarbled(f"{service} sent something that does not start with #START7777.")
    if not text.rstrip().endswith("#7777END"):
        raise KmaGarbled(f"{service} sent text that is cut off: it has no #7777END at its end.")
    return text


def portal_page(service: str, answer: Answer, now: datetime) -> tuple[list[dict[str, str]], int]:
    """The items of one page of a portal service and how many there are in all; refusals are raised."""
    start = answer.body.lstrip()[:1]
    if answer.status == 200 and start == b"{":
        return _json_page(service, answer.body, now)
    if answer.status == 200 and start == b"<":
        return _xml_page(service, answer.body, now)
    if start == b"<":
        # The old gateway has sent its XML with other statuses too; what it says is more exact than the status.
        root = _xml(answer.body)
        if root is not None and root.tag == "OpenAPI_ServiceResponse":
            return _old_gateway(service, root, now)
    _refused_by_gateway(service, answer, now)
    raise KmaGarbled(f"{service} sent neither JSON nor XML.")


def _refused_by_hub(service: str, answer: Answer, now: datetime) -> None:
    result: Any = None
    try:
        result = json.loads(_decoded(answer.body) or "").get("result")
    except (ValueError, AttributeError):
        pass
    if not isinstance(result, dict):
        raise KmaGarbled(f"{service} sent JSON that is not a refusal as the hub writes them.")
    status = result.get("status")
    message = str(result.get("message", "")).strip()
    if not isinstance(status, int) or status < 400:
        status = answer.status if answer.status >= 400 else 500
    _raise_for(service, status, message, answer.retry_after, now)


def _refused_by_gateway(service: str, answer: Answer, now: datetime) -> None:
    if answer.status < 400 and _is_gateway_text(answer.body):
        _raise_for(service, 500, _short(answer.body), answer.retry_after, now)
    if answer.status != 200:
        _raise_for(service, answer.status, _short(answer.body), answer.retry_after, now)


def _is_gateway_text(body: bytes) -> bool:
    return body.strip().startswith((b"Unexpected error", b"Error forwarding request", b"API rate limit exceeded"))


def _raise_for(service: str, status: int, message: str, retry_after: float | None, now: datetime) -> None:
    said = f"{service} answered {status}" + (f" ({message})" if message else "")
    if status == 429 and "quota" in message.lower():
        raise KmaQuotaSpent(f"{said}: the day's calls are used up", next_kst_midnight(now))
    if status in AGAIN_LATER or status >= 500:
        raise KmaBusy(f"{said}.", retry_after)
    advice = {
        401: "check the key",
        403: "apply for this service with the account of the key; each one is granted separately",
        404: "check the address; the service may have moved",
    }
    raise KmaRefused(f"{said}; {advice.get(status, 'the same question will be refused again')}.", str(status))


def _json_page(service: str, body: bytes, now: datetime) -> tuple[list[dict[str, str]], int]:
    try:
        response = json.loads(body)["response"]
        header = response["header"]
        code, message = header["resultCode"], str(header.get("resultMsg", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KmaGarbled(f"{service} sent JSON that is cut off or has no response header.") from error
    if not _is_usable(service, code, message, now):
        return [], 0
    found = response.get("body")
    items = found.get("items") if isinstance(found, dict) else None
    item = items.get("item", []) if isinstance(items, dict) else []
    rows = [item] if isinstance(item, dict) else item
    if not isinstance(found, dict) or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise KmaGarbled(f"{service} sent JSON without a list of items.")
    texts = [{str(key): "" if value is None else str(value) for key, value in row.items()} for row in rows]
    return texts, _total(service, found.get("totalCount"))


def _xml_page(service: str, body: bytes, now: datetime) -> tuple[list[dict[str, str]], int]:
    root = _xml(body)
    if root is None:
        raise KmaGarbled(f"{service} sent XML that is cut off or no XML at all.")
    if root.tag == "OpenAPI_ServiceResponse":
        return _old_gateway(service, root, now)
    code = root.findtext("./header/resultCode")
    if root.tag != "response" or code is None:
        raise KmaGarbled(f"{service} sent a web page, or XML without a response header.")
    if not _is_usable(service, code, root.findtext("./header/resultMsg") or "", now):
        return [], 0
    rows = [{child.tag: (child.text or "").strip() for child in item} for item in root.iterfind("./body/items/item")]
    return rows, _total(service, root.findtext("./body/totalCount"))


def _old_gateway(service: str, root: ElementTree.Element, now: datetime) -> tuple[list[dict[str, str]], int]:
    header = root.find("cmmMsgHeader")
    code = header.findtext("returnReasonCode") if header is not None else None
    message = header.findtext("returnAuthMsg") if header is not None else None
    if _is_usable(service, code or "", message or "", now):
        raise KmaGarbled(f"{service} sent its gateway's refusal with a code for success.")
    return [], 0


def _is_usable(service: str, code: object, message: str, now: datetime) -> bool:
    """Whether the answer holds items; False when there are none, and the error when it is a refusal."""
    try:
        number = int(str(code))
    except ValueError:
        raise KmaGarbled(f"{service} gave the result code {str(code)[:20]!r}, which is no number.") from None
    name, then = CODES.get(number, ("an unknown code", Then.GIVE_UP))
    said = f"{service} answered code {number:02d} {name}" + (f" ({message})" if message and message != name else "")
    if ONLY_UNTIL_YESTERDAY in message:
        raise KmaRefused(f"{said}; ask for days up to yesterday, in Korean time.", f"{number:02d}")
    if ONLY_THE_LAST_DAYS in message:
        raise KmaRefused(f"{said}; ask for hours of the last day.", f"{number:02d}")
    match then:
        case Then.USE:
            return True
        case Then.EMPTY:
            return False
        case Then.ASK_AGAIN:
            raise KmaBusy(f"{said}.")
        case Then.AFTER_MIDNIGHT:
            raise KmaQuotaSpent(f"{said}: the day's calls are used up", next_kst_midnight(now))
        case Then.GIVE_UP:
            advice = ADVICE.get(number, "the same question will be refused again")
            raise KmaRefused(f"{said}; {advice}.", f"{number:02d}")


def _xml(body: bytes) -> ElementTree.Element | None:
    # Neither service declares a document type; one that is there could only be an attack on the parser.
    if b"<!DOCTYPE" in body[:2000] or b"<!ENTITY" in body:
        return None
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return None


def _total(service: str, text: object) -> int:
    try:
        return int(str(text))
    except ValueError:
        raise KmaGarbled(f"{service} did not say how many rows there are.") from None


def _decoded(body: bytes) -> str | None:
    # Refusals are UTF-8; tables are EUC-KR, of which cp949 is a superset, and whose common syllables no UTF-8 text has.
    for encoding in ("utf-8", "cp949"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            pass
    return None


def _short(body: bytes) -> str:
    text = " ".join((_decoded(body) or "").split())
    return "a web page" if text.startswith("<") else text[:200]
