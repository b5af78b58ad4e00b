"""XCom values: what comes back is what was left, and reading imports nothing."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import sys
import uuid
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pendulum
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.sdk.execution import xcom_codec
from tradewind.sdk.execution.xcom_codec import TAG, decode, encode
from tradewind.sdk.execution.xcom_errors import XComDecodeError, XComEncodeError


@dataclass
class Point:
    x: int
    when: dt.date
    hidden: int = field(init=False, default=7)


class Model(pydantic.BaseModel):
    name: str
    tags: set[str]


class Color(enum.Enum):
    RED = "r"


@pytest.fixture(autouse=True)
def _known_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xcom_codec, "_classes", {})


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec=None)) |
    st.binary() | st.decimals(allow_nan=False) | st.uuids() | st.dates() | st.times() |
    st.datetimes(timezones=st.none() | st.just(dt.UTC) | st.timezones(), allow_imaginary=False) | st.timedeltas()
)  # fmt: skip
hashable = st.integers() | st.text() | st.dates()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.sets(hashable, max_size=3)
        | st.frozensets(hashable, max_size=3) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None)
@given(values)
def test_what_is_left_comes_back(value) -> None:
    data = encode(value)
    json.loads(data)
    back = decode(data)
    assert back == value
    assert type(back) is type(value)


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63) | st.text() | st.booleans() | st.none()))
def test_plain_values_are_plain_json(value) -> None:
    assert json.loads(encode(value)) == value


def test_floats_that_json_cannot_say() -> None:
    back = decode(encode([math.nan, math.inf, -math.inf]))
    assert math.isnan(back[0])
    assert back[1:] == [math.inf, -math.inf]


def test_a_dict_that_looks_like_a_tag_is_still_a_dict() -> None:
    value = {TAG: "bytes", "v": "AAAA"}
    assert decode(encode(value)) == value
    assert decode(encode([value, {"a": value}])) == [value, {"a": value}]


def test_keys_become_text_as_in_airflow() -> None:
    assert decode(encode({1: "a", None: "b", dt.date(2024, 1, 1): "c"})) == {"1": "a", "None": "b", "2024-01-01": "c"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (OrderedDict(a=1), {"a": 1}),
        (namedtuple("Pair", "a b")(1, 2), (1, 2)),
        (Path("/x/y"), Path("/x/y")),
        (uuid.UUID(int=1), uuid.UUID(int=1)),
        (range(3), [0, 1, 2]),
        (enum.IntEnum("N", "A").A, 1),
    ],
)
def test_relatives_of_known_types_come_back_as_those(value, expected) -> None:
    assert decode(encode(value)) == expected


def test_zones_survive_with_both_readings_of_an_ambiguous_hour() -> None:
    zone = ZoneInfo("Europe/Berlin")
    for fold in (0, 1):
        moment = dt.datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=fold)
        back = decode(encode(moment))
        assert (back, back.fold, back.tzinfo, back.utcoffset()) == (moment, fold, zone, moment.utcoffset())


def test_pendulum_moments_come_back_as_pendulum() -> None:
    moment = pendulum.datetime(2024, 7, 1, 12, tz="Asia/Seoul")
    back = decode(encode([moment]))[0]
    assert isinstance(back, pendulum.DateTime)
    assert (back, back.timezone_name) == (moment, "Asia/Seoul")
    assert decode(encode(pendulum.duration(days=2))) == dt.timedelta(days=2)


def test_classes_come_back_as_themselves_only_when_the_dag_file_knows_them() -> None:
    left = [Point(1, dt.date(2024, 1, 1)), Model(name="n", tags={"t"}), Color.RED]
    data = encode(left)
    assert decode(data) == [{"x": 1, "when": dt.date(2024, 1, 1), "hidden": 7}, {"name": "n", "tags": {"t"}}, "r"]
    xcom_codec.know_types_of([globals()])
    assert decode(data) == left


def test_reading_never_imports_what_the_data_names() -> None:
    before = set(sys.modules)
    data = json.dumps({TAG: "object", "c": "antigravity:Thing", "v": [["a", 1]]}).encode()
    assert decode(data) == {"a": 1}
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("value", "where"),
    [(object(), "builtins.object cannot"), ({"a": [1, len]}, "at ['a'][1]"), ((x for x in "ab"), "generator")],
)
def test_unknown_types_are_refused_with_their_place(value, where: str) -> None:
    with pytest.raises(XComEncodeError) as caught:
        encode(value)
    assert where in str(caught.value)


def test_a_value_inside_itself_is_refused() -> None:
    loop: list = []
    loop.append(loop)
    with pytest.raises(XComEncodeError, match="nested too deeply"):
        encode(loop)


@pytest.mark.parametrize(
    "data",
    [
        b"{", b'{"__tw__": "pickle", "v": ""}', b'{"__tw__": "date", "v": "x"}', b'{"__tw__": ["a"]}',
        b'{"__tw__": "tuple"}', b'{"__tw__": "bytes", "v": 1}', b"[" * 100_000,
        b'{"__tw__": "ndarray", "dtype": "|O", "shape": [1], "v": "AAAAAAAAAAA="}',
    ],
)  # fmt: skip
def test_damaged_data_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(XComDecodeError, match="The stored"):
        decode(data)


def test_frames_and_arrays_of_the_data_libraries_come_back() -> None:
    np, pd, pl, pa = (pytest.importorskip(name) for name in ("numpy", "pandas", "polars", "pyarrow"))
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=["r", "s"])
    pd.testing.assert_frame_equal(decode(encode(frame)), frame)
    other = pl.DataFrame({"a": [1, 2], "d": [dt.date(2024, 1, 1), None]})
    assert decode(encode({"f": other}))["f"].equals(other)
    assert decode(encode(pl.Series("s", [1, 2]))).to_list() == [1, 2]
    assert decode(encode(pa.table({"a": [1]}))).to_pydict() == {"a": [1]}
    array = np.arange(6, dtype="float32").reshape(2, 3)
    back = decode(encode([array, np.int64(3), np.float64("nan"), np.array(["a", "b"])]))
    assert (back[0] == array).all()
    assert back[0].dtype == array.dtype
    assert back[1] == 3
    assert type(back[1]) is int
    assert list(back[3]) == ["a", "b"]
    assert decode(encode(pd.Timestamp("2024-01-01", tz="UTC"))) == dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def test_decimal_keeps_its_digits_and_length_is_of_lists_and_dicts_only() -> None:
    assert str(decode(encode(Decimal("1.10")))) == "1.10"
    lengths = [xcom_codec.length_of(value) for value in ([1, 2], {"a": 1}, (1,), "text", {1}, None)]
    assert lengths == [2, 1, 1, None, None, None]
