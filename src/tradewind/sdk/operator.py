"""BaseOperator: one task as its author describes it, and the base of every operator class."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from tradewind.sdk import values
from tradewind.sdk.arguments import OperatorMeta, Surroundings, surroundings
from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import (
    AirflowException,
    FailFastDagInvalidTriggerRule,
    TaskDeferralError,
    TaskDeferralTimeout,
    TaskDeferred,
)
from tradewind.sdk.execution.notes import logger_name_of
from tradewind.sdk.node import Task, validate_key
from tradewind.sdk.templated import Templated
from tradewind.sdk.timezone import aware
from tradewind.sdk.types import NOTSET, TRIGGER_FAIL_REPR, TriggerFailureReason, TriggerRule, trigger_rule
from tradewind.sdk.weights import checked_weight_rule
from tradewind.sdk.xcom_arg import XCOM_RETURN_KEY, references

if TYPE_CHECKING:
    from tradewind.sdk.dag import DAG
    from tradewind.sdk.mapped import OperatorPartial
    from tradewind.sdk.retry_policy import RetryPolicy
    from tradewind.sdk.task_group import TaskGroup

DEFAULT_POOL = "default_pool"
_CALLBACKS = ("on_execute", "on_failure", "on_success", "on_retry", "on_skipped")


class BaseOperator(Task, Templated, metaclass=OperatorMeta):
    """One task. Subclasses set `template_fields` and implement `execute(context)`; its return value is the XCom."""

    template_fields: Collection[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {}
    overwrite_rtif_after_execution: bool = False
    """`execute` sets template fields itself: those shown are as they are after it."""
    start_from_trigger: bool = False
    """Begin by deferring with `start_trigger_args`, without `execute`."""
    start_trigger_args: Any = None
    """A StartTriggerArgs."""
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"
    shallow_copy_attrs: Sequence[str] = ()
    operator_extra_links: Collection[Any] = ()
    is_mapped: ClassVar[bool] = False
    inherits_from_empty_operator: ClassVar[bool] = False
    ignored_arguments: ClassVar[Mapping[str, str]] = {}
    """Arguments of an older generation that this class accepts, and what to tell the author about each."""

    def __init__(
        self,
        *,
        task_id: str,
        owner: str | None = None,
        email: str | Sequence[str] | None = None,
        email_on_retry: bool | None = None,
        email_on_failure: bool | None = None,
        retries: int | None = None,
        retry_delay: timedelta | float | None = None,
        retry_exponential_backoff: float | bool = 0,
        max_retry_delay: timedelta | float | None = None,
        retry_policy: RetryPolicy | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        depends_on_past: bool = False,
        ignore_first_depends_on_past: bool | None = None,
        wait_for_past_depends_before_skipping: bool = False,
        wait_for_downstream: bool = False,
        dag: DAG | None = None,
        params: MutableMapping[str, Any] | None = None,
        default_args: dict[str, Any] | None = None,
        priority_weight: int = 1,
        weight_rule: Any = None,
        queue: str | None = None,
        pool: str | None = None,
        pool_slots: int = 1,
        sla: timedelta | None = None,
        execution_timeout: timedelta | None = None,
        on_execute_callback: Any = None,
        on_failure_callback: Any = None,
        on_success_callback: Any = None,
        on_retry_callback: Any = None,
        on_skipped_callback: Any = None,
        pre_execute: Callable[[Any], None] | None = None,
        post_execute: Callable[[Any, Any], None] | None = None,
        trigger_rule: str = TriggerRule.ALL_SUCCESS,
        resources: dict[str, Any] | None = None,
        run_as_user: str | None = None,
        task_concurrency: int | None = None,
        map_index_template: str | None = None,
        max_active_tis_per_dag: int | None = None,
        max_active_tis_per_dagrun: int | None = None,
        executor: str | None = None,
        executor_config: dict[str, Any] | None = None,
        do_xcom_push: bool = True,
        multiple_outputs: bool = False,
        inlets: Any = None,
        outlets: Any = None,
        task_group: TaskGroup | None = None,
        doc: str | None = None,
        doc_md: str | None = None,
        doc_json: str | None = None,
        doc_yaml: str | None = None,
        doc_rst: str | None = None,
        task_display_name: str | None = None,
        logger_name: str | None = None,
        allow_nested_operators: bool = True,
        render_template_as_native_obj: bool | None = None,
        isolation: str | None = None,
        lost_policy: str | None = None,
        **kwargs: Any,
    ) -> None:
        given: Surroundings = self.__dict__.get("_surroundings") or surroundings({"dag": dag, "task_group": task_group})
        self.task_group = given.group
        validate_key(task_id, "The task_id")
        self.task_id = task_id if given.detached or given.group is None else given.group.child_id(task_id)
        where = describe(self.task_id, given.dag)
        self.notices: list[str] = []
        self._refuse(kwargs, where)
        self.upstream_task_ids, self.downstream_task_ids = set(), set()

        self.owner = owner or conf.get("operators", "default_owner")
        self.email = email
        self.email_on_retry = _setting(email_on_retry, "email", "default_email_on_retry")
        self.email_on_failure = _setting(email_on_failure, "email", "default_email_on_failure")

        self.retries = values.whole(
            conf.getint("core", "default_task_retries") if retries is None else retries, "retries", where, at_least=0
        )
        self.retry_delay = values.duration(
            conf.getint("core", "default_task_retry_delay") if retry_delay is None else retry_delay,
            "retry_delay", where,
        )  # fmt: skip
        self.retry_exponential_backoff = values.backoff(retry_exponential_backoff, where)
        self.max_retry_delay = values.duration(max_retry_delay, "max_retry_delay", where)
        self.retry_policy = retry_policy
        if execution_timeout is not None and not isinstance(execution_timeout, timedelta):
            raise ValueError(
                f"{where}: 'execution_timeout' must be a timedelta, not {type(execution_timeout).__name__}."
            )
        self.execution_timeout = execution_timeout or conf.gettimedelta("core", "default_task_execution_timeout")

        zone = given.dag.timezone if given.dag is not None else None
        self.start_date, self.end_date = aware(start_date, zone), aware(end_date, zone)
        self.depends_on_past = bool(depends_on_past or wait_for_downstream)
        self.ignore_first_depends_on_past = _setting(
            ignore_first_depends_on_past, "scheduler", "ignore_first_depends_on_past_by_default"
        )
        self.wait_for_past_depends_before_skipping = wait_for_past_depends_before_skipping
        self.wait_for_downstream = wait_for_downstream
        self.trigger_rule = self._checked_rule(trigger_rule, given.dag, where)

        self.priority_weight = values.whole(priority_weight, "priority_weight", where)
        self.weight_rule = checked_weight_rule(weight_rule, where)
        self.queue = queue or conf.get("operators", "default_queue")
        self.pool = pool or DEFAULT_POOL
        self.pool_slots = values.whole(pool_slots, "pool_slots", where, at_least=1)
        if task_concurrency is not None:
            self.notices.append(f"{where}: task_concurrency= is now called max_active_tis_per_dag=.")
            max_active_tis_per_dag = max_active_tis_per_dag or task_concurrency
        self.max_active_tis_per_dag = values.optional_whole(max_active_tis_per_dag, "max_active_tis_per_dag", where)
        self.max_active_tis_per_dagrun = values.optional_whole(
            max_active_tis_per_dagrun, "max_active_tis_per_dagrun", where
        )
        if sla is not None and (given.dag is None or given.dag.generation >= 3):
            self.notices.append(f"{where}: sla= is accepted and ignored; deadline= of the Dag tells of a late run.")
        self.sla = values.duration(sla, "sla", where)

        self.on_execute_callback = on_execute_callback
        self.on_failure_callback = on_failure_callback
        self.on_success_callback = on_success_callback
        self.on_retry_callback = on_retry_callback
        self.on_skipped_callback = on_skipped_callback
        self._pre_execute_hook, self._post_execute_hook = pre_execute, post_execute

        from tradewind.sdk.params import ParamsDict

        self.params = ParamsDict({**(given.dag.params.raw() if given.dag is not None else {}), **(_raw(params))})
        self.own_params = tuple(sorted(_raw(params)))
        self.resources, self.run_as_user = resources, run_as_user
        self.map_index_template, self.executor = map_index_template, executor
        self.executor_config = dict(executor_config or {})
        self.isolation = isolation or self.executor_config.get("isolation")
        self.lost_policy = lost_policy or self.executor_config.get("lost_policy") or "default"
        if self.isolation not in (None, "fork", "spawn", "reuse"):
            raise ValueError(f"{where}: isolation is {self.isolation!r}; it must be 'fork', 'spawn' or 'reuse'.")
        if self.lost_policy not in ("default", "retry", "fail"):
            raise ValueError(f"{where}: lost_policy is {self.lost_policy!r}; it must be 'retry' or 'fail'.")
        self.do_xcom_push, self.multiple_outputs = do_xcom_push, multiple_outputs
        self.inlets, self.outlets = values.listed(inlets), values.listed(outlets)
        self.doc, self.doc_md, self.doc_json, self.doc_yaml, self.doc_rst = doc, doc_md, doc_json, doc_yaml, doc_rst
        self._task_display_name = task_display_name
        self._logger_name = logger_name
        self.allow_nested_operators = allow_nested_operators
        self.render_template_as_native_obj = render_template_as_native_obj

        if given.detached:
            self._dag = given.dag
        elif given.dag is not None:
            given.dag.add_task(self)

    # --- as others see it -----------------------------------------------------------------------------------------

    @property
    def task_type(self) -> str:
        """The class name."""
        return type(self).__name__

    @property
    def operator_name(self) -> str:
        """The class name, or how a decorator is written, as `@task`."""
        return getattr(type(self), "custom_operator_name", None) or self.task_type

    @property
    def task_display_name(self) -> str:
        return self._task_display_name or self.task_id

    @property
    def log(self) -> logging.Logger:
        """The task's logger; its lines go to the attempt's log."""
        return logging.getLogger(logger_name_of(self))

    logger = log

    def callbacks(self, event: str) -> list[Any]:
        """The callbacks of `on_execute`, `on_failure`, `on_success`, `on_retry` or `on_skipped`, as a list."""
        return values.callables(getattr(self, f"{event}_callback"))

    def callback_events(self) -> tuple[str, ...]:
        """Names of the events that it has callbacks for."""
        return tuple(event for event in _CALLBACKS if self.callbacks(event))

    def mail_events(self) -> tuple[str, ...]:
        """Of `email_on_failure`, `email_on_retry` and `email_sla_miss`, those for which somebody is to get a mail."""
        wanted = [name for name in ("email_on_failure", "email_on_retry") if self.email and getattr(self, name)]
        return (*wanted, *(["email_sla_miss"] if self.email and self.counted_sla is not None else []))

    @property
    def counted_sla(self) -> timedelta | None:
        """Its SLA, where that counts: in a Dag of Airflow 2, unless [core] check_slas is off."""
        counts = self.has_dag() and self.dag.generation < 3 and conf.getboolean("core", "check_slas", fallback=True)
        return self.sla if counts else None

    def add_inlets(self, inlets: Iterable[Any]) -> None:
        self.inlets.extend(inlets)

    def add_outlets(self, outlets: Iterable[Any]) -> None:
        self.outlets.extend(outlets)

    @classmethod
    def partial(cls, *, task_id: str, **kwargs: Any) -> OperatorPartial:
        """The arguments that all instances of a mapped task share; `.expand()` gives the others."""
        from tradewind.sdk.mapped import OperatorPartial

        return OperatorPartial(cls, {"task_id": task_id, **kwargs})

    # --- at run time ----------------------------------------------------------------------------------------------

    def pre_execute(self, context: Any) -> None:
        """Called before `execute`."""
        if self._pre_execute_hook is not None:
            self._pre_execute_hook(context)

    def execute(self, context: Any) -> Any:
        """Does the task's work and returns its result."""
        raise NotImplementedError(f"{type(self).__name__} has no execute(context) method.")

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Called after `execute` with its result."""
        if self._post_execute_hook is not None:
            self._post_execute_hook(context, result)

    def on_kill(self) -> None:
        """Called when the task is asked to stop: end what it started."""

    def defer(
        self, *, trigger: Any, method_name: str, kwargs: dict[str, Any] | None = None, timeout: timedelta | None = None
    ) -> NoReturn:
        """Free the slot until `trigger` fires; then `method_name` goes on."""
        raise TaskDeferred(trigger=trigger, method_name=method_name, kwargs=kwargs, timeout=timeout)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Go on where a deferred task left off, in `next_method`. Without an event from its trigger that is
        TRIGGER_FAIL_REPR, and this raises TaskDeferralTimeout or TaskDeferralError."""
        kwargs = next_kwargs or {}
        if next_method != TRIGGER_FAIL_REPR:
            return getattr(self, next_method)(context, **kwargs)
        trace = kwargs.get("traceback") or ""
        trace = trace if isinstance(trace, str) else "".join(trace)
        if trace:
            self.log.error("The trigger failed:\n%s", trace)
        error = kwargs.get("error", "Unknown")
        if error == TriggerFailureReason.TRIGGER_TIMEOUT:
            raise TaskDeferralTimeout(error)
        raise TaskDeferralError(": ".join(filter(None, (str(error), trace.strip().rpartition("\n")[2]))))

    @staticmethod
    def xcom_push(context: Any, key: str, value: Any, execution_date: Any = None) -> None:
        """Leave a value for other tasks."""
        context["ti"].xcom_push(key=key, value=value)

    @staticmethod
    def xcom_pull(
        context: Any, task_ids: Any = None, dag_id: str | None = None, key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool | None = None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """What other tasks left."""
        prior = bool(include_prior_dates)
        return context["ti"].xcom_pull(task_ids=task_ids, dag_id=dag_id, key=key, include_prior_dates=prior, **kwargs)

    def prepare_for_execution(self) -> BaseOperator:
        """A copy that rendering may change."""
        return copy.copy(self)

    # --- construction ---------------------------------------------------------------------------------------------

    def finish_construction(self) -> None:
        """Called once the outermost constructor is through: results among the arguments become upstream tasks."""
        where = self.__dict__.pop("_surroundings")
        if where.detached:
            return
        self.__dict__["_constructed"] = True
        for name in self.template_fields:
            if not hasattr(self, name):
                raise AttributeError(
                    f"{describe(self.task_id, self._dag)}: {self.task_type} names {name!r} in template_fields, "
                    "but sets no such attribute."
                )
        self.set_xcomargs_dependencies()

    def set_xcomargs_dependencies(self) -> None:
        """Wait for every task whose result stands in a template field."""
        for name in self.template_fields:
            self._wait_for(getattr(self, name, None))

    def _wait_for(self, value: Any) -> None:
        for upstream, _ in references(value):
            if upstream.task_id not in self.upstream_task_ids:
                self.set_upstream(upstream)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if "_constructed" in self.__dict__ and name in self.template_fields:
            self._wait_for(value)

    def _checked_rule(self, rule: Any, dag: DAG | None, where: str) -> TriggerRule:
        try:
            checked = trigger_rule(rule)
        except ValueError as error:
            raise AirflowException(f"{where}: {error}.") from None
        if dag is not None:
            try:
                FailFastDagInvalidTriggerRule.check(fail_fast=dag.fail_fast, trigger_rule=checked)
            except FailFastDagInvalidTriggerRule as error:
                raise FailFastDagInvalidTriggerRule(f"{where}: {error}") from None
        return checked

    def _refuse(self, kwargs: dict[str, Any], where: str) -> None:
        for name in [name for name in kwargs if name in self.ignored_arguments]:
            self.notices.append(f"{where}: {name}= {self.ignored_arguments[name]}")
            del kwargs[name]
        if kwargs:
            raise TypeError(
                f"Invalid arguments were passed to {self.task_type} ({where}): {', '.join(sorted(kwargs))}; "
                "correct the spelling or leave them out."
            )


def describe(task_id: str, dag: DAG | None) -> str:
    """A task as error messages name it."""
    return f"Task {task_id!r} of Dag {dag.dag_id!r}" if dag is not None else f"Task {task_id!r}"


def _setting(value: Any, section: str, key: str) -> bool:
    return conf.getboolean(section, key) if value is None or value is NOTSET else bool(value)


def _raw(params: Any) -> dict[str, Any]:
    return params.raw() if hasattr(params, "raw") else dict(params or {})


class BaseAsyncOperator(BaseOperator):
    """An operator whose work is a coroutine, `aexecute(context)`."""

    async def aexecute(self, context: Any) -> Any:
        """Does the task's work and returns its result."""
        raise NotImplementedError(f"{type(self).__name__} has no aexecute(context) method.")

    def execute(self, context: Any) -> Any:
        import asyncio

        return asyncio.run(self.aexecute(context))


class BaseOperatorLink:
    """A link that the UI shows beside a task."""

    name: ClassVar[str] = ""
    operators: ClassVar[list[type[BaseOperator]]] = []

    @property
    def xcom_key(self) -> str:
        """The XCom key under which the link is left."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The address."""
        raise NotImplementedError(f"{type(self).__name__} has no get_link() method.")
