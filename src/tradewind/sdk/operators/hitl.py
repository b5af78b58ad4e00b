"""Operators that ask people: for a choice, an approval, a branch or the fields of a form."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import (
    AirflowProviderDeprecationWarning,
    HITLRejectException,
    HITLTimeoutError,
    HITLTriggerEventError,
    ParamValidationError,
    TaskAwaitingInput,
)
from tradewind.sdk.execution.asking import HITLUser, upsert_hitl_detail
from tradewind.sdk.notifier import BaseNotifier
from tradewind.sdk.operator import BaseOperator, describe
from tradewind.sdk.params import ParamsDict
from tradewind.sdk.skip import BranchMixIn, SkipMixin, below_short_circuit, skip_tasks
from tradewind.sdk.timezone import utcnow


class HITLOperator(BaseOperator):
    """Asks for one of `options`, or several with `multiple`, and for the fields of a form, which `params` describe.

    The task waits without a slot. After `response_timeout` the `defaults` are taken; without them it fails. Its result
    is a dict: `chosen_options`, `params_input`, `responded_at`, `responded_by_user`.
    """

    template_fields: Collection[str] = ("subject", "body")
    asks_for_params: ClassVar[bool] = True
    """Its params are filled in by those who answer, so that they need no values before."""

    def __init__(
        self,
        *,
        subject: str,
        options: list[str],
        body: str | None = None,
        defaults: str | list[str] | None = None,
        multiple: bool = False,
        params: ParamsDict | dict[str, Any] | None = None,
        notifiers: Sequence[BaseNotifier] | BaseNotifier | None = None,
        assigned_users: HITLUser | list[HITLUser] | None = None,
        response_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if self.execution_timeout and not response_timeout:
            warnings.warn(
                f"{describe(self.task_id, self._dag)}: execution_timeout is taken as response_timeout, which says how "
                "long people have to answer; give that instead.",
                AirflowProviderDeprecationWarning,
                stacklevel=2,
            )
            response_timeout, self.execution_timeout = self.execution_timeout, None
        self.response_timeout = response_timeout
        self.subject, self.body, self.options = subject, body, options
        self.defaults = [defaults] if isinstance(defaults, str) else defaults
        self.multiple = multiple
        # The fields of its form alone: a Dag's params are asked for when a run is made. What they hold is checked when
        # somebody has filled them in.
        self.params = ParamsDict(params)
        self.own_params = tuple(sorted(self.params))
        self.notifiers: Sequence[BaseNotifier] = [notifiers] if callable(notifiers) else notifiers or []
        self.assigned_users = [assigned_users] if isinstance(assigned_users, Mapping) else assigned_users
        self.hitl_summary_extra: dict[str, Any] = {}
        self.validate_options()
        self.validate_params()
        self.validate_defaults()

    # --- what is asked --------------------------------------------------------------------------------------------

    @property
    def hitl_summary(self) -> dict[str, Any]:
        """What is asked, and what has become of it so far."""
        asked = {
            name: getattr(self, name)
            for name in ("subject", "body", "options", "defaults", "multiple", "assigned_users")
        }
        return {**asked, "serialized_params": self.serialized_params or None, **self.hitl_summary_extra}

    @property
    def serialized_params(self) -> dict[str, dict[str, Any]]:
        """The fields of the form: value, description and schema by name."""
        return {name: param.dump() for name, param in self.params.raw().items()}

    def validate_options(self) -> None:
        """Raise ValueError unless there is something to choose."""
        if not self.options:
            raise ValueError(f'{self._where}: "options" cannot be empty; give at least one.')

    def validate_params(self) -> None:
        """Raise ValueError for a field whose name is taken."""
        if "_options" in self.params:
            raise ValueError(f'{self._where}: "_options" is not allowed in params; choose another name.')

    def validate_defaults(self) -> None:
        """Raise ValueError unless the defaults could be chosen."""
        if self.defaults is None:
            return
        unknown = [option for option in self.defaults if option not in self.options]
        if unknown:
            raise ValueError(f"{self._where}: defaults {unknown} are not among the options {list(self.options)}.")
        if len(self.defaults) > 1 and not self.multiple:
            raise ValueError(f"{self._where}: more than one of defaults= needs multiple=True.")

    def execute(self, context: Any) -> Any:
        upsert_hitl_detail(
            ti_id=context["ti"].id,
            options=list(self.options),
            subject=self.subject,
            body=self.body,
            defaults=self.defaults,
            multiple=self.multiple,
            params=self.serialized_params,
            assigned_users=self.assigned_users,
        )
        until = utcnow() + self.response_timeout if self.response_timeout else None
        self.hitl_summary_extra["timeout_datetime"] = until.isoformat() if until else None
        for notifier in self.notifiers:
            notifier(context)
        raise TaskAwaitingInput(method_name="execute_complete", timeout=self.response_timeout)

    # --- what is answered -----------------------------------------------------------------------------------------

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """The answer, once it has been checked; raises HITLTimeoutError when nobody gave one."""
        if "error" in event:
            self.hitl_summary_extra["error_type"] = event.get("error_type")
            self.process_trigger_event_error(event)
        answer = {
            "chosen_options": event["chosen_options"],
            "params_input": event["params_input"] or {},
            "responded_at": event["responded_at"],
            "responded_by_user": event["responded_by_user"],
        }
        self.validate_chosen_options(answer["chosen_options"])
        self.validate_params_input(answer["params_input"])
        self.hitl_summary_extra |= {**answer, "responded_at": event["responded_at"].isoformat()}
        self.log.info("%s chose %s", _who(event), ", ".join(answer["chosen_options"]))
        return answer

    def process_trigger_event_error(self, event: dict[str, Any]) -> None:
        """Raise what the missing answer means."""
        if event.get("error_type") == "timeout":
            raise HITLTimeoutError(event["error"])
        raise HITLTriggerEventError(event["error"])

    def validate_chosen_options(self, chosen_options: list[str]) -> None:
        """Raise ValueError for an option that was not offered."""
        unknown = [option for option in chosen_options if option not in self.options]
        if unknown:
            raise ValueError(f"{self._where}: {unknown} was answered, which is not among {list(self.options)}.")

    def validate_params_input(self, params_input: Mapping[str, Any]) -> None:
        """Raise unless the form is the one that was asked for, and each field fits its schema."""
        if params_input and params_input.keys() != set(self.params):
            raise ValueError(
                f"{self._where}: the answer has the fields {sorted(params_input)}; the form has {sorted(self.params)}."
            )
        filled = ParamsDict(self.params)
        for name, value in params_input.items():
            try:
                filled[name] = value
            except ParamValidationError as error:
                raise ParamValidationError(f"{self._where}: {error}") from None
        self.params = filled

    # --- where it is answered -------------------------------------------------------------------------------------

    def generate_link_to_ui(
        self,
        *,
        task_instance: Any,
        base_url: str | None = None,
        options: str | list[str] | None = None,
        params_input: dict[str, Any] | None = None,
    ) -> str:
        """The address of the page that asks, with some of it filled in; `base_url` else from [api] base_url."""
        chosen = [options] if isinstance(options, str) else options or []
        for name, given, known in (("options", chosen, self.options), ("params", params_input or {}, self.params)):
            unknown = sorted(set(given) - set(known))
            if unknown:
                raise ValueError(f"{self._where}: {name} {unknown} are not valid; there are {list(known)}.")
        base = base_url or conf.get("api", "base_url", fallback=None)
        if not base:
            raise ValueError(f"{self._where}: no address is known; give base_url=, or set [api] base_url.")
        query = {**({"_options": chosen} if chosen else {}), **(params_input or {})}
        query["map_index"] = task_instance.map_index
        ti, address = task_instance, urlsplit(base)
        path = f"/dags/{ti.dag_id}/runs/{ti.run_id}/tasks/{ti.task_id}/required_actions"
        return urlunsplit((address.scheme, address.netloc, path, urlencode(query), ""))

    @staticmethod
    def generate_link_to_ui_from_context(
        *,
        context: Any,
        base_url: str | None = None,
        options: list[str] | None = None,
        params_input: dict[str, Any] | None = None,
    ) -> str:
        """The same for the task of a context, as a notifier has it."""
        task = context["task"]
        if not isinstance(task, HITLOperator):
            raise ValueError(f"Task {task.task_id!r} is no HITLOperator, so it asks nothing.")
        return task.generate_link_to_ui(
            task_instance=context["ti"], base_url=base_url, options=options, params_input=params_input
        )

    @property
    def _where(self) -> str:
        return describe(self.task_id, self._dag)


class ApprovalOperator(HITLOperator, SkipMixin):
    """Asks for approval. A rejection skips what follows directly (with `ignore_downstream_trigger_rules` all that
    follows), or fails the task with `fail_on_reject`."""

    FIXED_ARGS: ClassVar[list[str]] = ["options", "multiple"]
    APPROVE = "Approve"
    REJECT = "Reject"

    def __init__(
        self, *, ignore_downstream_trigger_rules: bool = False, fail_on_reject: bool = False, **kwargs: Any
    ) -> None:
        for name in self.FIXED_ARGS:
            if name in kwargs:
                raise ValueError(f"ApprovalOperator {kwargs.get('task_id')!r} has its own {name}; leave that out.")
        super().__init__(options=[self.APPROVE, self.REJECT], multiple=False, **kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules
        self.fail_on_reject = fail_on_reject
        self.hitl_summary_extra |= {
            "ignore_downstream_trigger_rules": ignore_downstream_trigger_rules, "fail_on_reject": fail_on_reject,
        }  # fmt: skip

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        answer = super().execute_complete(context, event)
        approved = answer["chosen_options"][0] == self.APPROVE
        self.hitl_summary_extra["approved"] = approved
        if approved:
            return answer
        if self.fail_on_reject:
            raise HITLRejectException(f"{self._where}: {_who(event)} rejected it.")
        skipped = below_short_circuit(self, ignore_downstream_trigger_rules=self.ignore_downstream_trigger_rules)
        self.log.info("It is rejected; skipping %s", [task.task_id for task in skipped])
        skip_tasks(context, skipped)
        return answer


class HITLBranchOperator(HITLOperator, BranchMixIn):
    """Asks which of the tasks that follow go on: options are their ids, or `options_mapping` says whose they are."""

    def __init__(self, *, options_mapping: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options_mapping = options_mapping or {}
        self.validate_options_mapping()
        self.hitl_summary_extra["options_mapping"] = self.options_mapping

    def validate_options_mapping(self) -> None:
        """Raise ValueError unless it gives task ids for options that there are."""
        unknown = sorted(set(self.options_mapping) - set(self.options))
        if unknown:
            raise ValueError(f"{self._where}: `options_mapping` has {unknown}, not among {list(self.options)}.")
        wrong = {option: task for option, task in self.options_mapping.items() if not isinstance(task, str)}
        if wrong:
            raise ValueError(f"{self._where}: `options_mapping` must give task ids as text, not {wrong}.")

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        answer = super().execute_complete(context, event)
        branches = [self.options_mapping.get(option, option) for option in answer["chosen_options"]]
        self.hitl_summary_extra["branches_to_execute"] = branches
        return self.do_branch(context, branches)


class HITLEntryOperator(HITLOperator):
    """Asks for the fields of a form. Without options of its own there is only OK, which is also the default."""

    OK = "OK"

    def __init__(self, **kwargs: Any) -> None:
        if "options" not in kwargs:
            kwargs["options"] = [self.OK]
            kwargs.setdefault("defaults", [self.OK])
        super().__init__(**kwargs)


def _who(event: Mapping[str, Any]) -> str:
    user = event.get("responded_by_user")
    return str(user["name"]) if user else "Nobody answered in time, which"


__all__ = [
    "ApprovalOperator", "HITLBranchOperator", "HITLEntryOperator", "HITLOperator",
    "HITLRejectException", "HITLTimeoutError", "HITLTriggerEventError",
]  # fmt: skip
