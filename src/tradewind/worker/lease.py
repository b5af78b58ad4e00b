"""Until when an agent may begin what it was offered.

A scheduler that has not heard of an agent for a lease kills what runs there and gives the work to others. What it
cannot reach is in the agent itself: offers that lay in a socket while the agent stood still. So an agent begins an
offer only while a lease lasts, from a moment at which it spoke and was answered, whatever anybody's clock shows.
"""

from __future__ import annotations


class Lease:
    """One agent's lease. Times are seconds of a clock that goes on while the machine sleeps."""

    def __init__(self, now: float, seconds: float) -> None:
        self._seconds = seconds
        self._said: dict[int, float] = {}
        """When each beat that is not answered was said."""
        self._dialled_at = now
        self._until = now + seconds

    def holds(self, now: float) -> bool:
        return now < self._until

    def dialled(self, now: float) -> None:
        """A greeting was said on a new connection; beats on the one before will not be answered."""
        self._dialled_at = now
        self._said.clear()

    def welcomed(self, seconds: float) -> None:
        """The greeting was answered, with how long a lease lasts from now on."""
        self._seconds = seconds
        self._until = self._dialled_at + seconds

    def said(self, beat: int, now: float) -> None:
        """A beat was said; those of more than a lease ago are of no use any more."""
        self._said = {number: at for number, at in self._said.items() if now - at < self._seconds}
        self._said[beat] = now

    def answered(self, beat: int) -> None:
        """The scheduler has heard this beat, and so every one before it."""
        at = self._said.get(beat)
        if at is None:
            return
        self._until = max(self._until, at + self._seconds)
        self._said = {number: said for number, said in self._said.items() if said > at}
