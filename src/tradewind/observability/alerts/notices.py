"""A notice as JSON: how it is kept until it is delivered, and how it travels to who delivers it."""

import json
import math
from datetime import datetime
from typing import Any

from tradewind.core.alert_watches import Subject
from tradewind.core.alerts import Notice


def notice_to_json(notice: Notice) -> str:
    """Every fact of the notice but whom it is for. A limit that is none is null."""
    facts = {
        "key": notice.key,
        "alert": notice.alert,
        "rule": notice.rule,
        "severity": notice.severity,
        "status": notice.status,
        "repeat": notice.repeat,
        "at": notice.at.isoformat(),
        "since": notice.since.isoformat(),
        "subject": list(notice.subject),
        "value": _finite(notice.value),
        "limit": _finite(notice.limit),
        "sentence": notice.sentence,
    }
    return json.dumps(facts, ensure_ascii=False)


def notice_from_json(text: str) -> Notice:
    """The notice again. Raises ValueError for what is none."""
    try:
        facts: dict[str, Any] = json.loads(text)
        return Notice(
            key=str(facts["key"]),
            alert=str(facts["alert"]),
            rule=str(facts["rule"]),
            severity=str(facts["severity"]),
            status="recovered" if facts["status"] == "recovered" else "firing",
            repeat=int(facts["repeat"]),
            at=datetime.fromisoformat(facts["at"]),
            since=datetime.fromisoformat(facts["since"]),
            subject=Subject(*map(str, facts["subject"])),
            value=math.inf if facts["value"] is None else float(facts["value"]),
            limit=math.inf if facts["limit"] is None else float(facts["limit"]),
            sentence=str(facts["sentence"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"this is no notice ({type(error).__name__})") from None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
