"""Values that clients send to be kept, as JSON text."""

from __future__ import annotations

import json
from typing import Any

from tradewind.core.errors import InvalidInput


def json_text(value: Any, what: str) -> str:
    """The value as JSON. Raises InvalidInput for numbers that JSON does not have, and for halves of characters."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} holds text that is no valid Unicode.") from None
    except ValueError:
        raise InvalidInput(f"{what} holds a number that JSON does not have; write null or text.") from None
    return text
