"""What can go wrong with a call that comes in, kind by kind. Each is one function here; what a kind does to a notify is in notify.py."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Response
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

Kind = Literal["slow", "refused", "lost", "duplicated", "late", "tampered"]


def half(headers: MutableHeaders, body: bytes) -> bytes:
    """An answer that broke off: on a wire without signatures that is all one can see of a change on the way."""
    del headers
    return body[: len(body) // 2]


def digits(headers: MutableHeaders, body: bytes) -> bytes:
    """Every digit that can be is one more: as readable as before, and its amounts are other ones. Only a signature tells."""
    del headers
    return re.sub(rb"[0-8]", lambda digit: b"%d" % (int(digit[0]) + 1), body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a system says no, and what somebody on the way can make of its answers."""

    codes: Sequence[str]
    """The refusals that may be asked for; the first is said when none is named."""
    refuse: Callable[[str], Response]
    tamper: Callable[[MutableHeaders, bytes], bytes] = half
    """Gives the changed body, and may change the headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """A call that a fault has met. `answer` carries it out, each time it is called, and says the answer to whom it is given."""

    seconds: float
    code: str
    manners: Manners
    answer: Callable[[Send], Awaitable[None]]
    later: Callable[[Coroutine[Any, Any, None]], None]
    """Does something after the caller has gone."""
    scope: Scope
    receive: Receive


async def _slow(call: Spoilt, send: Send) -> None:
    """It takes effect and answers, but only after the wait."""
    await asyncio.sleep(call.seconds)
    await call.answer(send)


async def _refused(call: Spoilt, send: Send) -> None:
    """After the wait the party says no in its own words, and nothing has taken effect."""
    await asyncio.sleep(call.seconds)
    await call.manners.refuse(call.code)(call.scope, call.receive, send)


async def _lost(call: Spoilt, send: Send) -> None:
    """It takes effect at once, its answer is thrown away, and the line stays silent until a gateway on the way gives up with 504."""
    await call.answer(_nowhere)
    await asyncio.sleep(call.seconds)
    await _give_up(send)


async def _duplicated(call: Spoilt, send: Send) -> None:
    """It arrives twice, the second time after the wait. The caller hears the first answer."""
    heard = await _heard(call)
    if call.seconds:
        call.later(_again(call))
    else:
        await call.answer(_nowhere)
    for message in heard:
        await send(message)


async def _late(call: Spoilt, send: Send) -> None:
    """A gateway on the way gives up at once with 504, and the call arrives and takes effect after the wait."""
    call.later(_again(call))
    await _give_up(send)


async def _tampered(call: Spoilt, send: Send) -> None:
    """It takes effect, and after the wait an answer comes that is not the party's own any more."""
    await asyncio.sleep(call.seconds)
    start, *rest = await _heard(call)
    headers = MutableHeaders(raw=list(start["headers"]))
    body = call.manners.tamper(headers, b"".join(part.get("body", b"") for part in rest))
    if "content-length" in headers:
        headers["content-length"] = str(len(body))
    await send({**start, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})


BEHAVIOURS: dict[Kind, Callable[[Spoilt, Send], Awaitable[None]]] = {
    "slow": _slow,
    "refused": _refused,
    "lost": _lost,
    "duplicated": _duplicated,
    "late": _late,
    "tampered": _tampered,
}


async def _again(call: Spoilt) -> None:
    await asyncio.sleep(call.seconds)
    await call.answer(_nowhere)


async def _heard(call: Spoilt) -> list[Message]:
    heard: list[Message] = []

    async def hear(message: Message) -> None:
        heard.append(dict(message))

    await call.answer(hear)
    return heard


async def _nowhere(message: Message) -> None:
    del message


async def _give_up(send: Send) -> None:
    await send({"type": "http.response.start", "status": 504, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
