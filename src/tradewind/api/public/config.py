"""The configuration, where `[api] expose_config` allows it. Secrets are never shown."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Response
from starlette.exceptions import HTTPException

from tradewind.api.call import Call, Forbidden
from tradewind.api.errors import NotFound
from tradewind.api.models import Answer
from tradewind.api.routing import API, Asked, Routes
from tradewind.config.settings import as_text, entries, is_sensitive
from tradewind.config.sources import ConfigError
from tradewind.core.access import Resource

routes = Routes("Config", prefix=f"{API}/config")

HIDDEN = "< hidden >"
EXPOSED = frozenset({"true", "t", "1", "yes", "on", "non-sensitive-only"})
RESPONSES: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, 406: {}}
Accept = Annotated[str, Header(description="application/json or text/plain.")]


class ConfigOption(Answer):
    key: str
    value: str


class ConfigSection(Answer):
    name: str
    options: list[ConfigOption]


class Config(Answer):
    sections: list[ConfigSection]


@routes.get("", Resource.CONFIG, response_model=Config, responses=RESPONSES)
def get_config(call: Asked, section: str | None = None, accept: Accept = "*/*") -> Any:
    """Every setting, or those of a section."""
    check_exposed(call)
    found: dict[str, list[tuple[str, str]]] = {}
    for name, key, value, _ in entries(call.settings, section):
        found.setdefault(name, []).append((key, shown_value(name, key, value)))
    if section is not None and not found:
        raise NotFound(f"There is no section [{section[:60]}].")
    return _answer(found, accept)


@routes.get("/section/{section}/option/{option}", Resource.CONFIG, response_model=Config, responses=RESPONSES)
def get_config_value(call: Asked, section: str, option: str, accept: Accept = "*/*") -> Any:
    """One setting; Airflow's older names work too."""
    check_exposed(call)
    try:
        value, _ = call.settings.explain(section, option)
    except ConfigError:
        raise NotFound(f"There is no setting [{section[:60]}] {option[:60]}.") from None
    return _answer({section: [(option, shown_value(section.lower(), option.lower(), as_text(value)))]}, accept)


def check_exposed(call: Call) -> None:
    """Raise Forbidden where this installation does not show its configuration."""
    if call.settings.api.expose_config.strip().lower() not in EXPOSED:
        raise Forbidden("The configuration is not shown; [api] expose_config = True allows it.")


def shown_value(section: str, key: str, value: str | None) -> str:
    """A setting as it may be shown: a secret is hidden."""
    return HIDDEN if value and is_sensitive(section, key) else value or ""


def _answer(found: dict[str, list[tuple[str, str]]], accept: str) -> Any:
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    if any(part in ("application/json", "application/*", "*/*", "") for part in wanted):
        return {
            "sections": [
                {"name": name, "options": [{"key": key, "value": value} for key, value in options]}
                for name, options in found.items()
            ]
        }
    if any(part in ("text/plain", "text/*") for part in wanted):
        return Response(_text(found), media_type="text/plain")
    raise HTTPException(406, "The configuration comes as application/json or text/plain; accept one of these.")


def _text(found: dict[str, list[tuple[str, str]]]) -> str:
    def line(key: str, value: str) -> str:
        return f"{key} = {value}".rstrip().replace("\n", "\n    ")

    return "\n".join(
        "\n".join((f"[{name}]", *(line(key, value) for key, value in options), "")) for name, options in found.items()
    )
