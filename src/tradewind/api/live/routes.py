"""`GET /ui/stream`: what happens, as it happens.

`?topics=dags&topics=dag:DAG&topics=run:DAG/RUN&topics=log:DAG/RUN/TASK/MAP_INDEX/TRY&topics=health` names what is
looked at; beside these there are the families of the event log (`pool`, `variable`, `asset`, `question`, `command`, …).
`some:TOPIC` of each of these words tells only that something of it has happened (`kind` is `some`, `state` the topic):
for sums over all of it, which are asked for anew whatever it was.
A caller hears of what they may read, and of nothing else; what may not be seen is as silent as what does not exist.

The answer is `text/event-stream`. Its messages:

| event | data | what to do |
|---|---|---|
| `hello` | `{seq, topics, connection}` | the first one; from here on nothing is missed |
| `changes` | `[{seq, kind, dag_id, run_id, task_id, map_index, try_number, state, at}, …]` | patch what is shown |
| `resync` | `{why}` | read everything anew, at a random moment of the next two seconds |
| `state` | `{connection}` | `live`, or `scheduler-away`: nothing is heard until it is `live` again |
| `me` | `{}` | what the caller may do has changed: read `/auth/me` anew |
| `end` | `{why}` | `logged-out`, `closing` or `unknown`; nothing follows |

`at` is in microseconds since 1970. `kind` is the event's name in the event log (`run.moved`, `task.moved`, …), and
`state` the state that followed, where there is one. A `log:` topic also tells `log.grew`, when there is more to read;
that and `progress` have no number of their own (`seq` 0), and `progress` has `done`, `total` and `unit` beside the
others. Nor have `worker.moved` and `file.parsed`: what they are about is no row of the event log.

`id` is the number of the last event that was told or was not for this stream. `Last-Event-ID`, or `?after=`, goes on
there for as long as the last 50,000 events or ten minutes reach back; else `resync` comes first. A comment comes after
15 s of silence, with the `id` of that moment. Other topics are another stream: open it with the `id` of the one before,
then close that one, and nothing is missed or told late.

With `Accept: application/json` the same is one answer to one question: `{seq, connection, changes, resync, me}`, given
when there is something to say after `?after=SEQ`, or after 15 s; without `after` at once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from tradewind.api.call import NotPermitted
from tradewind.api.live.changes import checked_topics
from tradewind.api.live.hub import Hub
from tradewind.api.live.listener import BEAT_SECONDS, Listener, Telling
from tradewind.api.login.cookies import COOKIE
from tradewind.api.routing import Asked, Routes
from tradewind.core.access import Caller, Resource
from tradewind.core.errors import InvalidInput
from tradewind.security.tokens import Forged

routes = Routes("Live", prefix="/ui")

SSE = "text/event-stream"
MOST_SEQ = 2**62
RETRY_MS = 1000
_json = msgspec.json.Encoder().encode


@routes.get("/stream", Resource.DAG, response_model=None, responses={200: {"content": {SSE: {}}}})
async def stream(
    call: Asked,
    topics: Annotated[list[str] | None, Query()] = None,
    after: Annotated[int | None, Query(ge=0, le=MOST_SEQ)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
    accept: Annotated[str, Header()] = SSE,
) -> Response:
    """What happens to what one looks at, as it happens."""
    asked = checked_topics(topics or ())
    cursor = _cursor(last_event_id) if last_event_id else after
    hub: Hub = call.request.app.state.live
    listener = await hub.listen(
        call.caller, asked, lambda: _again(call), credential=_credential(call.request), after=cursor
    )  # fmt: skip
    if "application/json" in accept.lower() and SSE not in accept.lower():
        return await _once(hub, listener, waits=cursor is not None)
    headers = {"X-Accel-Buffering": "no"}  # a proxy that collects would make it late
    return StreamingResponse(_told(hub, listener, call, cursor), media_type=SSE, headers=headers)


def _cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_SEQ):
        raise InvalidInput("Last-Event-ID is none that this stream gave; leave it out.")
    return int(text)


def _again(call: Any) -> Caller:
    """Who the caller is by now. Raises NotAuthenticated or NotPermitted."""
    caller: Caller = call.installation.gate.caller(call.request)
    if not caller.may(call.need) or caller.name != call.caller.name:
        raise NotPermitted(call.need)
    return caller


def _credential(request: Request) -> str:
    shown = f"{request.headers.get('authorization', '')}\0{request.cookies.get(COOKIE, '')}"
    return hashlib.blake2b(shown.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _seconds_left(call: Any) -> float | None:
    """Until the token is over that the request came with; None where it came with none."""
    scheme, _, value = call.request.headers.get("authorization", "").partition(" ")
    token = value.strip() if scheme.lower() == "bearer" else call.request.cookies.get(COOKIE, "") if not scheme else ""
    logins = call.installation.logins
    try:
        left: timedelta = logins.tokens.read(token, logins.clock()).expires - logins.clock()
    except Forged:
        return None
    return max(0.0, left.total_seconds())


async def _told(hub: Hub, listener: Listener, call: Any, cursor: int | None) -> AsyncIterator[bytes]:
    left = _seconds_left(call) if call.caller.session else None
    # A second later than it ends, since nobody says that it is over: it is looked at.
    alarm = asyncio.get_running_loop().call_later(left + 1.0, hub.look_anew_at, listener) if left is not None else None
    try:
        hello = {"seq": listener.cursor, "topics": sorted(listener.topics), "connection": hub.connection}
        yield b"retry: %d\n" % RETRY_MS + _message("hello", hello, listener.cursor if cursor is None else cursor)
        while True:
            telling = await listener.take()
            yield _as_messages(telling)
            if telling.end:
                return
    finally:
        hub.leave(listener)
        if alarm is not None:
            alarm.cancel()


def _as_messages(telling: Telling) -> bytes:
    if telling.says_nothing:
        return b": still here\nid: %d\n\n" % telling.cursor
    told = b""
    if telling.connection:
        told += _message("state", {"connection": telling.connection})
    if telling.me:
        told += _message("me", {})
    if telling.resync:
        told += _message("resync", {"why": telling.resync}, telling.cursor)
    if telling.changes:
        told += b"id: %d\nevent: changes\ndata: %b\n\n" % (telling.cursor, _as_list(telling))
    if telling.end:
        told += _message("end", {"why": telling.end})
    return told


def _message(event: str, data: Any, cursor: int | None = None) -> bytes:
    first = b"" if cursor is None else b"id: %d\n" % cursor
    return first + b"event: %b\ndata: %b\n\n" % (event.encode(), _json(data))


def _as_list(telling: Telling) -> bytes:
    return b"[" + b",".join(change.text for change in telling.changes) + b"]"


async def _once(hub: Hub, listener: Listener, *, waits: bool) -> Response:
    try:
        telling = await listener.take(BEAT_SECONDS) if waits else Telling(listener.cursor)
    finally:
        hub.leave(listener)
    rest = {"seq": telling.cursor, "connection": hub.connection, "resync": telling.resync, "me": telling.me}
    body = _json(rest)[:-1] + b',"changes":' + _as_list(telling) + b"}"
    return Response(body, media_type="application/json")
