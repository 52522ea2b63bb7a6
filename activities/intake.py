"""The condition text is described before paying (P-2.3); from then on a charge is open."""

from activities.steps import Guard, step
from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.process import Runs
from models.revisit import Describe, Revisit, State
from models.stores import booking as bookings
from models.stores import charge as charges
from models.stores import intake as intakes
from models.stores import policy as policies
from models.stores import revisit as revisits


class IntakeActivities:
    def __init__(self, guard: Guard[Revisit], runs: Runs) -> None:
        self._guard, self._runs = guard, runs

    @step("intake.describe")
    async def describe(self, now: Revisit, wish: Describe) -> Revisit:
        """Binds what was described and begins the charge in one transaction. Raises `intake.missing`, `charge.too_late`."""
        step = self._guard.step(now, "intake.describe", wish)
        charge_id = ids.derived("charge", "revisit", now.id)
        async with step.move(State.PAYING, charge_id=charge_id, intake_id=wish.intake_id, wake_at=None) as db:
            visit = await revisits.facts(db, now.id)
            policy = await policies.pinned(db, visit.policy)
            held = await bookings.of_id(db, known(visit.claim_id))
            await intakes.check(db, wish.intake_id, now.id)
            pay_until = policy.order_until(known(visit.due_at))
            if pay_until <= step.at:
                raise DomainError("charge.too_late", "conflict")
            charge = await charges.wanted(
                db,
                charge_id,
                visit_id=now.id,
                payable="revisit",
                payable_id=now.id,
                invoice_id=known(held.invoice_id),
                amount_fen=known(held.fee_fen),
                policy=visit.policy,
                due_at=pay_until,
                request=wish.request,
            )
        await self._runs.begin("charge", charge_id, now.id, charge)
        return step.row
