"""What KMA's services can answer instead of weather, sorted by what a client should do about it.

| class | do |
|---|---|
| `KmaBusy`, `KmaGarbled` | ask again after a pause (both are `SourceUnavailable`) |
| `KmaQuotaSpent` | ask again after midnight in Korea, its `not_before` |
| `KmaRefused`, `KmaSchemaChanged` | change the key, the question or this code (both are `DataProblem`) |
"""

from __future__ import annotations

from datetime import datetime

from tradewind.data.problems import DataError, DataProblem, SourceUnavailable


class KmaBusy(SourceUnavailable):
    """The service did not answer, or said that it cannot now."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KmaNotObserved(KmaBusy):
    """The service is well, and has nothing of an hour yet."""


class KmaGarbled(SourceUnavailable):
    """The answer is cut off, or is not in the format that the service promises."""


class KmaQuotaSpent(DataError):
    """The day's calls are used up; more are allowed from `not_before` on."""

    def __init__(self, message: str, not_before: datetime) -> None:
        super().__init__(f"{message}; calls are counted anew from {not_before:%Y-%m-%d %H:%M} UTC on.")
        self.message = message
        self.not_before = not_before

    def __reduce__(self) -> tuple[object, ...]:
        return (KmaQuotaSpent, (self.message, self.not_before))


class KmaRefused(DataProblem):
    """The service will give the same refusal to the same question."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class KmaSchemaChanged(DataProblem):
    """The columns are not those that this code knows; nothing of the answer was used."""

    def __init__(self, message: str, raw: bytes = b"") -> None:
        super().__init__(message)
        self.raw = raw
        """The answer, for keeping."""
