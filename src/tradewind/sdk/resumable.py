"""ResumableJobMixin: an operator that submits a job elsewhere, and finds it again when its own process has died."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any

from tradewind.sdk.arguments import fills_in_defaults


class ResumableJobMixin(ABC):
    """Put it before BaseOperator and have `execute` return `self.execute_resumable(context)`.

    The job's id is kept in the task state store before it is waited for. A later try, or one that begins after the
    task was cleared, looks there first: it waits on for a job that is active, takes the result of one that has
    succeeded, and submits anew only when the last one failed. `durable=False` submits each time.

    A process that dies between the job's submission and the note of its id leaves a job that nobody knows of; where
    the other side can tell a repeat (an idempotency key, a name), let `submit_job` use that.
    """

    external_id_key: str = "remote_job_id"
    """Under which key the id is kept; another one makes tasks that are under way submit again."""

    @fills_in_defaults
    def __init__(self, *, durable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.durable = durable

    def execute_resumable(self, context: Any) -> Any:
        """Submit the job or find the one that was, wait for its end, and give its result."""
        log = getattr(self, "log", None) or logging.getLogger("tradewind.task")
        store = context.get("task_state_store") if self.durable else None
        known = store.get(self.external_id_key) if store is not None else None
        if known:
            status = self.get_job_status(known, context)
            if self.is_job_active(status):
                log.info("Job %s is still %s; waiting for it.", known, status)
                self.poll_until_complete(known, context)
                return self.get_job_result(known, context)
            if self.is_job_succeeded(status):
                log.info("Job %s has already succeeded (%s).", known, status)
                return self.get_job_result(known, context)
            log.warning("Job %s ended as %s; submitting another one.", known, status)
        submitted = self.submit_job(context)
        if store is not None and submitted is not None:
            store.set(self.external_id_key, submitted)
        self.poll_until_complete(submitted, context)
        return self.get_job_result(submitted, context)

    @abstractmethod
    def submit_job(self, context: Any) -> Any:
        """Start the job; gives its id, which is JSON and not None."""

    @abstractmethod
    def get_job_status(self, external_id: Any, context: Any) -> str:
        """What the other system calls the job's state now."""

    @abstractmethod
    def is_job_active(self, status: str) -> bool:
        """Whether a job in this state goes on and can be waited for."""

    @abstractmethod
    def is_job_succeeded(self, status: str) -> bool:
        """Whether a job in this state has ended well."""

    @abstractmethod
    def poll_until_complete(self, external_id: Any, context: Any) -> None:
        """Wait for the job's end; raise if it failed."""

    @abstractmethod
    def get_job_result(self, external_id: Any, context: Any) -> Any:
        """What `execute` returns; None where there is nothing."""
