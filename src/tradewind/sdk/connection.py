"""Connection: where a system is and how to log in. From `AIRFLOW_CONN_*`, else from the engine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tradewind.sdk.exceptions import AirflowException, AirflowNotFoundException
from tradewind.sdk.execution.masking import mask_secret
from tradewind.sdk.execution.runtime import current_runtime

ENV_PREFIXES = ("TRADEWIND_CONN_", "AIRFLOW_CONN_")
_FIELDS = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")


class Connection:
    """One connection: from its fields, from a URI, or both ways back. `extra` is JSON text."""

    EXTRA_KEY = "__extra__"

    def __init__(
        self, conn_id: str | None = None, conn_type: str | None = None, description: str | None = None,
        host: str | None = None, login: str | None = None, password: str | None = None, schema: str | None = None,
        port: int | str | None = None, extra: str | Mapping[str, Any] | None = None, uri: str | None = None, **_: Any,
    ) -> None:  # fmt: skip
        self.conn_id = conn_id
        self.description = description
        fields = (conn_type, host, login, password, schema, port, extra)
        if uri and any(field is not None for field in fields):
            raise AirflowException(f"Connection {conn_id!r} got a uri and fields of its own; give one or the other.")
        self.conn_type, self.host, self.login, self.password = conn_type, host, login, password
        self.schema = schema
        self.port = _port(port, conn_id)
        self.extra = extra if isinstance(extra, str) or extra is None else json.dumps(dict(extra))
        if uri:
            self._read_uri(uri)
        self._mask()

    @classmethod
    def get(cls, conn_id: str) -> Connection:
        """The connection of this name; AirflowNotFoundException when there is none."""
        for prefix in ENV_PREFIXES:
            if text := os.environ.get(prefix + conn_id.upper()):
                return cls.from_text(text, conn_id)
        found = current_runtime().request("connection.get", conn_id=conn_id)
        if found is None:
            raise AirflowNotFoundException(
                f"The conn_id `{conn_id}` isn't defined; add it in the UI, with `tradewind connections add {conn_id}`, "
                f"or as AIRFLOW_CONN_{conn_id.upper()}."
            )
        return cls(**{**found, "conn_id": conn_id})

    get_connection_from_secrets = get

    @classmethod
    async def async_get(cls, conn_id: str) -> Connection:
        """As `get`, from code that runs in an event loop: the loop goes on meanwhile."""
        import asyncio

        return await asyncio.to_thread(cls.get, conn_id)

    @classmethod
    def from_text(cls, text: str, conn_id: str | None = None) -> Connection:
        """From an environment variable's text: JSON if it begins like it, else a URI."""
        return cls.from_json(text, conn_id) if text.lstrip().startswith("{") else cls(conn_id=conn_id, uri=text.strip())

    @classmethod
    def from_uri(cls, uri: str, conn_id: str | None = None) -> Connection:
        return cls(conn_id=conn_id, uri=uri)

    @classmethod
    def from_json(cls, value: str, conn_id: str | None = None) -> Connection:
        """From a JSON object of fields; `extra` may be an object itself."""
        try:
            fields = json.loads(value)
        except ValueError as error:
            raise AirflowException(f"Connection {conn_id!r} is not valid JSON ({error}); correct it.") from None
        if not isinstance(fields, dict):
            raise AirflowException(f"Connection {conn_id!r} has to be a JSON object of its fields.")
        if fields.get("conn_type"):
            fields["conn_type"] = _normal_type(fields["conn_type"])
        fields.pop("conn_id", None)
        return cls(conn_id=conn_id, **fields)

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """`extra` as a dict; empty when there is none or it is not a JSON object."""
        return self.get_extra_dejson()

    def get_extra_dejson(self, nested: bool = False) -> dict[str, Any]:
        """`extra` as a dict; with `nested`, JSON text inside it is read as well."""
        if not self.extra:
            return {}
        try:
            values = json.loads(self.extra)
        except ValueError:
            return {}
        if not isinstance(values, dict):
            return {}
        if nested:
            values = {key: _loads_or_same(value) for key, value in values.items()}
        mask_secret(values)
        return values

    def get_extra(self) -> str | None:
        return self.extra

    def set_extra(self, value: str | None) -> None:
        self.extra = value
        self._mask()

    def get_password(self) -> str | None:
        return self.password

    def set_password(self, value: str | None) -> None:
        self.password = value
        self._mask()

    def get_uri(self) -> str:
        """The connection as one URI, which reads back as the same connection."""
        uri = f"{(self.conn_type or '').lower().replace('_', '-')}://"
        protocol, separator, host = (self.host or "").partition("://")
        if separator:
            uri += f"{protocol}://"
        else:
            host = self.host or ""
        if self.login is not None or self.password is not None:
            uri += quote(self.login or "", safe="")
            uri += "" if self.password is None else f":{quote(self.password, safe='')}"
            uri += "@"
        uri += quote(host, safe="")
        if self.port:
            uri += f":{self.port}" if host or uri.endswith("@") else f"@:{self.port}"
        if self.schema:
            uri += f"/{quote(self.schema, safe='')}"
        return uri + self._query()

    def get_hook(self, *, hook_params: dict[str, Any] | None = None) -> Any:
        """A hook for this type of connection, from the installed providers."""
        from tradewind.sdk.hooks.base import hook_for

        return hook_for(self, hook_params or {})

    def test_connection(self) -> tuple[bool, str]:
        """Whether the hook of this connection reaches its system, and what it said."""
        try:
            hook = self.get_hook()
            if not hasattr(hook, "test_connection"):
                return False, f"{type(hook).__name__} has no test_connection()."
            ok, said = hook.test_connection()
            return bool(ok), str(said)
        except Exception as error:
            return False, str(error)

    def to_dict(self, *, prune_empty: bool = False, validate: bool = True) -> dict[str, Any]:
        """The fields, with `extra` as a dict."""
        fields: dict[str, Any] = {"conn_id": self.conn_id, **{name: getattr(self, name) for name in _FIELDS}}
        fields["extra"] = self.extra_dejson
        return {name: value for name, value in fields.items() if value or not prune_empty}

    def as_json(self) -> str:
        fields = self.to_dict(prune_empty=True)
        fields.pop("conn_id", None)
        return json.dumps(fields)

    def __repr__(self) -> str:
        return str(self.conn_id or "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.conn_id, self.conn_type, self.host, self.login))

    def _query(self) -> str:
        if not self.extra:
            return ""
        values = self.extra_dejson
        separator = "?" if self.schema else "/?"
        try:
            query = urlencode(values)
        except TypeError:
            query = ""
        if values and dict(parse_qsl(query, keep_blank_values=True)) == values:
            return f"{separator}{query}"
        return f"{separator}{urlencode({self.EXTRA_KEY: self.extra})}"

    def _read_uri(self, uri: str) -> None:
        scheme, _, rest = uri.partition("://")
        if "://" in rest.partition("?")[0]:
            # A host may name its protocol: http://https://host, spark://k8s://host.
            protocol, _, rest = rest.partition("://")
            credentials, at, place = rest.rpartition("@")
            parts = urlsplit(f"{protocol}://{credentials}{at}{place}")
            prefix = f"{protocol}://"
        else:
            parts, prefix = urlsplit(f"x://{rest}"), ""
        self.conn_type = _normal_type(scheme)
        host = _host(parts.netloc)
        self.host = f"{prefix}{host}" if host else (prefix or None)
        self.login = unquote(parts.username) if parts.username is not None else None
        self.password = unquote(parts.password) if parts.password is not None else None
        self.schema = unquote(parts.path[1:]) or None
        try:
            self.port = parts.port
        except ValueError:
            raise AirflowException(f"Connection {self.conn_id!r} has a port in its URI that is not a number.") from None
        if parts.query:
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            self.extra = query.get(self.EXTRA_KEY) or json.dumps(query)

    def _mask(self) -> None:
        mask_secret(self.password)
        if self.extra:
            self.get_extra_dejson(nested=True)


def _normal_type(conn_type: str) -> str:
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")


def _host(netloc: str) -> str:
    """The host as written: `urlsplit(...).hostname` would make it lower case, which matters to some systems."""
    place = netloc.rpartition("@")[2]
    host = place.partition("]")[0].lstrip("[") if place.startswith("[") else place.partition(":")[0]
    return unquote(host)


def _port(port: int | str | None, conn_id: str | None) -> int | None:
    try:
        return None if port is None or port == "" else int(port)
    except ValueError:
        raise AirflowException(f"Connection {conn_id!r} has port {port!r}; it must be a number.") from None


def _loads_or_same(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
