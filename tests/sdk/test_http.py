"""HTTP: hook, operator, sensor and triggers against a server of the test's own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import tenacity
from execution_attempts import attempt, value_of

from tradewind.sdk import DAG, PokeReturnValue
from tradewind.sdk.exceptions import AirflowException, TaskDeferred
from tradewind.sdk.hooks.base import BaseHook
from tradewind.sdk.hooks.http import HttpHook
from tradewind.sdk.operators.http import HttpOperator
from tradewind.sdk.sensors.http import HttpSensor
from tradewind.sdk.triggers.http import HttpSensorTrigger, HttpTrigger


class Handler(BaseHTTPRequestHandler):
    """Echoes what it is sent as JSON; /status/N answers N, /soon 404 until asked for the third time, /page/N a page."""

    def handle_all(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        status, path = 200, self.path.partition("?")[0]
        if path.startswith("/status/"):
            status = int(path.rpartition("/")[2])
        elif path == "/soon" and self.server.asked.count("/soon") < 3:  # type: ignore[attr-defined]
            status = 404
        answer: Any = {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body}
        if path.startswith("/page/"):
            answer = {"number": int(path.rpartition("/")[2])}
        data = json.dumps(answer).encode()
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", getattr(self.server, "elsewhere", "/moved"))
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_all

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    connection = {
        "conn_type": "http", "host": "127.0.0.1", "port": found.server_port, "login": "me", "password": "pw",
        "extra": {"X-Team": "blue", "timeout": 20},
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_HTTP_DEFAULT", json.dumps(connection))
    monkeypatch.delenv("http_proxy", raising=False)
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


def run(method: str = "GET", endpoint: str = "x", **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = HttpHook(method).run(endpoint, **options).json()
    return answer


@pytest.mark.usefixtures("server")
class TestHook:
    def test_the_connection_gives_address_login_and_headers(self) -> None:
        told = run()
        assert told["headers"]["X-Team"] == "blue"
        assert told["headers"]["Authorization"] == "Basic bWU6cHc="
        assert told["path"] == "/x"
        assert "Timeout" not in {name.title() for name in told["headers"]}

    def test_data_is_the_query_of_a_get_and_the_body_of_a_post(self) -> None:
        assert run(data={"a": [1, 2]})["path"] == "/x?a=1&a=2"
        assert run(endpoint="x?b=1", data="a=1")["path"] == "/x?b=1&a=1"
        assert run("POST", data={"a": "1 2"})["body"] == "a=1+2"
        assert run("POST", data='{"a": 1}')["body"] == '{"a": 1}'
        sent = run("PUT", json={"a": 1}, params={"b": 2})
        assert (sent["body"], sent["path"], sent["headers"]["Content-Type"]) == (
            '{"a": 1}', "/x?b=2", "application/json"
        )  # fmt: skip

    def test_an_error_is_raised_with_its_status_unless_it_is_not_to_be(self) -> None:
        with pytest.raises(AirflowException, match=r"^503:"):
            run(endpoint="status/503")
        response = HttpHook("GET").run("status/503", extra_options={"check_response": False})
        assert (response.status_code, response.ok) == (503, False)

    def test_redirects_are_followed_unless_they_are_not_to_be(self) -> None:
        assert run(endpoint="status/302")["path"] == "/moved"
        response = HttpHook("GET").run("status/302", extra_options={"allow_redirects": False})
        assert (response.status_code, response.headers["location"]) == (302, "/moved")

    def test_a_redirect_to_another_host_does_not_take_the_password_along(self, server: Any) -> None:
        server.elsewhere = f"http://localhost:{server.server_port}/x"
        told = run(endpoint="status/301")
        assert told["headers"]["Host"].startswith("localhost")
        assert "Authorization" not in told["headers"]
        assert told["headers"]["X-Team"] == "blue"

    def test_only_web_addresses_are_opened(self) -> None:
        with pytest.raises(AirflowException, match=r"'file:///etc/hostname' is no address of the web"):
            run(endpoint="file:///etc/hostname")

    def test_headers_are_found_in_any_case(self) -> None:
        response = HttpHook("GET").run("x")
        assert response.headers["CONTENT-type"].startswith("application/json")
        assert "content-type" in response.headers
        assert response.encoding == "utf-8"

    def test_an_option_that_does_not_exist_is_refused(self) -> None:
        with pytest.raises(TypeError, match="extra_options does not know speed"):
            run(extra_options={"speed": 3})
        with pytest.raises(TypeError, match="does not know files"):
            run(files={})
        with pytest.raises(AirflowException, match="needs apache-airflow-providers-http"):
            HttpHook(auth_type=object)

    def test_a_connection_finds_it_by_its_type(self) -> None:
        assert type(BaseHook.get_hook("http_default")) is HttpHook


def test_a_server_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HTTP_DEFAULT", "http://127.0.0.1:9")
    with pytest.raises(AirflowException, match=r"http://127.0.0.1:9/x cannot be reached"):
        run()


def test_a_request_is_tried_again_as_tenacity_is_told(server: Any) -> None:
    retries = {"stop": tenacity.stop_after_attempt(3), "retry": tenacity.retry_if_exception_type(AirflowException)}
    assert HttpHook("GET").run_with_advanced_retry(retries, "soon").ok
    assert server.asked == ["/soon"] * 3


# --- operator ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server")
class TestOperator:
    def result(self, **options: Any) -> Any:
        with DAG("d", schedule=None) as dag:
            HttpOperator(task_id="t", **{"method": "GET", **options})
        return value_of(attempt(dag, "t"))

    def test_the_text_or_what_a_filter_makes_of_it_is_the_result(self) -> None:
        assert json.loads(self.result(endpoint="{{ ds }}"))["path"] == "/2024-03-05"
        assert self.result(endpoint="x", response_filter=lambda response, ds: [response.json()["path"], ds]) == [
            "/x", "2024-03-05"
        ]  # fmt: skip

    def test_a_check_may_refuse_the_answer(self) -> None:
        with pytest.raises(AssertionError, match="response_check is false"):
            self.result(endpoint="x", response_check=lambda response: False)

    def test_pages_are_followed_until_there_is_no_next_one(self) -> None:
        def following(response: Any) -> Any:
            number = response.json()["number"]
            return {"endpoint": f"page/{number + 1}"} if number < 3 else None

        pages = self.result(endpoint="page/1", pagination_function=following)
        assert [json.loads(page)["number"] for page in pages] == [1, 2, 3]

    def test_deferred_the_trigger_brings_the_answer(self) -> None:
        operator = HttpOperator(task_id="t", method="GET", endpoint="x", deferrable=True)
        with pytest.raises(TaskDeferred) as caught:
            operator.execute({})
        event = fired(caught.value.trigger)
        assert json.loads(operator.execute_complete({}, event))["path"] == "/x"
        failed = fired(HttpTrigger(method="GET", endpoint="status/500"))
        with pytest.raises(AirflowException, match=r"^500:"):
            operator.execute_complete({}, failed)


# --- sensor ------------------------------------------------------------------------------------------------------


def sensor(**options: Any) -> HttpSensor:
    return HttpSensor(task_id="s", **{"poke_interval": 0.01, "timeout": 30, **options})


def test_a_sensor_asks_until_there_is_no_404(server: Any) -> None:
    sensor(endpoint="soon").execute({})
    assert server.asked == ["/soon"] * 3


@pytest.mark.usefixtures("server")
def test_any_other_error_fails_unless_it_is_allowed() -> None:
    with pytest.raises(AirflowException, match=r"^503:"):
        sensor(endpoint="status/503").poke({})
    assert sensor(endpoint="status/503", response_error_codes_allowlist=["404", "503"]).poke({}) is False
    with pytest.raises(AirflowException, match=r"^404:"):
        sensor(endpoint="status/404", response_error_codes_allowlist=[]).poke({})


@pytest.mark.usefixtures("server")
def test_a_check_decides_and_may_leave_a_value() -> None:
    assert sensor(endpoint="x", response_check=lambda response: "y" in response.text).poke({}) is True
    assert sensor(endpoint="x", response_check=lambda response: None).poke({}) is False
    done = sensor(endpoint="x", response_check=lambda response, ds: PokeReturnValue(True, ds))
    assert done.execute({"ds": "2024-03-05"}) == "2024-03-05"


def test_a_sensor_defers_to_a_trigger_unless_it_has_a_check(server: Any) -> None:
    with pytest.raises(TaskDeferred) as caught:
        sensor(endpoint="soon", deferrable=True).execute({})
    assert fired(caught.value.trigger) is True
    assert server.asked == ["/soon"] * 3
    with pytest.raises(AirflowException, match=r"^500:"):
        fired(HttpSensorTrigger(endpoint="status/500", poke_interval=0.01))
    sensor(endpoint="x", deferrable=True, response_check=lambda response: True).execute({})


def fired(trigger: Any) -> Any:
    async def first() -> Any:
        async for event in trigger.run():
            return event.payload
        return None

    return asyncio.run(first())
