"""Visits in any state as rows, with the facts at HIS and bank that belong to them: inserted side by side, and begun by the sweep."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.booking import Lock
from models.charge import ChannelOrder, ChargeState, Close, Payment, Scene, Trade
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import known
from models.kernel.money import Fen
from models.ledger import Account, transfer
from models.policy import Policy
from models.refund import CHANNEL_REASONS, Cause, Office, RefundState
from models.revisit import ChargeEnded, Reason, State
from models.stores import booking as bookings
from models.stores import charge as charges
from models.stores import inbox, ledger
from models.stores import invoice as invoices
from models.stores import payment as payments
from models.stores import policy as policies
from models.stores import refund as refunds
from models.tables.charge import ChargeRow, RefundRow
from models.tables.patient import BindingRow
from models.tables.process import TimelineRow
from models.tables.revisit import RevisitRow
from tests.builders import Person, a_visit
from tests.journeys.backstage import Backstage
from tests.journeys.people import Patient
from tests.journeys.visit import Visit

A_WHILE: Final = timedelta(minutes=3)
"""Time enough for who has something to do yet."""
BILLED, SETTLED, SEEN = 1, 2, 3
"""How far it has got outside: a bill at the HIS, booked by money, with the doctor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where a visit stands. Without `charge` there is none, without `refund` nothing goes back."""

    state: State
    outside: int = 0
    charge: ChargeState | None = None
    ordered: bool = False
    paid: bool = False
    """At the bank; what we know of it is said by `charge`."""
    refund: RefundState | None = None
    overdue: bool = False
    entered: bool = False
    told: str | None = None
    """News that nobody has acted on: of the charge to the visit, or of the visit to the charge."""
    columns: dict[str, Any] = field(default_factory=dict[str, Any])


def _paid(state: State, **more: Any) -> Stand:
    return Stand(state=state, outside=SETTLED, charge=ChargeState.SETTLED, ordered=True, paid=True, **more)


def _seen(state: State, *, entered: bool) -> Stand:
    return replace(_paid(state), outside=SEEN, entered=entered, columns={"calls": 1})


def _left(refund: RefundState) -> Stand:
    return _paid(State.CANCELLED, refund=refund, columns={"reason": Reason.PATIENT})


def _owing(state: State = State.PAYING, charge: ChargeState = ChargeState.OPEN, *, ordered: bool = True, **more: Any) -> Stand:
    return Stand(state=state, outside=BILLED, charge=charge, ordered=ordered, **more)


_CLOSING: dict[str, Any] = {"told": "close", "columns": {"leaving_as": State.CANCELLED}}
STANDS: Final[dict[str, Stand]] = {
    "checking": Stand(state=State.CHECKING),
    "completing": Stand(state=State.COMPLETING, overdue=True, columns={"missing": ["phone"]}),
    "consenting": Stand(state=State.CONSENTING),
    "choosing": Stand(state=State.CHOOSING),
    "describing": Stand(state=State.DESCRIBING, outside=BILLED),
    "paying": _owing(ordered=False),
    "unpaid": _owing(overdue=True),
    "not heard of": _owing(paid=True),
    "not settled": _owing(paid=True, charge=ChargeState.PAID),
    "not booked": _paid(State.PAYING, told="charge_ended"),
    "closing": _owing(State.CLOSING, **_CLOSING),
    "closing and paid": _owing(State.CLOSING, paid=True, **_CLOSING),
    "booked": _paid(State.BOOKED),
    "absent": _paid(State.BOOKED, overdue=True),
    "waiting": _paid(State.WAITING),
    "not accepted": _paid(State.WAITING, overdue=True),
    "called": _seen(State.CONSULTING, entered=False),
    "entered": _seen(State.CONSULTING, entered=True),
    "ended": _seen(State.ENDED, entered=True),
    "requested": _left(RefundState.REQUESTED),
    "cleared": _left(RefundState.CLEARED),
    "accepted": _left(RefundState.ACCEPTED),
    "stuck": _left(RefundState.STUCK),
}
"""Every state of visit, charge and refund that is no end."""


@dataclass(slots=True)
class Case:
    """One visit being put there."""

    behind: Backstage
    patient: Patient
    stand: Stand
    at: datetime
    policy: Policy
    slot: str = ""
    """Without one, the hall."""
    lasts: timedelta = A_WHILE
    id: UUID = field(default_factory=ids.new)
    claim_id: UUID = field(default_factory=ids.new)
    order_id: UUID = field(default_factory=ids.new)
    lock: Lock | None = None
    answer: ChannelOrder | None = None
    trade: Trade | None = None
    encounter_id: str | None = None
    scanned: bool = False
    """The code is paid once; what else is asked outside may be asked again under its numbers."""

    @property
    def charge_id(self) -> UUID:
        return ids.derived("charge", "revisit", self.id)

    @property
    def due_at(self) -> datetime:
        return self.at if self.stand.overdue else self.at + self.lasts

    @property
    def _place(self) -> str:
        return self.slot or self.behind.hospital.hall

    async def outside(self) -> None:
        """What HIS and bank would hold of it."""
        behind, stand = self.behind, self.stand
        if stand.outside < BILLED:
            return
        self.lock = lock = await behind.his.lock(self.claim_id, self._place, self.patient.card.id)
        if stand.ordered and not self.answer:
            what: dict[str, Any] = {"amount_fen": lock.fee_fen, "description": "线上复诊医事服务费", "expires_at": self.at + self.lasts}
            self.answer = await behind.wechat_pay.order(self.order_id.hex, scene=Scene.NATIVE, **what)
        if stand.paid:
            if not self.scanned:
                await behind.hospital.pay(str(self.order_id))
            self.scanned = True
            self.trade = await behind.wechat_pay.query(self.order_id.hex)
        if stand.outside >= SETTLED:
            trade = known(self.trade)
            paid: dict[str, Any] = {
                "channel_no": known(trade.transaction_id),
                "amount_fen": trade.amount_fen,
                "paid_at": known(trade.paid_at),
            }
            await behind.his.settle(lock.invoice_id, Payment(payment_no=self.charge_id.hex, **paid))
        if stand.state in {State.WAITING, State.CONSULTING, State.ENDED}:
            await behind.his.check_in(lock.appointment_id)
        if stand.outside >= SEEN:
            doctor = behind.hospital.unit["doctor_id"]
            self.encounter_id = await behind.his.begin_encounter(self.id, lock.appointment_id, self.patient.card.id, doctor, self.at)
        if stand.state is State.ENDED:
            await behind.his.finish_encounter(known(self.encounter_id), self.at)

    async def rows(self, db: AsyncSession) -> None:
        """What our own steps would have left, and no run."""
        account_id = known(await db.scalar(select(BindingRow.account_id).where(BindingRow.patient_id == UUID(self.patient.id))))
        person = Person(account_id, UUID(self.patient.id), self.patient.card.id_number)
        told: dict[str, Any] = {"id": self.id, "policy": self.policy.version, "his_patient_id": self.patient.card.id}
        if self.stand.state not in {State.CANCELLED, State.ENDED}:
            told |= {"due_at": self.due_at, "wake_at": self.due_at}
        if self.encounter_id:
            told |= {"encounter_id": self.encounter_id, "called_at": self.at, "entered_at": self.at if self.stand.entered else None}
        await a_visit(db, self.stand.state, person=person, **told | self.stand.columns)
        opened = {"step": "open", "name": "revisit.open", "version": 0, "before": "", "after": self.stand.state, "at": self.at}
        await db.execute(insert(TimelineRow).values(process="revisit", process_id=self.id, visit_id=self.id, by=account_id, **opened))
        if self.lock:
            await self._claim(db, self.lock)
        if self.stand.charge:
            await self._charge(db, known(self.lock), self.stand.charge)
        if self.stand.refund:
            await self._refund(db, self.stand.refund)
        if self.stand.told == "close":
            await inbox.bring(db, "charge", self.charge_id, Close(id=ids.new()), party="revisit")
        if self.stand.told == "charge_ended":
            ended = ChargeEnded(id=ids.derived("charge_ended", self.charge_id), charge_id=self.charge_id, outcome="settled")
            await inbox.bring(db, "revisit", self.id, ended, party="charge")

    async def _claim(self, db: AsyncSession, lock: Lock) -> None:
        state = self.stand.state
        await bookings.claim(db, self.claim_id, self.id, UUID(self.patient.id), self._place, self.at, holds_max=9)
        await bookings.locked(db, self.claim_id, lock)
        held = await bookings.of_id(db, self.claim_id)
        place = {"schedule_id": held.schedule_id, "doctor_id": held.doctor_id, "department_id": held.department_id}
        times = {"slot_id": held.slot_id, "slot_starts_at": held.starts_at, "unit_ends_at": held.unit_ends_at}
        charge = {"charge_id": self.charge_id} if self.stand.charge else {}
        since = {"checked_in_at": self.at} if state in {State.WAITING, State.CONSULTING, State.ENDED} else {}
        values = {"claim_id": self.claim_id} | place | times | charge | since
        await db.execute(update(RevisitRow).where(RevisitRow.id == self.id).values(**values))
        if state not in {State.DESCRIBING, State.PAYING, State.CLOSING}:
            await bookings.confirm(db, self.claim_id)
        if state is State.ENDED:
            await bookings.fulfil(db, self.claim_id)
        if state is State.CANCELLED:
            await bookings.release(db, self.claim_id)

    async def _charge(self, db: AsyncSession, lock: Lock, state: ChargeState) -> None:
        whose: dict[str, Any] = {"visit_id": self.id, "payable": "revisit", "payable_id": self.id, "invoice_id": lock.invoice_id}
        await charges.wanted(db, self.charge_id, **whose, amount_fen=lock.fee_fen, policy=self.policy.version, due_at=self.due_at)
        if self.answer:
            await charges.opening(db, self.order_id, self.charge_id, Scene.NATIVE, lock.fee_fen, self.at + self.lasts)
            await charges.opened(db, self.order_id, self.answer)
        if state is ChargeState.OPEN:
            return
        await payments.keep(db, known(self.trade), charge_id=self.charge_id, visit_id=self.id)
        await charges.paid(db, self.order_id)
        values = {"state": state, "paid_order_id": self.order_id, "due_at": None, "wake_at": None}
        await db.execute(update(ChargeRow).where(ChargeRow.id == self.charge_id).values(**values))
        await self._book(db, "charge.paid", Account.WECHAT_PAY, Account.PATIENT_DUE, self.order_id)
        if state is ChargeState.SETTLED:
            await self._book(db, "charge.settled", Account.PATIENT_DUE, Account.HOSPITAL_INCOME, self.charge_id)
            await invoices.begin(db, self.charge_id, self.at)

    async def _refund(self, db: AsyncSession, state: RefundState) -> None:
        """As far as it has got, HIS and bank are asked for it here: its numbers are those of its row."""
        paid = known(await payments.of_charge(db, self.charge_id))
        begun = known(await refunds.begin(db, paid.id, Cause.PATIENT, self.at, self.policy))
        if state is RefundState.REQUESTED:
            return
        refund = await refunds.facts(db, begun.id)
        await self.behind.his.reverse(known(refund.invoice_id), refund.id.hex, refund.amount_fen, refund.cause)
        await self._book(db, "refund.cleared", Account.HOSPITAL_INCOME, Account.PATIENT_DUE, refund.id)
        values: dict[str, Any] = {"state": state, "cleared_at": self.at}
        if state is not RefundState.CLEARED:
            if state is RefundState.STUCK:
                await self.behind.hospital.will("CLOSED", str(self.order_id))
                values |= {"trouble": "wechat_pay.refund_closed", "office": Office.FINANCE}
            sums: dict[str, Any] = {"amount_fen": refund.amount_fen, "total_fen": refund.paid_fen, "reason": CHANNEL_REASONS[refund.cause]}
            await self.behind.wechat_pay.refund(refund.number, order_no=refund.order_no, **sums)
        if state is RefundState.ACCEPTED:
            await self._book(db, "refund.accepted", Account.REFUND_IN_TRANSIT, Account.WECHAT_PAY, refund.channel_id)
            values |= {"accepted_at": self.at, "wake_at": self.at}
        await db.execute(update(RefundRow).where(RefundRow.id == refund.id).values(**values))

    async def _book(self, db: AsyncSession, cause: str, to: Account, of: Account, thing: UUID) -> None:
        legs = transfer(Fen(known(self.trade).amount_fen), to=to, of=of)
        await ledger.post(db, cause, legs, of=thing, charge_id=self.charge_id, at=self.at)


async def put(behind: Backstage, patients: dict[str, Patient]) -> dict[str, Visit]:
    """A visit of each patient in the state of `STANDS` that is named; API and worker must be away, or they would meet half of it."""
    async with behind.transaction() as db:
        at = now()
        policy = await policies.in_force(db, "test", at)
        cases = {name: Case(behind, patient, STANDS[name], at, policy) for name, patient in patients.items()}
        for case in cases.values():
            await case.outside()
            await case.rows(db)
    return {name: Visit(behind.hospital, case.patient, str(case.id)) for name, case in cases.items()}
