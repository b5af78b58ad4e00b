"""BaseSensorOperator: a task that looks again and again until something is true."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferralError,
    TaskDeferralTimeout,
)
from tradewind.sdk.operator import BaseOperator, describe


@dataclass
class PokeReturnValue:
    """What `poke` may return: whether it is done, and the value to leave for other tasks."""

    is_done: bool
    xcom_value: Any = None

    def __bool__(self) -> bool:
        return self.is_done


class BaseSensorOperator(BaseOperator):
    """Subclasses implement `poke(context)`. In mode `reschedule` it frees its slot between two looks."""

    ui_color = "#e6f1f2"
    valid_modes = ("poke", "reschedule")
    is_sensor = True

    def __init__(
        self,
        *,
        poke_interval: timedelta | float = 60,
        timeout: timedelta | float | None = None,
        soft_fail: bool = False,
        mode: str = "poke",
        exponential_backoff: bool = False,
        max_wait: timedelta | float | None = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = describe(self.task_id, self._dag)
        if soft_fail and never_fail:
            raise ValueError(f"{where}: soft_fail and never_fail are mutually exclusive; give one of them.")
        if mode not in self.valid_modes:
            raise AirflowException(f"{where}: mode is {mode!r}; it must be 'poke' or 'reschedule'.")
        self.poke_interval = _seconds(poke_interval, "poke_interval", where)
        default = conf.getfloat("sensors", "default_timeout")
        self.timeout = _seconds(default if timeout is None else timeout, "timeout", where)
        self._timeout_given = timeout is not None
        self.max_wait = None if max_wait is None else _seconds(max_wait, "max_wait", where)
        self.soft_fail, self.never_fail, self.silent_fail = soft_fail, never_fail, silent_fail
        self.mode, self.exponential_backoff = mode, exponential_backoff

    @property
    def reschedule(self) -> bool:
        return self.mode == "reschedule"

    @property
    def deferral_timeout(self) -> timedelta:
        """How long a deferred sensor waits for its trigger."""
        return timedelta(seconds=self.timeout)

    def poke(self, context: Any) -> bool | PokeReturnValue:
        """Whether what it waits for has come."""
        raise NotImplementedError(f"{type(self).__name__} has no poke(context) method.")

    def execute(self, context: Any) -> Any:
        started = self._started(context)
        began = time.monotonic() - max(0.0, (_now() - started).total_seconds())
        looks = self._looks_before(context, started)
        while True:
            looks += 1
            done = self._look(context)
            if done:
                self.log.info("Success criteria met. Exiting.")
                return done.xcom_value if isinstance(done, PokeReturnValue) else None
            run_for = time.monotonic() - began
            if run_for > self.timeout:
                message = (
                    f"Sensor has timed out; run duration of {run_for} seconds exceeds the specified timeout of "
                    f"{self.timeout}."
                )
                raise AirflowSkipException(message) if self.soft_fail else AirflowSensorTimeout(message)
            wait = self._wait_seconds(context, looks, started, self.timeout - run_for)
            if self.reschedule:
                raise AirflowRescheduleException(_now() + timedelta(seconds=wait))
            time.sleep(wait)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout as error:
            raise (AirflowSkipException if self.soft_fail else AirflowSensorTimeout)(str(error)) from error
        except (AirflowException, TaskDeferralError) as error:
            if self.soft_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def _look(self, context: Any) -> bool | PokeReturnValue:
        try:
            return self.poke(context)
        except AirflowSkipException:
            raise
        except AirflowSensorTimeout as error:
            if self.soft_fail:
                raise AirflowSkipException("Skipping due to soft_fail is set to True.") from error
            raise
        except (AirflowTaskTimeout, AirflowFailException) as error:
            if self.soft_fail:
                raise AirflowSkipException("Skipping due to soft_fail is set to True.") from error
            if self.never_fail and isinstance(error, Exception):
                raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
            raise
        except Exception as error:
            if self.silent_fail:
                self.log.exception("Sensor poke failed; looking again later")
                return False
            if self.never_fail:
                raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
            raise

    def _started(self, context: Any) -> datetime:
        """When the first look was; in mode reschedule that may have been in an earlier process."""
        instance = context.get("ti")
        if self.reschedule and hasattr(instance, "get_first_reschedule_date"):
            first: datetime | None = instance.get_first_reschedule_date(context)
            return first or _now()
        return _now()

    def _looks_before(self, context: Any, started: datetime) -> int:
        """With back-off in mode reschedule: how many looks fit into the time that has passed."""
        if not (self.reschedule and self.exponential_backoff):
            return 0
        passed, total, looks = (_now() - started).total_seconds(), 0.0, 0
        while passed - total > 1 and looks < 10_000:
            looks += 1
            total += self._wait_seconds(context, looks, started, self.timeout)
        return looks

    def _wait_seconds(self, context: Any, looks: int, started: datetime, left: float) -> float:
        if not self.exponential_backoff:
            return self.poke_interval
        least = max(1, int(self.poke_interval * 2 ** (min(looks, 60) - 2)))
        text = f"{self.dag_id}#{self.task_id}#{started}#{looks}"
        jitter = int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16) % least
        wait = min(float(least + jitter), max(left, 0.0) + 1)
        return min(wait, self.max_wait) if self.max_wait is not None else wait


def defers(deferrable: bool | None, *, triggers: str) -> bool:
    """Whether a sensor defers: what its author says, else the setting. If so, the module with its trigger is imported
    now, once in the code host; it brings asyncio, which nobody else needs."""
    default = conf.getboolean("operators", "default_deferrable", fallback=False)
    found = default if deferrable is None else bool(deferrable)
    if found:
        import_module(f"tradewind.sdk.triggers.{triggers}")
    return found


def poke_mode_only(cls: type) -> type:
    """For sensors that keep something between two looks: their mode is always `poke`."""

    def mode(self: Any) -> str:
        return "poke"

    def refuse(self: Any, value: str) -> None:
        if value != "poke":
            raise ValueError(f"Cannot set mode to {value!r}; {cls.__name__} can only be used in mode 'poke'.")

    cls.mode = property(mode, refuse)  # type: ignore[attr-defined]
    return cls


def _seconds(value: timedelta | float, name: str, where: str) -> float:
    found: Any = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(found, bool) or not isinstance(found, (int, float)) or found < 0:
        raise AirflowException(
            f"{where}: {name} must be a non-negative number of seconds or a timedelta, not {value!r}."
        )
    return found


def _now() -> datetime:
    return datetime.now(UTC)
