"""Free ports and small HTTP questions on the loopback network."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from typing import Any


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(
    port: int,
    path: str,
    *,
    body: Any = None,
    token: str = "",
    user: str = "",
    method: str = "",
    timeout: float = 30.0,
) -> tuple[int, Any]:
    """Status and JSON of one request; status 0 when nobody answers. `user` is `name:password`."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    elif user:
        headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method or ("GET" if body is None else "POST"), path, data, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text.decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, ValueError):
        return 0, None
    finally:
        connection.close()
