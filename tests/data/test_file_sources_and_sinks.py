"""Files as streams and back, in a folder and in S3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from s3 import ENVIRONMENT, S3Server

from tradewind.data.cursors import Watermark
from tradewind.data.memory import MemoryMonitor
from tradewind.data.objects import open_store
from tradewind.data.problems import BadInput, BadSetting, DataProblem
from tradewind.data.sinks.files import FilesSink, write_file
from tradewind.data.sources.files import open_csv, open_file, open_json, open_json_lines, open_parquet
from tradewind.data.sources.xml import open_xml
from tradewind.data.streams import rechunked, records_as_stream, stream_of

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

TABLE = {"id": [1, 2, 3], "name": ["서울", None, 'a,"b"\n'], "at": [datetime(2025, 1, 2, 3, tzinfo=UTC)] * 3}


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.jsonl"])
def test_rows_come_back_from_each_kind_of_file(tmp_path: Path, name: str) -> None:
    assert write_file(stream_of(pa.table(TABLE)), tmp_path / name) == 3
    found = open_file(tmp_path / name).read_all()
    assert found["id"].to_pylist() == [1, 2, 3]
    assert found["name"].to_pylist() in (["서울", None, 'a,"b"\n'], ["서울", "", 'a,"b"\n'])
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_broken_stream_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_file(stream_of([{"id": 1}]), path)

    def batches() -> Iterator[Any]:
        yield pa.record_batch({"id": [2]})
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        write_file(pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64())]), batches()), path)
    assert open_parquet(path).read_all()["id"].to_pylist() == [1]
    assert len(list(tmp_path.iterdir())) == 1


def test_any_table_is_a_stream() -> None:
    pl, pd = pytest.importorskip("polars"), pytest.importorskip("pandas")
    rows = [{"id": 1, "name": "a"}, {"id": 2, "name": None}]
    for table in (rows, pl.DataFrame(rows), pl.LazyFrame(rows), pd.DataFrame(rows), pa.Table.from_pylist(rows)):
        stream = stream_of(table)
        assert stream.schema.types == [pa.int64(), pa.string()] or "large" in str(stream.schema.types[1])
        assert stream.read_all().to_pylist() == rows
    with pytest.raises(DataProblem, match="int is no table"):
        stream_of(3)


def test_what_is_wrong_with_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n\n{"a": \n')
    with pytest.raises(BadInput, match=r"t\.jsonl, line 3: is not JSON"):
        open_json_lines(tmp_path / "t.jsonl").read_all()
    (tmp_path / "n.jsonl").write_text('{"a": 1}\n{"a": "x"}\n')
    with pytest.raises(DataProblem, match=r"n\.jsonl do not fit the first ones after row 1"):
        open_json_lines(tmp_path / "n.jsonl", chunk_size=1).read_all()
    (tmp_path / "t.json").write_text('{"data": {"rows": [{"a": 1}]}}')
    assert open_json(tmp_path / "t.json", items="data.rows").read_all().to_pylist() == [{"a": 1}]
    with pytest.raises(BadInput, match="no list of objects at its top"):
        open_json(tmp_path / "t.json")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(BadInput, match=r"t\.csv"):
        open_csv(tmp_path / "t.csv").read_all()
    (tmp_path / "x.parquet").write_text("no Parquet")
    with pytest.raises(BadInput, match=r"x\.parquet"):
        open_parquet(tmp_path / "x.parquet")
    write_file(stream_of([{"a": 1}]), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="has no column 'b'; it has a"):
        open_parquet(tmp_path / "a.parquet", columns=["b"])
    with pytest.raises(BadSetting, match="no known kind"):
        open_file(tmp_path / "t.xls")
    with pytest.raises(BadInput, match="does not exist"):
        open_csv(tmp_path / "none.csv")


def test_batches_shrink_when_memory_is_tight(tmp_path: Path) -> None:
    readings = iter([0, 0, 80_000_000, 80_000_000, 80_000_000] + [50_000_000] * 100)
    monitor = MemoryMonitor(0.1, 1000, used=lambda: next(readings))
    stream = rechunked(stream_of(pa.table({"id": list(range(5000))})), monitor)
    sizes = [batch.num_rows for batch in stream]
    assert sizes[:6] == [1000, 1000, 500, 250, 125, 250]
    assert sum(sizes) == 5000
    assert monitor.report.splits == 3


# --- XML ---------------------------------------------------------------------------------------------------------


def xml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "t.xml"
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return path


def test_each_record_of_an_xml_file_is_a_row(tmp_path: Path) -> None:
    path = xml(
        tmp_path,
        '<w:list xmlns:w="urn:w"><w:station id="108"><w:name>서울 &amp; more</w:name><w:at><lat>37.5</lat></w:at>'
        '<gust/></w:station><w:station id="119"><w:name><![CDATA[<수원>]]></w:name></w:station></w:list>',
    )
    assert open_xml(path, "station").read_all().to_pylist() == [
        {"id": "108", "name": "서울 & more", "at.lat": "37.5", "gust": None},
        {"id": "119", "name": "<수원>", "at.lat": None, "gust": None},
    ]
    schema = pa.schema([("id", pa.int32()), ("at.lat", pa.float64())])
    assert open_xml(path, "station", schema=schema).read_all().to_pylist() == [
        {"id": 108, "at.lat": 37.5},
        {"id": 119, "at.lat": None},
    ]
    with pytest.raises(BadInput, match=r"t\.xml, column 'name': .* is no int32"):
        open_xml(path, "station", schema=pa.schema([("name", pa.int32())]))


def test_a_large_xml_file_is_read_a_chunk_at_a_time(tmp_path: Path) -> None:
    path = xml(tmp_path, f"<list>{''.join(f'<row><n>{n}</n></row>' for n in range(50_000))}</list>")
    stream = open_xml(path, "row", chunk_size=1000)
    sizes = [batch.num_rows for batch in stream]
    assert sizes == [1000] * 50


BILLION = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><list><row><n>&b;</n></row></list>'
OUTSIDE = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/hostname">]><list><row><n>&a;</n></row></list>'
PARAMETER = '<!DOCTYPE l [<!ENTITY % p SYSTEM "http://127.0.0.1/x.dtd"> %p;]><list><row/></list>'


@pytest.mark.parametrize("text", [BILLION, OUTSIDE, PARAMETER])
def test_xml_with_entities_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="declares entities"):
        open_xml(xml(tmp_path, text), "row")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<list><row></list>", "not well-formed"),
        ("<list><row/>", "not well-formed"),
        ("<list><line/></list>", "has no <row> element"),
        ("<list><row><a>1</a><a>2</a></row></list>", "has <a> twice in one <row>"),
        ("<a>" * 300 + "</a>" * 300, "more than 200 deep"),
    ],
)
def test_what_is_wrong_with_xml_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        open_xml(xml(tmp_path, text), "row").read_all()


# --- folders and S3 ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    pytest.importorskip("obstore", reason="obstore is not installed: pip install 'tradewind[s3]'")
    pytest.importorskip("moto", reason="moto is not installed")
    server = S3Server()
    server.start("lake")
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["folder", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "folder":
        return str(tmp_path / "lake")
    server: S3Server = request.getfixturevalue("s3")
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": server.url}.items():
        monkeypatch.setenv(name, value)
    return f"s3://lake/{tmp_path.name}"


def numbers(*values: int) -> Any:
    return stream_of(pa.table({"id": list(values)}))


def in_lake(sink: FilesSink, lake: str) -> list[int]:
    store = open_store(lake)
    return [n for key in sink.files() for n in pq.read_table(pa.BufferReader(store.get(key)))["id"].to_pylist()]


def test_each_load_is_one_file_and_counts_once(lake: str) -> None:
    sink = FilesSink(lake)
    assert sink.watermark("orders") is None
    first = sink.load(numbers(1, 2), load_id="run 1", watermark=_seen(5))
    again = FilesSink(lake).load(numbers(1, 2), load_id="run 1", watermark=_seen(9))
    sink.load(numbers(3), load_id="run 2", watermark=_seen(7))
    assert (first.repeated, again.repeated, again.rows, again.watermark) == (False, True, 2, 5)
    assert sorted(in_lake(sink, lake)) == [1, 2, 3]
    assert sink.watermark("orders") == 7
    assert sink.watermark("other") is None


def test_a_part_whose_load_never_ended_is_not_listed(lake: str) -> None:
    sink = FilesSink(lake)
    sink.load(numbers(1), load_id="run 1")
    open_store(lake).put("parts/left-behind.parquet", b"half")
    assert in_lake(sink, lake) == [1]


def test_of_two_that_load_the_same_at_once_one_counts(lake: str) -> None:
    class Slow(FilesSink):
        def _entry(self, key: str) -> dict[str, Any] | None:
            found = super()._entry(key)
            if found is None and not self.overtaken:
                self.overtaken = True
                FilesSink(lake).load(numbers(1, 2), load_id="run 1")
            return found

        overtaken = False

    late = Slow(lake).load(numbers(2, 1), load_id="run 1")
    assert late.repeated
    assert in_lake(FilesSink(lake), lake) == [1, 2]
    assert len(open_store(lake).keys("parts")) == 1


def _seen(value: int) -> Watermark:
    mark = Watermark("orders", "id")
    mark.value = value
    return mark


@pytest.mark.parametrize(
    ("late", "said"),
    [({"n": 1.5}, r"do not fit .* after row 2 \(1.5 is no int64\)"), ({"n": True}, "True is no int64"),
     ({"n": 2**70}, "after row 2"), ({"in": {"n": [1, 2.5]}}, "2.5 is no int64"), ({"n": float("nan")}, "nan is no")],
)  # fmt: skip
def test_a_number_that_would_be_cut_is_refused(late: dict[str, Any], said: str) -> None:
    first = [{"n": 1, "in": {"n": [1]}}, {"n": 2.0, "in": None}]
    schema = pa.schema([("n", pa.int64()), ("in", pa.struct([("n", pa.list_(pa.int64()))]))])
    assert records_as_stream(first, chunk_size=2, schema=schema).read_all()["n"].to_pylist() == [1, 2]
    with pytest.raises(DataProblem, match=said):
        records_as_stream([*first, late], chunk_size=2, schema=schema).read_all()


def test_rows_of_a_list_keep_the_fields_that_come_later() -> None:
    assert stream_of([{"a": 1}, {"a": 2, "b": "x"}]).read_all().to_pylist() == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]
    with pytest.raises(DataProblem, match="do not fit together"):
        stream_of([{"a": 1}, {"a": "x"}])


def test_a_csv_that_is_cut_off_in_a_quoted_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for text in ('a,b\n1,"x\n2,y\n', 'a,b\n1,x\n2,"y', 'a,b\n1,x\n2,"say ""hi""'):
        path.write_text(text)
        with pytest.raises(BadInput, match=r"column 'b': ends inside a quoted field"):
            open_csv(path).read_all()
    for text in ('a,b\n1,x\n2,"y"', 'a,b\n1,x\n2,5" pipe', 'a,b\n1,"x\ny"\n', 'a,b\n"1",x'):
        path.write_text(text)
        assert open_csv(path).read_all().num_rows in (1, 2)


def test_a_csv_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("a,이름\n1,서울\n".encode("euc-kr").replace("이름".encode("euc-kr"), b"b"))
    with pytest.raises(BadInput, match="column 'b': is not UTF-8"):
        open_csv(tmp_path / "t.csv")
    assert open_csv(tmp_path / "t.csv", types={"b": pa.binary()}).read_all()["b"].to_pylist() == [
        "서울".encode("euc-kr")
    ]


def test_xml_is_read_in_the_encoding_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.xml"
    monkeypatch.setattr("tradewind.data.sources.xml.BLOCK", 3)
    for encoding in ("EUC-KR", "cp949", "utf-16", "ISO-8859-1", "utf-8"):
        text = (
            f'<?xml version="1.0" encoding="{encoding}"?><list><s n="{"é" if encoding[0] == "I" else "서울"}"/></list>'
        )
        path.write_bytes(text.encode(encoding))
        assert open_xml(path, "s").read_all().to_pylist() in ([{"n": "서울"}], [{"n": "é"}])
    path.write_bytes(b'<?xml version="1.0" encoding="EUC-KR"?><list><s n="\xff\xff"/></list>')
    with pytest.raises(BadInput, match="says that it is euc_kr, and is not"):
        open_xml(path, "s").read_all()
    path.write_text('<?xml version="1.0" encoding="klingon"?><list/>')
    with pytest.raises(BadInput, match="klingon, which is not known"):
        open_xml(path, "s").read_all()
