"""A hospital in one test: the real activities over real rows, and the outside in memory."""

import atexit
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MethodType
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from sqlalchemy import func, select, text

from activities.steps import Guard
from gateways.his.port import HIS
from gateways.invoice.port import Issuer
from gateways.logistics.port import Logistics
from gateways.review.port import Review
from gateways.signature.port import SignatureService
from gateways.wechat_pay.port import WeChatPay
from models.charge import MOVES
from models.eligibility import HisPatient, PastVisit, RegulatorField
from models.kernel import ids
from models.kernel.clock import SHANGHAI, Clock
from models.kernel.errors import known
from models.ledger import Account
from models.message import Template
from models.pathways import PATHWAYS
from models.policy import Policy
from models.process import AnyRow, Command, News, Runs
from models.record import Record, RecordContent, RecordState
from models.signature import Trusted
from models.stores import audit, booking, intake, ledger
from models.stores import record as records
from models.stores import signature as signatures
from models.stores import survey as surveys
from models.stores.database import Database
from models.stores.open_rows import PROCESSES
from models.survey import QUESTIONNAIRES, check
from models.tables.charge import ChargeRow, PaymentRow, RefundRow
from models.tables.directory import SlotRow
from models.tables.message import MessageRow
from models.tables.process import InboxRow, TimelineRow
from models.tables.revisit import RevisitRow
from tests.builders import FEE_FEN, NAME, Person, Unit, a_person, a_unit, an_opened_visit, rules
from tests.process.his import InMemoryHIS, Place
from tests.process.invoice import InMemoryIssuer
from tests.process.logistics import InMemoryLogistics
from tests.process.review import InMemoryReview
from tests.process.signature import InMemorySignatures, signed, trusted
from tests.process.wechat_pay import InMemoryWeChatPay
from worker.wiring import activities, strays

R = TypeVar("R")
C = TypeVar("C", bound=Command)

FILES: Final = Path(tempfile.mkdtemp(prefix="fuzhen-"))
"""Object storage of all tests of this process: a file is named by its row."""
atexit.register(shutil.rmtree, FILES, ignore_errors=True)

CHARGE_ENDS: Final = MOVES.ends()
MORNING: Final = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)
"""A Monday. Nothing of a test with a clock of its own depends on when it runs."""


@dataclass
class Unheard:
    """The short cut that never works: what was begun and knocked is noted, and nothing comes of it."""

    begun: list[tuple[str, UUID]] = field(default_factory=list[tuple[str, UUID]])
    knocked: list[tuple[str, UUID, News]] = field(default_factory=list[tuple[str, UUID, News]])

    async def begin(self, process: str, id: UUID, visit: UUID, row: AnyRow | None = None) -> None:
        self.begun.append((process, id))

    async def knock(self, process: str, id: UUID, event: News) -> None:
        self.knocked.append((process, id, event))


@dataclass(frozen=True)
class Parties:
    """Whom the activities ask."""

    his: HIS
    wechat_pay: WeChatPay
    logistics: Logistics
    review: Review
    signature: SignatureService
    trusted: Trusted
    issuer: Issuer


class Hospital:
    """What stands behind the processes of a test, and what can be read of it afterwards."""

    def __init__(self, database: Database, clock: Clock, runs: Runs) -> None:
        self.database, self.clock = database, clock
        self.his, self.wechat_pay, self.logistics = InMemoryHIS(clock), InMemoryWeChatPay(clock), InMemoryLogistics(clock)
        self.review, self.signature, self.issuer = InMemoryReview(), InMemorySignatures(clock), InMemoryIssuer(clock)
        self.asks(Parties(self.his, self.wechat_pay, self.logistics, self.review, self.signature, trusted(), self.issuer), runs)

    def asks(self, parties: Parties, runs: Runs) -> None:
        """From now on its activities ask these."""
        self.parties = parties
        self.activities = activities(self.database, parties, runs, self.clock, "test", FILES)
        self.strays = strays(self.database, parties, runs, self.clock, "test")
        self._bound = {cast(MethodType, one).__func__: one for one in self.activities}

    def work(self, activity: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
        """The hospital's own hand for an activity that a workflow names by its class."""
        return self._bound[cast(Any, activity)]

    async def opens(self, changes: Mapping[str, int] | None = None) -> Policy:
        """The rules that new visits begin with: the standard ones but for `changes`."""
        async with self.database.transaction() as db:
            return await rules(db, changes)

    async def answered(self, revisit_id: UUID, by: UUID, **said: object) -> UUID:
        """What the patient filled in, stored as the API stores it; content with everything unless `said` otherwise."""
        answer_id, values = ids.new(), {"overall": 5, "attitude": 5, "clarity": 5, "ease": 5, "solved": True} | said
        async with self.database.transaction() as db:
            asked = known(await surveys.of_revisit(db, revisit_id))
            checked = check(QUESTIONNAIRES[asked.questionnaire], asked.questionnaire, values)
            await surveys.keep(db, answer_id, asked.id, by, checked)
        return answer_id

    async def unit(
        self, starts_in: timedelta = timedelta(hours=1), *, lasts: timedelta = timedelta(hours=3), slots: int = 1, capacity: int = 1
    ) -> Unit:
        """A 就诊单元 that the HIS has and our mirror knows."""
        async with self.database.transaction() as db:
            unit = await a_unit(db, self.clock() + starts_in, lasts=lasts, slots=slots, capacity=capacity)
        self.his.places |= {slot_id: Place(capacity, FEE_FEN) for slot_id in unit.slot_ids}
        return unit

    async def person(
        self,
        *,
        name: str = NAME,
        born: date = date(1958, 5, 12),
        missing: tuple[RegulatorField, ...] = (),
        seen_days_ago: tuple[int, ...] = (30,),
    ) -> Person:
        """A patient of ours whom the HIS knows, seen there `seen_days_ago`."""
        async with self.database.transaction() as db:
            person = await a_person(db)
        record = f"pat-{person.patient_id.hex[:8]}"
        visits = (past_visit(f"{record}-{days}", self.clock() - timedelta(days=days)) for days in seen_days_ago)
        self.his.knows(person.id_number, HisPatient(ids=(record,), name=name, birth_on=born, missing=missing), *visits)
        return person

    async def visit(self, person: Person, policy: Policy, *, past_encounter_id: str | None = None) -> UUID:
        async with self.database.transaction() as db:
            return await an_opened_visit(db, person, policy, self.clock(), past_encounter_id=past_encounter_id)

    async def described(self, revisit_id: UUID) -> UUID:
        """What a patient wrote, stored before the step that binds it."""
        intake_id = ids.new()
        async with self.database.transaction() as db:
            await intake.keep(db, intake_id, revisit_id, "活动后气短较前减轻，想复诊。", ())
        return intake_id

    async def saved(self, revisit_id: UUID, doctor: UUID, advice: str = "继续吸入治疗") -> Record:
        """A 病历 with a diagnosis, saved by the doctor and not signed."""
        content = RecordContent(complaint="复诊", history="慢阻肺病史", advice=advice)
        record = Record(content=content, diagnosis_code="J44.900", diagnosis_text="慢性阻塞性肺疾病")
        async with self.database.transaction() as db:
            await records.save(db, ids.new(), revisit_id, doctor, record, self.clock())
            await audit.record(db, doctor, "record:write", "revisit", revisit_id)
        return record

    async def asked_to_sign(self, revisit_id: UUID, doctor: UUID, *, within: timedelta = timedelta(minutes=15)) -> UUID:
        """The doctor wants to sign what is saved: the row, as the API inserts it."""
        signing_id, at, policy = ids.new(), self.clock(), (await self.row(revisit_id)).policy
        async with self.database.transaction() as db:
            await records.begin(db, signing_id, revisit_id, doctor, policy=policy, at=at, due_at=at + within)
            await audit.record(db, doctor, "record:sign", "record", signing_id)
        return signing_id

    async def recorded(self, revisit_id: UUID, doctor: UUID) -> None:
        """A 病历 saved and signed, where a test is about something else: rows as its process leaves them, and a real signature."""
        record = await self.saved(revisit_id, doctor)
        async with self.database.reading() as db:
            if await records.signed(db, revisit_id, record):
                return
        signing_id = await self.asked_to_sign(revisit_id, doctor)
        async with self.database.reading() as db:
            now, number = await records.load(db, signing_id), ids.new()
            what = await records.to_sign(db, now)
        guard = Guard(self.database, self.clock, records.STORE)
        request = guard.step(now, "record.request")
        async with request.move(RecordState.SIGNING, task_id=number) as db:
            await signatures.asked(db, number, what)
        query = guard.step(request.row, "record.query")
        async with query.move(RecordState.FILING, task_id=None, due_at=None, wake_at=None) as db:
            await signatures.proved(db, number, signed(what.text, what.signer.staff_id, self.clock()))
        async with guard.step(query.row, "record.file").move(RecordState.FILED):
            pass

    async def hand_time_is_up(self) -> None:
        """As if the six seconds of whoever fenced last had passed."""
        async with self.database.transaction() as db:
            for table, _ in PROCESSES.values():
                await db.execute(
                    text(f"update {table.__tablename__} set step_until = clock_timestamp() - interval '1 second' where step is not null")
                )

    async def row(self, revisit_id: UUID) -> RevisitRow:
        async with self.database.reading() as db:
            return await db.get_one(RevisitRow, revisit_id)

    async def claim(self, revisit_id: UUID) -> booking.Claim:
        claim_id = (await self.row(revisit_id)).claim_id
        async with self.database.reading() as db:
            return await booking.of_id(db, cast(UUID, claim_id))

    async def taken(self, slot_id: str) -> int:
        async with self.database.reading() as db:
            return (await db.get_one(SlotRow, slot_id)).taken

    async def story(self, process_id: UUID) -> list[str]:
        """The steps that were done, in order."""
        async with self.database.reading() as db:
            query = select(TimelineRow.name).where(TimelineRow.process_id == process_id).order_by(TimelineRow.version)
            return list(await db.scalars(query))

    async def told(self, visit_id: UUID) -> list[Template]:
        """The messages that wait to be sent for a visit, sorted by name."""
        async with self.database.reading() as db:
            found = await db.scalars(select(MessageRow.template).where(MessageRow.visit_id == visit_id))
            return sorted(Template(one) for one in found)

    async def wanted_back(self, charge_id: UUID | None) -> list[tuple[str, int]]:
        """Refunds that are wanted: cause and fen."""
        async with self.database.reading() as db:
            found = await db.execute(select(RefundRow.cause, RefundRow.amount_fen).where(RefundRow.charge_id == charge_id))
            return [(cause, fen) for cause, fen in found]

    async def refund_ids(self, charge_id: UUID | None = None) -> list[UUID]:
        """Refunds of a charge, or all, oldest first."""
        async with self.database.reading() as db:
            query = select(RefundRow.id).order_by(RefundRow.created_at, RefundRow.id)
            return list(await db.scalars(query.where(RefundRow.charge_id == charge_id) if charge_id else query))

    async def refund(self, refund_id: UUID) -> RefundRow:
        async with self.database.reading() as db:
            return await db.get_one(RefundRow, refund_id)

    async def payments(self) -> list[PaymentRow]:
        """Every sum that came, oldest first."""
        async with self.database.reading() as db:
            return list(await db.scalars(select(PaymentRow).order_by(PaymentRow.created_at, PaymentRow.id)))

    async def balances(self) -> dict[Account, int]:
        async with self.database.reading() as db:
            return {account: fen for account, fen in (await ledger.balances(db)).items() if fen}

    async def waiting(self, process_id: UUID) -> list[Any]:
        """News in the inbox of a process that nobody has acted on, oldest first."""
        async with self.database.reading() as db:
            query = select(InboxRow).where(InboxRow.process_id == process_id, InboxRow.handled_at.is_(None)).order_by(InboxRow.created_at)
            return [PATHWAYS[row.process].events.validate_python(row.event) for row in await db.scalars(query)]

    async def relays(self) -> None:
        """Reports of money for which there is no desk are looked after, as the relay does it."""
        async with self.database.reading() as db:
            rows = list(await db.scalars(select(InboxRow).where(InboxRow.handled_at.is_(None), InboxRow.kind == "reported")))
            ended = [one for one in rows if one.process_id is None or (await db.get_one(ChargeRow, one.process_id)).state in CHARGE_ENDS]
        for one in ended:
            await self.strays.look_after(one.id, one.event["order_no"], one.knocks)

    async def unhandled(self) -> int:
        async with self.database.reading() as db:
            return await db.scalar(select(func.count()).select_from(InboxRow).where(InboxRow.handled_at.is_(None))) or 0


def past_visit(encounter_id: str, ended_at: datetime) -> PastVisit:
    return PastVisit(encounter_id=encounter_id, ended_at=ended_at, department="呼吸科", department_id="dep-1", diagnosis_codes=("J44.900",))


def wish(kind: type[C], by: UUID, **fields: object) -> C:
    """A command with an id of its own."""
    return kind.model_validate({"id": ids.new(), "by": by} | fields)
