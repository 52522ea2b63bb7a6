"""What pharmacists and doctors choose from, over HTTP: the queue of what waits for review, and the catalogue of drugs."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import insert, select, update

from api.cursor import seal_cursor
from models.account import Role
from models.drug import Drug, Special
from models.kernel import ids
from models.policy import STANDARD
from models.prescription import PrescriptionState
from models.revisit import State
from models.stores import drug as drugs
from models.stores.database import Database
from models.tables.account import AccountRow, GrantRow
from models.tables.prescription import PrescriptionContentRow, PrescriptionRow
from models.tables.process import TimelineRow
from models.tables.revisit import RevisitRow
from tests.account.builders import staff_signed_in
from tests.builders import rules
from tests.client import Hands, key
from tests.prescription.builders import a_prescription
from tests.prescription.desk import AMBROXOL, TIOTROPIUM
from tests.record.builders import Headers, Visit, a_visit_of_people, audited

STATES = PrescriptionState


@pytest_asyncio.fixture
async def visit(database: Database, clock: Hands) -> Visit:
    """In 问诊中, with everybody around it signed in."""
    async with database.transaction() as db:
        await rules(db)
    return await a_visit_of_people(database, clock)


@pytest_asyncio.fixture
async def pharmacist(database: Database, clock: Hands) -> tuple[UUID, Headers]:
    return await staff_signed_in(database, clock, Role.PHARMACIST)


async def queue(api: httpx.AsyncClient, headers: Headers, **query: str | int) -> Any:
    answer = await api.get("/v1/reviews", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def waiting(database: Database, clock: Hands, visit: Visit, minutes: int = 0, **columns: Any) -> UUID:
    """In the queue for so long."""
    return await a_prescription(database, clock, visit, STATES.QUEUED, queued_at=clock() - timedelta(minutes=minutes), **columns)


async def test_only_what_waits_is_in_it(api: httpx.AsyncClient, database: Database, clock: Hands, pharmacist: tuple[UUID, Headers]) -> None:
    """Not the drafts, nor what was questioned, given back, approved or is over."""
    visits = [await a_visit_of_people(database, clock) for _ in range(2)]  # one has ten at most
    made = {
        state: await a_prescription(database, clock, visits[number % 2], state, queued_at=clock()) for number, state in enumerate(STATES)
    }

    assert [one["id"] for one in (await queue(api, pharmacist[1]))["items"]] == [str(made[STATES.QUEUED])]


async def test_page_by_page_the_oldest_first_each_once(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: tuple[UUID, Headers]
) -> None:
    """Those of the same instant are told apart as well, and who is served meanwhile takes nobody else off the list."""
    ages = [3, 1, 2, 2, 2, 0]
    made = [(await waiting(database, clock, visit, age), -age) for age in ages]
    oldest_first = [str(one) for one, _ in sorted(made, key=lambda one: (one[1], one[0]))]
    found, after = list[str](), None
    while True:
        page = await queue(api, pharmacist[1], limit=2, **({"after": after} if after else {}))
        found += [one["id"] for one in page["items"]]
        async with database.transaction() as db:
            gone = update(PrescriptionRow).where(PrescriptionRow.id == UUID(found[0]))
            await db.execute(gone.values(state=STATES.COUNTERSIGNING))
        if not (after := page["next"]):
            break

    assert found == oldest_first


async def test_a_cursor_of_another_list_is_none_of_this_one(
    api: httpx.AsyncClient, database: Database, clock: Hands, pharmacist: tuple[UUID, Headers]
) -> None:
    cursor = seal_cursor("refunds", clock(), ids.new())

    for after in (cursor, "nonsense", "", "e30", "é"):
        refusal = await api.get("/v1/reviews", params={"after": after}, headers=pharmacist[1])
        assert (refusal.status_code, refusal.json()["code"]) == (400, "request.cursor")
    for query in ({"limit": "0"}, {"limit": "101"}, {"limit": "many"}, {"after": "a" * 401}):
        refusal = await api.get("/v1/reviews", params=query, headers=pharmacist[1])
        assert (refusal.status_code, refusal.json()["code"]) == (422, "request.invalid")


async def test_who_holds_one_is_told_until_it_lapses(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: tuple[UUID, Headers]
) -> None:
    me, headers = pharmacist
    _, others = await staff_signed_in(database, clock, Role.PHARMACIST)
    await waiting(database, clock, visit, pharmacist_id=me, held_until=clock() + timedelta(minutes=5))

    [mine], [theirs] = (await queue(api, headers))["items"], (await queue(api, others))["items"]
    clock.forward(minutes=5)
    [free] = (await queue(api, others))["items"]

    async with database.reading() as db:
        name = (await db.get_one(AccountRow, me)).name
    assert (mine["held_by"], mine["mine"]) == ({"kind": "staff", "name": name}, True)
    assert (theirs["held_by"], theirs["mine"]) == (mine["held_by"], False)
    assert datetime.fromisoformat(theirs["held_until"]) == clock()
    assert (free["held_by"], free["held_until"], free["mine"]) == (None, None, False)


@pytest.mark.parametrize("level", [None, "failed", "ok", "restrict"])
async def test_what_the_review_said_is_told(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: tuple[UUID, Headers], level: str | None
) -> None:
    number = await waiting(database, clock, visit)
    async with database.transaction() as db:
        of = update(PrescriptionContentRow).where(PrescriptionContentRow.prescription_id == number)
        await db.execute(of.values(level=level))

    [one] = (await queue(api, pharmacist[1]))["items"]
    assert one["level"] == level


# Who is both


@pytest_asyncio.fixture
async def both(database: Database, visit: Visit) -> Headers:
    """The visit's doctor is a pharmacist as well."""
    async with database.transaction() as db:
        await db.execute(insert(GrantRow).values(account_id=visit.unit.doctor_account_id, role=Role.PHARMACIST))
    return visit.doctor


async def test_nobody_finds_what_they_prescribed_in_their_own_queue(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, both: Headers
) -> None:
    await waiting(database, clock, visit)
    other = await a_visit_of_people(database, clock)
    others = await waiting(database, clock, other)

    assert [one["id"] for one in (await queue(api, both))["items"]] == [str(others)]


async def test_who_is_both_reads_their_own_draft(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, both: Headers
) -> None:
    draft = await a_prescription(database, clock, visit)

    assert (await api.get(f"/v1/prescriptions/{draft}", headers=both)).status_code == 200


# 下一张


async def following(api: httpx.AsyncClient, headers: Headers, once: Headers | None = None) -> httpx.Response:
    return await api.post("/v1/reviews/next", headers=(once or key()) | headers)


async def test_the_next_is_the_oldest_that_nobody_has_and_it_is_held(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: tuple[UUID, Headers]
) -> None:
    me, headers = pharmacist
    _, others = await staff_signed_in(database, clock, Role.PHARMACIST)
    newest, oldest, middle = [await waiting(database, clock, visit, minutes) for minutes in (1, 9, 5)]

    taken = [(await following(api, who)).json() for who in (headers, others, headers)]

    assert [one["id"] for one in taken] == [str(oldest), str(middle), str(newest)]
    assert [one["mine"] for one in taken] == [True, True, True]
    async with database.reading() as db:
        assert taken[0]["held_by"]["name"] == (await db.get_one(AccountRow, me)).name
    assert datetime.fromisoformat(taken[0]["held_until"]) == clock() + timedelta(seconds=STANDARD.review_hold_s)
    assert [one["mine"] for one in (await queue(api, headers))["items"]] == [True, False, True]
    assert (await following(api, headers)).status_code == 204


async def test_the_same_key_is_the_same_prescription_and_it_is_taken_once(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: tuple[UUID, Headers]
) -> None:
    number, other, once = await waiting(database, clock, visit, 9), await waiting(database, clock, visit, 5), key()

    answers = [await following(api, pharmacist[1], once) for _ in range(3)]

    assert [(one.status_code, one.json()["id"]) for one in answers] == [(200, str(number))] * 3
    assert [one.headers.get("Idempotency-Replayed") for one in answers] == [None, "true", "true"]
    async with database.reading() as db:
        steps = await db.execute(select(TimelineRow.process_id, TimelineRow.name, TimelineRow.version, TimelineRow.by))
        assert [tuple(one) for one in steps if one.name == "review.claim"] == [(number, "review.claim", 1, pharmacist[0])]
        assert (await db.get_one(PrescriptionRow, other)).pharmacist_id is None
    assert [action for action, _ in await audited(database, number, "review.claim")] != []


async def test_where_none_is_free_the_same_key_may_ask_again(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: tuple[UUID, Headers]
) -> None:
    once = key()
    empty = await following(api, pharmacist[1], once)
    number = await waiting(database, clock, visit)

    later = await following(api, pharmacist[1], once)

    assert (empty.status_code, empty.content) == (204, b"")
    assert (later.status_code, later.json()["id"]) == (200, str(number))


@pytest.mark.parametrize("state", [one for one in STATES if one is not STATES.QUEUED])
async def test_what_does_not_wait_is_nobodys_next(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: tuple[UUID, Headers], state: PrescriptionState
) -> None:
    await a_prescription(database, clock, visit, state, queued_at=clock())

    assert (await following(api, pharmacist[1])).status_code == 204


async def test_what_somebody_is_at_work_on_is_passed_over(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: tuple[UUID, Headers]
) -> None:
    """Its step asks outside at this moment."""
    await waiting(database, clock, visit, 9, step="prescription.extend@3")
    free = await waiting(database, clock, visit, 5)

    assert (await following(api, pharmacist[1])).json()["id"] == str(free)


async def test_what_another_holds_is_next_once_it_lapses(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: tuple[UUID, Headers]
) -> None:
    held = await waiting(database, clock, visit, 9, pharmacist_id=ids.new(), held_until=clock() + timedelta(minutes=5))
    assert (await following(api, pharmacist[1])).status_code == 204

    clock.forward(minutes=5)

    assert (await following(api, pharmacist[1])).json()["id"] == str(held)


async def test_nobodys_next_is_what_they_prescribed(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, both: Headers
) -> None:
    await waiting(database, clock, visit, 9)
    assert (await following(api, both)).status_code == 204
    others = await waiting(database, clock, await a_visit_of_people(database, clock))

    assert (await following(api, both)).json()["id"] == str(others)


async def test_only_a_pharmacist_has_a_next(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, pharmacist: tuple[UUID, Headers]
) -> None:
    await waiting(database, clock, visit)

    for who in (visit.doctor, visit.patient):
        assert (await following(api, who)).status_code == 403
    answer = await api.post("/v1/reviews/next", headers=pharmacist[1])
    assert (answer.status_code, answer.json()["code"]) == (400, "request.key_missing")


# 待我处理


async def mine(api: httpx.AsyncClient, headers: Headers, **query: str | int) -> Any:
    answer = await api.get("/v1/prescriptions/mine", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_doctor_finds_what_waits_for_them_and_nothing_else(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    """Also after the visit, and not what is another doctor's."""
    visits = [await a_visit_of_people(database, clock) for _ in range(2)]  # one has ten at most
    waits = {STATES.DRAFTING: "开具中", STATES.SIGNING: "待医师签名", STATES.QUESTIONED: "质疑中", STATES.RETURNED: "待医师修改"}
    made = {state: await a_prescription(database, clock, visits[n % 2], state, remark="dose") for n, state in enumerate(STATES)}
    async with database.transaction() as db:
        await db.execute(update(RevisitRow).where(RevisitRow.id == visits[0].id).values(state=State.ENDED))

    told = [one for visit in visits for one in (await mine(api, visit.doctor))["items"]]

    assert {one["id"]: one["state_text"] for one in told} == {str(made[state]): text for state, text in waits.items()}
    assert {one["id"] for one in told if one["remark"]} == {str(made[STATES.RETURNED])}
    assert {one["revisit_id"] for one in told} == {str(visit.id) for visit in visits}
    assert (await mine(api, visits[0].other_doctor))["items"] == []


async def test_what_is_due_first_stands_first_page_by_page(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    """What has no deadline stands last."""
    dues = [clock() + timedelta(hours=hours) for hours in (5, 2, 2, 9)]
    made = [await a_prescription(database, clock, visit, STATES.QUESTIONED, due_at=due) for due in (*dues, None)]
    in_order = [str(made[n]) for n in (*sorted((1, 2), key=lambda n: made[n]), 0, 3, 4)]
    found, after = list[str](), None
    for _ in range(3):
        page = await mine(api, visit.doctor, limit=2, **({"after": after} if after else {}))
        found, after = found + [one["id"] for one in page["items"]], page["next"]

    assert (found, after) == (in_order, None)


async def test_what_the_his_gave_back_says_so_and_no_older_remark(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    await a_prescription(database, clock, visit, STATES.RETURNED, remark="dose", reason="his.refused")

    [one] = (await mine(api, visit.doctor))["items"]
    assert (one["remark"], one["reason"]) == (None, "his.refused")


# 药品目录


async def catalogue(database: Database, clock: Hands, *names: str, **said: object) -> None:
    found = [TIOTROPIUM.model_copy(update={"code": f"d{number}", "name": name, **said}) for number, name in enumerate(names)]
    async with database.transaction() as db:
        await drugs.keep(db, [TIOTROPIUM, AMBROXOL, *found], clock())


async def named(api: httpx.AsyncClient, headers: Headers, q: str) -> list[str]:
    answer = await api.get("/v1/drugs", params={"q": q}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["items"]]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("%", ["0.9%氯化钠"]),
        ("9%", ["0.9%氯化钠"]),
        ("_", ["a_b"]),
        ("\\", ["c\\d"]),
        ("\\\\", []),
        ("\\%", []),
        ("a%b", []),
        ("c_d", []),
        ("'; drop table drug; --", []),
    ],
)
async def test_signs_stand_for_themselves(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, q: str, found: list[str]
) -> None:
    await catalogue(database, clock, "0.9%氯化钠", "a_b", "axb", "c\\d")

    assert await named(api, visit.doctor, q) == found


@pytest.mark.parametrize(("q", "found"), [("托溴", ["噻托溴铵"]), ("TIO", ["噻托溴铵"]), ("io", []), ("无", [])])
async def test_by_a_part_of_a_name_or_the_beginning_of_a_code(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit, q: str, found: list[str]
) -> None:
    await catalogue(database, clock)

    assert await named(api, visit.doctor, q) == found


async def test_at_most_twenty_in_the_order_of_names(api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit) -> None:
    names = [f"药{number:02}" for number in range(25)]
    await catalogue(database, clock, *reversed(names))

    assert await named(api, visit.doctor, "药") == names[:20]


async def test_banned_and_stopped_ones_are_shown_as_what_they_are(
    api: httpx.AsyncClient, database: Database, clock: Hands, visit: Visit
) -> None:
    await catalogue(database, clock, "吗啡", special=Special.NARCOTIC)
    clock.forward(minutes=1)
    async with database.transaction() as db:
        await drugs.keep(db, [TIOTROPIUM], clock())

    [told] = (await api.get("/v1/drugs", params={"q": "吗啡"}, headers=visit.doctor)).json()["items"]

    assert (Drug.model_validate(told).special, told["stopped"]) == (Special.NARCOTIC, True)


@pytest.mark.parametrize("query", [{}, {"q": ""}, {"q": "a" * 41}])
async def test_a_search_for_nothing_or_too_much(api: httpx.AsyncClient, visit: Visit, query: dict[str, str]) -> None:
    refusal = await api.get("/v1/drugs", params=query, headers=visit.doctor)

    assert (refusal.status_code, refusal.json()["code"]) == (422, "request.invalid")


@pytest.mark.parametrize("q", ["a\u0000b", "\u0000"])
async def test_a_search_for_what_no_name_has(api: httpx.AsyncClient, visit: Visit, q: str) -> None:
    """PostgreSQL stores no such character: the client is told, and nobody asks PostgreSQL."""
    refusal = await api.get("/v1/drugs", params={"q": q}, headers=visit.doctor)

    assert (refusal.status_code, refusal.json()["code"]) == (400, "request.malformed")
