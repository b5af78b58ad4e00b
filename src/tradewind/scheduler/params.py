"""Values that people give against the params they are for: a run's conf, and the form of a question."""

import json
from collections.abc import Mapping
from typing import Any

from tradewind.core.errors import InvalidInput
from tradewind.scheduler.schemas import problem_with


def check_conf(dag_id: str, params: Mapping[str, Any], conf: Mapping[str, Any]) -> None:
    """Raise InvalidInput, which names the param and what it takes, unless every param has a value that fits."""
    for name, param in params.items():
        if name not in conf and param.get("required"):
            raise InvalidInput(
                f"Dag {dag_id!r} needs a value for its param {name!r}{_wanted(param)}; give it in conf: "
                f'{{"{name}": …}}.'
            )
        schema = param.get("schema")
        if not schema:
            continue
        problem = _problem(conf.get(name, param.get("value")), schema)
        if problem:
            what = "conf gives param" if name in conf else "conf leaves out param"
            raise InvalidInput(f"Dag {dag_id!r}: {what} {name!r}, but {problem}{_wanted(param)}.")


def filled_form(where: str, params: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given for the fields of a form, with the defaults of the others. Raises InvalidInput, which names the
    field and what it takes."""
    unknown = [name for name in given if name not in params]
    if unknown:
        known = ", ".join(map(repr, params)) or "none"
        raise InvalidInput(f"{where} has no field {', '.join(map(repr, unknown))} in its form; it has {known}.")
    form = {name: given.get(name, param.get("value")) for name, param in params.items()}
    for name, param in params.items():
        problem = _problem(form[name], param["schema"]) if param.get("schema") else ""
        if problem:
            what = "was given field" if name in given else "needs a value for field"
            raise InvalidInput(f"{where} {what} {name!r}, but {problem}{_wanted(param)}.")
    return form


def _problem(value: Any, schema: Mapping[str, Any]) -> str:
    return _short(problem_with(value, schema))


def _wanted(param: Mapping[str, Any]) -> str:
    schema, described = param.get("schema"), param.get("description")
    wanted = f" (wanted: {_short(json.dumps(schema, ensure_ascii=False))})" if schema else ""
    return wanted + (f", which is: {_short(described)}" if described else "")


def _short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:299]}…"
