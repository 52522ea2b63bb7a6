"""A prescription at its stand-in desk: written in a visit, walked to where a test begins."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from activities.charge import ChargeActivities
from activities.prescription import PrescriptionActivities
from models.account import Grant, Role
from models.charge import Order, Scene
from models.drug import Dispensing, Drug, DrugKind, Frequency, Item, Route
from models.kernel import ids
from models.kernel.clock import business_day, end_of
from models.prescription import (
    BY_PATIENT,
    BY_PHARMACIST,
    Approve,
    Choose,
    ClaimReview,
    DrugsReported,
    Prescription,
    PrescriptionContent,
    PrescriptionState,
    SignatureReported,
    Submit,
    Way,
)
from models.prescription_rules import Prescribed
from models.process import Command
from models.revisit import Enter, State
from models.stores import account as accounts
from models.stores import drug as drugs
from models.stores import inbox
from models.stores import prescription as prescriptions
from tests.process.desk import ChargeDesk, PrescriptionDesk
from tests.process.hospital import Hospital, wish
from tests.process.visit import Visit, opened, reported

TIOTROPIUM = Drug(code="tio", name="噻托溴铵", spec="18μg×30粒", kind=DrugKind.WESTERN, dose_unit="粒", doses_in_pack=Decimal(30))
AMBROXOL = Drug(code="amb", name="氨溴索", spec="30mg×20片", kind=DrugKind.WESTERN, dose_unit="片", doses_in_pack=Decimal(20))
STATES = PrescriptionState


def content(*items: Item, **said: object) -> PrescriptionContent:
    """A week of 噻托溴铵 for COPD, unless said otherwise."""
    asked = Prescribed(items=items or (item(),), diagnosis_code="J44.900").model_copy(update=said)
    return PrescriptionContent(prescribed=asked, diagnosis_text="慢性阻塞性肺疾病")


def item(code: str = "tio", *, days: int = 7, packs: int = 1) -> Item:
    return Item(drug_code=code, dose=Decimal(1), frequency=Frequency.QD, route=Route.INHALED, days=days, packs=packs)


async def a_pharmacist(hospital: Hospital) -> UUID:
    """Who may review and sign."""
    account_id = ids.new()
    number = f"139{account_id.int % 10**8:08}"
    async with hospital.database.transaction() as db:
        grants = [Grant(Role.PHARMACIST)]
        name = f"pha-{account_id.hex[:8]}"
        await accounts.enlist(db, account_id, login=name, name="钱玉兰", phone=number, password_hash="none", grants=grants, staff_id=name)
    return account_id


class Case:
    """A prescription's desk, its visit, its charge's desk and the people around them."""

    def __init__(self, visit: Visit, pharmacist: UUID, id: UUID) -> None:
        self.hospital, self.visit, self.pharmacist, self.id = visit.hospital, visit, pharmacist, id
        self.desk = PrescriptionDesk(self.hospital, id, PrescriptionActivities.load)
        self._walks: dict[PrescriptionState, Callable[[], Awaitable[object]]] = {
            STATES.DRAFTING: lambda: self.does(Submit),
            STATES.CHECKING: self.desk.happens,
            STATES.SIGNING: self.signs,
            STATES.QUEUED: self.is_approved,
            STATES.COUNTERSIGNING: self.signs,
            STATES.PRICING: self.desk.happens,
            STATES.CHOOSING: lambda: self.does(Choose, way=Way.PICKUP),
            STATES.PAYING: self.pays,
            STATES.DISPENSING: lambda: self.pharmacy(Dispensing.PREPARED),
            STATES.READY: lambda: self.pharmacy(Dispensing.HANDED_OUT),
        }

    @property
    def now(self) -> Prescription:
        return self.desk.now

    @property
    def state(self) -> PrescriptionState:
        return self.desk.state

    async def to(self, state: PrescriptionState) -> "Case":
        """Nothing out of the ordinary happens on the way."""
        for _ in STATES:
            if self.state is state:
                return self
            await self._walks[self.state]()
        raise AssertionError(f"{self.state} goes round in circles, and never to {state}")

    async def does(self, kind: type[Command], *, by: UUID | None = None, **fields: object) -> Prescription:
        """A wish of whose it is: the doctor's, the pharmacist's or the patient's."""
        name = kind.model_fields["kind"].default
        whose = self.visit.unit.doctor_account_id
        if name in BY_PHARMACIST:
            whose = self.pharmacist
        elif name in BY_PATIENT:
            whose = self.visit.person.account_id
        return await self.desk.happens(wish(kind, by or whose, **fields))

    async def writes(self, what: PrescriptionContent) -> UUID:
        """Words kept before the step that puts them in force."""
        content_id = ids.new()
        async with self.hospital.database.transaction() as db:
            await prescriptions.keep_content(db, content_id, self.id, self.visit.unit.doctor_account_id, what)
        return content_id

    async def signs(self) -> Prescription:
        """Asked, confirmed on the phone, reported."""
        if self.now.task_id is None:
            await self.desk.happens()
        self.hospital.signature.confirms(self.hospital.signature.pending())
        return await self.is_told()

    async def is_told(self) -> Prescription:
        """The CA reports."""
        return await self._reported(SignatureReported(id=ids.new()), "signature")

    async def is_approved(self) -> Prescription:
        await self.does(ClaimReview)
        return await self.does(Approve)

    async def pharmacy(self, state: Dispensing) -> Prescription:
        """Somebody at the HIS goes on with it, and the HIS reports."""
        self.hospital.his.goes_on(self.now.content_id, state)
        return await self._reported(DrugsReported(id=ids.new()), "his")

    async def is_asked_after(self) -> Prescription:
        """The HIS reports something that is none of its own."""
        return await self._reported(DrugsReported(id=ids.new()), "his")

    async def _reported(self, news: SignatureReported | DrugsReported, party: str) -> Prescription:
        async with self.hospital.database.transaction() as db:
            await inbox.bring(db, "prescription", self.id, news, party=party)
        return await self.desk.happens(news)

    async def charge(self) -> ChargeDesk:
        charge_id = self.now.charge_id
        assert charge_id is not None
        desk = ChargeDesk(self.hospital, charge_id, ChargeActivities.load)
        await desk.begin()
        return desk

    async def pays(self) -> Prescription:
        """Paid at the channel, settled at the HIS, told."""
        charge = await self.charge()
        order = wish(Order, self.visit.person.account_id, scene=Scene.NATIVE)
        await charge.happens(order)
        self.hospital.wechat_pay.pay(ids.derived("charge_order", order.id).hex)
        await reported(self.hospital, charge.id)
        await charge.news()
        await charge.happens()
        return await self.desk.news()


async def written(hospital: Hospital, what: PrescriptionContent | None = None) -> Case:
    """In 问诊中, the doctor has begun to prescribe."""
    hospital.his.stock((TIOTROPIUM, AMBROXOL))
    async with hospital.database.transaction() as db:
        await drugs.keep(db, (TIOTROPIUM, AMBROXOL), hospital.clock())
    visit = await (await opened(hospital)).to(State.CONSULTING)
    await visit.does(Enter)
    prescription_id = ids.new()
    doctor, policy = visit.unit.doctor_account_id, (await hospital.row(visit.id)).policy
    due_at = end_of(business_day(hospital.clock()))
    async with hospital.database.transaction() as db:
        await prescriptions.begin(
            db, prescription_id, visit.id, doctor, what or content(), policy=policy, at=hospital.clock(), due_at=due_at
        )
    case = Case(visit, await a_pharmacist(hospital), prescription_id)
    await case.desk.begin()
    return case


def later(case: Case, **by: float) -> None:
    """Time passes and nothing else."""
    case.hospital.clock.at += timedelta(**by)  # type: ignore[attr-defined]
