"""配送 over HTTP: a patient reads their own parcel, the pharmacy what waits for it; names, phones and addresses are masked."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.delivery import COMMANDS, MOVES, TASKS, Decision, DeliveryState, Mark, TrackEvent
from models.kernel import ids
from models.process import allowed
from models.stores import delivery as deliveries
from models.stores.database import Database
from models.tables.delivery import DeliveryRow
from models.tables.process import AuditRow
from models.timeline_delivery import DECISION_TEXTS, DELIVERY_TEXTS, MARK_TEXTS
from tests.account.builders import patient_signed_in, signed_in, staff_signed_in
from tests.builders import Person, a_person, rules
from tests.client import Hands, key
from tests.delivery.builders import a_delivery
from tests.process.hospital import MORNING
from tests.record.builders import Headers


@pytest_asyncio.fixture
async def pharmacy(database: Database, clock: Hands) -> Headers:
    _, headers = await staff_signed_in(database, clock, Role.MANAGEMENT)
    return headers


async def a_parcel(
    db: AsyncSession, state: DeliveryState = DeliveryState.IN_TRANSIT, *, person: Person | None = None, **columns: Any
) -> UUID:
    """A row in any state as if its process had led there."""
    begun = await a_delivery(db, await rules(db), person=person)
    decision = {"decision": columns.pop("decision", Decision.KEEP)} if state is DeliveryState.DECIDED else {}
    await db.execute(update(DeliveryRow).where(DeliveryRow.id == begun.id).values(state=state, **decision, **columns))
    return begun.id


async def reads(api: httpx.AsyncClient, delivery_id: UUID, headers: Headers) -> httpx.Response:
    return await api.get(f"/v1/deliveries/{delivery_id}", headers=headers)


def numbers(page: Any) -> list[str]:
    return [one["id"] for one in page["items"]]


async def test_a_patient_follows_their_own_parcel(api: httpx.AsyncClient, db: AsyncSession, database: Database, clock: Hands) -> None:
    person = await a_person(db)
    delivery_id = await a_parcel(db, DeliveryState.OUT_FOR_DELIVERY, person=person, waybill="SF1", trouble="delivery.unreachable")
    marks = (Mark.PICKED_UP, Mark.OTHER, Mark.OUT, Mark.FAILED)
    events = [
        TrackEvent(at=MORNING + timedelta(hours=hour), sequence=0, mark=mark, code=mark, place="北京市", text="李强 13911110000")
        for hour, mark in enumerate(marks)
    ]
    await deliveries.keep_tracks(db, delivery_id, reversed(events), MORNING)
    told = (await reads(api, delivery_id, await signed_in(database, clock, person.account_id))).json()

    assert (told["state_text"], told["carrier"], told["waybill"]) == ("派送中", "顺丰速运", "SF1")
    assert (told["receiver"], told["phone"], told["place"]) == ("张**", "138****0001", "北京市 北京市 东城区 ****")
    assert [one["title"] for one in told["seen"]] == [MARK_TEXTS[mark] for mark in marks]
    assert told["seen"][0]["text"] == "李强 13911110000", "whom to call"
    assert (told["trouble"], told["allowed"]) == (None, []), "the pharmacy's"


async def test_what_is_not_theirs_is_missing(
    api: httpx.AsyncClient, db: AsyncSession, database: Database, clock: Hands, pharmacy: Headers
) -> None:
    delivery_id = await a_parcel(db)
    _, stranger = await patient_signed_in(database, clock)
    for missing, who in ((delivery_id, stranger), (ids.new(), pharmacy)):
        answer = await reads(api, missing, who)
        assert (answer.status_code, answer.json()["code"]) == (404, "delivery.missing")


@pytest.mark.parametrize(("role", "status"), [(Role.DOCTOR, 403), (Role.FINANCE, 403), (Role.MANAGEMENT, 200)])
async def test_the_list_is_the_pharmacys(api: httpx.AsyncClient, database: Database, clock: Hands, role: Role, status: int) -> None:
    _, headers = await staff_signed_in(database, clock, role)

    assert (await api.get("/v1/deliveries", headers=headers)).status_code == status


async def test_a_patient_lists_nothing_and_decides_nothing(
    api: httpx.AsyncClient, db: AsyncSession, database: Database, clock: Hands
) -> None:
    person = await a_person(db)
    delivery_id, headers = await a_parcel(db, DeliveryState.RETURNED, person=person), await signed_in(database, clock, person.account_id)

    assert (await api.get("/v1/deliveries", headers=headers)).status_code == 403
    wish = await api.post(f"/v1/deliveries/{delivery_id}/decide", json={"decision": "refund"}, headers=headers | key())
    assert wish.status_code == 403


async def test_what_waits_what_is_on_its_way_and_what_has_ended(api: httpx.AsyncClient, db: AsyncSession, pharmacy: Headers) -> None:
    parcels = {state: str(await a_parcel(db, state)) for state in DeliveryState}

    async def listed(**query: str) -> set[str]:
        return set(numbers((await api.get("/v1/deliveries", params=query, headers=pharmacy)).json()))

    ended = {parcels[state] for state in MOVES.ends()}
    assert await listed() == await listed(standing="tasks") == {parcels[state] for state in TASKS}
    assert await listed(standing="running") == set(parcels.values()) - ended
    assert await listed(standing="ended") == ended


async def test_who_has_waited_longest_comes_first_page_by_page(api: httpx.AsyncClient, db: AsyncSession, pharmacy: Headers) -> None:
    ages = [3, 1, 2, 2, 0]
    made = [(await a_parcel(db, DeliveryState.RETURNED, moved_at=MORNING - timedelta(hours=age)), -age) for age in ages]
    oldest_first = [str(one) for one, _ in sorted(made, key=lambda one: (one[1], one[0]))]
    found, after = list[str](), None
    while True:
        query: dict[str, Any] = {"limit": 2} | ({"after": after} if after else {})
        page = (await api.get("/v1/deliveries", params=query, headers=pharmacy)).json()
        found += numbers(page)
        if not (after := page["next"]):
            break

    assert found == oldest_first
    wrong = await api.get("/v1/deliveries", params={"after": "nowhere"}, headers=pharmacy)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "request.cursor")


@pytest.mark.parametrize("state", list(DeliveryState))
async def test_the_pharmacy_reads_why_it_waits_and_what_it_may_do(
    api: httpx.AsyncClient, db: AsyncSession, pharmacy: Headers, state: DeliveryState
) -> None:
    told = (await reads(api, await a_parcel(db, state, trouble="delivery.unreachable"), pharmacy)).json()

    assert (told["state_text"], told["allowed"], told["trouble"]) == (
        DELIVERY_TEXTS[state],
        allowed(state, COMMANDS),
        "delivery.unreachable",
    )
    assert told["decision_text"] == (DECISION_TEXTS[Decision.KEEP] if state is DeliveryState.DECIDED else None)


@pytest.mark.parametrize("state", list(DeliveryState))
async def test_whom_to_ring_up_is_read_of_what_waits_for_a_decision_alone_and_is_audited(
    api: httpx.AsyncClient, db: AsyncSession, pharmacy: Headers, state: DeliveryState
) -> None:
    delivery_id = await a_parcel(db, state)

    answer = await api.get(f"/v1/deliveries/{delivery_id}/receiver", headers=pharmacy)

    audited = (await db.scalars(select(AuditRow.action).where(AuditRow.subject_id == delivery_id))).all()
    if state in TASKS:
        assert (answer.json()["name"], answer.json()["phone"], answer.json()["city"]) == ("张秀英", "13800100001", "北京市")
        assert audited == ["delivery:receiver"]
    else:
        assert (answer.status_code, answer.json()["code"], audited) == (409, "delivery.not_now", [])


async def test_what_was_sent_again_names_the_next_one(api: httpx.AsyncClient, db: AsyncSession, pharmacy: Headers) -> None:
    told = (await reads(api, await a_parcel(db, DeliveryState.DECIDED, decision=Decision.RESEND), pharmacy)).json()

    assert told["resent_as"] == str(deliveries.id_of(UUID(told["prescription_id"]), 1))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decision": "burn"},
        {"decision": "refund", "amount_fen": 1},
        {"decision": "refund", "receiver": {"name": "张秀英"}},
        {
            "decision": "keep",
            "receiver": {
                "name": "张",
                "phone": "13800100001",
                "province": "北京市",
                "city": "北京市",
                "county": "东城区",
                "detail": "演示路2号",
            },
        },
        {
            "decision": "resend",
            "receiver": {"name": "张", "phone": "12345678901", "province": "北京市", "city": "北京市", "county": "东城区", "detail": "2号"},
        },
    ],
)
async def test_a_wish_that_says_too_little_or_too_much_is_refused(
    api: httpx.AsyncClient, db: AsyncSession, pharmacy: Headers, body: dict[str, Any]
) -> None:
    delivery_id = await a_parcel(db, DeliveryState.RETURNED)
    answer = await api.post(f"/v1/deliveries/{delivery_id}/decide", json=body, headers=pharmacy | key())

    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert "13800100001" not in answer.text
