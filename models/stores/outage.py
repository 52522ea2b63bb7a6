"""Which errors only say that the database cannot be asked now: the outcome is unknown, and the same request may be made again."""

from asyncpg.exceptions import PostgresError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

SUSPECTS: tuple[type[Exception], ...] = (DBAPIError, PoolTimeoutError, PostgresError, ConnectionError, TimeoutError)
"""Classes that an outage comes in, and other faults too."""

_CLASSES = frozenset({"08", "40", "53", "57"})
"""SQLSTATE: connection lost, rolled back to be tried again (deadlock), out of resources, shut down or starting."""


def is_outage(error: BaseException) -> bool:
    """Whether nobody is to blame for the statement itself; of several at once, for none of them."""
    match error:
        case BaseExceptionGroup():
            return all(is_outage(one) for one in error.exceptions)
        case DBAPIError():
            return error.connection_invalidated or _class_of(error.orig) in _CLASSES
        case PostgresError():
            return _class_of(error) in _CLASSES
        case _:
            return isinstance(error, PoolTimeoutError | ConnectionError | TimeoutError)


def _class_of(error: BaseException | None) -> str:
    return str(getattr(error, "sqlstate", None) or "")[:2]
