"""Problems of Dag files, and which Dags go on by their last good version."""

from __future__ import annotations

import time
from typing import Any

from tradewind.api.models import Answer, Limit, Offset, page_of
from tradewind.api.public.import_errors import error_scopes
from tradewind.api.routing import UI, Asked, Routes
from tradewind.core.access import Action, Need, Resource
from tradewind.store.reading.import_errors import ErrorFilter, dags_of_files, import_errors_listed

routes = Routes("UI", prefix=UI)


class DagOfFile(Answer):
    """A Dag that a broken file has defined, and that runs on as it was."""

    dag_id: str
    is_paused: bool


class FileProblem(Answer):
    """`dag_id` where the problem is of one Dag alone; `traceback` is empty where nothing was raised."""

    file: str
    position: int
    line: int | None
    kind: str
    message: str
    traceback: str
    dag_id: str
    at: int
    dags: list[DagOfFile]


class FileProblems(Answer):
    problems: list[FileProblem]
    total: int
    now: int


@routes.get("/import-errors", Resource.IMPORT_ERROR, response_model=FileProblems)
def list_file_problems(
    call: Asked, limit: Limit = 50, offset: Offset = 0, file: str | None = None, newest: bool = True
) -> dict[str, Any]:
    """Problems of the files of which the caller may see every Dag. `file`: part of a name."""
    order = ["-timestamp" if newest else "filename"]
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order)
    with call.reading() as connection:
        listed = import_errors_listed(connection, error_scopes(call), ErrorFilter(pattern=file), page)
        visible = call.scope_of(Need(Action.READ, Resource.DAG))
        dags = dags_of_files(connection, visible, {row["file"] for row in listed.rows})
    return {
        "problems": [{**row, "dags": dags.get(row["file"], [])} for row in listed.rows],
        "total": listed.total,
        "now": time.time_ns() // 1000,
    }
