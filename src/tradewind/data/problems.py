"""What can go wrong with data, sorted by whether trying again can help.

`DataProblem` and what derives from it will be the same on every try: a missing file, a wrong header, a failed quality
gate. The other errors (`DiskFull`, `SourceUnavailable`) may be gone after a pause. Each message is one sentence that
names the file, and the line or column where there is one.
"""

from __future__ import annotations

from pathlib import Path


class DataError(Exception):
    """Anything the data toolkit raises on purpose."""


class DataProblem(DataError):
    """Trying again without changing the input or the settings will fail in the same way."""


class BadInput(DataProblem):
    """An input file cannot be used as it is."""

    def __init__(self, path: Path | str, problem: str, *, line: int | None = None, column: str | None = None) -> None:
        where = str(path)
        if line is not None:
            where += f", line {line}"
        if column is not None:
            where += f", column {column!r}"
        super().__init__(f"{where}: {problem}")
        self.path = Path(path)
        self.problem = problem
        self.line = line
        self.column = column

    def __reduce__(self) -> tuple[object, ...]:
        return (_bad_input, (self.path, self.problem, self.line, self.column))


def _bad_input(path: Path, problem: str, line: int | None, column: str | None) -> BadInput:
    return BadInput(path, problem, line=line, column=column)


class BadSetting(DataProblem):
    """An argument or environment variable has a value that cannot work."""


class MemoryLimitReached(DataProblem):
    """The work does not fit into the memory it was given."""


class QualityGateFailed(DataProblem):
    """The data are not good enough to be loaded."""


class Overtaken(DataProblem):
    """A newer try of the same task writes the same file."""


class DiskFull(DataError):
    """There is not enough room for what has to be written."""


class SourceUnavailable(DataError):
    """A source did not answer, or answered that it cannot now."""
