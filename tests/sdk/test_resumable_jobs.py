"""ResumableJobMixin: one job for all tries of a task."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.sdk import DAG, BaseOperator, ResumableJobMixin


class Cluster:
    """A system that runs jobs; each is in the state that the test says."""

    def __init__(self) -> None:
        self.jobs: dict[str, str] = {}
        self.asked: list[str] = []


class Job(ResumableJobMixin, BaseOperator):
    template_fields = ("name",)

    def __init__(self, *, cluster: Cluster, name: str = "job", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster, self.name = cluster, name

    def execute(self, context: Any) -> Any:
        return self.execute_resumable(context)

    def submit_job(self, context: Any) -> Any:
        job = f"{self.name}-{len(self.cluster.jobs) + 1}"
        self.cluster.jobs[job] = "RUNNING"
        self.cluster.asked.append(f"submit {job}")
        return job

    def get_job_status(self, external_id: Any, context: Any) -> str:
        return self.cluster.jobs[external_id]

    def is_job_active(self, status: str) -> bool:
        return status == "RUNNING"

    def is_job_succeeded(self, status: str) -> bool:
        return status == "DONE"

    def poll_until_complete(self, external_id: Any, context: Any) -> None:
        self.cluster.asked.append(f"poll {external_id}")
        if self.cluster.jobs[external_id] == "LOST":
            raise RuntimeError("the connection broke")

    def get_job_result(self, external_id: Any, context: Any) -> Any:
        return f"result of {external_id}"


class Kept(dict[str, Any]):
    def set(self, key: str, value: Any) -> None:
        self[key] = value


def ran(job: Job, kept: Kept | None) -> tuple[Any, list[str]]:
    job.cluster.asked.clear()
    return job.execute({} if kept is None else {"task_state_store": kept}), list(job.cluster.asked)


def test_the_id_is_kept_before_the_job_is_waited_for() -> None:
    job, kept = Job(task_id="t", cluster=Cluster()), Kept()
    job.cluster.jobs["job-0"] = "LOST"
    job.poll_until_complete = lambda external_id, context: kept.update(then=dict(kept))  # type: ignore[method-assign]
    assert job.execute({"task_state_store": kept}) == "result of job-2"
    assert kept["then"] == {"remote_job_id": "job-2"}


def test_a_later_try_waits_for_the_job_that_is_there() -> None:
    job, kept = Job(task_id="t", cluster=Cluster()), Kept()
    assert ran(job, kept) == ("result of job-1", ["submit job-1", "poll job-1"])
    assert ran(job, kept) == ("result of job-1", ["poll job-1"])


def test_a_job_that_has_succeeded_is_not_waited_for() -> None:
    job, kept = Job(task_id="t", cluster=Cluster()), Kept()
    ran(job, kept)
    job.cluster.jobs["job-1"] = "DONE"
    assert ran(job, kept) == ("result of job-1", [])


def test_a_job_that_failed_is_submitted_again_and_the_new_id_is_kept() -> None:
    job, kept = Job(task_id="t", cluster=Cluster()), Kept()
    ran(job, kept)
    job.cluster.jobs["job-1"] = "KILLED"
    assert ran(job, kept) == ("result of job-2", ["submit job-2", "poll job-2"])
    assert kept == {"remote_job_id": "job-2"}


def test_a_key_of_its_own_is_used() -> None:
    class Other(Job):
        external_id_key = "application_id"

    kept = Kept()
    ran(Other(task_id="t", cluster=Cluster()), kept)
    assert kept == {"application_id": "job-1"}


def test_without_durability_or_a_store_each_try_submits() -> None:
    kept = Kept(remote_job_id="job-0")
    job = Job(task_id="t", cluster=Cluster(), durable=False)
    assert ran(job, kept)[1] == ["submit job-1", "poll job-1"]
    assert kept == {"remote_job_id": "job-0"}
    assert ran(Job(task_id="t", cluster=Cluster()), None)[1] == ["submit job-1", "poll job-1"]


def test_default_args_say_whether_jobs_are_durable() -> None:
    with DAG("d", schedule=None, default_args={"durable": False}):
        assert Job(task_id="a", cluster=Cluster()).durable is False
        assert Job(task_id="b", cluster=Cluster(), durable=True).durable is True
    assert Job(task_id="c", cluster=Cluster()).durable is True


def test_an_operator_that_leaves_out_a_part_is_refused() -> None:
    class Half(ResumableJobMixin, BaseOperator):
        def submit_job(self, context: Any) -> Any:
            return "x"

    with pytest.raises(TypeError, match="abstract"):
        Half(task_id="t")  # type: ignore[abstract]
