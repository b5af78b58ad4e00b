"""Variable: named text that an installation keeps for its Dags. The environment goes first, then the engine."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from tradewind.sdk.exceptions import AirflowNotFoundException
from tradewind.sdk.execution.masking import mask_secret, masker
from tradewind.sdk.execution.runtime import current_runtime
from tradewind.sdk.types import NOTSET

ENV_PREFIXES = ("TRADEWIND_VAR_", "AIRFLOW_VAR_")


class VariableNotFound(AirflowNotFoundException, KeyError):
    """No variable of this name, and no default was given."""

    __str__ = Exception.__str__

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Variable {key!r} does not exist; create it (`tradewind variables set {key} VALUE`) or give a default."
        )
        self.key = key


class Variable:
    """A variable as a value; `Variable.get("name")` is what Dags use."""

    def __init__(
        self, key: str | None = None, val: Any = None, description: str | None = None, *, value: Any = None
    ) -> None:
        self.key, self.description = key, description
        self.value = value if value is not None else val

    @property
    def val(self) -> Any:
        return self.value

    def get_val(self) -> Any:
        return self.value

    def __repr__(self) -> str:
        return f"Variable({self.key!r})"

    @classmethod
    def get(
        cls, key: str, default: Any = NOTSET, deserialize_json: bool = False, *, default_var: Any = NOTSET, **_: Any
    ) -> Any:
        """The variable's text, or the value that its JSON stands for. A missing one is the default, as given (it may
        be called `default_var`); without a default it raises VariableNotFound, which is a KeyError."""
        text = cls.get_variable_from_secrets(key)
        if text is None:
            fallback = default if default is not NOTSET else default_var
            if fallback is NOTSET:
                raise VariableNotFound(key)
            return fallback
        if not deserialize_json:
            mask_secret(text, key)
            return text
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ValueError(f"Variable {key!r} is not valid JSON ({error}); correct it or read it as text.") from None
        mask_secret(value, key)
        return value

    @classmethod
    def set(cls, key: str, value: Any, description: str | None = None, serialize_json: bool = False, **_: Any) -> None:
        """Create or replace a variable."""
        text = json.dumps(value, indent=2) if serialize_json else str(value)
        if masker().is_sensitive(key):
            mask_secret(text)
        extra = {"description": description} if description is not None else {}
        current_runtime().request("variable.set", key=key, value=text, **extra)

    @classmethod
    def update(cls, key: str, value: Any, serialize_json: bool = False, **_: Any) -> None:
        """Replace a variable that exists; KeyError when it does not."""
        if cls.get_variable_from_secrets(key) is None:
            raise VariableNotFound(key)
        cls.set(key, value, serialize_json=serialize_json)

    @classmethod
    def setdefault(cls, key: str, default: Any, description: str | None = None, deserialize_json: bool = False) -> Any:
        """The variable; created with `default` when it does not exist."""
        found = cls.get(key, None, deserialize_json)
        if found is not None:
            return found
        if default is None:
            raise ValueError(f"Variable.setdefault({key!r}, None): give a default to set.")
        cls.set(key, default, description, serialize_json=deserialize_json)
        return default

    @classmethod
    def delete(cls, key: str, **_: Any) -> int:
        """Remove a variable; how many were removed (0 or 1)."""
        return int(bool(current_runtime().request("variable.delete", key=key)))

    @classmethod
    def keys(cls, prefix: str | None = None) -> Sequence[str]:
        """Names of the variables that the engine keeps, sorted; those of the environment are not listed."""
        extra = {"prefix": prefix} if prefix is not None else {}
        return list(current_runtime().request("variable.keys", **extra))

    @staticmethod
    def get_variable_from_secrets(key: str, **_: Any) -> str | None:
        """The variable's text, or None."""
        for prefix in ENV_PREFIXES:
            if (text := os.environ.get(prefix + key.upper())) is not None:
                return text
        found = current_runtime().request("variable.get", key=key)
        return None if found is None else str(found)
