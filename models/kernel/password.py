"""Passwords of staff, argon2id. Each call takes some 50 ms of a core and 64 MiB: in a thread (`asyncio.to_thread`), never on the loop."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


def hashed(password: str) -> str:
    """The hash to store, with its own salt and parameters."""
    return _hasher.hash(password)


def fits(password_hash: str | None, password: str) -> bool:
    """Whether it is the password. None, for a login that nobody has, costs the same work and never fits."""
    try:
        return _hasher.verify(password_hash or _nobodys(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return hashed("nobody has this login")
