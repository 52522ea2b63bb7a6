"""A visit in which drugs are prescribed: reviewed, signed by two, priced, paid, and handed out or sent, each party on its wire."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import text

from activities.charge import ChargeActivities
from activities.delivery import DeliveryActivities
from activities.prescription import PrescriptionActivities
from activities.refund import RefundActivities
from models.charge import ChargeState, Order, Scene
from models.delivery import MOVES as DELIVERY_MOVES
from models.delivery import Decide, Decision, DeliveryState, Receiver
from models.drug import Frequency, Item, Route
from models.kernel import ids
from models.kernel.clock import business_day, end_of
from models.kernel.errors import known
from models.prescription import (
    BY_PATIENT,
    BY_PHARMACIST,
    MOVES,
    Amend,
    Approve,
    CancelDrugs,
    Choose,
    ClaimReview,
    Extend,
    PrescriptionContent,
    PrescriptionState,
    Submit,
    Way,
)
from models.prescription_rules import Prescribed
from models.process import Command
from models.revisit import Enter
from models.stores import audit
from models.stores import delivery as deliveries
from models.stores import prescription as prescriptions
from tests.faults.hospital import DOCTOR, STAFF, Hospital, Town
from tests.faults.walk import Path, Thing, Walk
from tests.process.desk import ChargeDesk, DeliveryDesk, PrescriptionDesk, RefundDesk
from tests.process.hospital import CHARGE_ENDS, wish

S: Final = PrescriptionState
ENDS, DELIVERY_ENDS = MOVES.ends(), DELIVERY_MOVES.ends()
MOVED: Final = {
    DeliveryState.CREATED: "picked_up",
    DeliveryState.PICKED_UP: "transit",
    DeliveryState.IN_TRANSIT: "out_for_delivery",
    DeliveryState.OUT_FOR_DELIVERY: "signed",
}
"""What the carrier does next with a parcel."""
RECEIVER: Final = Receiver(name="张秀英", phone="13900200001", province="北京市", city="北京市", county="东城区", detail="和平里中街3号")
WEEK: Final = PrescriptionContent(
    prescribed=Prescribed(
        items=(
            Item(drug_code="drug-tiotropium", dose=Decimal(1), frequency=Frequency.QD, route=Route.INHALED, days=7, packs=1),
            Item(drug_code="drug-ambroxol", dose=Decimal(30), frequency=Frequency.TID, route=Route.ORAL, days=7, packs=1),
        ),
        diagnosis_code="J44.900",
    ),
    diagnosis_text="慢性阻塞性肺疾病",
)


class DrugWalk(Walk):
    """What is prescribed goes its whole way while the patient is in the room, and then the visit ends."""

    def __init__(self, hospital: Hospital, town: Town, path: Path, id: UUID) -> None:
        super().__init__(hospital, town, path, id)
        self.rx: PrescriptionDesk | None = None
        self.parcel: DeliveryDesk | None = None
        self._paying: ChargeDesk | None = None
        self._extended = False
        self._drugs: dict[PrescriptionState, Callable[[PrescriptionDesk], Awaitable[Thing]]] = {
            S.DRAFTING: _thing("prescription.submit", lambda: self._wishes(Submit)),
            S.CHECKING: self._by_itself("prescription.check"),
            S.SIGNING: self._to_sign,
            S.QUEUED: self._to_approve,
            S.RETURNED: _thing("prescription.amend", self._amends),
            S.COUNTERSIGNING: self._to_sign,
            S.PRICING: self._by_itself("drug.price"),
            S.CHOOSING: self._to_choose_how,
            S.PAYING: self._to_pay_for_drugs,
            S.DISPENSING: self._at_the_pharmacy("prepare"),
            S.READY: self._at_the_pharmacy("hand-out"),
            S.SHIPPING: self._on_the_way,
        }

    # --- what happens next

    async def _consulting(self) -> Thing:
        if not self.now.entered:
            return "queue.enter", lambda: self.does(Enter)
        return await self._of_its_drugs() or await super()._consulting()

    async def _of_its_drugs(self) -> Thing | None:
        if self.rx is None:
            return "prescription.write", self._writes
        if self.rx.state in ENDS:
            return None
        if await self.hospital.waiting(self.rx.id):
            return await self._named_news(self.rx.id), self.rx.news
        return await self._drugs[self.rx.state](self.rx)

    async def _named_news(self, process_id: UUID) -> str:
        (first, *_) = await self.hospital.waiting(process_id)
        state = self.rx.state if self.rx else None
        match first.kind:
            case "signature_reported":
                return "countersign.query" if state is S.COUNTERSIGNING else "sign.query"
            case "drugs_reported":
                return "drug.query"
            case "delivery_pushed":
                return "delivery.poll"
            case "charge_ended":
                return "drug.charged"
            case _:
                return "drug.delivered"

    async def _of_its_refund(self) -> Thing | None:
        """Of the drugs too."""
        if self.back is None and self.rx and self.rx.now.charge_id:
            for refund_id in await self.hospital.refund_ids(self.rx.now.charge_id):
                self.back = RefundDesk(self.hospital, refund_id, RefundActivities.load)
                await self.back.begin()
        return await super()._of_its_refund()

    async def _to_sign(self, rx: PrescriptionDesk) -> Thing:
        side, staff_id = ("sign", DOCTOR) if rx.state is S.SIGNING else ("countersign", STAFF)
        if rx.now.task_id is None:
            return f"{side}.request", rx.happens
        if self.whole.outside.is_pending(rx.now.task_id):
            return f"{side}.confirm", lambda: self._confirms(staff_id, rx.id)
        return f"{side}.query", rx.alarm

    async def _to_approve(self, rx: PrescriptionDesk) -> Thing:
        async with self.hospital.database.reading() as db:
            held = (await prescriptions.facts(db, rx.id)).held_until
        if held is None or held <= self.hospital.clock():
            return "review.claim", lambda: self._wishes(ClaimReview)
        return "review.approve", lambda: self._wishes(Approve)

    async def _to_choose_how(self, rx: PrescriptionDesk) -> Thing:
        del rx
        if not self._extended:
            return "prescription.extend", self._extends
        if self.path is Path.NOT_WANTED:
            return "drug.leave", lambda: self._wishes(CancelDrugs)
        return "drug.choose", self._chooses_how

    async def _to_pay_for_drugs(self, rx: PrescriptionDesk) -> Thing:
        if self._paying is None:
            self._paying = ChargeDesk(self.hospital, known(rx.now.charge_id), ChargeActivities.load)
            await self._paying.begin()
        desk = self._paying
        if desk.state is ChargeState.PAID:
            return "drug.settle", desk.happens
        if desk.state in CHARGE_ENDS:
            raise AssertionError("the charge is at its end, and the prescription was not told")
        if await self.hospital.waiting(desk.id):
            return "drug.paid", desk.news
        return "drug.pay", lambda: self._pays_for_drugs(desk)

    async def _on_the_way(self, rx: PrescriptionDesk) -> Thing:
        if self.parcel is None or (self.parcel.state in DELIVERY_ENDS and not await self.hospital.waiting(rx.id)):
            self.parcel = DeliveryDesk(self.hospital, await self._last_parcel(rx.id), DeliveryActivities.load)
            await self.parcel.begin()
        desk = self.parcel
        if await self.hospital.waiting(desk.id):
            return "delivery.poll", desk.news
        match desk.state:
            case DeliveryState.CREATING if desk.now.wake_at is None:
                return "delivery.create", desk.happens
            case DeliveryState.CREATING:
                return "delivery.create", desk.alarm
            case DeliveryState.UNDELIVERABLE:
                return "delivery.resend", lambda: self._decides(desk, Decision.RESEND)
            case DeliveryState.CREATED if self.path is Path.NOT_SENT:
                return "delivery.decide", lambda: self._decides(desk, Decision.REFUND)
            case state:
                return "delivery.move", lambda: self._moves(desk, MOVED[state])

    # --- what people do

    async def _writes(self) -> None:
        prescription_id, doctor, at = ids.new(), self.unit.doctor_account_id, self.hospital.clock()
        due_at = end_of(business_day(at))
        async with self.hospital.database.transaction() as db:
            await prescriptions.begin(db, prescription_id, self.id, doctor, WEEK, policy=self.town.policy.version, at=at, due_at=due_at)
            await audit.record(db, doctor, "prescription:write", "prescription", prescription_id)
        self.rx = PrescriptionDesk(self.hospital, prescription_id, PrescriptionActivities.load)
        await self.rx.begin()

    async def _amends(self) -> None:
        content_id, rx = ids.new(), cast(PrescriptionDesk, self.rx)
        async with self.hospital.database.transaction() as db:
            await prescriptions.keep_content(db, content_id, rx.id, self.unit.doctor_account_id, WEEK)
        await self._wishes(Amend, content_id=content_id)

    async def _extends(self) -> None:
        await self._wishes(Extend, days=2)
        self._extended = True

    async def _chooses_how(self) -> None:
        if self.path is Path.PICKED_UP:
            await self._wishes(Choose, way=Way.PICKUP)
            return
        address_id = ids.new()
        async with self.hospital.database.transaction() as db:
            await deliveries.keep_address(db, address_id, self.person.account_id, RECEIVER)
        await self._wishes(Choose, way=Way.PARCEL, address_id=address_id)

    async def _wishes(self, kind: type[Command], **fields: object) -> object:
        name = kind.model_fields["kind"].default
        by = self.unit.doctor_account_id
        if name in BY_PHARMACIST:
            by = self.town.pharmacist
        elif name in BY_PATIENT:
            by = self.person.account_id
        return await cast(PrescriptionDesk, self.rx).happens(wish(kind, by, **fields))

    async def _decides(self, desk: DeliveryDesk, decision: Decision) -> None:
        await desk.happens(wish(Decide, self.town.pharmacist, decision=decision))

    async def _confirms(self, staff_id: str, process_id: UUID) -> None:
        """On the phone, and the CA tells it; sooner or later, or it is asked."""
        await self.whole.outside.confirms(staff_id)
        await self.hears(process_id)

    async def _pays_for_drugs(self, desk: ChargeDesk) -> None:
        order = wish(Order, self.person.account_id, scene=Scene.NATIVE)
        await desk.happens(order)
        await self.whole.outside.pays(ids.derived("charge_order", order.id).hex)
        await self._is_told(desk.id)

    async def _moves(self, desk: DeliveryDesk, move: str) -> None:
        """The carrier scans it and says so; or it is asked in its time."""
        await self.whole.outside.carries(desk.id.hex, move)
        await self.hears(desk.id)
        if not await self.hospital.waiting(desk.id):
            await desk.alarm()

    # --- the pharmacy

    def _at_the_pharmacy(self, act: str) -> Callable[[PrescriptionDesk], Awaitable[Thing]]:
        """Done there once, and told; what was not heard is asked for."""

        async def thing(rx: PrescriptionDesk) -> Thing:
            column = "prepared_ms" if act == "prepare" else "dispensed_ms"
            (filed,) = [one for one in self.whole.outside.rows("his_prescription") if one["number"] == rx.now.content_id.hex]
            if filed[column] is None:
                return f"pharmacy.{act}", lambda: self._acts(rx, act)
            return "drug.query", rx.alarm

        return thing

    async def _acts(self, rx: PrescriptionDesk, act: str) -> None:
        await self.whole.outside.pharmacy(rx.now.content_id.hex, act)
        if act == "prepare" and self.path is Path.SENT:
            await self.hears(rx.id)
            await self.whole.outside.pharmacy(rx.now.content_id.hex, "hand-out")  # to the courier
        await self.hears(rx.id)

    def _by_itself(self, name: str) -> Callable[[PrescriptionDesk], Awaitable[Thing]]:
        async def thing(rx: PrescriptionDesk) -> Thing:
            return name, rx.happens

        return thing

    async def _last_parcel(self, prescription_id: UUID) -> UUID:
        async with self.hospital.database.reading() as db:
            query = text("select id from delivery where prescription_id = :id order by attempt desc limit 1")
            return cast(UUID, (await db.execute(query, {"id": prescription_id})).scalar_one())


def _thing(name: str, do: Callable[[], Awaitable[Any]]) -> Callable[[PrescriptionDesk], Awaitable[Thing]]:
    async def thing(rx: PrescriptionDesk) -> Thing:
        del rx
        return name, do

    return thing
