"""Params: values that a person may give to a run, with a default and a JSON schema."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from tradewind.sdk.exceptions import ParamValidationError
from tradewind.sdk.node import Task
from tradewind.sdk.types import NOTSET, ArgNotSet
from tradewind.sdk.xcom_arg import ResolveMixin

if TYPE_CHECKING:
    from tradewind.sdk.dag import DAG


class Param:
    """A default and its JSON schema: `Param(5, type="integer", minimum=1)`. Without a default it must be given."""

    __slots__ = ("description", "schema", "source", "value")

    def __init__(
        self, default: Any = NOTSET, description: str | None = None, source: str | None = None, **kwargs: Any
    ) -> None:
        if default is not NOTSET:
            check_json(default)
        self.value = default
        self.description = description
        self.source = source
        self.schema: dict[str, Any] = kwargs.pop("schema") if "schema" in kwargs else kwargs

    @property
    def has_value(self) -> bool:
        return self.value is not NOTSET and self.value is not None

    def resolve(self, value: Any = NOTSET, suppress_exception: bool = False) -> Any:
        """The value (or the default) if it fits the schema; it becomes the param's value."""
        final = self.value if isinstance(value, ArgNotSet) else value
        if isinstance(final, ArgNotSet):
            if suppress_exception:
                return None
            raise ParamValidationError("No value passed and Param has no default value")
        try:
            check_json(final)
            check_schema(final, self.schema)
        except ParamValidationError:
            if suppress_exception:
                return None
            raise
        self.value = final
        return final

    def dump(self) -> dict[str, Any]:
        """Value, description and schema."""
        value = None if self.value is NOTSET else self.value
        return {"value": value, "description": self.description, "schema": self.schema, "source": self.source}

    serialize = dump

    def __copy__(self) -> Param:
        return Param(self.value, self.description, self.source, schema=self.schema)

    def __repr__(self) -> str:
        return f"Param({self.value!r})"


class ParamsDict(MutableMapping[str, Any]):
    """Params by name; reading gives values, setting checks them."""

    def __init__(self, dict_obj: Mapping[str, Any] | None = None, suppress_exception: bool = False) -> None:
        self.suppress_exception = suppress_exception
        items = dict_obj.raw() if isinstance(dict_obj, ParamsDict) else dict(dict_obj or {})
        self._params = {
            name: copy.copy(value) if isinstance(value, Param) else Param(value) for name, value in items.items()
        }

    def raw(self) -> dict[str, Param]:
        """The Param objects by name."""
        return dict(self._params)

    def get_param(self, key: str) -> Param:
        return self._params[key]

    def dump(self) -> dict[str, Any]:
        """Values by name, each checked against its schema."""
        return {name: self._checked(name, param) for name, param in self._params.items()}

    validate = dump

    def __getitem__(self, key: str) -> Any:
        return self._checked(key, self._params[key])

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, Param):
            self._params[key] = value
        elif key in self._params:
            self._checked(key, self._params[key], value)
        else:
            self._params[key] = Param(value)

    def __delitem__(self, key: str) -> None:
        del self._params[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __contains__(self, key: object) -> bool:
        return key in self._params

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ParamsDict):
            return self.dump() == other.dump()
        return self.dump() == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> ParamsDict:
        return ParamsDict(self, self.suppress_exception)

    def __deepcopy__(self, memo: Any) -> ParamsDict:
        return ParamsDict({name: copy.copy(param) for name, param in self._params.items()}, self.suppress_exception)

    def __repr__(self) -> str:
        return f"ParamsDict({self._params!r})"

    def _checked(self, name: str, param: Param, value: Any = NOTSET) -> Any:
        try:
            return param.resolve(value, self.suppress_exception)
        except ParamValidationError as error:
            raise ParamValidationError(f"Invalid input for param {name}: {error}") from None


class DagParam(ResolveMixin):
    """An argument of an `@dag` function, or `dag.param(name)`: the run's value of a param."""

    def __init__(self, current_dag: DAG, name: str, default: Any = NOTSET) -> None:
        if default is not NOTSET and name not in current_dag.params:
            current_dag.params[name] = default
        self.dag, self.name, self.default = current_dag, name, default

    def iter_references(self) -> Iterator[tuple[Task, str]]:
        return iter(())

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value in a run's conf, else in its params, else the default."""
        run = context.get("dag_run")
        given = getattr(run, "conf", None) or {}
        if self.name in given:
            return given[self.name]
        params = context.get("params", {})
        if self.name in params:
            return params[self.name]
        if self.default is not NOTSET:
            return self.default
        raise ParamValidationError(
            f"Dag {self.dag.dag_id!r} needs a value for its param {self.name!r}; give it in conf."
        )

    def __str__(self) -> str:
        return f"{{{{ params[{self.name!r}] }}}}"

    def __repr__(self) -> str:
        return f"DagParam({self.name!r})"


def check_json(value: Any) -> None:
    """Raise unless the value can be stored as JSON."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        raise ParamValidationError(
            f"All provided parameters must be json-serializable; {value!r} ({type(value).__name__}) is not."
        ) from None


def check_schema(value: Any, schema: Mapping[str, Any]) -> None:
    """Raise unless the value fits the JSON schema."""
    if not schema:
        return
    import jsonschema  # type: ignore[import-untyped]

    try:
        jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)
    except jsonschema.ValidationError as error:
        raise ParamValidationError(error.message) from None


def _has_valid_default(param: Param) -> bool:
    try:
        copy.copy(param).resolve()
    except ParamValidationError:
        return False
    return True


def process_params(dag: DAG, task: Any, run_conf: Mapping[str, Any] | None, *, suppress_exception: bool) -> ParamsDict:
    """The params of one task in one run: the Dag's, then the task's own, then the run's conf; checked."""
    from tradewind.sdk.configuration import conf

    own = task.params.raw() if task is not None else {}
    if getattr(task, "asks_for_params", False):
        own = {name: param for name, param in own.items() if _has_valid_default(param)}
    merged = {**dag.params.raw(), **own}
    params = ParamsDict({name: copy.copy(param) for name, param in merged.items()}, suppress_exception)
    if run_conf and conf.getboolean("core", "dag_run_conf_overrides_params"):
        for name, value in run_conf.items():
            params[name] = value
    params.validate()
    return params
