"""What an API process is put together from, and how a route gets the part that it needs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, LiteralString, cast

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client

from api.live import Live
from models.kernel.clock import Clock
from models.stores.database import Database
from worker.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Built once in `api/__main__.py` (or by a test), read through `wired`."""

    settings: Settings
    database: Database
    temporal: Client
    clock: Clock
    live: Live


def wire(app: FastAPI, wiring: Wiring) -> None:
    """Give the app its parts."""
    app.state.wiring = wiring


def wiring_of(app: FastAPI) -> Wiring:
    """The parts of the app."""
    return cast(Wiring, app.state.wiring)


def wired(request: Request) -> Wiring:
    """The parts of the app that this request came to."""
    return wiring_of(cast(FastAPI, request.app))


async def _parts(request: Request) -> Wiring:
    return wired(request)


# All of them coroutines, whether they wait or not: the framework takes a plain function to a thread and back, which costs more than a read.
Wired = Annotated[Wiring, Depends(_parts)]


async def _transaction(wiring: Wired) -> AsyncIterator[AsyncSession]:
    async with wiring.database.transaction() as db:
        yield db


async def _reading(wiring: Wired) -> AsyncIterator[AsyncSession]:
    async with wiring.database.reading() as db:
        yield db


async def _now(wiring: Wired) -> datetime:
    return wiring.clock()


Writing = Annotated[AsyncSession, Depends(_transaction, scope="function")]
"""One transaction for the request: committed before the answer leaves, or not at all when the route raises."""
Reading = Annotated[AsyncSession, Depends(_reading, scope="function")]
"""PostgreSQL itself refuses a write; the connection is given back before the answer leaves."""
Now = Annotated[datetime, Depends(_now)]
"""The instant of the request."""


class Body(BaseModel):
    """The base of all request bodies: a field that we don't know is a mistake worth telling."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def wrong(field: str, fault: str = "missing") -> PydanticCustomError:
    """What a check of a whole body raises: the field that a person has to mend, and the word for what is wrong with it."""
    return PydanticCustomError(cast(LiteralString, fault), "{field}", {"field": field})
