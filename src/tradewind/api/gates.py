"""Who makes a request."""

from __future__ import annotations

from fastapi import Request

from tradewind.core.access import BUILT_IN, Caller


class OpenGate:
    """Everybody who can connect may do everything: only for an address that nobody else reaches."""

    def caller(self, request: Request) -> Caller:
        return Caller("admin", (BUILT_IN["Admin"],))
