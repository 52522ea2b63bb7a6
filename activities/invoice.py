"""An e-bill's steps: the one before it is undone, what remains is issued, its PDF is kept; what the issuer does not do is a task."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.steps import Guard, Step, outside, step
from gateways.invoice.port import Issuer
from models.invoice import Ebill, GivenBack, Invoice, InvoiceState, RedBill, RetryInvoice, Wanted
from models.kernel.errors import DomainError, Unknown, known
from models.process import Runs
from models.stores import invoice as invoices
from models.stores.invoice import InvoiceFiles

DIFFERS = "invoice.differs"
"""The issuer has a bill of another amount under our number."""
NUMBER_TWICE = "invoice.number_twice"
"""The issuer gives a bill the number of another one."""
log = structlog.get_logger()


async def start(runs: Runs, begun: invoices.Begun | invoices.Told | None) -> None:
    """The short cut to the run of a bill whose row is committed, or to the desk of the one that was told."""
    match begun:
        case invoices.Begun():
            await runs.begin("invoice", begun.id, begun.visit_id, begun.row)
        case invoices.Told():
            await runs.knock("invoice", begun.id, begun.news)
        case None:
            pass


class InvoiceActivities:
    """The issuer is asked under the row's own number; what it has under that number was issued, whatever it said before."""

    def __init__(self, guard: Guard[Invoice], issuer: Issuer, files: InvoiceFiles, runs: Runs) -> None:
        self._guard, self._issuer, self._files, self._runs = guard, issuer, files, runs

    @activity.defn(name="invoice.load")
    async def load(self, invoice_id: UUID) -> Invoice:
        """The row as it stands: where every run begins."""
        async with self._guard.database.reading() as db:
            return await invoices.load(db, invoice_id)

    @step("invoice.issue")
    async def issue(self, now: Invoice) -> Invoice:
        """What remains of the charge is billed, and its PDF kept if it is to be had at once. That it is refused is an outcome."""
        step = self._guard.step(now, "invoice.issue")
        async with step.fence() as db:
            wanted = await invoices.wanted(db, now.id, step.at)
        if wanted is None:
            async with step.move(InvoiceState.VOID):
                return step.row
        async with outside():
            answer = await self._issued(wanted)
            file = await self._picture(now.id, answer.picture_url) if isinstance(answer, Ebill) else None
        if isinstance(answer, str):
            async with _refused(step, answer) as db:
                told = await invoices.begin(db, now.charge_id, step.at)  # it may all have gone back while the issuer was asked
            await start(self._runs, told)
            return step.row
        numbers = invoices.kept(self._guard.database.vault, now.id, answer)
        if file is None:
            async with step.move(InvoiceState.FETCHING, **numbers):
                return step.row
        async with step.move(InvoiceState.ISSUED, file=file, **numbers) as db:
            begun = await invoices.begin(db, now.charge_id, step.at)
        await start(self._runs, begun)
        return step.row

    async def _issued(self, wanted: Wanted) -> Ebill | str:
        """The bill, or why there is none. Refused, an earlier attempt may have landed without an answer: what is there was issued."""
        try:
            bill = await self._issuer.issue(wanted)
        except DomainError as refused:
            found = await self._issuer.find(wanted.number)
            if found is None:
                return refused.code
            if found.red is not None or found.total_fen != wanted.split.total_fen:
                return DIFFERS
            bill = found.bill
        return NUMBER_TWICE if await self._is_another(UUID(wanted.number), bill) else bill

    async def _is_another(self, invoice_id: UUID, *bills: Ebill | RedBill | None) -> bool:
        async with self._guard.database.reading() as db:
            return any([await invoices.is_another(db, invoice_id, one) for one in bills if one is not None])

    async def _picture(self, invoice_id: UUID, url: str) -> str | None:
        """The name of its file; None when the PDF is not to be had now: the bill is issued, or undone, all the same."""
        try:
            content = await self._issuer.picture(url)
        except (DomainError, Unknown):
            return None
        return await self._files.put(invoice_id, content)

    @step("invoice.fetch")
    async def fetch(self, now: Invoice) -> Invoice:
        """The PDF of a bill that was issued."""
        step = self._guard.step(now, "invoice.fetch")
        async with self._guard.database.reading() as db:
            url = await invoices.picture_url(db, now.id)
        try:
            file = await self._files.put(now.id, await self._issuer.picture(url))
        except DomainError as refused:
            async with _refused(step, refused.code):
                return step.row
        async with step.move(InvoiceState.ISSUED, file=file) as db:
            begun = await invoices.begin(db, now.charge_id, step.at)
        await start(self._runs, begun)
        return step.row

    @step("invoice.reverse")
    async def reverse(self, now: Invoice) -> Invoice:
        """The bill that stands is undone in full. If nothing remains, that is all.

        The red bill's PDF is kept if it is to be had at once; else its numbers verify it at the issuer.
        """
        step = self._guard.step(now, "invoice.reverse")
        async with step.fence() as db:
            before = known(await invoices.standing(db, now.charge_id))
            asked_at = await invoices.asked(db, now.id, step.at)
            over = (await invoices.remains(db, now.charge_id)).total_fen == 0
        async with outside():
            answer = await self._reversed(before, asked_at)
            file = await self._picture(before.id, answer.picture_url) if isinstance(answer, RedBill) and answer.picture_url else None
        if isinstance(answer, str):
            async with _refused(step, answer):
                return step.row
        async with step.move(InvoiceState.VOID if over else InvoiceState.ISSUING, asked_at=None) as db:
            await invoices.undone(db, before.id, answer, file)
        return step.row

    async def _reversed(self, bill: invoices.Bill, at: datetime) -> RedBill | str:
        """The red bill, or why there is none. An earlier attempt may have landed: what is undone is undone."""
        try:
            red = await self._issuer.reverse(bill.code, bill.number, at)
        except DomainError as refused:
            found = await self._issuer.find(bill.ours)
            if found is None or found.red is None:
                return refused.code
            red = found.red
        return NUMBER_TWICE if await self._is_another(bill.id, red) else red

    @step("invoice.retry")
    async def retry(self, now: Invoice, wish: RetryInvoice) -> Invoice:
        """Back to what was not done; where money has gone back since, only what remains is billed, if anything does."""
        return await self._again(self._guard.step(now, "invoice.retry", wish))

    @step("invoice.drop")
    async def drop(self, now: Invoice, why: GivenBack) -> Invoice:
        """All of it has gone back: nothing is billed, and nobody need mend anything."""
        return await self._again(self._guard.step(now, "invoice.drop", why))

    async def _again(self, step: Step[Invoice]) -> Invoice:
        """What was to be undone stays to be undone. Of what was to be issued the issuer is asked first: it may have landed late.

        Then it is issued as it was asked for, or was and has been undone by hand: what remains is for the next one.
        """
        now = step.now
        async with self._guard.database.reading() as db:
            stands = await invoices.standing(db, now.charge_id)
            asked_for, remains = await invoices.asked_for(db, now.id), await invoices.remains(db, now.charge_id)
        if stands is not None:
            async with step.move(InvoiceState.FETCHING if stands.id == now.id else InvoiceState.REVERSING, trouble=None):
                return step.row
        found = await self._issuer.find(now.id.hex)
        if found is None:
            asked_anew = {} if asked_for == remains else {"asked_at": None}
            async with step.move(InvoiceState.ISSUING if remains.total_fen else InvoiceState.VOID, trouble=None, **asked_anew):
                return step.row
        twice = await self._is_another(now.id, found.bill, found.red)
        if twice or found.total_fen != asked_for.total_fen:
            async with _refused(step, NUMBER_TWICE if twice else DIFFERS):
                return step.row
        numbers = invoices.kept(self._guard.database.vault, now.id, found.bill)
        numbers |= invoices.red_kept(found.red, None) if found.red else {}
        over = found.red is not None and remains.total_fen == 0
        async with step.move(InvoiceState.VOID if over else InvoiceState.FETCHING, trouble=None, **numbers):
            return step.row


@asynccontextmanager
async def _refused(step: Step[Invoice], trouble: str) -> AsyncGenerator[AsyncSession]:
    """The issuer does not do it: a task of 财务处; and an alarm."""
    async with step.move(InvoiceState.REFUSED, trouble=trouble) as db:
        yield db
    if trouble == NUMBER_TWICE:
        log.error("invoice.number_twice", invoice_id=str(step.now.id), visit_id=str(step.now.visit_id))
    log.warning("invoice.refused", invoice_id=str(step.now.id), visit_id=str(step.now.visit_id), trouble=trouble)
