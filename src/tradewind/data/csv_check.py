"""Is this CSV what the job expects? One fast pass that reads bytes, and says exactly what is wrong and where."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tradewind.data.problems import BadInput
from tradewind.data.runtime import progress

BLOCK = 4 << 20

_BLANK = re.compile(rb"(?<=\n)\r?\n")
_MAGIC = {
    b"\x1f\x8b": "is gzip-compressed, not plain CSV; unpack it first",
    b"PK\x03\x04": "is a zip archive, not plain CSV; unpack it first",
    b"\x28\xb5\x2f\xfd": "is zstd-compressed, not plain CSV; unpack it first",
    b"PAR1": "is a Parquet file, not CSV",
    b"\xff\xfe": "is UTF-16, not UTF-8; convert it first",
    b"\xfe\xff": "is UTF-16, not UTF-8; convert it first",
}


@dataclass(frozen=True)
class CsvFacts:
    """What one pass over a CSV found."""

    path: Path
    size: int
    rows: int
    """Lines after the header that are not blank; the records, as long as no quoted field holds a line break."""
    modified: float


def check_csv(path: Path, columns: Sequence[str]) -> CsvFacts:
    """Facts about a UTF-8 CSV with exactly this header, one record a line; `BadInput` when it is anything else."""
    header = check_header(path, columns)
    facts = path.stat()
    newlines = blank = done = 0
    tail = carry = edge = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            text = carry + block
            carry = _check_text(path, text, newlines)
            newlines += block.count(b"\n")
            blank += len(_blank_lines(edge + block))
            edge = _edge(edge + block)
            done += len(block)
            tail = _last_line(tail, block)
            progress(done, facts.st_size, "bytes")
    if carry:
        raise BadInput(path, "ends in the middle of a UTF-8 character; the file is cut off", line=newlines + 1)
    rows = (newlines if tail else newlines - 1) - blank
    if rows == 0:
        raise BadInput(path, "has a header but no rows")
    if tail:
        _check_last_line(path, tail, newlines + 1, header)
    return CsvFacts(path, facts.st_size, rows, facts.st_mtime)


def has_blank_lines(path: Path) -> bool:
    """Whether there is a line without anything in it."""
    edge = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if _blank_lines(edge + block):
                return True
            edge = _edge(edge + block)
    return False


def _blank_lines(text: bytes) -> list[bytes]:
    # The pattern is slower than looking whether it can be there at all.
    return _BLANK.findall(text) if b"\n\n" in text or b"\n\r\n" in text else []


def _edge(text: bytes) -> bytes:
    """What a blank line may begin with that ends in the next block."""
    return text[-2:] if text.endswith(b"\n\r") else text[-1:]


def check_header(path: Path, columns: Sequence[str]) -> list[str]:
    """The header, when it has exactly these columns; `BadInput` when the file begins with anything else."""
    if not path.exists():
        raise BadInput(path, "does not exist")
    if not path.is_file():
        raise BadInput(path, "is not a file")
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    if not first.strip():
        raise BadInput(path, "is empty" if not path.stat().st_size else "has no header", line=None)
    for magic, problem in _MAGIC.items():
        if first.startswith(magic):
            raise BadInput(path, problem)
    try:
        text = first.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(path, f"is not UTF-8 (byte 0x{first[error.start]:02x}); convert it first", line=1) from None
    header = next(csv.reader([text.rstrip("\r\n")]))
    if header != list(columns):
        raise BadInput(path, _difference(header, columns), line=1, column=_first_wrong(header, columns))
    return header


def _difference(header: Sequence[str], columns: Sequence[str]) -> str:
    missing = [name for name in columns if name not in header]
    extra = [name for name in header if name not in columns]
    if not missing and not extra:
        return f"the columns are in the wrong order; expected {', '.join(columns)}"
    parts = [f"missing: {', '.join(missing)}"] if missing else []
    parts += [f"unexpected: {', '.join(extra)}"] if extra else []
    return f"wrong columns ({'; '.join(parts)})"


def _first_wrong(header: Sequence[str], columns: Sequence[str]) -> str:
    for found, expected in zip(header, columns, strict=False):
        if found != expected:
            return expected
    return columns[len(header)] if len(header) < len(columns) else header[len(columns)]


def _check_text(path: Path, text: bytes, lines_before: int) -> bytes:
    """Check that `text` is UTF-8 without NUL; give back the start of a character cut by the end of the block."""
    nul = text.find(b"\0")
    if nul >= 0:
        raise BadInput(path, "has a zero byte; it is no text file", line=lines_before + text.count(b"\n", 0, nul) + 1)
    if text.isascii():
        return b""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and len(text) - error.start < 4:
            return text[error.start :]
        line = lines_before + text.count(b"\n", 0, error.start) + 1
        raise BadInput(path, f"is not UTF-8 (byte 0x{text[error.start]:02x}); convert it first", line=line) from None
    return b""


def _last_line(tail: bytes, block: bytes) -> bytes:
    newline = block.rfind(b"\n")
    return tail + block if newline < 0 else block[newline + 1 :]


def _check_last_line(path: Path, tail: bytes, line: int, header: list[str]) -> None:
    """A last line without a line break may be whole; it is cut off when fields or a closing quote are missing."""
    text = tail.decode("utf-8")
    fields = next(csv.reader([text]))
    if len(fields) < len(header):
        problem = f"the last line is cut off: {len(fields)} of {len(header)} fields"
        raise BadInput(path, problem, line=line, column=header[len(fields) - 1])
    if text.count('"') % 2:
        raise BadInput(path, "the last line is cut off inside a quoted field", line=line, column=header[-1])
