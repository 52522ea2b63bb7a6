"""A stop does not wait for ever: who is still being answered is told to repeat the wish, as after any outcome that is not known."""

import asyncio

from starlette.types import Message, Receive, Scope, Send

from api.logs import Journal


async def test_who_waits_while_we_are_stopped_is_told_to_repeat() -> None:
    sent: list[Message] = []
    waits = asyncio.Event()

    async def wish(scope: Scope, receive: Receive, send: Send) -> None:
        waits.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/revisits",
        "raw_path": b"/v1/revisits",
        "headers": [],
        "query_string": b"",
    }
    answering = asyncio.create_task(Journal(wish)(scope, receive, send))
    await waits.wait()
    answering.cancel()
    await answering

    start, body = sent
    assert (start["status"], dict(start["headers"])[b"content-type"]) == (503, b"application/problem+json")
    assert b"service.unavailable" in body["body"]
