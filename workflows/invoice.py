"""The e-bill: the one before it undone, itself issued, its PDF fetched; or a task of finance, until nothing remains to bill."""

from uuid import UUID

from temporalio import workflow

from workflows.process import Process, command, news, not_now

with workflow.unsafe.imports_passed_through():
    from activities.invoice import InvoiceActivities
    from models.invoice import GivenBack, Invoice, InvoiceState, RetryInvoice


@workflow.defn(name="invoice")
class InvoiceWorkflow(Process[Invoice]):
    retry = command(RetryInvoice, Invoice)
    given_back = news(GivenBack)

    @workflow.run  # the SDK wants it on the class itself
    async def run(self, invoice_id: UUID, begun: Invoice | None) -> Invoice:
        return await self.walk(InvoiceActivities.load, invoice_id, begun)

    async def _reverse(self, now: Invoice) -> None:
        """The whole bill before: a part cannot be undone."""
        await self.step(InvoiceActivities.reverse)

    async def _issue(self, now: Invoice) -> None:
        await self.step(InvoiceActivities.issue)

    async def _fetch(self, now: Invoice) -> None:
        await self.step(InvoiceActivities.fetch)

    async def _await_person(self, now: Invoice) -> None:
        """Or that nothing remains for them to do."""
        match await self.next():
            case RetryInvoice() as wish:
                await self.step(InvoiceActivities.retry, wish)
            case GivenBack() as why:
                await self.step(InvoiceActivities.drop, why)
            case _:
                raise not_now()

    PATHWAY = {
        InvoiceState.REVERSING: _reverse,
        InvoiceState.ISSUING: _issue,
        InvoiceState.FETCHING: _fetch,
        InvoiceState.REFUSED: _await_person,
    }
