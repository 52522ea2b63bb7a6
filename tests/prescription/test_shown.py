"""What is prescribed is shown to its patient once a pharmacist has approved it, and not before (药品网络销售监督管理办法 2022)."""

from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import insert, update

from models.account import Role
from models.delivery import Decision, DeliveryState
from models.eligibility import age_on
from models.kernel import ids
from models.kernel.clock import business_day
from models.prescription import PrescriptionState
from models.review import Level
from models.stores import delivery as deliveries
from models.stores import intake as intakes
from models.stores import prescription as prescriptions
from models.stores.database import Database
from models.tables.account import AccountRow
from models.tables.delivery import DeliveryRow
from models.tables.prescription import PrescriptionContentRow, PrescriptionRow
from models.tables.process import TimelineRow
from models.tables.revisit import RevisitRow
from models.timeline_prescription import patient_text
from tests.account.builders import staff_signed_in
from tests.builders import rules
from tests.client import Hands
from tests.delivery.builders import an_address
from tests.prescription.builders import a_prescription
from tests.prescription.desk import TIOTROPIUM
from tests.record.builders import Headers, Visit, a_visit_of_people

S = PrescriptionState
NOBODYS_YET = (S.DRAFTING, S.CHECKING, S.SIGNING)
BEFORE = (S.QUEUED, S.QUESTIONED, S.RETURNED, S.COUNTERSIGNING)
NEVER = (S.WITHDRAWN, S.EXPIRED)
AFTER = (S.PRICING, S.CHOOSING, S.PAYING, S.CLOSING, S.AT_HOSPITAL, S.DISPENSING, S.READY, S.SHIPPING, S.COMPLETED, S.CANCELLED)
OF_THE_PRESCRIPTION = ('"tio"', "慢性阻塞性肺疾病", "J44.900", TIOTROPIUM.name, '"dose"', "review.denied")


@pytest_asyncio.fixture
async def visit(database: Database, clock: Hands) -> Visit:
    """In 问诊中, with everybody around it signed in."""
    return await a_visit_of_people(database, clock)


async def read(api: httpx.AsyncClient, number: object, headers: Headers) -> tuple[dict[str, Any], str]:
    answer = await api.get(f"/v1/prescriptions/{number}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json(), answer.text


def test_every_state_is_one_or_the_other() -> None:
    assert sorted((*NOBODYS_YET, *BEFORE, *NEVER, *AFTER)) == sorted(S)


@pytest.mark.parametrize("state", [*BEFORE, *NEVER])
async def test_until_a_pharmacist_has_approved_it_nothing_of_it_is_shown(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, state: PrescriptionState
) -> None:
    number = await a_prescription(database, clock, visit, state, queued_at=clock(), remark="dose", reason="review.denied")

    for who in (visit.patient, visit.relative):
        told, text = await read(api, number, who)
        assert (told["content"], told["drugs"], told["remark"], told["reason"], told["review"]) == (None, [], None, None, None)
        assert not [one for one in OF_THE_PRESCRIPTION if one in text]
        listed = (await api.get(f"/v1/revisits/{visit.id}/prescriptions", headers=who)).json()
        said = "药师审核中" if state in BEFORE else patient_text(state)
        assert [one["state_text"] for one in (told, *listed)] == [said, said]


@pytest.mark.parametrize("state", [*BEFORE, *NEVER])
async def test_its_doctor_and_the_pharmacists_read_it_whole(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, state: PrescriptionState
) -> None:
    number = await a_prescription(database, clock, visit, state, queued_at=clock())
    _, pharmacist = await staff_signed_in(database, clock, Role.PHARMACIST)

    for who in (visit.doctor, pharmacist):
        told, _ = await read(api, number, who)
        assert [one["drug_code"] for one in told["content"]["prescribed"]["items"]] == ["tio"]
        assert told["state_text"] != "药师审核中"


@pytest.mark.parametrize("state", [*AFTER, S.EXPIRED])
async def test_approved_it_is_the_patients_to_read(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, state: PrescriptionState
) -> None:
    """Also one that ran out afterwards: the HIS had priced it, which it does once both have signed."""
    number = await a_prescription(database, clock, visit, state, queued_at=clock(), amount_fen=None if state is S.PRICING else 1450)

    told, _ = await read(api, number, visit.patient)

    assert [one["drug_code"] for one in told["content"]["prescribed"]["items"]] == ["tio"]


async def test_what_was_said_on_the_way_there_is_the_staffs(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    """Of a prescription that was given back once, amended and approved."""
    number = await a_prescription(database, clock, visit, S.CHOOSING, queued_at=clock(), amount_fen=1450, remark="dose")
    async with database.transaction() as db:
        of = update(PrescriptionContentRow).where(PrescriptionContentRow.prescription_id == number)
        await db.execute(of.values(level=Level.RESTRICT))

    told = {who: (await read(api, number, who_reads))[0] for who, who_reads in (("patient", visit.patient), ("doctor", visit.doctor))}

    assert [(one["review"], one["remark"]) for one in told.values()] == [(None, None), ("restrict", "dose")]


OFFERED: dict[S, tuple[list[str], list[str]]] = {
    S.DRAFTING: ([], ["amend", "submit", "withdraw"]),
    S.QUEUED: ([], ["withdraw", "extend"]),
    S.QUESTIONED: ([], ["amend", "withdraw", "answer"]),
    S.CHOOSING: (["choose", "cancel_drugs"], ["extend"]),
    S.PAYING: (["choose_again", "cancel_drugs"], []),
    S.AT_HOSPITAL: (["choose", "cancel_drugs"], ["extend"]),
    S.DISPENSING: (["cancel_drugs"], []),
    S.READY: ([], []),
    S.COMPLETED: ([], []),
}
"""To its patient, and to its doctor."""


@pytest.mark.parametrize("state", OFFERED)
async def test_each_side_is_offered_what_it_may_ask_now(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, state: PrescriptionState
) -> None:
    number = await a_prescription(database, clock, visit, state, queued_at=clock(), amount_fen=1450)

    asked = [(await read(api, number, who))[0]["allowed"] for who in (visit.patient, visit.doctor)]

    assert asked == list(OFFERED[state])


async def test_a_pharmacist_is_offered_what_is_done_at_the_desk(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    number = await a_prescription(database, clock, visit, S.QUEUED, queued_at=clock())
    _, pharmacist = await staff_signed_in(database, clock, Role.PHARMACIST)

    told, _ = await read(api, number, pharmacist)

    assert told["allowed"] == ["claim_review", "release_review", "approve", "question", "reject"]


@pytest.mark.parametrize("state", NOBODYS_YET)
async def test_while_it_is_amended_it_is_in_review_for_its_patient_and_nobodys_to_read_but_its_doctors(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, state: PrescriptionState
) -> None:
    number = await a_prescription(database, clock, visit, state, queued_at=clock(), remark="dose", reason="review.denied")
    _, pharmacist = await staff_signed_in(database, clock, Role.PHARMACIST)

    told, text = await read(api, number, visit.patient)

    assert not [one for one in OF_THE_PRESCRIPTION if one in text]
    listed = (await api.get(f"/v1/revisits/{visit.id}/prescriptions", headers=visit.patient)).json()
    assert [(one["state"], one["state_text"]) for one in (told, *listed)] == [("queued", "药师审核中")] * 2
    assert (await api.get(f"/v1/prescriptions/{number}", headers=pharmacist)).status_code == 404


# What a pharmacist judges by


async def test_a_pharmacist_reads_whom_it_is_for_while_they_review_it(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    """By a masked name; and no longer than they judge. The others have it elsewhere, or not at all."""
    number = await a_prescription(database, clock, visit, S.QUEUED, queued_at=clock())
    _, pharmacist = await staff_signed_in(database, clock, Role.PHARMACIST)
    async with database.transaction() as db:
        await intakes.keep(db, intake_id := ids.new(), visit.id, "活动后气短，青霉素过敏。", ())
        await db.execute(update(RevisitRow).where(RevisitRow.id == visit.id).values(intake_id=intake_id))

    told = (await read(api, number, pharmacist))[0]["patient"]
    others = [(await read(api, number, who))[0]["patient"] for who in (visit.doctor, visit.patient)]
    async with database.transaction() as db:
        await db.execute(update(PrescriptionRow).where(PrescriptionRow.id == number).values(state=S.READY))

    born = date.fromisoformat(f"{visit.person.id_number[6:10]}-{visit.person.id_number[10:12]}-{visit.person.id_number[12:14]}")
    assert told == {
        "name": "张**",
        "sex": "female",
        "sex_text": "女",
        "age": age_on(born, business_day(clock())),
        "department": "呼吸科",
        "doctor": "王建国",
        "complaint": "活动后气短，青霉素过敏。",
    }
    assert others == [None, None]
    assert (await read(api, number, pharmacist))[0]["patient"] is None


async def test_what_they_write_to_each_other_stands_under_their_names(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    number = await a_prescription(database, clock, visit, S.QUEUED, queued_at=clock())
    me, pharmacist = await staff_signed_in(database, clock, Role.PHARMACIST)
    said = ((me, "请核对剂量。"), (visit.unit.doctor_account_id, "已核对。"))
    async with database.transaction() as db:
        for step, (who, words) in enumerate(said):
            await prescriptions.keep_note(db, note_id := ids.new(), number, who, words)
            moved = {"process": "prescription", "process_id": number, "visit_id": visit.id, "step": str(step), "name": "review.question"}
            told = {"before": S.QUEUED, "after": S.QUEUED, "version": step + 1, "by": who, "detail": {"note_id": str(note_id)}}
            await db.execute(insert(TimelineRow).values(**moved, **told, at=clock()))

    notes = (await read(api, number, pharmacist))[0]["notes"]

    async with database.reading() as db:
        names = [(await db.get_one(AccountRow, who)).name for who, _ in said]
    assert sorted((one["side"], one["by"]["name"], one["text"]) for one in notes) == [
        ("doctor", names[1], "已核对。"),
        ("pharmacist", names[0], "请核对剂量。"),
    ]


async def test_a_parcel_that_was_sent_again_is_the_one_that_is_shown(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    number = await a_prescription(database, clock, visit, S.SHIPPING, queued_at=clock(), amount_fen=1450)
    assert (await read(api, number, visit.patient))[0]["delivery_id"] is None
    sent: list[UUID] = []
    for attempt in (0, 1):
        async with database.transaction() as db:
            await db.execute(
                update(DeliveryRow)
                .where(DeliveryRow.prescription_id == number)
                .values(state=DeliveryState.DECIDED, decision=Decision.RESEND)
            )
            wanted: dict[str, Any] = {"prescription_id": number, "visit_id": visit.id, "policy": (await rules(db)).version}
            begun = await deliveries.begin(db, address_id=await an_address(db), at=clock(), attempt=attempt, **wanted)
            sent.append(begun.id)

    told = [(await read(api, number, who))[0]["delivery_id"] for who in (visit.patient, visit.doctor)]

    assert told == [str(sent[1])] * 2
