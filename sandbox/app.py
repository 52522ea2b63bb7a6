"""The whole outside world as one web application."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, RedirectResponse

from sandbox import console, credentials, his, logistics, signature, sms, wechat_pay
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
    carrier = logistics.build(store, faults, settings)
    signing = signature.build(store, faults, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        working = [asyncio.create_task(work) for work in (bank.run(), carrier.pusher.run(), signing.notifier.run(), hospital.run())]
        try:
            yield
        finally:
            for task in working:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await faults.close()
            store.close()

    app = FastAPI(title="Fuzhen sandbox", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(RequestLog)
    app.include_router(hospital.router, prefix="/his")
    app.include_router(bank.router, prefix="/wechat")
    app.include_router(operator.router, prefix="/sms")
    app.include_router(carrier.router, prefix="/logistics")
    app.include_router(signing.router, prefix="/signature")
    app.include_router(faults.router)
    app.include_router(credentials.router(hospital, bank, operator, carrier, signing))
    app.include_router(_books(hospital, bank, operator, carrier, signing))
    outside = console.Outside(his=hospital, wechat_pay=bank, sms=operator, logistics=carrier, signature=signing, faults=faults)
    app.include_router(console.router(outside))

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("/console")

    @app.get("/health")
    async def health() -> JSONResponse:
        store.row("SELECT 1")
        parties = {"bank": bank, "carrier": carrier.pusher, "HIS": hospital, "CA": signing.notifier}
        still = next((name for name, party in parties.items() if not party.alive), None)
        return JSONResponse({"status": f"the {still} stands still" if still else "ok"}, 503 if still else 200)

    return app


def _books(
    hospital: his.His, bank: wechat_pay.WeChatPay, operator: sms.Sms, carrier: logistics.Logistics, signing: signature.Signing
) -> APIRouter:
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

    @books.get("/logistics")
    async def of_the_carrier() -> dict[str, object]:
        return carrier.books()

    @books.get("/signature")
    async def of_the_ca() -> dict[str, object]:
        return signing.books()

    return books
