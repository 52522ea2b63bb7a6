"""Server-sent events: one stream a browser, shared by its tabs. An event names a topic and its version; the screen then reads again."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse, SendTimeoutError
from starlette.types import Receive, Scope, Send

from api.live import Stream
from api.problems import problems
from api.security import Me, token_of
from api.wiring import Wired, Wiring
from models.account import Principal
from models.kernel.errors import DomainError
from models.live import TOPICS_MAX, Topic
from models.stores import account as accounts
from models.stores import live as store
from models.stores.outage import SUSPECTS, is_outage

router = APIRouter(prefix="/v1/events", tags=["live"])

log = structlog.get_logger()
_PING_S = 15
_EXAMPLE = 'id: revisit:0190…:7\r\nevent: changed\r\ndata: {"topic": "revisit:0190…", "version": 7}\r\n\r\n'


class Screen(EventSourceResponse):
    """A stream whose reader may stop reading: that is its end, and no fault of ours."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("live.not_read")


async def _opened(
    me: Me,
    wiring: Wired,
    topics: Annotated[str, Query(max_length=1200, description="Comma list of `revisit:<id>`, `charge:<id>`, `chat:<revisit id>`.")],
) -> AsyncIterator[Stream]:
    """Heard first, asked for rights second, so that nothing between the two is missed. Left when the answer has ended, however it ends."""
    with wiring.live.open(me.account_id, _read(topics)) as stream:
        async with wiring.database.reading() as db:
            if not await _may_follow(db, me, stream):
                raise DomainError("live.missing", "missing")
        yield stream


@router.get(
    "",
    response_class=EventSourceResponse,
    responses={
        **problems(missing=("live.missing",), invalid=("live.too_many_topics",), limited=("live.too_many",)),
        200: {
            "description": "`ready` first, then `changed` with topic and version; `reread` when something may have been missed. "
            "Ends when a right or the session ends.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
    },
)
async def follow(
    request: Request,
    me: Me,
    wiring: Wired,
    stream: Annotated[Stream, Depends(_opened, scope="request")],
    last_event_id: Annotated[str | None, Header(description="Of the stream that broke: the first event is then `reread`.")] = None,
) -> EventSourceResponse:
    """Follow topics while their screens are open."""
    told = _told(stream, wiring, accounts.token_hash(token_of(request)), again=last_event_id is not None)
    return Screen(told, ping=_PING_S, send_timeout=_PING_S)


async def _told(stream: Stream, wiring: Wiring, token_hash: bytes, *, again: bool) -> AsyncGenerator[ServerSentEvent]:
    yield ServerSentEvent("{}", event="reread" if again else "ready")
    check_at = time.monotonic() + wiring.live.recheck_s
    while not stream.over:
        await stream.wait(check_at - time.monotonic())
        reread, newest = stream.take()
        if reread:
            yield ServerSentEvent("{}", event="reread")
        for topic, version in newest.items():
            yield ServerSentEvent(json.dumps({"topic": topic, "version": version}), event="changed", id=f"{topic}:{version}")
        if time.monotonic() >= check_at:
            if not await _still_may_follow(wiring, token_hash, stream):
                return
            check_at = time.monotonic() + wiring.live.recheck_s


async def _still_may_follow(wiring: Wiring, token_hash: bytes, stream: Stream) -> bool:
    """By the session and the rights of this minute. Following is not using: it keeps no session from growing idle.

    While the database cannot be asked nobody may: the browser comes back, and is answered when it can.
    """
    try:
        me = await accounts.principal(wiring.database.ask, accounts.Bearer(token_hash, wiring.clock()))
        async with wiring.database.reading() as db:
            return me is not None and await _may_follow(db, me, stream)
    except SUSPECTS as error:
        if not is_outage(error):
            raise
        log.warning("live.rights_unknown", exc_info=error)
        return False


async def _may_follow(db: AsyncSession, me: Principal, stream: Stream) -> bool:
    return await store.allowed(db, me.account_id, stream.topics, any_visit=me.may("revisit:read_any")) == stream.topics


def _read(topics: str) -> frozenset[Topic]:
    """What is no topic is not there."""
    try:
        read = frozenset(Topic.read(text) for text in topics.split(","))
    except ValueError as error:
        raise DomainError("live.missing", "missing") from error
    if len(read) > TOPICS_MAX:
        raise DomainError("live.too_many_topics", "invalid", at_most=TOPICS_MAX)
    return read
