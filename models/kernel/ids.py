"""Ids: random for what is new, derived for what must come out the same when it is asked again."""

import hashlib
import re
import uuid
from uuid import UUID

NAMESPACE = UUID("8f2c1f5e-51a5-5d0f-9c43-6f757a68656e")
_WRITTEN = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")


def new() -> UUID:
    """A random id. Never inside a workflow."""
    return uuid.uuid4()


def read(text: str) -> UUID:
    """An id as it is written, with its hyphens or as 32 digits; raises `ValueError`. `UUID` alone takes any script's digits."""
    if not _WRITTEN.fullmatch(text):
        raise ValueError("not an id")
    return UUID(text)


def derived(*parts: object) -> UUID:
    """The id of something natural (a refund of a charge for a cause): the same parts, the same id."""
    return uuid.uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts))


def of_intent(account_id: UUID, route: str, target: str, key: str) -> UUID:
    """What one person means once: the Idempotency-Key in its scope. Command id, Update id and row ids come from it."""
    digest = hashlib.sha256("\x1f".join((str(account_id), route, target, key)).encode()).digest()
    return UUID(bytes=digest[:16])


def body_hash(body: bytes) -> str:
    """Tells a repeat from another wish under an old key."""
    return hashlib.sha256(body).hexdigest()
