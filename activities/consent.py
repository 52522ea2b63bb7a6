"""Emergency self-check and informed consent (P-2.2)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from activities.steps import Guard, step
from models.consent import STABILITY_HASH, STABILITY_VERSION, Stability
from models.eligibility import Refusal
from models.kernel import ids
from models.kernel.errors import DomainError
from models.revisit import Consent, Revisit, SelfCheck, State
from models.stores import consent as consents
from models.stores import policy as policies
from models.stores import revisit as revisits

SCENE = "revisit"


class ConsentActivities:
    def __init__(self, guard: Guard[Revisit]) -> None:
        self._guard = guard

    @step("consent.self_check")
    async def self_check(self, now: Revisit, wish: SelfCheck) -> Revisit:
        """Any symptom ends the visit with the advice to seek emergency care; the answers are recorded either way.

        A refill is asked whether all is stable, too: what is not refuses nothing, and marks the visit for its doctor.
        Raises `consent.stability` for a refill without those answers and for answers without a refill, `consent.text_changed`.
        """
        step = self._guard.step(now, "consent.self_check", wish)
        ill = {"refusal": Refusal.EMERGENCY, "due_at": None, "wake_at": None}
        well = {"self_checked_at": step.at}
        marks = {} if wish.unstable is None else {"unstable": bool(wish.unstable)}
        async with step.move(State.REFUSED if wish.symptoms else State.CONSENTING, **(ill if wish.symptoms else well), **marks) as db:
            visit = await revisits.facts(db, now.id)
            if (visit.past_prescription is None) is not (wish.unstable is None):
                raise DomainError("consent.stability", "invalid")
            if wish.unstable is not None:
                await self._record_stability(db, now.id, wish, wish.unstable, step.at)
            await consents.record(
                db,
                wish.id,
                now.id,
                wish.by,
                "self_check",
                version="1",
                text_hash="",
                at=step.at,
                symptoms=[str(one) for one in wish.symptoms],
            )
        return step.row

    async def _record_stability(
        self, db: AsyncSession, revisit_id: UUID, wish: SelfCheck, unstable: tuple[Stability, ...], at: datetime
    ) -> None:
        if wish.text_version != STABILITY_VERSION:
            raise DomainError("consent.text_changed", "conflict", text_version=STABILITY_VERSION)
        await consents.record(
            db,
            ids.derived("consent", wish.id, consents.STABILITY),
            revisit_id,
            wish.by,
            consents.STABILITY,
            version=STABILITY_VERSION,
            text_hash=STABILITY_HASH,
            at=at,
            unstable=[str(one) for one in unstable],
        )

    @step("consent.consent")
    async def consent(self, now: Revisit, wish: Consent) -> Revisit:
        """Only the text in force counts, and only as it was shown. Raises `consent.self_check_first`, `consent.text_changed`."""
        step = self._guard.step(now, "consent.consent", wish, text_version=wish.text_version)
        async with step.move(State.CHOOSING) as db:
            visit = await revisits.facts(db, now.id)
            if visit.self_checked_at is None:
                raise DomainError("consent.self_check_first", "conflict")
            shown = await policies.consent_text(db, SCENE, step.at)
            if (wish.text_version, wish.text_hash) != (shown.version, shown.hash):
                raise DomainError("consent.text_changed", "conflict", text_version=shown.version)
            await consents.record(db, wish.id, now.id, wish.by, SCENE, version=shown.version, text_hash=shown.hash, at=step.at)
        return step.row
