"""The real application, spoken to in this process; the time is the test's."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import create_app
from api.live import Live
from api.wiring import Wiring, wire
from models.kernel import clock as kernel
from models.kernel import ids
from models.stores.database import Database
from tests.settings import settings

_IDLE: list[FastAPI] = []
"""Applications that nobody speaks to: to build the routes of one takes some 70 ms, and nothing but its parts is a test's own."""


class Hands:
    """A clock that stands until the test moves it."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at or kernel.now()

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> datetime:
        """`seconds=…`, `minutes=…` as in `timedelta`; answers what the clock then says."""
        self.at += timedelta(**by)
        return self.at


async def wiring(database: Database, clock: kernel.Clock = kernel.now) -> Wiring:
    """The parts of an API whose Temporal is not there; none is asked for before it is needed."""
    temporal = await Client.connect(settings().temporal_address, lazy=True, data_converter=pydantic_data_converter)
    return Wiring(settings=settings(), database=database, temporal=temporal, clock=clock, live=Live(database))


@asynccontextmanager
async def speaking(parts: Wiring) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the application; a bug in a route is an exception in the test, never a 500."""
    app = _IDLE.pop() if _IDLE else create_app(parts)
    wire(app, parts)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            yield client
    finally:
        _IDLE.append(app)


def key() -> dict[str, str]:
    """A new wish."""
    return {"Idempotency-Key": ids.new().hex}
