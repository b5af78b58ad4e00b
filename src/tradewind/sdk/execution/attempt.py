"""One attempt while it runs: its task, its context, its rendered fields, and what it leaves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.sdk.configuration import conf
from tradewind.sdk.context import Context
from tradewind.sdk.exceptions import UnmappableXComLengthPushed, UnmappableXComTypePushed, XComForMappingNotPushed
from tradewind.sdk.execution import xcom_codec, xcom_values
from tradewind.sdk.execution.dag_run import DagRun
from tradewind.sdk.execution.facts import context_of
from tradewind.sdk.execution.masking import masker
from tradewind.sdk.execution.moments import utc
from tradewind.sdk.execution.outcome import skipped_name
from tradewind.sdk.execution.prepared import PreparedDag, PreparedTask, strings
from tradewind.sdk.execution.shown import shown_fields
from tradewind.sdk.execution.templating import Renderer, render_field
from tradewind.sdk.execution.ti import XCOM_RETURN_KEY, TaskInstance
from tradewind.sdk.execution.xcom_errors import XComEncodeError
from tradewind.wire.messages import Finished, Offer, XComValue

_NONE: frozenset[int] = frozenset()


class UnusableResult(TradewindError):
    """A task returned something that cannot be kept."""


class Attempt:
    """The state of one attempt. `unmap` gives it its operator; `context` fills itself when it is looked at."""

    def __init__(self, prepared: PreparedDag, offer: Offer, *, alone: bool = False) -> None:
        self.prepared, self.offer = prepared, offer
        prepared.fill_interval(offer.run)
        self.prepared_task: PreparedTask | None = prepared.task(offer.task_id) if offer.task_id else None
        self.task: Any = self.prepared_task.task if self.prepared_task else None
        self._as_it_is = alone and self.prepared_task is not None and self.prepared_task.is_fixed
        """Nothing is rendered into the operator, and nobody else will use it."""
        self.triggers_here = False
        """A trigger for which it defers is waited for in this process."""
        self.ti = TaskInstance(offer, self.task, self._its_context)
        if self.prepared_task is not None and not offer.callback:
            self.ti.carried = self.prepared_task.reads
        self.as_they_are = _NONE
        self.context: Context = context_of(self)

    def _its_context(self) -> Context:
        return self.context

    @cached_property
    def params(self) -> dict[str, Any]:
        """The Dag's params, the task's, the run's conf, merged and checked: a plain dict, as authors dump to JSON."""
        from tradewind.sdk.params import process_params

        return process_params(self.prepared.dag, self.task, self.offer.run.conf, suppress_exception=False).dump()

    @cached_property
    def previous_success(self) -> DagRun | None:
        return self.ti.get_previous_dagrun("success")

    # --- before it starts -----------------------------------------------------------------------------------------

    def unmap(self) -> None:
        """Make the operator of this attempt: of a mapped task the one for its index, else a copy to render into."""
        assert self.prepared_task is not None
        task = self.prepared_task.task
        if self.prepared_task.mapped:
            place = self.ti.place
            index = self.offer.map_index if place is None else place.own_index
            kwargs = task.kwargs_for(index, self.ti.pull)
            written = {id(text) for text in strings(getattr(task.expand_input, "value", None))}
            # Only what the author wrote is a template; what other tasks returned is data.
            self.as_they_are = frozenset(id(text) for text in strings(kwargs) if id(text) not in written)
            self._kept_alive = kwargs
            self.task = task.unmap(kwargs)
        elif not self._as_it_is:
            self.task = task.prepare_for_execution()
        self.ti.task = self.task
        self.context["task"] = self.task

    def check_params(self) -> None:
        """Raise when a param does not fit its schema. Without params and conf there is nothing to check."""
        if self.offer.run.conf or getattr(self.prepared.dag, "params", None) or getattr(self.task, "params", None):
            self.context["params"] = self.params

    def render(self) -> None:
        """Render the template fields into the operator."""
        prepared, task = self.prepared_task, self.task
        assert prepared is not None
        if self._as_it_is:
            return
        for name in prepared.prepares_itself:
            getattr(task, name)()
        if prepared.renders_itself:
            task.render_template_fields(self.context, prepared.templates.environment)
            return
        fields = tuple(task.template_fields) if prepared.mapped or prepared.prepares_itself else prepared.open_fields
        if not fields:
            return
        extensions = tuple(getattr(task, "template_ext", None) or ())
        renderer = Renderer(prepared.templates, self.context, extensions, self.ti.pull, self.as_they_are)
        for name in fields:
            # Past the operator's own __setattr__, which would look for upstream tasks in the value.
            object.__setattr__(task, name, render_field(renderer, task, name, getattr(task, name)))

    def rendered_fields(self) -> bytes | None:
        """What `shown_fields` makes of the rendered operator."""
        prepared = self.prepared_task
        if prepared is not None and prepared.is_fixed and prepared.shown_with == masker().secrets:
            return prepared.shown
        return shown_fields(self.task)

    def set_environment(self) -> None:
        """Tell subprocesses which attempt they belong to."""
        offer, run, task = self.offer, self.offer.run, self.task
        email = getattr(task, "email", None)
        date = "" if run.logical_date_us is None else utc(run.logical_date_us).isoformat()
        values = {
            "AIRFLOW_CTX_DAG_ID": run.dag_id,
            "AIRFLOW_CTX_TASK_ID": offer.task_id,
            "AIRFLOW_CTX_DAG_RUN_ID": run.run_id,
            "AIRFLOW_CTX_TRY_NUMBER": str(offer.try_number),
            "AIRFLOW_CTX_DAG_OWNER": str(getattr(task, "owner", "") or ""),
            "AIRFLOW_CTX_DAG_EMAIL": ",".join([email] if isinstance(email, str) else map(str, email or ())),
            "AIRFLOW_CTX_LOGICAL_DATE": date,
            "AIRFLOW_CTX_EXECUTION_DATE": date,
            "TRADEWIND_ATTEMPT_ID": offer.attempt,
            "TRADEWIND_FENCE": f"{run.number}/{offer.task_id}/{offer.map_index}/{offer.try_number}/{offer.leg}",
        }
        environment = os.environ
        for name, value in values.items():
            if value:
                environment[name] = value
            elif name in environment:
                del environment[name]

    # --- what it leaves -------------------------------------------------------------------------------------------

    def keep(self, result: Any, report: Finished) -> None:
        """Put the task's result into its report."""
        task, expanded = self.task, self.prepared_task.expanded_over if self.prepared_task else frozenset()
        pushes = bool(getattr(task, "do_xcom_push", True))
        if XCOM_RETURN_KEY in expanded and not self.ti.is_mapped:
            _check_mappable(result if pushes else None, task.task_id)
        if result is None or not pushes:
            return
        if getattr(task, "multiple_outputs", False):
            outputs = self._outputs(result)
            for key in (expanded - {XCOM_RETURN_KEY}) & outputs.keys() if not self.ti.is_mapped else ():
                _check_mappable(outputs[key], task.task_id)
            report.xcoms = [self._xcom(key, value) for key, value in outputs.items()]
        report.value = self._encoded(result, XCOM_RETURN_KEY)
        report.length = xcom_codec.length_of(result)

    def skipped(self) -> list[str]:
        """What the task decided to skip."""
        return [skipped_name(each) for each in self.context["tradewind_skip"]]

    def map_label(self) -> str | None:
        """The rendered `map_index_template` of a mapped task."""
        if self.offer.map_index < 0 or self.prepared_task is None:
            return None
        source = getattr(self.task, "map_index_template", None)
        if not source:
            return None
        templates = self.prepared.templates(native=False)
        return masker().mask(str(templates.render(templates.compiled(source), self.context)))

    def _outputs(self, result: Any) -> Mapping[str, Any]:
        if not isinstance(result, Mapping):
            raise UnusableResult(
                f"Task {self.task.task_id!r} has multiple_outputs and returned {type(result).__name__}; return a dict "
                "with str keys, or set multiple_outputs=False."
            )
        for key in result:
            if not isinstance(key, str):
                raise UnusableResult(
                    f"Task {self.task.task_id!r} has multiple_outputs and returned a dict with the key {key!r} "
                    f"({type(key).__name__}); use str keys."
                )
        return result

    def _xcom(self, key: str, value: Any) -> XComValue:
        offer, encoded = self.offer, self._encoded(value, key)
        return XComValue(offer.task_id, offer.map_index, key, encoded, xcom_codec.length_of(value))

    def _encoded(self, value: Any, key: str) -> bytes:
        try:
            return xcom_values.store(value, self.offer)
        except XComEncodeError as error:
            name = "" if key == XCOM_RETURN_KEY else f" under {key!r}"
            raise UnusableResult(f"Task {self.task.task_id!r} returned what cannot be kept{name}: {error}") from None


def _check_mappable(result: Any, task_id: str) -> None:
    """Another task expands over this result."""
    if result is None:
        raise XComForMappingNotPushed(
            f"Task {task_id!r} did not push a result, and another task expands over it; return a list or a dict."
        )
    length = xcom_codec.length_of(result)
    if length is None:
        raise UnmappableXComTypePushed(result)
    longest = conf.getint("core", "max_map_length", 1024)
    if length > longest:
        raise UnmappableXComLengthPushed(result, longest)
