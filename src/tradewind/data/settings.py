"""Where data live and how much of the machine one task may use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tradewind.data.problems import BadSetting


@dataclass(frozen=True)
class DataSettings:
    """Folders and limits; `from_env` reads them from the environment."""

    root: Path = Path("data")
    """The folder of `raw`, `processed` and `logs`."""
    chunk_size: int = 10_000
    """Rows at a time."""
    max_workers: int = 4
    """Threads of one task."""
    memory_limit_gb: float = 4.0
    """What one task's data may take, in 10⁹ bytes."""

    def __post_init__(self) -> None:
        require_whole("chunk_size", self.chunk_size)
        require_whole("max_workers", self.max_workers)
        require_positive("memory_limit_gb", self.memory_limit_gb)

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> DataSettings:
        """Settings from TRADEWIND_DATA, CHUNK_SIZE, MAX_WORKERS and MEMORY_LIMIT_GB."""
        return cls(
            root=Path(env.get("TRADEWIND_DATA") or "data").expanduser().absolute(),
            chunk_size=int(_number(env, "CHUNK_SIZE", 10_000, whole=True)),
            max_workers=int(_number(env, "MAX_WORKERS", 4, whole=True)),
            memory_limit_gb=_number(env, "MEMORY_LIMIT_GB", 4.0, whole=False),
        )

    @property
    def raw(self) -> Path:
        """Inputs as they came."""
        return self.root / "raw"

    @property
    def processed(self) -> Path:
        """What pipelines made."""
        return self.root / "processed"

    @property
    def logs(self) -> Path:
        """Logs and reports of data tasks."""
        return self.root / "logs"


def require_whole(name: str, value: object) -> None:
    """Raise `BadSetting` unless `value` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadSetting(f"{name} must be a whole number of at least 1, not {value!r}.")


def require_positive(name: str, value: object) -> None:
    """Raise `BadSetting` unless `value` is a number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise BadSetting(f"{name} must be a number above 0, not {value!r}.")


def _number(env: Mapping[str, str], name: str, default: float, *, whole: bool) -> float:
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        kind = "a whole number of at least 1" if whole else "a number above 0"
        raise BadSetting(f"The environment variable {name} must be {kind}, not {text!r}.")
    return value
