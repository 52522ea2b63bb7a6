"""Who is calling, and whether they may. The guard is a type in a route's signature:

    MayOpen = Annotated[Principal, Depends(may("revisit:open"))]

Anonymous is 401, an insider without the right 403; which patients' or departments' rows a right reaches is said by the SQL, so that an
outsider's row is missing (404). A route without a guard must be named in `OPEN_DOORS`, and a test walks all routes.
"""

from typing import Annotated

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from api.wiring import wired
from models.account import SEEN_EVERY, Permission, Principal
from models.kernel.errors import DomainError
from models.stores import account as store

OPEN_DOORS: frozenset[str] = frozenset(
    {
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
        "POST /v1/account/codes",
        "POST /v1/account/sessions",
        "POST /v1/account/staff/codes",
        "POST /v1/account/staff/sessions",
        "POST /webhooks/sf",
        "POST /webhooks/wechat-pay",
    }
)
"""Where nobody is asked who they are: health, the numbers of `api/metrics.py` (told inside only), signing in, and machines
that prove themselves by their own wire's signature, or are believed in nothing but that it is time to ask (SF has none)."""

_TOKEN_CHARS_MAX = 200
_bearer = HTTPBearer(auto_error=False, scheme_name="session", bearerFormat="opaque", description="Token of a sign-in.")


class Guard:
    """A dependency that lets in whoever has one of its permissions."""

    def __init__(self, any_of: tuple[Permission, ...]) -> None:
        self.any_of = any_of

    async def __call__(self, request: Request, _documented: Annotated[object, Depends(_bearer)]) -> Principal:
        me = await caller(request)
        if not any(me.may(permission) for permission in self.any_of):
            raise DomainError("account.forbidden", "forbidden", needs=list(self.any_of))
        return me


def may(first: Permission, *others: Permission) -> Guard:
    """The guard of a route: any one of these permissions opens it."""
    return Guard((first, *others))


Me = Annotated[Principal, Depends(may("account:read"))]
"""Whoever is signed in."""


async def caller(request: Request) -> Principal:
    """Who is calling, asked once a request; raises `account.anonymous`. Holds no connection when it returns."""
    known: object = getattr(request.state, "principal", None)
    if isinstance(known, Principal):
        return known
    wiring = wired(request)
    now = wiring.clock()
    token = token_of(request)
    async with wiring.database.reading() as db:
        me = await store.principal(db, store.token_hash(token), now)
    if me is None:
        raise DomainError("account.anonymous", "anonymous")
    if now - me.seen_at >= SEEN_EVERY:
        async with wiring.database.transaction() as db:
            await store.seen(db, me.session_id, now)
    request.state.principal = me
    structlog.contextvars.bind_contextvars(account_id=str(me.account_id))
    return me


def token_of(request: Request) -> str:
    """The bearer token; raises `account.anonymous` when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= _TOKEN_CHARS_MAX:
        raise DomainError("account.anonymous", "anonymous")
    return token
