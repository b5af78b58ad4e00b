"""Connections as people write them: URIs and objects, with Airflow's rules for both."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import click

FIELDS = ("conn_type", "description", "host", "schema", "login", "password", "port", "extra")


def from_uri(uri: str) -> dict[str, Any]:
    """The parts of `type://login:password@host:port/schema?extra=…`; each part is percent-decoded."""
    if "://" not in uri:
        raise click.UsageError("A connection's URI is written as type://login:password@host:port/schema.")
    scheme, _, rest = uri.partition("://")
    protocol, double, inner = rest.partition("://")
    if double and "/" not in protocol and "@" not in protocol:
        host_prefix, rest = f"{protocol}://", inner  # http://https://host: the host names its own protocol
    else:
        host_prefix = ""
    parts = urlsplit(f"//{rest}")
    try:
        port = parts.port
    except ValueError:
        raise click.UsageError("The port in a connection's URI must be a number up to 65535.") from None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra = query.pop("__extra__", None) or (json.dumps(query) if query else None)
    return {
        "conn_type": _conn_type(scheme),
        "description": None,
        "host": host_prefix + unquote(_host(parts.netloc)) or None,
        "schema": unquote(parts.path.removeprefix("/")) or None,
        "login": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "port": port,
        "extra": extra,
    }


def to_uri(fields: Mapping[str, Any]) -> str:
    """The URI that `from_uri` reads back; a description has no place in it."""
    login, password, host = fields["login"] or "", fields["password"], fields["host"] or ""
    authority = quote(login, safe="")
    if password:
        authority += f":{quote(password, safe='*')}"
    if login or password:
        authority += "@"
    protocol, double, name = host.rpartition("://")
    authority = f"{protocol}{double}{authority}{quote(name, safe=':[]' if name.startswith('[') else '')}"
    if fields["port"]:
        authority += f":{fields['port']}"
    schema = f"/{quote(fields['schema'], safe='')}" if fields["schema"] else "/"
    return f"{(fields['conn_type'] or '').replace('_', '-')}://{authority}{schema}{_query(fields['extra'])}"


def from_mapping(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an object; `uri` or `extra` as an object are understood too."""
    if isinstance(given.get("uri"), str):
        return from_uri(given["uri"])
    known = {*FIELDS, "type", "conn_id", "user", "username", "extra_dejson", "database", "id"}
    unknown = sorted(set(given) - known)
    if unknown:
        raise click.ClickException(f"A connection has no field {unknown[0]!r}; it has {', '.join(FIELDS)}.")
    extra = given.get("extra", given.get("extra_dejson"))
    if extra is not None and not isinstance(extra, str):
        extra = json.dumps(extra, ensure_ascii=False) if extra else None
    port = given.get("port")
    try:
        number = int(port) if port not in (None, "") else None
    except (TypeError, ValueError):
        raise click.UsageError(f"A connection's port must be a whole number, not {port!r}.") from None
    if extra:
        _check_extra(extra)
    return {
        "conn_type": _conn_type(given.get("conn_type") or given.get("type") or ""),
        "description": given.get("description"),
        "host": given.get("host"),
        "schema": given.get("schema", given.get("database")),
        "login": given.get("login", given.get("user", given.get("username"))),
        "password": given.get("password"),
        "port": number,
        "extra": extra or None,
    }


def _conn_type(scheme: str) -> str:
    name = scheme.lower().replace("-", "_")
    return {"postgresql": "postgres"}.get(name, name)


def _host(netloc: str) -> str:
    """The host as written: urlsplit would lower its case."""
    host = netloc.rpartition("@")[2]
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _query(extra: str | None) -> str:
    if not extra:
        return ""
    try:
        values = json.loads(extra)
    except ValueError:
        values = None
    if isinstance(values, dict) and values and all(isinstance(value, str) for value in values.values()):
        return f"?{urlencode(values)}"
    return f"?{urlencode({'__extra__': extra})}"


def _check_extra(extra: str) -> None:
    try:
        if isinstance(json.loads(extra), dict):
            return
    except ValueError:
        pass
    raise click.UsageError("A connection's extra must be a JSON object.")
