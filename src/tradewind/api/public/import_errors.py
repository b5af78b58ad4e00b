"""Problems of Dag files.

A traceback shows code of a whole file, so an error is for those who may see every Dag of it; for anybody else there is
none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewind.api.call import Call
from tradewind.api.errors import NotFound
from tradewind.api.models import Answer, Limit, Moment, Offset, OrderBy, collection, page_of
from tradewind.api.numbers import number_of, numbered
from tradewind.api.public.versions import BUNDLE
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.values import Id
from tradewind.core.access import Action, DagScope, Need, Resource
from tradewind.store.paging import Listed
from tradewind.store.reading.import_errors import (
    ErrorFilter,
    import_error_at,
    import_errors_known,
    import_errors_listed,
)

routes = Routes("Import Error", prefix=f"{API}/importErrors")


class ImportErrorResponse(Answer):
    """A problem of a Dag file; a file can have several. `stack_trace` is a sentence where nothing was raised."""

    import_error_id: int
    timestamp: Moment
    filename: str
    bundle_name: str | None
    stack_trace: str


class ImportErrorCollectionResponse(Answer):
    import_errors: list[ImportErrorResponse]
    total_entries: int


@routes.get("", Resource.IMPORT_ERROR, response_model=ImportErrorCollectionResponse)
def get_import_errors(
    call: Asked,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
    filename_pattern: str | None = None,
    filename_prefix_pattern: str | None = None,
    filename: str | None = None,
    bundle_name: str | None = None,
) -> dict[str, Any]:
    """Problems by file, a file's in the order in which they were found."""
    if bundle_name not in (None, BUNDLE):
        return collection("import_errors", [], Listed(total=0))
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    wanted = ErrorFilter(file=filename, pattern=filename_pattern, prefix=filename_prefix_pattern)
    with call.reading() as connection:
        listed = import_errors_listed(connection, error_scopes(call), wanted, page)
    return collection("import_errors", [_fields(row) for row in listed.rows], listed)


@routes.get("/{import_error_id}", Resource.IMPORT_ERROR, response_model=ImportErrorResponse)
def get_import_error(call: Asked, import_error_id: Id) -> dict[str, Any]:
    """One problem."""
    with call.reading() as connection:
        known = import_errors_known(connection, error_scopes(call))
        place = numbered(known, import_error_id, _number, "import error")
        row = import_error_at(connection, place["file"], place["position"])
    if row is None:
        raise NotFound(f"There is no import error {import_error_id}.")
    return _fields(row)


def error_scopes(call: Call) -> tuple[DagScope, DagScope]:
    """The Dags whose errors, and the Dags whose code the caller may see: an error needs both of its file."""
    return call.scope_of(Need(Action.READ, Resource.IMPORT_ERROR)), call.scope_of(Need(Action.READ, Resource.DAG))


def _number(row: Mapping[str, Any]) -> int:
    return number_of("import error", row["file"], row["position"])


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "import_error_id": _number(row),
        "timestamp": row["at"],
        "filename": row["file"],
        "bundle_name": BUNDLE,
        "stack_trace": row["traceback"] or row["message"],
    }
