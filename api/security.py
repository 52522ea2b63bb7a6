"""Who is calling, and whether they may. The guard is a type in a route's signature:

    MayOpen = Annotated[Principal, Depends(may("revisit:open"))]

Anonymous is 401, an insider without the right 403; which patients' or departments' rows a right reaches is said by the SQL, so that an
outsider's row is missing (404). A route without a guard must be named in `OPEN_DOORS`, and a test walks all routes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from api.wiring import wired
from models.account import SEEN_EVERY, Permission, Principal
from models.kernel.errors import DomainError
from models.stores import account as store
from models.stores.account import Bearer
from models.stores.database import Ask

T = TypeVar("T")

OPEN_DOORS: frozenset[str] = frozenset(
    {
        "GET /again/{visit}",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
        "POST /v1/account/codes",
        "POST /v1/account/sessions",
        "POST /v1/account/staff/codes",
        "POST /v1/account/staff/sessions",
        "POST /webhooks/his",
        "POST /webhooks/sf",
        "POST /webhooks/signature",
        "POST /webhooks/sms",
        "POST /webhooks/wechat-pay",
    }
)
"""Where nobody is asked who they are: where the link of a text leads (the same words for everybody), health, the numbers of
`api/metrics.py` (told inside only), signing in, and machines that prove themselves by their own wire's signature, or are believed in
nothing but that it is time to ask (SF has none)."""

_TOKEN_CHARS_MAX = 200
_bearer = HTTPBearer(auto_error=False, scheme_name="session", bearerFormat="opaque", description="Token of a sign-in.")


class Guard:
    """A dependency that lets in whoever has one of its permissions."""

    def __init__(self, any_of: tuple[Permission, ...]) -> None:
        self.any_of = any_of

    def admit(self, me: Principal) -> Principal:
        """Raises `account.forbidden`."""
        if not any(me.may(permission) for permission in self.any_of):
            raise DomainError("account.forbidden", "forbidden", needs=list(self.any_of))
        return me


class First(Guard):
    """Asked before anything else; the route is given who is calling."""

    async def __call__(self, request: Request, _documented: Annotated[object, Depends(_bearer)]) -> Principal:
        return self.admit(await caller(request))


class Together(Guard):
    """Asked in the route's own statement; the route is given the read that does so."""

    async def __call__(self, request: Request, _documented: Annotated[object, Depends(_bearer)]) -> "HotRead":
        return HotRead(request, _bearer_of(request), self)


def may(first: Permission, *others: Permission) -> First:
    """The guard of a route: any one of these permissions opens it."""
    return First((first, *others))


def may_together(first: Permission, *others: Permission) -> Together:
    """The same for a hot read: who is calling is asked in the route's own statement. The route is given a `HotRead`."""
    return Together((first, *others))


@dataclass(frozen=True, slots=True)
class HotRead:
    """A read that finds out by itself who asks (`ME` of the account's store), one way to PostgreSQL and back."""

    _request: Request
    _bearer: Bearer
    _guard: Guard

    async def __call__(self, read: Callable[[Ask, Bearer], Awaitable[tuple[Principal | None, T]]]) -> tuple[Principal, T]:
        """Who asked, and what was read. Raises `account.anonymous` and `account.forbidden` before anything is told of it."""
        me, found = await read(wired(self._request).database.ask, self._bearer)
        return self._guard.admit(await _known(self._request, self._bearer, me)), found


Me = Annotated[Principal, Depends(may("account:read"))]
"""Whoever is signed in."""


async def caller(request: Request) -> Principal:
    """Who is calling, asked once a request; raises `account.anonymous`. Holds no connection when it returns."""
    known: object = getattr(request.state, "principal", None)
    if isinstance(known, Principal):
        return known
    bearer = _bearer_of(request)
    return await _known(request, bearer, await store.principal(wired(request).database.ask, bearer))


def _bearer_of(request: Request) -> Bearer:
    return Bearer(store.token_hash(token_of(request)), wired(request).clock())


async def _known(request: Request, bearer: Bearer, me: Principal | None) -> Principal:
    """The session is in use, and the request's log line says by whom."""
    if me is None:
        raise DomainError("account.anonymous", "anonymous")
    if bearer.now - me.seen_at >= SEEN_EVERY:
        async with wired(request).database.transaction() as db:
            await store.seen(db, me.session_id, bearer.now)
    request.state.principal = me
    structlog.contextvars.bind_contextvars(account_id=str(me.account_id))
    return me


def token_of(request: Request) -> str:
    """The bearer token; raises `account.anonymous` when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= _TOKEN_CHARS_MAX:
        raise DomainError("account.anonymous", "anonymous")
    return token
