"""What the web UI needs before it shows anything."""

from __future__ import annotations

from typing import Any

from tradewind import __version__
from tradewind.api.models import Answer
from tradewind.api.routing import UI, Asked, Routes
from tradewind.core.access import Action, Caller, Need, Resource

routes = Routes("UI", prefix=UI)


class Session(Answer):
    """Who is here, and what this installation is called."""

    name: str
    roles: list[str]
    instance_name: str
    zone: str
    """The time zone that applies until the reader chooses another."""
    version: str
    may: dict[str, list[str]]
    """By resource, the actions that the caller may do on some of it at least; what is not there they may not see."""


@routes.get("/session", Resource.OWN, response_model=Session)
def session(call: Asked) -> dict[str, Any]:
    """Whoever is signed in."""
    return {
        "name": call.caller.name,
        "roles": [role.name for role in call.caller.roles],
        "instance_name": call.settings.api.instance_name or "",
        "zone": call.settings.api.default_ui_timezone,
        "version": __version__,
        "may": rights(call.caller),
    }


def rights(caller: Caller) -> dict[str, list[str]]:
    """What a caller may do, by resource."""
    found = {
        str(resource): [str(action) for action in Action if caller.may(Need(action, resource))] for resource in Resource
    }
    return {resource: actions for resource, actions in found.items() if actions}
