"""What Dag code raises and catches, under Airflow's names; what is ours to raise is a TradewindError."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from tradewind.core.errors import TradewindError


class AirflowException(TradewindError):
    """Base of everything that a task may raise to fail on purpose."""

    status_code = 500

    def serialize(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        cls = type(self)
        return f"{cls.__module__}.{cls.__name__}", (str(self),), {}


class AirflowBadRequest(AirflowException):
    status_code = 400


class AirflowNotFoundException(AirflowException):
    status_code = 404


class AirflowConfigException(AirflowException):
    """A configuration value is missing or cannot be read."""


class AirflowTimetableInvalid(AirflowException):
    """A schedule cannot be understood."""


class AirflowInternalRuntimeError(BaseException):
    """Author code asked for something that only the engine may do."""


# --- how a task ends ---------------------------------------------------------------------------------------------


class AirflowSkipException(AirflowException):
    """The task is skipped."""


class AirflowFailException(AirflowException):
    """The task fails, and is not tried again."""


class AirflowSensorTimeout(AirflowException):
    """A sensor's condition did not come true in time; not tried again."""


class AirflowTaskTimeout(BaseException):
    """The task ran longer than its execution_timeout."""


class AirflowTaskTerminated(BaseException):
    """The task was asked to stop."""


class AirflowRescheduleException(AirflowException):
    """Free the slot and start this task again at `reschedule_date`."""

    def __init__(self, reschedule_date: Any) -> None:
        super().__init__(f"Rescheduled for {reschedule_date}.")
        self.reschedule_date = reschedule_date

    def serialize(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        cls = type(self)
        return f"{cls.__module__}.{cls.__name__}", (), {"reschedule_date": self.reschedule_date}


class TaskDeferred(BaseException):
    """Free the slot until `trigger` fires, then go on in `method_name`."""

    def __init__(
        self, *, trigger: Any, method_name: str, kwargs: dict[str, Any] | None = None, timeout: Any = None
    ) -> None:
        super().__init__()
        if timeout is not None and not hasattr(timeout, "total_seconds"):
            raise ValueError(f"Timeout value must be a timedelta, not {type(timeout).__name__}")
        self.trigger, self.method_name, self.kwargs, self.timeout = trigger, method_name, kwargs, timeout

    def serialize(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        cls = type(self)
        fields = {
            "trigger": self.trigger, "method_name": self.method_name, "kwargs": self.kwargs, "timeout": self.timeout
        }  # fmt: skip
        return f"{cls.__module__}.{cls.__name__}", (), fields

    def __repr__(self) -> str:
        return f"<TaskDeferred trigger={self.trigger} method={self.method_name}>"


class TaskAwaitingInput(BaseException):
    """Wait for a person's answer, then go on in `method_name`."""

    def __init__(self, *, method_name: str, kwargs: dict[str, Any] | None = None, timeout: Any = None) -> None:
        super().__init__()
        self.method_name, self.kwargs, self.timeout = method_name, kwargs, timeout

    def serialize(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        cls = type(self)
        fields = {"method_name": self.method_name, "kwargs": self.kwargs, "timeout": self.timeout}
        return f"{cls.__module__}.{cls.__qualname__}", (), fields

    def __repr__(self) -> str:
        return f"<TaskAwaitingInput method={self.method_name}>"


class HITLTriggerEventError(Exception):
    """A question came to an end without an answer."""


class HITLTimeoutError(HITLTriggerEventError):
    """Nobody answered a question within its response_timeout, and it has no defaults."""


class HITLRejectException(AirflowException):
    """Somebody rejected what an ApprovalOperator with fail_on_reject asked for."""


class TaskDeferralError(AirflowException):
    """The trigger of a deferred task failed."""


class TaskDeferralTimeout(AirflowException):
    """The trigger of a deferred task did not fire in time."""


class DownstreamTasksSkipped(AirflowException):
    """The task succeeds and the named downstream tasks are skipped."""

    def __init__(self, *, tasks: Sequence[str | tuple[str, int]]) -> None:
        super().__init__(f"Skips {len(tasks)} downstream tasks.")
        self.tasks = tasks


class DagRunTriggerException(AirflowException):
    """A task asks for a run of another Dag."""

    def __init__(
        self, *, trigger_dag_id: str, dag_run_id: str | None, conf: dict[str, Any] | None, logical_date: Any = None,
        run_after: Any = None, reset_dag_run: bool = False, skip_when_already_exists: bool = False,
        wait_for_completion: bool = False, allowed_states: Sequence[str] = (), failed_states: Sequence[str] = (),
        poke_interval: int = 60, deferrable: bool = False, note: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(f"Asks for a run of Dag {trigger_dag_id!r}.")
        self.trigger_dag_id, self.dag_run_id, self.conf = trigger_dag_id, dag_run_id, conf
        self.logical_date, self.run_after, self.reset_dag_run = logical_date, run_after, reset_dag_run
        self.skip_when_already_exists, self.wait_for_completion = skip_when_already_exists, wait_for_completion
        self.allowed_states, self.failed_states = allowed_states, failed_states
        self.poke_interval, self.deferrable, self.note = poke_interval, deferrable, note


class AirflowInactiveAssetInInletOrOutletException(AirflowFailException):
    """A task names an asset that is not active."""

    def __init__(self, inactive_asset_keys: Collection[Any]) -> None:
        super().__init__(f"Inactive assets: {', '.join(map(str, inactive_asset_keys))}; let an active Dag use them.")
        self.inactive_asset_keys = inactive_asset_keys


# --- what is wrong with a Dag ------------------------------------------------------------------------------------


class AirflowDagCycleException(AirflowException):
    """The tasks of a Dag wait for each other in a circle."""


class AirflowDagDuplicatedIdException(AirflowException):
    """Two files define the same Dag."""

    def __init__(self, dag_id: str, incoming: str, existing: str) -> None:
        super().__init__(f"Dag {dag_id!r} in {incoming} is also defined in {existing}; rename one of them.")
        self.dag_id, self.incoming, self.existing = dag_id, incoming, existing


class AirflowDagInconsistent(AirflowException):
    """Parts of a Dag contradict each other."""


class DuplicateTaskIdFound(AirflowException):
    """Two tasks or groups of one Dag have the same id."""


class TaskAlreadyInTaskGroup(AirflowException):
    """A task was put into a second group."""

    def __init__(self, task_id: str, existing_group_id: str | None, new_group_id: str) -> None:
        where = f"group {existing_group_id!r}" if existing_group_id else "the Dag itself"
        super().__init__(f"Task {task_id!r} belongs to {where} and cannot be added to group {new_group_id!r}.")
        self.task_id, self.existing_group_id, self.new_group_id = task_id, existing_group_id, new_group_id


class TaskNotFound(AirflowNotFoundException):
    """No task of this name."""


class NodeNotFound(TaskNotFound, KeyError):
    """No task or group of this name."""

    __str__ = Exception.__str__


class FailFastDagInvalidTriggerRule(AirflowException):
    """A Dag with fail_fast has a task whose trigger rule waits for failures."""

    _allowed = ("all_success", "all_done_setup_success")

    @classmethod
    def check(cls, *, fail_fast: bool, trigger_rule: str) -> None:
        """Raise unless this rule makes sense in a Dag with this `fail_fast`."""
        if fail_fast and str(trigger_rule) not in cls._allowed:
            raise cls(f"trigger rule {str(trigger_rule)!r} needs fail_fast=False; with it only all_success is allowed.")


FailStopDagInvalidTriggerRule = FailFastDagInvalidTriggerRule


class ParamValidationError(AirflowException, ValueError):
    """A param's value does not fit its schema."""


class DagInvalid(AirflowException):
    """A Dag or one of its tasks cannot be scheduled as written; the text names both."""


# --- what was not found, or is there already ----------------------------------------------------------------------


class DagNotFound(AirflowNotFoundException):
    """No Dag of this name."""


class DagCodeNotFound(AirflowNotFoundException):
    """The source of a Dag is not stored."""


class DagRunNotFound(AirflowNotFoundException):
    """No run of this name."""


class DagRunAlreadyExists(AirflowBadRequest):
    """A run of this id or logical date exists."""

    def __init__(self, dag_run: Any, message: str = "") -> None:
        super().__init__(message or f"A run with this id or logical date exists already: {dag_run}.")
        self.dag_run = dag_run


class TaskInstanceNotFound(AirflowNotFoundException):
    """No such task instance."""


class PoolNotFound(AirflowNotFoundException):
    """No pool of this name."""


class XComNotFound(AirflowException):
    """A task did not leave the value that another one needs."""

    def __init__(self, dag_id: str, task_id: str, key: str) -> None:
        super().__init__(f"Task {task_id!r} of Dag {dag_id!r} left no XCom {key!r}; did it run and push it?")
        self.dag_id, self.task_id, self.key = dag_id, task_id, key


class XComForMappingNotPushed(TypeError):
    """A task that others expand over returned nothing."""


class UnmappableXComTypePushed(TypeError):
    """A task that others expand over returned something without a length."""

    def __init__(self, value: Any, *values: Any) -> None:
        super().__init__(f"unmappable return type {type(value).__qualname__!r}; return a list or a dict")


class UnmappableXComLengthPushed(TypeError):
    """A task that others expand over returned more elements than core.max_map_length."""

    def __init__(self, value: Any, max_length: int) -> None:
        super().__init__(f"unmappable return value length: {len(value)} > {max_length}")
        self.value, self.max_length = value, max_length


class NotMapped(Exception):
    """The task is not mapped."""


class ConnectionNotUnique(AirflowException):
    """Two definitions of one connection."""


class VariableNotUnique(AirflowException):
    """Two definitions of one variable."""


class AirflowSecretsBackendAccessDenied(PermissionError):
    """A secrets backend refused."""


class AirflowOptionalProviderFeatureException(AirflowException):
    """A feature needs a package that is not installed."""


class AirflowClusterPolicyViolation(AirflowException):
    """A cluster policy refuses this Dag or task."""


class AirflowClusterPolicySkipDag(AirflowException):
    """A cluster policy leaves this Dag out."""


class AirflowClusterPolicyError(AirflowException):
    """A cluster policy failed."""


class AirflowClearRunningTaskException(AirflowException):
    """A running task cannot be cleared."""


class DagRunTypeNotAllowed(AirflowException):
    """The Dag allows no runs of this type."""


class DagNotPartitionedError(ValueError):
    """The Dag has no partitions."""


class InvalidPartitionKeyError(ValueError):
    """A partition key does not fit."""


class FileSyntaxError(NamedTuple):
    """One problem in a file."""

    line_no: int | None
    message: str


class AirflowFileParseException(AirflowException):
    """A file of variables or connections cannot be read."""

    def __init__(self, msg: str, file_path: str, parse_errors: Iterable[FileSyntaxError]) -> None:
        self.file_path, self.parse_errors = file_path, list(parse_errors)
        where = "; ".join(f"line {error.line_no}: {error.message}" for error in self.parse_errors)
        super().__init__(f"{msg} ({file_path}: {where})")


class AirflowUnsupportedFileTypeException(AirflowException):
    """A file has an ending that nobody reads."""


class DeserializingResultError(ValueError):
    """The result of a task in another Python cannot be read back."""


class SerializationError(AirflowException):
    """Something in a Dag cannot be stored."""


class DeserializationError(Exception):
    """Something stored cannot be read back."""

    def __init__(self, dag_id: str | None = None, message: str | None = None) -> None:
        super().__init__(message or f"Dag {dag_id!r} cannot be read back.")
        self.dag_id = dag_id


class InvalidStatsNameException(AirflowException):
    """A metric has a name that its backend refuses."""


class UnknownExecutorException(ValueError):
    """No executor of this name."""


class TaskAlreadyRunningError(AirflowException):
    """This task instance runs elsewhere."""


class ErrorType(enum.Enum):
    """What an AirflowRuntimeError is about."""

    CONNECTION_NOT_FOUND = "CONNECTION_NOT_FOUND"
    VARIABLE_NOT_FOUND = "VARIABLE_NOT_FOUND"
    XCOM_NOT_FOUND = "XCOM_NOT_FOUND"
    ASSET_NOT_FOUND = "ASSET_NOT_FOUND"
    DAGRUN_ALREADY_EXISTS = "DAGRUN_ALREADY_EXISTS"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    GENERIC_ERROR = "GENERIC_ERROR"


class AirflowRuntimeError(Exception):
    """The engine answered a task's request with an error."""

    def __init__(self, error: Any) -> None:
        super().__init__(f"{getattr(error, 'error', error)}: {getattr(error, 'detail', '')}".rstrip(": "))
        self.error = error


class RemovedInAirflow3Warning(DeprecationWarning):
    """Said by code of the 2.x generation."""

    deprecated_since: str | None = None


class RemovedInAirflow4Warning(DeprecationWarning):
    """Said by code of the 3.x generation."""

    deprecated_since: str | None = None


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """Said by providers."""

    deprecated_provider_since: str | None = None


class AirflowExternalTaskSensorException(AirflowException):
    """A watched task or Dag of another Dag did not come to the wished end."""


class DuplicateStateError(AirflowExternalTaskSensorException, ValueError):
    """A state stands in several of allowed_states, skipped_states and failed_states."""


class ExternalDagNotFoundError(AirflowExternalTaskSensorException):
    """The watched Dag does not exist."""


class ExternalTaskNotFoundError(AirflowExternalTaskSensorException):
    """The watched task does not exist."""


class ExternalTaskGroupNotFoundError(AirflowExternalTaskSensorException):
    """The watched group does not exist."""


class ExternalDagFailedError(AirflowExternalTaskSensorException):
    """The watched run failed."""


class ExternalTaskFailedError(AirflowExternalTaskSensorException):
    """The watched task failed."""


class ExternalTaskGroupFailedError(AirflowExternalTaskSensorException):
    """A task of the watched group failed."""


class ExternalDagDeletedError(AirflowExternalTaskSensorException):
    """The watched Dag was deleted."""
