"""Keeping passwords and keys out of what is logged or sent."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LOGIN = re.compile(r"(?<=://)[^/\s@'\"]+@")
_QUERY = re.compile(r"(?P<address>[A-Za-z][\w+.-]*://[^\s?'\"<>]+)\?[^\s'\"<>]*")
_SLACK = re.compile(r"(?<=hooks\.slack\.com/)[^\s'\"<>?]+")
_NAMED = re.compile(
    r"(?P<name>\b[\w-]*(?:password|passwd|secret|token|api[_-]?key|service[_-]?key|auth[_-]?key)\b['\"]?\s*[=:]\s*['\"]?)"
    r"[^\s'\"&,;)]+",
    re.IGNORECASE,
)


def masked(text: object, secrets: Iterable[str] = ()) -> str:
    """The text without these secrets, and without what addresses carry: logins, queries, `password=…` and its like."""
    result = str(text)
    for secret in sorted((secret for secret in secrets if secret), key=len, reverse=True):
        result = result.replace(secret, "***")
    result = _LOGIN.sub("***@", result)
    result = _QUERY.sub(r"\g<address>?***", result)
    result = _SLACK.sub("***", result)
    return _NAMED.sub(r"\g<name>***", result)
