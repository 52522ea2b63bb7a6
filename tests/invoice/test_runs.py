"""E-bills on a real Temporal: two activities beside the visit, a task retried over HTTP, and a bill undone after a cancel."""

import asyncio
from uuid import UUID

import httpx

from models.invoice import InvoiceState
from models.revisit import Cancel, State
from models.stores import invoice as invoices
from models.tables.invoice import InvoiceRow
from tests.client import key
from tests.process.conftest import temporal
from tests.process.running import SOON_S, Live, Running
from tests.record.builders import Headers
from tests.refund.test_runs import desk, finance, running, worked

__all__ = ["desk", "finance", "running", "temporal", "worked"]


async def until(running: Running, invoice_id: UUID, *states: InvoiceState) -> InvoiceRow:
    """Nothing tells of a bill's moves, so its row is read until it is there."""
    async with asyncio.timeout(SOON_S):
        while True:
            async with running.database.reading() as db:
                row = await db.get(InvoiceRow, invoice_id)
            if row is not None and row.state in states:
                return row
            await asyncio.sleep(0.05)


async def booked(running: Running) -> Live:
    return await (await running.opened()).to(State.BOOKED)


async def test_a_bill_costs_one_activity(running: Running) -> None:
    visit = await booked(running)
    invoice_id = invoices.id_of(visit.charge_id)
    await until(running, invoice_id, InvoiceState.ISSUED)

    await asyncio.wait_for(running.handle("invoice", invoice_id).result(), SOON_S)
    done = [
        event.activity_task_scheduled_event_attributes.activity_type.name
        async for event in running.handle("invoice", invoice_id).fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert done == ["invoice.issue"]


async def test_finance_tries_again_what_was_refused(running: Running, desk: httpx.AsyncClient, finance: Headers) -> None:
    running.issuer.refuses("issue", "invoice.E0104")
    visit = await booked(running)
    invoice_id = invoices.id_of(visit.charge_id)
    await until(running, invoice_id, InvoiceState.REFUSED)
    wish = finance | key()

    answers = [await desk.post(f"/v1/invoices/{invoice_id}/retry", headers=wish) for _ in range(2)]

    assert [(one.status_code, one.json()["state"]) for one in answers] == [(200, "issuing")] * 2
    await until(running, invoice_id, InvoiceState.ISSUED)
    late = await desk.post(f"/v1/invoices/{invoice_id}/retry", headers=finance | key())
    assert (late.status_code, late.json()["code"]) == (409, "invoice.not_now")


async def test_a_cancel_undoes_the_bill(running: Running) -> None:
    visit = await booked(running)
    await until(running, invoices.id_of(visit.charge_id), InvoiceState.ISSUED)
    await visit.does(Cancel)

    await until(running, invoices.id_of(visit.charge_id, 1), InvoiceState.VOID)
    first = await until(running, invoices.id_of(visit.charge_id), InvoiceState.ISSUED)
    assert first.red_number is not None


async def test_a_refused_bill_whose_money_goes_back_ends_by_itself(running: Running) -> None:
    running.issuer.refuses("issue", "invoice.E0104")
    visit = await booked(running)
    await until(running, invoices.id_of(visit.charge_id), InvoiceState.REFUSED)
    await visit.does(Cancel)

    await until(running, invoices.id_of(visit.charge_id), InvoiceState.VOID)
    assert running.issuer.stands(visit.id.hex).total_fen == 0
