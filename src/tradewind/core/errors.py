"""TradewindError and the tree below it. Each carries its facts and says what to do."""


class TradewindError(Exception):
    """Anything that Tradewind itself refuses or reports. Its text is fit to be shown to a person."""


class DagNotFound(TradewindError):
    def __init__(self, dag_id: str) -> None:
        super().__init__(f"No Dag {dag_id!r}; `tradewind dags list` shows the known ones.")
        self.dag_id = dag_id


class RunNotFound(TradewindError):
    def __init__(self, dag_id: str, run_id: str) -> None:
        super().__init__(f"Dag {dag_id!r} has no run {run_id!r}; `tradewind dags list-runs {dag_id}` shows its runs.")
        self.dag_id, self.run_id = dag_id, run_id


class BackfillNotFound(TradewindError):
    def __init__(self, number: int) -> None:
        super().__init__(f"No backfill {number} is under way; `tradewind backfill list` shows them.")
        self.number = number


class TaskNotFound(TradewindError):
    def __init__(self, dag_id: str, task_id: str) -> None:
        super().__init__(f"Dag {dag_id!r} has no task {task_id!r}; `tradewind tasks list {dag_id}` shows its tasks.")
        self.dag_id, self.task_id = dag_id, task_id


class TooManyRuns(TradewindError):
    """A Dag has so many runs that are not over that nobody may add one by hand."""

    def __init__(self, dag_id: str, most: int) -> None:
        super().__init__(
            f"Dag {dag_id!r} has {most} runs that are not over; wait until some are, or end or delete those that are "
            "not wanted."
        )


class RunAlreadyExists(TradewindError):
    def __init__(self, dag_id: str, run_id: str) -> None:
        super().__init__(f"Dag {dag_id!r} already has a run {run_id!r}; choose another run id or logical date.")
        self.dag_id, self.run_id = dag_id, run_id


class NotFound(TradewindError):
    """There is no such thing, as far as whoever asks can see."""


class AlreadyExists(TradewindError):
    """There is one of that name already."""


class NotOver(TradewindError):
    """Something is still under way, and has to end first."""


class TaskIsRunning(TradewindError):
    """What somebody wants to clear is running, and they said that it should not be stopped."""

    def __init__(self, task_id: str, run_id: str, count: int) -> None:
        others = f" and {count - 1} more" if count > 1 else ""
        super().__init__(
            f"Task {task_id!r} of run {run_id}{others} is running; wait for its end, or clear without "
            "prevent_running_task, which stops it."
        )
        self.task_id, self.run_id = task_id, run_id


class InvalidInput(TradewindError):
    """A person gave something that cannot be used; the text names the field and what would be right."""


class BackfillConflict(InvalidInput):
    """What is asked for cannot be beside the backfill that there is, or with one that is over."""


class NotCurrent(TradewindError):
    """An attempt that is over, or was replaced, wants to change what its task keeps."""

    def __init__(self, attempt: str) -> None:
        super().__init__(
            f"Attempt {attempt or 'unknown'} does not speak for its task any more, so what the task keeps is not "
            "changed; only a task that is under way may change it."
        )
        self.attempt = attempt


class Unreadable(TradewindError):
    """Something that is stored is not what it should be, so nothing can be done with it but mend or delete it."""


class CannotStart(Exception):
    """Giving a ready task its slot failed: a fault of ours or of its run's data. `run` is the run's number."""

    def __init__(self, run: int, fault: Exception) -> None:
        super().__init__(f"{type(fault).__name__}: {fault}")
        self.run = run


class AnotherOwner(TradewindError):
    """Another scheduler holds the lease."""

    def __init__(self) -> None:
        super().__init__("Another scheduler owns this database and does not listen here; run this beside it.")
