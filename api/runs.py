"""Temporal asked directly, beside the pathways: when it is away the answer is 503, and nothing was begun."""

from collections.abc import Generator
from contextlib import contextmanager

from temporalio.service import RPCError, RPCStatusCode

from models.kernel.errors import DomainError

AWAY = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.CANCELLED})


@contextmanager
def asking() -> Generator[None]:
    """Around calls of the SDK and nothing else: RuntimeError is what its bridge raises for a connection that fails."""
    try:
        yield
    except RPCError as lost:
        if lost.status not in AWAY:
            raise
        raise DomainError("service.unavailable", "unavailable") from lost
    except RuntimeError as lost:
        raise DomainError("service.unavailable", "unavailable") from lost
