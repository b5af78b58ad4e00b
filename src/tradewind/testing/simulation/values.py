"""XComs of the play: what each success leaves, says who left it, and whoever is offered it looks it up."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tradewind.testing.simulation.checks import Broken
from tradewind.wire.messages import Offer
from tradewind.wire.xcom_files import XComFileLost, XComFiles


class Values(XComFiles):
    """The folder that all machines share, on a disk that keeps what was written when the power goes."""

    def __init__(self, inline_bytes: int) -> None:
        super().__init__("/xcoms", inline_bytes)
        self._files: dict[str, bytes] = {}

    def _write(self, path: str, value: bytes) -> None:
        self._files[path] = value

    def _load(self, path: str) -> bytes:
        if path not in self._files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self._files[path]

    def _remove(self, folder: str) -> None:
        for path in [path for path in self._files if path.startswith(f"{folder}/")]:
            del self._files[path]

    def left_by(self, offer: Offer) -> bytes:
        """What the attempt leaves, as its row will hold it."""
        value = json.dumps([offer.task_id, offer.map_index, offer.attempt]).encode()
        return self.store(value, run=offer.run.number, task_id=offer.task_id, map_index=offer.map_index)

    def check(self, offer: Offer, ends: Mapping[str, str]) -> None:
        """I6: what is offered is there, and is what a success of that task instance has left. Raises Broken."""
        for xcom in offer.xcoms:
            who = f"the value of {xcom.task_id}[{xcom.map_index}] for attempt {offer.attempt}"
            try:
                task_id, map_index, attempt = json.loads(self.read(xcom.value))
            except (XComFileLost, ValueError) as lost:
                raise Broken(f"I6: {who} cannot be read: {lost}") from lost
            if (task_id, map_index) != (xcom.task_id, xcom.map_index) or ends.get(attempt) != "success":
                raise Broken(f"I6: {who} is {ends.get(attempt)} of {task_id}[{map_index}], attempt {attempt}")
