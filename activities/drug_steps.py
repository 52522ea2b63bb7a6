"""What several steps of 药品 ask and end with: taken back at the HIS, paid at a window, in the patient's hand, or not wanted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from activities.payment import start
from activities.steps import Guard, Step
from gateways.his.port import HIS
from gateways.logistics.port import Logistics
from models.delivery import Reach
from models.kernel.errors import DomainError, Unknown, known
from models.policy import Policy
from models.prescription import Choose, Prescription, PrescriptionEnded, PrescriptionState, Way
from models.process import Runs
from models.refund import Cause
from models.signature import Trusted
from models.stores import charge as charges
from models.stores import delivery as deliveries
from models.stores import payment as payments
from models.stores import policy as policies
from models.stores import prescription as prescriptions
from models.stores import prescription_timeline as reading
from models.stores import refund as refunds

_S = PrescriptionState


class DrugSteps:
    """Beneath `DrugActivities`, which are the steps themselves."""

    def __init__(self, guard: Guard[Prescription], his: HIS, logistics: Logistics, runs: Runs, trusted: Trusted) -> None:
        self._guard, self._his, self._logistics, self._runs, self._trusted = guard, his, logistics, runs, trusted

    async def _policy(self, now: Prescription) -> Policy:
        async with self._guard.database.reading() as db:
            return await policies.pinned(db, (await prescriptions.facts(db, now.id)).policy)

    async def _since(self, now: Prescription) -> datetime:
        async with self._guard.database.reading() as db:
            return await reading.entered_at(db, now.id)

    async def _may_be_sent(self, step: Step[Prescription], wish: Choose) -> None:
        """Before money is asked for: one of the patient's own addresses, to which the carrier goes. Only its plain no is one; where it is
        silent or unsure, the order asks again. Raises `delivery.address_missing`, `delivery.unreachable`.
        """
        if await step.begun():
            return
        async with self._guard.database.reading() as db:
            if wish.address_id is None or not await deliveries.is_theirs(db, wish.address_id, wish.by):
                raise DomainError("delivery.address_missing", "invalid")
            receiver = await deliveries.receiver(db, wish.address_id)
        try:
            reach = await self._logistics.reaches(receiver)
        except Unknown:  # as its own line says
            return
        if reach is Reach.NO:
            raise DomainError("delivery.unreachable", "invalid")

    async def _is_taken_there(self, step: Step[Prescription]) -> bool:
        """Cancelled at the HIS first, so that no window takes money for it; or one has. Another refusal says nothing of that: `Unknown`."""
        async with step.fence():
            pass
        try:
            await self._his.cancel_prescription(step.now.content_id)
        except DomainError as refused:
            if refused.code not in {"his.settled", "his.dispensed"}:
                raise Unknown(f"asked to cancel a prescription, and answered {refused.code}") from refused
            return True
        return False

    async def _paid_at_window(self, step: Step[Prescription]) -> Prescription:
        """Asked about at once: the pharmacy may be further already."""
        async with step.move(_S.DISPENSING, way=Way.AT_HOSPITAL, due_at=None, wake_at=step.at):
            return step.row

    async def _completed(self, step: Step[Prescription]) -> Prescription:
        now = step.now
        async with step.move(_S.COMPLETED, due_at=None, wake_at=None) as db:
            ended = await prescriptions.tell_visit(db, now.visit_id, now.id)
        await self._knock(now, ended)
        return step.row

    async def _cancelled(self, step: Step[Prescription], reason: str, cause: Cause | None = None) -> Prescription:
        now = step.now
        begun: refunds.Begun | None = None
        async with step.move(_S.CANCELLED, due_at=None, wake_at=None, reason=reason) as db:
            if cause:
                begun = await self._refund(db, step, cause)
            ended = await prescriptions.tell_visit(db, now.visit_id, now.id)
        await start(self._runs, begun)
        await self._knock(now, ended)
        return step.row

    async def _knock(self, now: Prescription, ended: PrescriptionEnded | None) -> None:
        if ended:
            await self._runs.knock("revisit", now.visit_id, ended)

    async def _refund(self, db: AsyncSession, step: Step[Prescription], cause: Cause) -> refunds.Begun | None:
        charge_id: UUID = known(step.now.charge_id)
        paid = known(await payments.of_charge(db, charge_id))
        charge = await charges.facts(db, charge_id)
        return await refunds.begin(db, paid.id, cause, step.at, await policies.pinned(db, charge.policy), request=step.row.request or "")
