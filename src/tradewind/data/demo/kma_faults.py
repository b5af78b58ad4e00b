"""Everything that can go wrong between KMA and a client, by name, for the local server to do on demand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tradewind.data.demo.kma_formats import code_json, code_xml, hub_refusal, old_gateway
from tradewind.data.weather.envelopes import CODES, ONLY_UNTIL_YESTERDAY


@dataclass(frozen=True)
class Fault:
    """What happens to one answer: another is sent, it comes late, it ends early, or its text is changed."""

    status: int = 200
    body: bytes | None = None
    """Sent in place of the answer; None sends the answer itself."""
    change: Callable[[bytes], bytes] = lambda body: body
    headers: Mapping[str, str] = field(default_factory=dict)
    late_seconds: float = 0.0
    cut: bool = False
    """The connection ends in the middle of the answer."""


def _text(status: int, text: str, **headers: str) -> Fault:
    return Fault(status, text.encode(), headers={key.replace("_", "-"): value for key, value in headers.items()})


def _named_codes() -> dict[str, Fault]:
    found = {}
    for number, (name, _) in CODES.items():
        code = f"{number:02d}"
        if number:
            found[f"code-{code}"] = Fault(body=code_json(code, name))
            found[f"xml-code-{code}"] = Fault(body=code_xml(code, name))
            found[f"gateway-{code}"] = Fault(body=old_gateway(code, name))
    return found


def _with_json(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    def changed(body: bytes) -> bytes:
        if not body.startswith(b"{"):
            return body  # the hub's text, or XML: this fault is not theirs
        answer = json.loads(body)
        change(answer["response"]["body"])
        return json.dumps(answer, ensure_ascii=False).encode()

    return changed


def _drop_last_item(body: dict[str, object]) -> None:
    items = body["items"]
    assert isinstance(items, dict)
    items["item"] = items["item"][:-1]


def _claim_more(body: dict[str, object]) -> None:
    body["totalCount"] = int(str(body["totalCount"])) + 5


def _on_rows(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """Change the rows of the hub's text."""

    def changed(body: bytes) -> bytes:
        lines = body.split(b"\n")
        rows = [line for line in lines if line[:1].isdigit()]
        if not rows:
            return body  # another service's answer, or an hour that is not observed yet
        first = next((n for n, line in enumerate(lines) if line[:1].isdigit()), len(lines) - 2)
        return b"\n".join([*lines[:first], *change(rows), *lines[first + len(rows) :]])

    return changed


def _an_hour_later(row: bytes) -> bytes:
    return re.sub(rb"^(\d{8})(\d\d)", lambda found: b"%s%02d" % (found[1], (int(found[2]) + 1) % 24), row)


FAULTS: dict[str, Fault] = {
    **_named_codes(),
    "hub-401": Fault(401, hub_refusal(401, "유효한 인증키가 아닙니다.")),
    "hub-403": Fault(403, hub_refusal(403, "활용신청이 필요한 API 입니다.")),
    "hub-404": Fault(404, hub_refusal(404, "요청하신 API를 찾을 수 없습니다.")),
    "hub-401-as-200": Fault(200, hub_refusal(401, "유효한 인증키가 아닙니다.")),
    "hub-500-as-200": Fault(200, hub_refusal(500, "서버 오류입니다.")),
    "until-yesterday": Fault(body=code_json("99", f"{ONLY_UNTIL_YESTERDAY} 제공됩니다.")),
    "unauthorized": _text(401, "Unauthorized"),
    "forbidden": _text(403, "Forbidden"),
    "burst": _text(429, "API rate limit exceeded", Retry_After="1"),
    "quota": _text(429, "API token quota exceeded"),
    "not-found": _text(404, "API not found"),
    "forwarding": _text(502, "Error forwarding request to backend server"),
    "forwarding-504": _text(504, "Error forwarding request to backend server"),
    "unexpected": _text(500, "Unexpected error(s)"),
    "unexpected-as-200": _text(200, "Unexpected error(s)"),
    "web-page": _text(200, "<!DOCTYPE html><html><body>점검 중입니다</body></html>"),
    "empty": Fault(body=b""),
    "noise": Fault(body=bytes(range(128, 256)) * 4),
    "late": Fault(late_seconds=3.0),
    "cut": Fault(cut=True),
    "half": Fault(change=lambda body: body[: len(body) // 2]),
    "short-page": Fault(change=_with_json(_drop_last_item)),
    "total-too-large": Fault(change=_with_json(_claim_more)),
    "single-item": Fault(change=_with_json(lambda body: body.update(items={"item": {"tm": "alone"}}, totalCount=1))),
    "other-columns": Fault(change=lambda body: body.replace(b"HM PV", b"PV HM")),
    "column-gone": Fault(change=_on_rows(lambda rows: [row.rpartition(b" ")[0] for row in rows])),
    "rows-twice": Fault(change=_on_rows(lambda rows: [*rows, *rows])),
    "clock-shifted": Fault(change=_on_rows(lambda rows: [_an_hour_later(row) for row in rows])),
    "bad-row": Fault(change=_on_rows(lambda rows: [rows[0].replace(b" -99.0", b" abc", 1), *rows[1:]])),
}
"""By the names that the server's `--faults` and `script()` take."""
