"""One thing that a person means, done once however often the request comes.

The client makes the `Idempotency-Key` and keeps it until it has a definite answer. Its scope is account, route, target and key; command
ids, Update ids and row ids come from it. A request without a process of its own goes through `once`; a process's command has its key in
the timeline (`api/pathways.py`).
"""

import hashlib
import json
import string
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import UploadFile

from api.security import caller
from models.kernel import ids
from models.kernel.errors import DomainError
from models.stores import intent as store

KEY_HEADER = "Idempotency-Key"
KEY_CHARS_MAX = 255
REPLAYED = "Idempotency-Replayed"
_PRINTABLE = frozenset(string.digits + string.ascii_letters + string.punctuation + " ")
_CHUNK_BYTES = 1 << 16

A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Intended:
    """What one account means once. `id` names its command, Update or row; another `body` under the same id is another wish."""

    id: UUID
    account_id: UUID
    body: str
    response: Response

    def replay(self) -> None:
        """Say to the client that this is the first answer, given again."""
        self.response.headers[REPLAYED] = "true"

    def check(self, first_body: str | None) -> None:
        """Raises `request.key_reused` when the key has stood for another body."""
        if first_body != self.body:
            raise DomainError("request.key_reused", "invalid")


async def _intended(
    request: Request,
    response: Response,
    key: Annotated[
        str | None,
        Header(alias=KEY_HEADER, description="Made by the client, one for each wish, sent again until the answer is definite."),
    ] = None,
) -> Intended:
    if not key:
        raise DomainError("request.key_missing", "malformed")
    if len(key) > KEY_CHARS_MAX or not _PRINTABLE.issuperset(key):
        raise DomainError("request.key_malformed", "malformed")
    me = await caller(request)
    route = request.scope["route"]
    if not isinstance(route, APIRoute):
        raise TypeError("an intent belongs to a route")
    if route.body_field is None and _says_something(await request.body()):
        raise DomainError("request.unexpected", "malformed")
    intent_id = ids.of_intent(me.account_id, f"{request.method} {route.path}", request.url.path, key)
    return Intended(intent_id, me.account_id, await _body_hash(request), response)


Intent = Annotated[Intended, Depends(_intended)]
"""Every POST that changes something has it in its signature; a test walks all routes."""


async def once(db: AsyncSession, intent: Intended, effect: Callable[[], Awaitable[A]], answer: type[A], status: int = 201) -> A:
    """The effect in this transaction, or what it answered the first time. A refusal is not remembered: asked again, it may be granted."""
    if first := await store.claim(db, intent.id, intent.account_id, intent.body):
        intent.check(first.body)
        intent.replay()
        intent.response.status_code = first.status
        return answer.model_validate_json(first.answer)
    done = await effect()
    await store.keep(db, intent.id, status, done.model_dump_json())
    return done


def _says_something(body: bytes) -> bool:
    """A wish without parameters has no body, or an empty one: what a client says beside it would be silently ignored."""
    try:
        return bool(body.strip()) and json.loads(body) not in ({}, None)
    except (ValueError, RecursionError):
        return True


async def _body_hash(request: Request) -> str:
    """By value: the same JSON in another order is the same wish. Forms with files are hashed part by part."""
    if request.headers.get("content-type", "").startswith("multipart/"):
        return await _form_hash(request)
    body = await request.body()
    try:
        return ids.body_hash(json.dumps(json.loads(body), sort_keys=True).encode())
    except (ValueError, RecursionError):  # none, or no JSON, which the route does not read either
        return ids.body_hash(body)


async def _form_hash(request: Request) -> str:
    whole = hashlib.sha256()
    for name, value in (await request.form()).multi_items():
        part = hashlib.sha256()
        if isinstance(value, UploadFile):
            while chunk := await value.read(_CHUNK_BYTES):
                part.update(chunk)
            await value.seek(0)
        else:
            part.update(value.encode())
        whole.update(name.encode() + b"\0" + part.digest())
    return whole.hexdigest()
