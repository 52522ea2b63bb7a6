"""The whole outside world as one web application."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, RedirectResponse

from sandbox import console, credentials, his, invoice, logistics, review, signature, sms, wechat_pay
from sandbox.faults import Faults
from sandbox.logs import RequestLog
from sandbox.settings import Settings
from sandbox.store import Store


class Party(Protocol):
    """Somebody outside who keeps books."""

    def books(self) -> dict[str, object]: ...


def create_app(settings: Settings) -> FastAPI:
    """Open the store and build each system on it. Call it in the thread whose event loop will serve it."""
    store = Store(settings.data / "sandbox.sqlite")
    faults = Faults(store)
    hospital = his.build(store, faults, settings)
    bank = wechat_pay.build(store, faults, settings)
    operator = sms.build(store, faults, settings)
    carrier = logistics.build(store, faults, settings)
    signing = signature.build(store, faults, settings)
    reviewer = review.build(store, faults)
    issuer = invoice.build(store, faults)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        work = (bank.run(), operator.reporter.run(), carrier.pusher.run(), signing.notifier.run(), hospital.run())
        working = [asyncio.create_task(one) for one in work]
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
    app.include_router(reviewer.router, prefix="/review")
    app.include_router(issuer.router, prefix="/invoice")
    app.include_router(faults.router)
    app.include_router(credentials.router(hospital, bank, operator, carrier, signing, reviewer, issuer))
    parties: dict[str, Party] = {"his": hospital, "wechat_pay": bank, "sms": operator, "logistics": carrier}
    parties |= {"signature": signing, "review": reviewer, "invoice": issuer}
    app.include_router(_books(parties))
    outside = console.Outside(
        his=hospital,
        wechat_pay=bank,
        sms=operator,
        logistics=carrier,
        signature=signing,
        review=reviewer,
        invoice=issuer,
        faults=faults,
    )
    app.include_router(console.router(outside))

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("/console")

    @app.get("/health")
    async def health() -> JSONResponse:
        store.row("SELECT 1")
        working = {"bank": bank, "SMS carrier": operator.reporter, "carrier": carrier.pusher, "HIS": hospital, "CA": signing.notifier}
        still = next((name for name, party in working.items() if not party.alive), None)
        return JSONResponse({"status": f"the {still} stands still" if still else "ok"}, 503 if still else 200)

    return app


def _books(parties: Mapping[str, Party]) -> APIRouter:
    books = APIRouter(prefix="/books", tags=["books"])
    for name, party in parties.items():
        books.add_api_route(f"/{name}", _page(party), methods=["GET"])
    return books


def _page(party: Party) -> Callable[[], Awaitable[dict[str, object]]]:
    async def page() -> dict[str, object]:
        return party.books()

    return page
