"""The whole outside world as one web application."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, RedirectResponse

from sandbox import console, credentials, his, sms, wechat_pay
from sandbox.faults import Faults
from sandbox.logs import RequestLog
from sandbox.settings import Settings
from sandbox.store import Store


def create_app(settings: Settings) -> FastAPI:
    """Open the store and build each system on it. Call it in the thread whose event loop will serve it."""
    store = Store(settings.data / "sandbox.sqlite")
    faults = Faults(store)
    hospital = his.build(store, faults, settings)
    bank = wechat_pay.build(store, faults, settings)
    operator = sms.build(store, faults)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        working = asyncio.create_task(bank.run())
        try:
            yield
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            await faults.close()
            store.close()

    app = FastAPI(title="Fuzhen sandbox", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(RequestLog)
    app.include_router(hospital.router, prefix="/his")
    app.include_router(bank.router, prefix="/wechat")
    app.include_router(operator.router, prefix="/sms")
    app.include_router(faults.router)
    app.include_router(credentials.router(hospital, bank, operator))
    app.include_router(_books(hospital, bank, operator))
    app.include_router(console.router(console.Outside(his=hospital, wechat_pay=bank, sms=operator, faults=faults)))

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("/console")

    @app.get("/health")
    async def health() -> JSONResponse:
        store.row("SELECT 1")
        return JSONResponse({"status": "ok" if bank.alive else "the bank stands still"}, 200 if bank.alive else 503)

    return app


def _books(hospital: his.His, bank: wechat_pay.WeChatPay, operator: sms.Sms) -> APIRouter:
    books = APIRouter(prefix="/books", tags=["books"])

    @books.get("/his")
    async def of_the_his() -> dict[str, object]:
        return hospital.books()

    @books.get("/wechat_pay")
    async def of_the_bank() -> dict[str, object]:
        return bank.books()

    @books.get("/sms")
    async def of_the_operator() -> dict[str, object]:
        return operator.books()

    return books
