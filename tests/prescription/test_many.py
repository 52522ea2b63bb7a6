"""Twenty pharmacists at a queue of three hundred: none is reviewed twice, none is lost, and who waited longest is taken first."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import insert, select
from temporalio.exceptions import ApplicationError

from activities.prescription import PrescriptionActivities
from models.kernel import ids
from models.kernel.errors import DomainError
from models.policy import STANDARD
from models.prescription import Answer, Approve, ClaimReview, Prescription, PrescriptionState, Question, Reject, ReleaseReview, Remark
from models.process import Command
from models.revisit import State
from models.stores import prescription as prescriptions
from models.stores import prescription_queue as queue
from models.stores import prescription_signing as signing
from models.stores import signature as signatures
from models.stores.database import Database
from models.tables.prescription import PrescriptionRow
from models.tables.process import TimelineRow
from tests.builders import a_visit
from tests.client import Hands
from tests.prescription.desk import a_pharmacist, content
from tests.process.desk import PrescriptionDesk
from tests.process.hospital import Hospital, Unheard, wish
from tests.process.signature import signed

S = PrescriptionState
MANY, PHARMACISTS = 300, 20
DECISIONS = {"review.approve", "review.question", "review.reject"}


async def a_queue(hospital: Hospital, doctor: UUID) -> list[UUID]:
    """As rows, the oldest first; they wait for their pharmacist."""
    policy, at, numbers = (await hospital.opens()).version, hospital.clock(), [ids.new() for _ in range(MANY)]
    async with hospital.database.transaction() as db:
        visit_id = await a_visit(db, State.CONSULTING)
        common: dict[str, object] = {"state": S.QUEUED, "policy": policy, "visit_id": visit_id, "account_id": doctor, "round": 1}
        common |= dict.fromkeys(("due_at", "wake_at", "valid_until"), at + timedelta(hours=9))
        rows = list[dict[str, object]]()
        for place, number in enumerate(numbers):
            content_id = ids.derived("prescription_content", number)
            await prescriptions.keep_content(db, content_id, number, doctor, content())
            rows.append(common | {"id": number, "content_id": content_id, "queued_at": at - timedelta(seconds=MANY - place)})
        await db.execute(insert(PrescriptionRow), rows)
    return numbers


async def signed_by_its_doctor(hospital: Hospital, numbers: Sequence[UUID]) -> None:
    """Each, as their phone would have."""
    async with hospital.database.transaction() as db:
        for number in numbers:
            row = (await prescriptions.load(db, number)).model_copy(update={"state": S.SIGNING})
            what, task = await signing.to_sign(db, row), ids.new()
            await signatures.asked(db, task, what)
            await signatures.proved(db, task, signed(what.text, what.signer.staff_id, hospital.clock()))


class Pharmacist:
    """Takes the oldest that nobody has, again and again, and does with it what a person may do."""

    def __init__(self, hospital: Hospital, account_id: UUID, others: Sequence[UUID], doctor: UUID, seen: Counter[UUID], seed: int) -> None:
        self.hospital, self.me, self._others, self._doctor, self._seen = hospital, account_id, others, doctor, seen
        self._chance = Random(seed)

    async def works(self) -> None:
        """Until none is free."""
        while number := await self._next():
            self._seen[number] += 1
            await self._does(number)

    async def _next(self) -> UUID | None:
        async with self.hospital.database.transaction() as db:
            found = await queue.take(db, ids.new(), self.me, self.hospital.clock(), body="", request="")
        return found.id if found else None

    async def _does(self, number: UUID) -> None:
        """The third time it is decided: nobody gives back for ever."""
        what = self._chance.choices(("approve", "reject", "question", "release", "leaves", "taken over"), (40, 15, 15, 10, 8, 12))[0]
        match "approve" if self._seen[number] > 2 else what:
            case "approve":
                await self._acts(number, Approve, self.me)
            case "reject":
                await self._acts(number, Reject, self.me, remark=Remark.DOSE, note_id=await self._noted(number))
            case "question":
                await self._acts(number, Question, self.me, note_id=await self._noted(number))
                await self._acts(number, Answer, self._doctor, note_id=await self._noted(number))
            case "release":
                await self._acts(number, ReleaseReview, self.me)
            case "taken over":
                other = self._chance.choice([one for one in self._others if one != self.me])
                await self._acts(number, ClaimReview, other, take_over=True)
                with pytest.raises(DomainError, match=r"review\.not_held"):
                    await self._acts(number, Approve, self.me)
                await self._acts(number, Approve, other)
            case _:
                pass  # called away: it lapses

    async def _noted(self, number: UUID) -> UUID:
        note_id = ids.new()
        async with self.hospital.database.transaction() as db:
            await prescriptions.keep_note(db, note_id, number, self.me, "请核对剂量。")
        return note_id

    async def _acts(self, number: UUID, kind: type[Command], by: UUID, **fields: object) -> Prescription:
        """At its desk; moved by another hand meanwhile, the desk looks again."""
        desk, asked = PrescriptionDesk(self.hospital, number, PrescriptionActivities.load), wish(kind, by, **fields)
        while True:
            await desk.begin()
            try:
                return await desk.happens(asked)
            except ApplicationError as moved:
                if moved.type != "row.moved":
                    raise


async def story(database: Database) -> dict[UUID, list[TimelineRow]]:
    """What was done with each, in the order in which it was."""
    found = defaultdict[UUID, list[TimelineRow]](list)
    async with database.reading() as db:
        for one in await db.scalars(select(TimelineRow).where(TimelineRow.process == "prescription").order_by(TimelineRow.id)):
            found[one.process_id].append(one)
    return found


@pytest.mark.long
@pytest.mark.spare
async def test_each_is_reviewed_once_a_round_by_who_holds_it_and_the_oldest_first(own_database: Database, clock: Hands) -> None:
    hospital = Hospital(own_database, clock, Unheard())
    doctor = await a_pharmacist(hospital)  # anybody of the staff
    oldest_first = await a_queue(hospital, doctor)
    await signed_by_its_doctor(hospital, oldest_first)
    staff, seen = [await a_pharmacist(hospital) for _ in range(PHARMACISTS)], Counter[UUID]()
    people = [Pharmacist(hospital, one, staff, doctor, seen, seed) for seed, one in enumerate(staff)]

    for _ in range(4):  # whoever was called away: what they held lapses, and is taken again
        await asyncio.gather(*(one.works() for one in people))
        clock.forward(seconds=STANDARD.review_hold_s)

    done = await story(own_database)
    async with own_database.reading() as db:
        ends = Counter((await db.execute(select(PrescriptionRow.state))).scalars())
    assert set(ends) == {S.COUNTERSIGNING, S.RETURNED}
    assert ends.total() == len(done) == MANY
    for steps in done.values():
        judged_once_a_round(steps)
        assert [one.version for one in steps] == list(range(1, len(steps) + 1)), "a version for each, and none twice"
    first = sorted(oldest_first, key=lambda number: next(one.id for one in done[number] if one.name == "review.claim"))
    behind = [abs(place - oldest_first.index(number)) for place, number in enumerate(first)]
    assert max(behind) < PHARMACISTS, f"{max(behind)} were taken before one that waited longer"
    assert {one.name for steps in done.values() for one in steps} == DECISIONS | {"review.claim", "review.release", "review.answer"}


def judged_once_a_round(steps: Sequence[TimelineRow]) -> None:
    """Taken, judged once by who holds it, and again only after its doctor's answer; nobody takes what another holds without saying so."""
    holder, judged = None, False
    for one in steps:
        match one.name:
            case "review.claim":
                assert not judged
                holder = one.by
            case "review.release":
                assert one.by == holder
                holder = None
            case "review.answer":
                holder, judged = None, False
            case _:
                assert (judged, one.by) == (False, holder), "reviewed twice, or by who does not hold it"
                judged = True
    assert judged


@pytest.mark.parametrize("hands", [2, PHARMACISTS])
async def test_of_many_who_ask_at_once_each_has_another_and_together_the_oldest(own_database: Database, clock: Hands, hands: int) -> None:
    hospital, doctor = Hospital(own_database, clock, Unheard()), ids.new()
    oldest_first = await a_queue(hospital, doctor)

    async def takes(me: UUID) -> UUID:
        async with own_database.transaction() as db:
            found = await queue.take(db, ids.new(), me, clock(), body="", request="")
        assert found is not None
        return found.id

    taken = await asyncio.gather(*(takes(ids.new()) for _ in range(hands)))

    assert sorted(taken) == sorted(oldest_first[:hands])
