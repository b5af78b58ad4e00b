"""Frames and arrays of the data libraries inside XCom values: Arrow IPC and raw bytes, as base64.

The libraries are imported only when such a value is met.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tradewind.sdk.execution.xcom_errors import XComDecodeError, XComEncodeError


def pack_array(value: Any) -> Any:
    """A numpy array as a dict; a numpy scalar, or an array of objects, as plain Python values."""
    if value.shape == () or value.dtype.kind not in "biufcSUmM":
        return (value.astype(str) if value.dtype.kind in "mM" else value).tolist()
    data = base64.b64encode(value.tobytes()).decode()
    return {"dtype": value.dtype.str, "shape": list(value.shape), "v": data}


def pack_frame(value: Any, library: str) -> dict[str, Any] | None:
    """A frame or series of pandas, Polars or Arrow as a dict; None for anything else of these libraries."""
    name = type(value).__name__
    if (library, name) not in _FRAMES:
        return None
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
    except ImportError:
        raise XComEncodeError(
            f"a {library} {name} needs pyarrow to be an XCom; install `tradewind[data]` or return a path."
        ) from None
    table = _FRAMES[library, name](value, pa)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return {"lib": library, "type": name, "v": base64.b64encode(sink.getvalue()).decode()}


_FRAMES: dict[tuple[str, str], Callable[[Any, Any], Any]] = {
    ("pandas", "DataFrame"): lambda value, pa: pa.Table.from_pandas(value),
    ("pandas", "Series"): lambda value, pa: pa.Table.from_pandas(value.to_frame(name=str(value.name or "value"))),
    ("polars", "DataFrame"): lambda value, pa: value.to_arrow(),
    ("polars", "Series"): lambda value, pa: value.to_frame().to_arrow(),
    ("pyarrow", "Table"): lambda value, pa: value,
    ("pyarrow", "RecordBatch"): lambda value, pa: pa.Table.from_batches([value]),
}


def read_array(packed: dict[str, Any]) -> Any:
    """The array that `pack_array` packed."""
    import numpy

    dtype = numpy.dtype(packed["dtype"])
    if dtype.hasobject:
        raise XComDecodeError("The stored array holds Python objects, which are never loaded.")
    return numpy.frombuffer(base64.b64decode(packed["v"]), dtype).reshape(packed["shape"]).copy()


def read_frame(packed: dict[str, Any]) -> Any:
    """The frame that `pack_frame` packed."""
    import pyarrow as pa

    table = pa.ipc.open_stream(base64.b64decode(packed["v"])).read_all()
    match packed["lib"], packed["type"]:
        case "pandas", "DataFrame":
            return table.to_pandas()
        case "pandas", "Series":
            return table.to_pandas().iloc[:, 0]
        case "polars", name:
            import polars

            frame: Any = polars.from_arrow(table)
            return frame if name == "DataFrame" else frame.to_series()
        case _, "RecordBatch":
            batches = table.combine_chunks().to_batches()
            return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)
        case _:
            return table
