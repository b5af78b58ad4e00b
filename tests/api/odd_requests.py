"""Requests to every route of an application, with ids of two teams mixed in paths, queries and bodies.

A request is drawn with placeholders for what is the other team's. It can be made with that team's names, or with names
that nobody has: whoever may not see the other team must not be able to tell the two apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from two_teams import MINE, THEIRS, Names

NAMES: dict[str, tuple[str, ...]] = {
    "dag_id": ("dag", "waits", "hears", "shared"),
    "dag_run_id": ("run", "other_run"),
    "task_id": ("first", "asks", "fails", "maps", "defers", "runs", "last", "only", "reads"),
    "xcom_key": ("key",),
    "key": ("state",),
    "tags": ("tag",),
    "owners": ("owner",),
    "filename": ("/dag.py", "/new.py", "/waits.py"),
    "pool": ("pool",),
    "operator": ("Operator",),
    "username": ("person",),
    "connection_id": ("conn",),
    "variable_key": ("variable",),
    "subject_search": (" subject",),
    "body_search": (" body",),
    "conf_contains": (" conf",),
}
"""What the things of a team are called, behind the team's own name."""
ALIKE = {
    "source_dag_id": "dag_id", "dag_ids": "dag_id", "run_id": "dag_run_id", "source_run_id": "dag_run_id",
    "dag_run_ids": "dag_run_id", "task_ids": "task_id", "source_task_id": "task_id", "group_id": "task_id",
    "task_group_id": "task_id", "result": "task_id", "owner": "owners", "pool_name": "pool",
    "responded_by_user_id": "username", "responded_by_user_name": "username", "asset_dependency": "asset",
    "file_name": "filename",
}  # fmt: skip
NUMBERS = ("asset_id", "asset_alias_id", "backfill_id", "event_log_id", "import_error_id")
SMALL = {"map_index": (-1, 0, 1), "try_number": (1, 0, 2), "task_try_number": (1, 2), "version_number": (1, 2)}
WORDS = (
    "",
    "%",
    "_",
    "~",
    MINE,
    THEIRS,
    f"{THEIRS}%",
    f"%_{THEIRS}_",
    f"{MINE}_dag|{THEIRS}_dag",
    "s3://%",
    "' OR 1=1 --",
    "*/*",
)
MOMENTS = ("2024-01-01T00:00:00Z", "2023-12-25T00:00:00Z", "2100-01-01T00:00:00Z", "1990-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A request with placeholders: `canary` in any text, `<asset_id>` for an id, `<mine:asset_id>` for one's own."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: str | None

    def made(self, names: Names, mine: Names) -> dict[str, Any]:
        """What to send, with the names of these for the other team's."""
        ids = {f"<{kind}>": number for kind, number in names.numbers.items()}
        ids |= {f"<mine:{kind}>": number for kind, number in mine.numbers.items()}

        def said(text: str) -> str:
            text = text.replace(THEIRS, names.team)
            for place, number in ids.items():
                text = text.replace(f'"{place}"', str(number)).replace(place, str(number))
            return text

        path = "/".join(quote(said(part), safe="") for part in self.path.split("/"))  # a value's own `/` stays one
        return {
            "method": self.method,
            "url": path,
            "params": [(name, said(value)) for name, value in self.query],
            "content": None if self.body is None else said(self.body),
            "headers": {"content-type": "application/json"} if self.body is not None else {},
        }


@dataclass(frozen=True, slots=True)
class Operation:
    """A route, as the application describes it."""

    method: str
    path: str
    described: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        return re.findall(r"{([^}:]+)", self.path)


def operations(document: Mapping[str, Any]) -> list[Operation]:
    return [
        Operation(method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


def drawn(random: Random, document: Mapping[str, Any], operation: Operation) -> Drawn:
    """A request to this route."""
    shapes = document["components"]["schemas"]
    path = operation.path
    parameters = operation.described.get("parameters", [])
    query: list[tuple[str, str]] = []
    for parameter in parameters:
        name, shape = parameter["name"], parameter["schema"]
        if parameter["in"] == "path":
            path = path.replace("{" + name + "}", str(_value(random, shapes, name, shape)))
        elif parameter["in"] == "query" and (parameter.get("required") or random.randint(0, 9) == 0):
            values = _value(random, shapes, name, shape)
            for value in values if isinstance(values, list) else [values]:
                query.append((name, _text(value)))
    body = operation.described.get("requestBody")
    sent = None
    if body is not None:
        shape = body["content"].get("application/json", {}).get("schema", {})
        sent = json.dumps(_value(random, shapes, "", shape))
    return Drawn(operation.method, path, tuple(query), sent)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value(random: Random, shapes: Mapping[str, Any], name: str, shape: Mapping[str, Any]) -> Any:
    """Something of this shape; where its name says what it is of, one of the teams' own."""
    if "$ref" in shape:
        return _value(random, shapes, name, shapes[shape["$ref"].rpartition("/")[2]])
    if "const" in shape:
        return shape["const"]
    if "enum" in shape:
        return random.choice(shape["enum"])
    if choices := shape.get("anyOf") or shape.get("oneOf"):
        return _value(random, shapes, name, random.choice(choices))
    match shape.get("type"):
        case "array":
            return [_value(random, shapes, name, shape.get("items", {})) for _ in range(random.randint(1, 2))]
        case "object":
            needed = set(shape.get("required", ()))
            return {
                each: _value(random, shapes, each, inner)
                for each, inner in shape.get("properties", {}).items()
                if each in needed or random.randint(0, 3) == 0
            }
        case "boolean":
            return random.random() < 0.5
        case "null":
            return None
        case "integer" | "number":
            return _number(random, name, shape)
        case "string":
            return _word(random, name, shape)
        case _:
            return random.choice([None, 1, f"{MINE} new", {"a": [f"{MINE} new"]}])


def _number(random: Random, name: str, shape: Mapping[str, Any]) -> Any:
    if name in NUMBERS:
        return random.choice([f"<{name}>", f"<mine:{name}>"])
    least = int(shape.get("minimum", 0))
    return random.choice(SMALL.get(name, (least, least + 1, 5, 50)))


def _word(random: Random, name: str, shape: Mapping[str, Any]) -> str:
    if shape.get("format") in ("date-time", "date"):
        moment: str = random.choice(MOMENTS)
        return moment if shape["format"] == "date-time" else moment[:10]
    known = NAMES.get(ALIKE.get(name, name))
    if name == "file_token":
        return str(random.choice(["<file_token>", "<mine:file_token>"]))
    if name == "order_by":
        fields = ["id", "dag_id", "run_id", "task_id", "name", "timestamp", "start_date", "dag_display_name", "nothing"]
        return str(random.choice([*fields, *(f"-{field}" for field in fields)]))
    if known is not None and random.randint(0, 9) > 0:
        choices = [f"{team}{'' if part[0] in ' /O' else '_'}{part}" for team in (THEIRS, MINE) for part in known]
        choices += ["~"] * (2 if ALIKE.get(name, name) in ("dag_id", "dag_run_id") else 0)
        return str(random.choice(choices))
    return str(random.choice(WORDS))
