"""A standalone Spark master asked over HTTP: its drivers and applications, and that one of them end."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.spark_target import SparkTarget

ACTIVE = frozenset({"SUBMITTED", "RUNNING", "RELAUNCHING", "UNKNOWN"})
"""States of a driver that has not ended; UNKNOWN while a new master finds out."""
SUCCEEDED = "FINISHED"
LOST = "NOT FOUND"
"""Said of a driver that the master does not know."""

T = TypeVar("T")

_TIMEOUT_SECONDS = 5.0
_CHUNK = 512 * 1024


class SparkUnreachable(AirflowException):
    """Nobody answers where the master should be."""


class SparkMaster:
    """The master of a standalone cluster: its submission server (`rest-port`) where there is one, else its web page
    (`web-port`). Of several masters the first that answers for the cluster counts."""

    def __init__(self, target: SparkTarget, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self.target = target
        self._timeout = timeout_seconds

    def driver_state(self, driver_id: str) -> str:
        """What the master calls the driver's state now. Raises SparkUnreachable where that cannot be learnt."""

        def by_rest(url: str) -> str:
            answer = self._json(f"{url}/v1/submissions/status/{driver_id}")
            if answer.get("action") != "SubmissionStatusResponse":
                raise SparkUnreachable(f"{url} is not a Spark submission server.")
            return str(answer["driverState"]) if answer.get("success") else LOST

        def by_page(url: str) -> str:
            return str((self._driver(url, driver_id) or {}).get("state", LOST))

        return self._asked(by_rest, by_page, f"The state of driver {driver_id} is not known")

    def kill(self, driver_id: str) -> str:
        """Ask the master to end a driver; gives what it said."""

        def by_rest(url: str) -> str:
            answer = self._json(f"{url}/v1/submissions/kill/{driver_id}", method="POST")
            if answer.get("action") != "KillSubmissionResponse":
                raise SparkUnreachable(f"{url} is not a Spark submission server.")
            return str(answer.get("message", ""))

        def by_page(url: str) -> str:
            self._state(url)  # else it would be said to whatever listens there
            form = urlencode({"id": driver_id, "terminate": "true"}).encode()
            self._bytes(f"{url}/driver/kill/", method="POST", data=form)
            return f"Asked the master's page to end {driver_id}"

        return self._asked(by_rest, by_page, f"Driver {driver_id} could not be ended")

    def application(self, application_id: str = "", *, name: str = "") -> Mapping[str, Any] | None:
        """An application as the master's page lists it, by its id or else the newest of that name; None when it lists
        none. Raises SparkUnreachable where no master's page is."""

        def by_page(url: str) -> list[Mapping[str, Any]]:
            state = self._state(url)
            return [*state.get("activeapps", ()), *state.get("completedapps", ())]

        found = self._first(by_page, self.target.web_urls, "The applications are not known")
        fitting = [app for app in found if (app["id"] == application_id if application_id else app["name"] == name)]
        return max(fitting, key=lambda app: (app["starttime"], app["id"]), default=None)

    def driver_output(self, driver_id: str, kind: str, offset: int) -> bytes:
        """What the driver has written to `stdout` or `stderr` after so many bytes, from its worker's page."""

        def by_page(url: str) -> bytes:
            state = self._state(url)
            driver = _driver_in(state, driver_id) or {}
            # The worker's id is `worker-DATE-HOST-PORT`; of a driver that waits, it says "None".
            pages = {worker["id"]: worker["webuiaddress"] for worker in state.get("workers", ())}
            page = pages.get(str(driver.get("worker")))
            if page is None:
                raise SparkUnreachable(f"{url} names no worker of {driver_id}.")
            query = urlencode({"driverId": driver_id, "logType": kind, "offset": offset, "byteLength": _CHUNK})
            text = self._bytes(f"{page}/log/?{query}")
            head, _, rest = text.partition(b"\n")  # ==== Bytes 0-10 of 10 of /work/… ====
            first = head.split()[2].partition(b"-")[0] if head.startswith(b"==== Bytes") else b""
            if not first.isdigit():
                raise SparkUnreachable(f"{page} shows no log of {driver_id}.")
            return rest[max(0, offset - int(first)) :]

        return self._first(by_page, self.target.web_urls, f"The log of {driver_id} cannot be read")

    # --- asking ---

    def _asked(self, by_rest: Callable[[str], str], by_page: Callable[[str], str], subject: str) -> str:
        """From the submission servers; where none answers, from the masters' pages."""
        try:
            return self._first(by_rest, self.target.rest_urls, subject)
        except SparkUnreachable as refused:
            try:
                return self._first(by_page, self.target.web_urls, subject)
            except SparkUnreachable as error:
                raise SparkUnreachable(
                    f"{subject}: {_last(refused)}; {_last(error)}; "
                    "say the master's rest-port or web-port in the connection's extra."
                ) from None

    def _first(self, ask: Callable[[str], T], urls: list[str], subject: str) -> T:
        problem = "the connection names no standalone master"
        found: list[T] = []
        for url in urls:
            try:
                answer = ask(url)
            except SparkUnreachable as error:
                problem = str(error).rstrip(".")
                continue
            if answer != LOST:  # a standby master knows no drivers
                return answer
            found.append(answer)
        if found:
            return found[0]
        raise SparkUnreachable(f"{subject}: {problem}")

    def _state(self, url: str) -> Mapping[str, Any]:
        """All that a master's page knows."""
        state = self._json(f"{url}/json/")
        if not str(state.get("url", "")).startswith("spark://"):
            raise SparkUnreachable(f"{url} is not the page of a Spark master")
        return state

    def _driver(self, url: str, driver_id: str) -> Mapping[str, Any] | None:
        return _driver_in(self._state(url), driver_id)

    def _json(self, url: str, method: str = "GET") -> Mapping[str, Any]:
        try:
            answer = json.loads(self._bytes(url, method=method))
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise SparkUnreachable(f"{url} did not answer as a Spark master does")
        return answer

    def _bytes(self, url: str, method: str = "GET", data: bytes | None = None) -> bytes:
        request = urllib.request.Request(url, method=method, data=data if data is not None or method == "GET" else b"")
        try:
            with _opener.open(request, timeout=self._timeout) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return bytes(error.read())
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise SparkUnreachable(f"{url} cannot be reached ({reason})") from None


# The cluster is asked itself, whatever HTTP_PROXY says about other addresses.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _driver_in(state: Mapping[str, Any], driver_id: str) -> Mapping[str, Any] | None:
    drivers = [*state.get("activedrivers", ()), *state.get("completeddrivers", ())]
    return next((driver for driver in drivers if driver["id"] == driver_id), None)


def _last(error: SparkUnreachable) -> str:
    return str(error).partition(": ")[2]
