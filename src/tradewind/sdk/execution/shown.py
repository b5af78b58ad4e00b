"""An operator's arguments as people may see them."""

from __future__ import annotations

from typing import Any

import msgspec

from tradewind.sdk.execution.masking import masker

LONGEST_FIELD = 4096
_encode_json = msgspec.json.Encoder().encode


def shown_fields(task: Any) -> bytes | None:
    """An operator's template fields as JSON that is fit to be shown: without secrets, each cut to a page."""
    fields = tuple(getattr(task, "template_fields", None) or ())
    return _encode_json({name: _shown(getattr(task, name, None), name) for name in fields}) if fields else None


def _shown(value: Any, name: str) -> Any:
    """A field as people may see it: masked first, then cut, so that no half of a secret is left."""
    if value is None or isinstance(value, (bool, int)):
        return masker().redact(value, name)
    redacted = masker().redact(value, name)
    if isinstance(redacted, str):
        return _cut(redacted.encode("utf-8", "backslashreplace").decode())
    try:
        text = _encode_json(redacted).decode()
    except (TypeError, ValueError, OverflowError, RecursionError, UnicodeError, msgspec.MsgspecError):
        return _cut(masker().mask(repr(redacted)).encode("utf-8", "backslashreplace").decode())
    return redacted if len(text) <= LONGEST_FIELD else _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_FIELD else f"{text[:LONGEST_FIELD]}… [{len(text) - LONGEST_FIELD} more]"
