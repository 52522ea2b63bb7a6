"""One patient's visit at stand-in desks: walked to where a test begins, by the steps that people take."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import pytest

from activities.charge import ChargeActivities
from activities.record import RecordActivities
from activities.refund import RefundActivities
from activities.revisit import RevisitActivities
from models.charge import Order, Reported, Scene
from models.kernel import ids
from models.kernel.errors import DomainError
from models.process import Command
from models.refund import RefundState
from models.revisit import (
    BY_DOCTOR,
    Accept,
    AnswerSurvey,
    CheckIn,
    ChooseSlot,
    Consent,
    Describe,
    End,
    Enter,
    Revisit,
    SelfCheck,
    State,
)
from models.signature import SignatureReported
from models.stores import inbox
from tests.builders import NOTICE, Person, Unit
from tests.process.desk import ChargeDesk, RecordDesk, RefundDesk, VisitDesk
from tests.process.hospital import Hospital, wish


class Visit:
    """The visit's desk, its charge's, and the people around them."""

    def __init__(self, hospital: Hospital, person: Person, unit: Unit, id: UUID) -> None:
        self.hospital, self.person, self.unit, self.id = hospital, person, unit, id
        self.desk = VisitDesk(hospital, id, RevisitActivities.load)
        self._charge: ChargeDesk | None = None
        self._walks: dict[State, Callable[[], Awaitable[object]]] = {
            State.CHECKING: self.goes_on,
            State.CONSENTING: self.consents,
            State.CHOOSING: self.chooses,
            State.DESCRIBING: self.describes,
            State.PAYING: self.pays,
            State.BOOKED: self.checks_in,
            State.WAITING: lambda: self.does(Accept),
            State.CONSULTING: self.is_seen,
            State.ENDED: self.answers_survey,
        }

    @property
    def now(self) -> Revisit:
        return self.desk.now

    @property
    def state(self) -> State:
        return self.desk.state

    @property
    def charge(self) -> ChargeDesk:
        """Its charge; there is one from 描述病情 on."""
        return cast(ChargeDesk, self._charge)

    async def to(self, state: State) -> "Visit":
        """Nothing out of the ordinary happens on the way."""
        while self.state is not state:
            await self._walks[self.state]()
        return self

    async def does(self, kind: type[Command], **fields: object) -> Revisit:
        """A person's wish, by the doctor where it is the doctor's."""
        by = self.unit.doctor_account_id if kind.model_fields["kind"].default in BY_DOCTOR else self.person.account_id
        return await self.desk.happens(wish(kind, by, **fields))

    async def goes_on(self) -> Revisit:
        """A step that nobody is asked for."""
        return await self.desk.happens()

    async def consents(self) -> Revisit:
        await self.does(SelfCheck, symptoms=())
        return await self.does(Consent, text_version=NOTICE.version, text_hash=NOTICE.hash)

    async def chooses(self) -> Revisit:
        return await self.does(ChooseSlot, slot_id=self.unit.slot_ids[0])

    async def describes(self) -> Revisit:
        row = await self.does(Describe, intake_id=await self.hospital.described(self.id))
        await self.meets_its_charge()
        return row

    async def meets_its_charge(self) -> None:
        """A charge that a step wanted has a desk of its own."""
        if self.now.charge_id and not self._charge:
            self._charge = ChargeDesk(self.hospital, self.now.charge_id, ChargeActivities.load)
            await self._charge.begin()

    @property
    def has_charge(self) -> bool:
        return self._charge is not None

    async def orders(self, scene: Scene = Scene.NATIVE) -> str:
        """Wants to pay; answers the number of the channel order."""
        order = wish(Order, self.person.account_id, scene=scene)
        await self.charge.happens(order)
        return ids.derived("charge_order", order.id).hex

    async def is_reported(self) -> None:
        """The channel reports something, and the charge asks it."""
        await reported(self.hospital, self.charge.id)
        await self.charge.news()

    async def refund(self) -> RefundDesk:
        """The desk of the visit's one refund."""
        (refund_id,) = await self.hospital.refund_ids(self.now.charge_id)
        desk = RefundDesk(self.hospital, refund_id, RefundActivities.load)
        await desk.begin()
        return desk

    async def is_given_back(self) -> None:
        """The HIS lets go, the channel takes the refund and carries it out."""
        desk = await self.refund()
        while desk.state is not RefundState.ACCEPTED:
            await desk.happens()
        self.hospital.wechat_pay.ends((await self.hospital.refund(desk.id)).number)
        await desk.alarm()

    async def pays(self) -> Revisit:
        """Pays at the channel; the HIS settles, and the visit is told."""
        self.hospital.wechat_pay.pay(await self.orders())
        await self.is_reported()
        await self.charge.happens()
        return await self.desk.news()

    async def checks_in(self) -> Revisit:
        return await self.does(CheckIn)

    async def is_seen(self) -> Revisit:
        await self.does(Enter)
        await self.hospital.saved(self.id, self.unit.doctor_account_id)
        await self.signs_record()
        return await self.does(End)

    async def answers_survey(self, **said: object) -> Revisit:
        return await self.does(AnswerSurvey, answer_id=await self.hospital.answered(self.id, self.person.account_id, **said))

    async def asks_to_sign(self) -> RecordDesk:
        """The doctor wants to sign the record; their phone has not been asked yet."""
        desk = RecordDesk(self.hospital, await self.hospital.asked_to_sign(self.id, self.unit.doctor_account_id), RecordActivities.load)
        await desk.begin()
        return desk

    async def signs_record(self) -> RecordDesk:
        """Asked, confirmed on the doctor's phone, reported, and told to the HIS."""
        desk = await self.asks_to_sign()
        await desk.happens()
        self.hospital.signature.confirms(cast(UUID, desk.now.task_id))
        await signature_reported(self.hospital, desk.id)
        await desk.news()
        await desk.happens()
        return desk


async def reported(hospital: Hospital, charge_id: UUID | None, order_no: str = "") -> Reported:
    """As the webhook keeps a report: a row in the inbox."""
    report = Reported(id=ids.new(), order_no=order_no)
    async with hospital.database.transaction() as db:
        await inbox.bring(db, "charge", charge_id, report, party="wechat_pay")
    return report


async def signature_reported(hospital: Hospital, record_id: UUID) -> SignatureReported:
    """As the webhook keeps a report of the CA: a row in the inbox."""
    report = SignatureReported(id=ids.new())
    async with hospital.database.transaction() as db:
        await inbox.bring(db, "record", record_id, report, party="signature")
    return report


async def opened(
    hospital: Hospital,
    *,
    person: Person | None = None,
    unit: Unit | None = None,
    starts_in: timedelta = timedelta(hours=1),
    rules: Mapping[str, int] | None = None,
) -> Visit:
    """A visit just opened, its row loaded; `rules` are those that differ in its hospital."""
    policy = await hospital.opens(rules)
    whose, where = person or await hospital.person(), unit or await hospital.unit(starts_in)
    visit = Visit(hospital, whose, where, await hospital.visit(whose, policy))
    await visit.desk.begin()
    return visit


def minutes(visit: Visit, at: datetime | None) -> float:
    """From now to an instant, in minutes."""
    return (cast(datetime, at) - visit.hospital.clock()).total_seconds() / 60


async def refused(work: Awaitable[object]) -> str:
    """The code that a wish is refused with."""
    with pytest.raises(DomainError) as refusal:
        await work
    return refusal.value.code
