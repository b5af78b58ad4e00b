"""XML as a stream of records, read as it arrives and without the tricks that a document can play.

Documents that declare entities are refused: a few lines of them expand to gigabytes, or name files to be read in.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder, lookup
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from tradewind.data.problems import BadInput
from tradewind.data.streams import records_as_stream

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1 << 16
DEEPEST = 200
READ_BY_PARSER = frozenset({"utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso8859-1", "ascii"})
LARGEST_RECORD = 16 << 20


def open_xml(
    path: str | Path, record: str, *, chunk_size: int = 10_000, schema: pa.Schema | None = None
) -> pa.RecordBatchReader:
    """A row for each `<record>` element: its attributes and its child elements as columns, all text.

    Of an element inside a child the name is `child.inner`. Hand in a schema to have other types, or when later
    records have more columns than the first chunk.
    """
    source = Path(path)
    if not source.is_file():
        raise BadInput(source, "does not exist")
    rows = xml_records(source, record)
    if schema is not None:
        rows = (_typed(row, schema, source) for row in rows)
    return records_as_stream(rows, chunk_size=chunk_size, schema=schema, name=f"The records of {source}")


def xml_records(source: Path, record: str) -> Iterator[dict[str, Any]]:
    """Each `<record>` as a dict of texts. An empty element is None; namespaces' prefixes are left out."""
    with source.open("rb") as file:
        encoding = _own_encoding(source, file.read(200))
        file.seek(0)
        reader = _Reader(source, record, "utf-8" if encoding else None)
        decode = getincrementaldecoder(encoding)() if encoding else None
        while block := file.read(BLOCK):
            try:
                yield from reader.feed(block if decode is None else decode.decode(block).encode())
            except UnicodeDecodeError as error:
                raise BadInput(source, f"says that it is {encoding}, and is not ({error.reason})") from error
    yield from reader.feed(b"", last=True)
    if not reader.seen:
        raise BadInput(source, f"has no <{record}> element")


def _own_encoding(source: Path, start: bytes) -> str | None:
    """The encoding that the document names, where it is one that the parser does not read itself: such as EUC-KR."""
    named = re.match(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""", start)
    if named is None:
        return None
    name = named[1].decode()
    try:
        known = lookup(name)
    except LookupError as error:
        raise BadInput(source, f"says that it is {name}, which is not known", line=1) from error
    return None if known.name in READ_BY_PARSER else known.name


class _Reader:
    def __init__(self, source: Path, record: str, encoding: str | None) -> None:
        self.source, self.record = source, record
        self.seen = 0
        self._ready: list[dict[str, Any]] = []
        self._path: list[str] | None = None
        """The elements we are in, below the record; None outside of any record."""
        self._text: list[str] = []
        self._row: dict[str, Any] = {}
        self._depth = self._size = 0
        # An encoding given here goes before the one that the document names.
        parser = expat.ParserCreate(encoding)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = self._entity
        parser.ExternalEntityRefHandler = self._entity
        self._parser = parser

    def feed(self, block: bytes, *, last: bool = False) -> list[dict[str, Any]]:
        try:
            self._parser.Parse(block, last)
        except expat.ExpatError as error:
            problem = f"is not well-formed XML ({expat.ErrorString(error.code)})"
            raise BadInput(self.source, problem, line=error.lineno) from error
        ready, self._ready = self._ready, []
        return ready

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._bad(f"nests elements more than {DEEPEST} deep")
        name = tag.rpartition(":")[2]
        if self._path is None:
            if name != self.record:
                return
            self._path, self._row, self._size = [], {}, 0
        else:
            self._path.append(name)
        self._text = []
        for key, value in attributes.items():
            if not key.startswith("xmlns"):
                self._put(".".join([*self._path, key]), value)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._path is None:
            return
        text = "".join(self._text).strip()
        self._text = []
        if self._path:
            name = ".".join(self._path)
            if text or not any(known == name or known.startswith(f"{name}.") for known in self._row):
                self._put(name, text or None)
            self._path.pop()
            return
        if text:
            self._put("text", text)
        self._ready.append(self._row)
        self.seen += 1
        self._path = None

    def _characters(self, text: str) -> None:
        if self._path is not None:
            self._size += len(text)
            if self._size > LARGEST_RECORD:
                raise self._bad(f"has a <{self.record}> of more than {LARGEST_RECORD >> 20} MB")
            self._text.append(text)

    def _put(self, name: str, value: str | None) -> None:
        if name in self._row:
            raise self._bad(f"has <{name}> twice in one <{self.record}>; name the inner element as the record")
        self._row[name] = value

    def _entity(self, *_: object) -> int:
        raise self._bad("declares entities, which may hold more than the file shows; have it written without them")

    def _bad(self, problem: str) -> BadInput:
        return BadInput(self.source, problem, line=self._parser.CurrentLineNumber)


def _typed(row: dict[str, Any], schema: pa.Schema, source: Path) -> dict[str, Any]:
    import pyarrow as pa

    found: dict[str, Any] = {}
    for name, text in row.items():
        index = schema.get_field_index(name)
        if index < 0 or text is None:
            found[name] = text
            continue
        try:
            found[name] = pa.scalar(text, pa.string()).cast(schema.field(index).type).as_py()
        except pa.ArrowInvalid as error:
            raise BadInput(source, f"{text!r} is no {schema.field(index).type}", column=name) from error
    return {name: value for name, value in found.items() if schema.get_field_index(name) >= 0}
