"""XCom values as JSON, with a closed set of tagged types on top.

What JSON can say is stored as plain JSON. Everything else is an object `{"__tw__": <tag>, "v": …}`. Reading never
imports what the data names: classes come back only when the Dag file itself knows them (`know_types_of`), frames only
through the libraries listed here; an unknown class comes back as the dict of its fields. Keys of dicts become text, as
they do in Airflow.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import decimal
import enum
import math
import pathlib
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tradewind.sdk.execution.xcom_errors import XComDecodeError, XComEncodeError
from tradewind.sdk.execution.xcom_frames import pack_array, pack_frame, read_array, read_frame
from tradewind.sdk.xcom_arg import Elements

TAG = "__tw__"
_DEEPEST = 200
_MICROSECOND = dt.timedelta(microseconds=1)
_INT_RANGE = range(-(2**63), 2**64)

_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder().decode
_classes: dict[str, type] = {}


def encode(value: Any) -> bytes:
    """The value as JSON bytes. Raises XComEncodeError, which names the type and where in the value it is."""
    try:
        return _to_json(value if _is_plain_scalar(value) else _pack(value, "", 0))
    except RecursionError:
        raise XComEncodeError("The value is nested too deeply or contains itself; return a flatter one.") from None


def decode(data: bytes) -> Any:
    """The value that `encode` stored; any other JSON as it is."""
    try:
        value = _from_json(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise XComDecodeError(f"The stored value is not readable JSON: {error}.") from None
    if b'"__tw__"' not in data:
        return value
    try:
        return _unpack(value)
    except XComDecodeError:
        raise
    except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise XComDecodeError(f"The stored value is damaged: {type(error).__name__}: {error}.") from None


def know_types_of(namespaces: Iterable[Mapping[str, Any]]) -> None:
    """Let the dataclasses, models and enums that these modules hold come back as themselves."""
    for namespace in namespaces:
        for value in list(namespace.values()):
            if isinstance(value, type) and (_fields_kind(value) or issubclass(value, enum.Enum)):
                _classes[_class_name(value)] = value


def length_of(value: Any) -> int | None:
    """Over how many elements a mapped task would expand this value; None if it cannot be expanded over."""
    return len(value) if isinstance(value, (list, tuple, dict, Mapping, Elements)) else None


# --- writing -----------------------------------------------------------------------------------------------------


def _is_plain_scalar(value: Any) -> bool:
    kind = type(value)
    return value is None or kind is bool or (kind is int and value in _INT_RANGE) or (kind is str and value.isascii())


def _pack(value: Any, at: str, depth: int) -> Any:
    kind = type(value)
    if _is_plain_scalar(value):
        return value
    if depth > _DEEPEST:
        raise RecursionError
    if kind is dict:
        return _pack_dict(value, at, depth)
    if kind is list or kind is Elements:
        return [_pack(item, f"{at}[{i}]", depth + 1) for i, item in enumerate(value)]
    writer = _WRITERS.get(kind)
    if writer is not None:
        return writer(value, at, depth)
    return _pack_other(value, at, depth)


def _pack_dict(value: Mapping[Any, Any], at: str, depth: int) -> Any:
    packed = {}
    for key, item in value.items():
        name = key if isinstance(key, str) else str(key)
        packed[name if _is_utf8(name) else _printable(name)] = _pack(item, f"{at}[{key!r}]", depth + 1)
    return {TAG: "dict", "v": list(packed.items())} if TAG in packed else packed


def _pack_str(value: str, at: str, depth: int) -> Any:
    if _is_utf8(value):
        return value
    return {TAG: "str", "v": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()}


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _pack_float(value: float, at: str, depth: int) -> Any:
    return value if math.isfinite(value) else {TAG: "float", "v": repr(float(value))}


def _pack_datetime(value: dt.datetime, at: str, depth: int) -> Any:
    if value != value:  # pandas' NaT calls itself a datetime
        return None
    packed: dict[str, Any] = {TAG: "datetime", "v": dt.datetime.isoformat(value)}
    zone = _zone_name(value.tzinfo)
    if zone:
        packed["tz"] = zone
    if type(value).__module__.startswith("pendulum"):
        packed["p"] = 1
    return packed


def _pack_time(value: dt.time, at: str, depth: int) -> Any:
    packed = {TAG: "time", "v": dt.time.isoformat(value.replace(tzinfo=None) if _zone_name(value.tzinfo) else value)}
    if zone := _zone_name(value.tzinfo):
        packed["tz"] = zone
    return packed


def _zone_name(zone: dt.tzinfo | None) -> str | None:
    name = getattr(zone, "key", None) or getattr(zone, "name", None)
    return name if isinstance(name, str) and name and name[0] not in "+-" else None


def _sequence(tag: str) -> Callable[[Any, str, int], Any]:
    return lambda value, at, depth: {
        TAG: tag,
        "v": [_pack(item, f"{at}[{i}]", depth + 1) for i, item in enumerate(value)],
    }


def _text(tag: str, of: Callable[[Any], Any] = str) -> Callable[[Any, str, int], Any]:
    return lambda value, at, depth: {TAG: tag, "v": of(value)}


_WRITERS: dict[type, Callable[[Any, str, int], Any]] = {
    str: _pack_str,
    int: _text("int", hex),
    float: _pack_float,
    tuple: _sequence("tuple"),
    set: _sequence("set"),
    frozenset: _sequence("frozenset"),
    bytes: _text("bytes", lambda value: base64.b64encode(value).decode()),
    bytearray: _text("bytes", lambda value: base64.b64encode(value).decode()),
    dt.datetime: _pack_datetime,
    dt.date: _text("date", dt.date.isoformat),
    dt.time: _pack_time,
    dt.timedelta: _text("timedelta", lambda value: dt.timedelta.__floordiv__(value, _MICROSECOND)),
    decimal.Decimal: _text("decimal"),
    uuid.UUID: _text("uuid"),
}


_PLAIN: dict[type, Callable[[Any], Any]] = {str: str, int: int, float: float}


def _same(value: Any) -> Any:
    return value


def _pack_other(value: Any, at: str, depth: int) -> Any:
    """Subclasses, author classes, and values of the data libraries."""
    kind = type(value)
    if isinstance(value, enum.Enum):
        return {TAG: "enum", "c": _class_name(kind), "v": _pack(value.value, at, depth + 1)}
    if _fields_kind(kind):
        fields = {name: _pack(item, f"{at}.{name}", depth + 1) for name, item in _field_values(value).items()}
        return {TAG: "object", "c": _class_name(kind), "v": list(fields.items())}
    if isinstance(value, pathlib.PurePath):
        return {TAG: "path", "v": str(value)}
    library = kind.__module__.partition(".")[0]
    if library in ("pandas", "polars", "pyarrow") and (packed := pack_frame(value, library)) is not None:
        return {TAG: "frame", **packed}
    if library == "numpy" and hasattr(value, "tolist"):
        packed = pack_array(value)
        return {TAG: "ndarray", **packed} if isinstance(packed, dict) else _pack(packed, at, depth + 1)
    if isinstance(value, Mapping):
        return _pack_dict(value, at, depth)
    for base, writer in _WRITERS.items():
        if isinstance(value, base):
            plain: Any = _PLAIN.get(base, _same)(value)
            return writer(plain, at, depth)
    if isinstance(value, Sequence):
        return [_pack(item, f"{at}[{i}]", depth + 1) for i, item in enumerate(value)]
    where = f" at {at}" if at else ""
    raise XComEncodeError(
        f"a value of type {kind.__module__}.{kind.__qualname__}{where} cannot be an XCom; return JSON values, "
        "dates, dataclasses or frames, or store it elsewhere and return where it is."
    )


def _class_name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _fields_kind(kind: type) -> str:
    if dataclasses.is_dataclass(kind):
        return "dataclass"
    if hasattr(kind, "model_fields") and hasattr(kind, "model_validate"):
        return "pydantic"
    return "attrs" if hasattr(kind, "__attrs_attrs__") else ""


def _field_values(value: Any) -> dict[str, Any]:
    match _fields_kind(type(value)):
        case "pydantic":
            return {name: getattr(value, name) for name in type(value).model_fields}
        case "attrs":
            return {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}
        case _:
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


# --- reading -----------------------------------------------------------------------------------------------------


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    tag = value.get(TAG)
    if tag is None:
        return {key: _unpack(item) for key, item in value.items()}
    reader = _READERS.get(tag) if isinstance(tag, str) else None
    if reader is None:
        raise XComDecodeError(
            f"The stored value has the unknown type tag {tag!r}; a newer Tradewind may have written it."
        )
    return reader(value)


def _read_datetime(packed: dict[str, Any]) -> dt.datetime:
    moment = dt.datetime.fromisoformat(packed["v"])
    if zone := packed.get("tz"):
        moment = moment.astimezone(dt.UTC if zone == "UTC" and not packed.get("p") else zoneinfo.ZoneInfo(zone))
    if packed.get("p"):
        import pendulum

        return pendulum.instance(moment)
    return moment


def _read_time(packed: dict[str, Any]) -> dt.time:
    moment = dt.time.fromisoformat(packed["v"])
    zone = packed.get("tz")
    return moment.replace(tzinfo=dt.UTC if zone == "UTC" else zoneinfo.ZoneInfo(zone)) if zone else moment


def _read_object(packed: dict[str, Any]) -> Any:
    fields = {name: _unpack(item) for name, item in packed["v"]}
    kind = _classes.get(packed["c"])
    if kind is None:
        return fields
    match _fields_kind(kind):
        case "pydantic":
            return kind.model_validate(fields)  # type: ignore[attr-defined]
        case "dataclass":
            initial = {field.name for field in dataclasses.fields(kind) if field.init}
            made = kind(**{name: item for name, item in fields.items() if name in initial})
            for name in fields.keys() - initial:
                object.__setattr__(made, name, fields[name])
            return made
        case _:
            return kind(**{name.lstrip("_"): item for name, item in fields.items()})


def _read_enum(packed: dict[str, Any]) -> Any:
    value = _unpack(packed["v"])
    kind = _classes.get(packed["c"])
    return kind(value) if kind is not None else value


_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "dict": lambda packed: {key: _unpack(item) for key, item in packed["v"]},
    "str": lambda packed: base64.b64decode(packed["v"]).decode("utf-8", "surrogatepass"),
    "int": lambda packed: int(packed["v"], 16),
    "float": lambda packed: float(packed["v"]),
    "tuple": lambda packed: tuple(_unpack(item) for item in packed["v"]),
    "set": lambda packed: {_unpack(item) for item in packed["v"]},
    "frozenset": lambda packed: frozenset(_unpack(item) for item in packed["v"]),
    "bytes": lambda packed: base64.b64decode(packed["v"]),
    "datetime": _read_datetime,
    "date": lambda packed: dt.date.fromisoformat(packed["v"]),
    "time": _read_time,
    "timedelta": lambda packed: dt.timedelta(microseconds=1) * packed["v"],
    "decimal": lambda packed: decimal.Decimal(packed["v"]),
    "uuid": lambda packed: uuid.UUID(packed["v"]),
    "path": lambda packed: pathlib.Path(packed["v"]),
    "object": _read_object,
    "enum": _read_enum,
    "ndarray": read_array,
    "frame": read_frame,
}
