"""退费管理 over HTTP (A-6): what is on its way back, what is stuck, what has ended; and 医院退费, which gives never more than came."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import Role
from models.charge import ChargeState
from models.kernel.errors import known
from models.refund import COMMANDS, MOVES, Cause, Office, RefundState
from models.revisit import MOVES as VISITS
from models.revisit import State
from models.stores.database import Database
from models.tables.charge import PaymentRow, RefundRow
from models.timeline_refund import CAUSE_TEXTS, REFUND_TEXTS
from tests.account.builders import patient_signed_in, staff_signed_in
from tests.builders import FEE_FEN
from tests.client import Hands, key
from tests.record.builders import Headers, audited
from tests.refund.builders import Sum, a_sum, begin

NOBODYS = "bfbc2918-199a-43ef-95e1-dcb79f33808c"


@pytest_asyncio.fixture
async def finance(database: Database, clock: Hands) -> Headers:
    _, headers = await staff_signed_in(database, clock, Role.FINANCE)
    return headers


async def a_refund(db: AsyncSession, state: RefundState = RefundState.REQUESTED, cause: Cause = Cause.PATIENT, **columns: Any) -> UUID:
    """A row in any state as if its process had led there."""
    begun = known(await begin(db, await a_sum(db), cause))
    await db.execute(update(RefundRow).where(RefundRow.id == begun.id).values(state=state, **columns))
    return begun.id


async def listed(api: httpx.AsyncClient, headers: Headers, **query: str | int) -> Any:
    answer = await api.get("/v1/refunds", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def numbers(page: Any) -> set[str]:
    return {one["id"] for one in page["items"]}


# Lists


async def test_what_runs_what_is_stuck_and_what_has_ended(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    """A stuck one runs too."""
    refunds = {state: str(await a_refund(db, state)) for state in RefundState}
    ended = {refunds[state] for state in MOVES.ends()}

    assert numbers(await listed(api, finance)) == set(refunds.values()) - ended
    assert numbers(await listed(api, finance, standing="running")) == set(refunds.values()) - ended
    assert numbers(await listed(api, finance, standing="stuck")) == {refunds[RefundState.STUCK]}
    assert numbers(await listed(api, finance, standing="ended")) == ended


async def test_the_tasks_of_one_office(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    mine = {office: str(await a_refund(db, RefundState.STUCK, office=office, trouble="his.executed")) for office in Office}
    await a_refund(db)

    for office in Office:
        assert numbers(await listed(api, finance, standing="stuck", office=office)) == {mine[office]}


async def test_page_by_page_the_newest_first_each_once(api: httpx.AsyncClient, db: AsyncSession, finance: Headers, clock: Hands) -> None:
    """Two of the same instant are told apart as well."""
    ages = [0, 1, 1, 2, 3]
    refunds = [(await a_refund(db, created_at=clock() - timedelta(minutes=age)), age) for age in ages]
    newest_first = [str(number) for number, _ in sorted(refunds, key=lambda one: (-one[1], one[0]), reverse=True)]

    found, after = list[str](), None
    while True:
        page = await listed(api, finance, limit=2, **({"after": after} if after else {}))
        found += [one["id"] for one in page["items"]]
        if not (after := page["next"]):
            break

    assert found == newest_first


async def test_a_cursor_of_another_list_is_none_of_this_one(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    for _ in range(2):
        await a_refund(db)
    cursor = (await listed(api, finance, limit=1))["next"]

    for query in ({"standing": "stuck", "after": cursor}, {"office": "finance", "after": cursor}, {"after": "nonsense"}):
        refusal = await api.get("/v1/refunds", params=query, headers=finance)
        assert (refusal.status_code, refusal.json()["code"]) == (400, "request.cursor")


@pytest.mark.parametrize("query", [{"standing": "lost"}, {"office": "kitchen"}, {"limit": "0"}, {"limit": "many"}])
async def test_a_list_that_there_is_not(api: httpx.AsyncClient, finance: Headers, query: dict[str, str]) -> None:
    refusal = await api.get("/v1/refunds", params=query, headers=finance)

    assert (refusal.status_code, refusal.json()["code"]) == (422, "request.invalid")


async def test_one_is_told_with_its_numbers_outside_and_what_may_be_done(
    api: httpx.AsyncClient, db: AsyncSession, finance: Headers
) -> None:
    came = await a_sum(db)
    begun = known(await begin(db, came, Cause.DECLINED))
    stuck = {"state": RefundState.STUCK, "trouble": "wechat_pay.refund_abnormal", "office": "finance"}
    await db.execute(update(RefundRow).where(RefundRow.id == begun.id).values(**stuck))

    told = (await api.get(f"/v1/refunds/{begun.id}", headers=finance)).json()

    assert (
        told.items()
        >= {
            "id": str(begun.id),
            "charge_id": str(came.charge_id),
            "revisit_id": str(came.visit_id),
            "cause": "declined",
            "cause_text": CAUSE_TEXTS[Cause.DECLINED],
            "amount_fen": FEE_FEN,
            "state": "stuck",
            "state_text": REFUND_TEXTS[RefundState.STUCK],
            "refund_no": begun.id.hex,
            "trouble": "wechat_pay.refund_abnormal",
            "office": "finance",
            "accepted_at": None,
            "arrived_at": None,
            "allowed": ["retry", "hand_over"],
        }.items()
    )
    assert told["promised_at"] > told["requested_at"]


async def test_money_for_an_order_that_nobody_knows_has_neither_charge_nor_visit(
    api: httpx.AsyncClient, db: AsyncSession, finance: Headers
) -> None:
    number = await a_refund(db, RefundState.CLEARED, cause=Cause.UNKNOWN_ORDER)
    await db.execute(update(RefundRow).where(RefundRow.id == number).values(charge_id=None, visit_id=number))

    told = (await api.get(f"/v1/refunds/{number}", headers=finance)).json()

    assert (told["charge_id"], told["revisit_id"], told["allowed"]) == (None, None, [])


# Rights

READS = ("/v1/refunds", f"/v1/refunds/{NOBODYS}")
ACTS: dict[str, dict[str, Any]] = {
    f"/v1/charges/{NOBODYS}/refunds": {},
    f"/v1/refunds/{NOBODYS}/retry": {},
    f"/v1/refunds/{NOBODYS}/hand-over": {"office": "insurance"},
    f"/v1/refunds/{NOBODYS}/pay-out": {"voucher": "CW-1001"},
    f"/v1/refunds/{NOBODYS}/withdraw": {},
}


async def test_refunds_are_for_finance_and_management(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    patient, doctor = await patient_signed_in(database, clock), await staff_signed_in(database, clock, Role.DOCTOR)
    for _, headers in (patient, doctor):
        answers = [await api.get(path, headers=headers) for path in READS]
        answers += [await api.post(path, json=body, headers=headers | key()) for path, body in ACTS.items()]
        assert {(one.status_code, one.json()["code"]) for one in answers} == {(403, "account.forbidden")}


async def test_a_stranger_is_asked_who_he_is(api: httpx.AsyncClient) -> None:
    answers = [await api.get(path) for path in READS] + [await api.post(path, json=body, headers=key()) for path, body in ACTS.items()]

    assert {one.status_code for one in answers} == {401}


@pytest.mark.parametrize("role", [Role.FINANCE, Role.MANAGEMENT])
async def test_what_is_not_there_is_missing(api: httpx.AsyncClient, database: Database, clock: Hands, role: Role) -> None:
    _, headers = await staff_signed_in(database, clock, role)

    answers = [await api.get(READS[1], headers=headers)]
    answers += [await api.post(path, json=body, headers=headers | key()) for path, body in ACTS.items()]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (404, "refund.missing"),
        (404, "charge.missing"),
        *[(404, "refund.missing")] * len(COMMANDS),
    ]


async def test_finance_reads_money_and_no_record(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    came = await a_sum(db)

    assert (await api.get("/v1/ledger/balances", headers=finance)).status_code == 200
    for path in ("record", "chat", "decline", "intake"):
        assert (await api.get(f"/v1/revisits/{came.visit_id}/{path}", headers=finance)).status_code == 403, path


# 医院退费


async def wants_back(api: httpx.AsyncClient, came: Sum, headers: Headers, body: Any = None) -> httpx.Response:
    """Under a key of its own, unless it has one."""
    return await api.post(f"/v1/charges/{came.charge_id}/refunds", json=body or {}, headers=key() | headers)


async def test_all_that_is_left_goes_back(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    came = await a_sum(db)

    told = await wants_back(api, came, finance)

    assert (told.status_code, told.json()["amount_fen"], told.json()["cause"]) == (201, FEE_FEN, "management")
    assert told.json()["state"] == "requested"
    [row] = (await listed(api, finance))["items"]
    assert row == told.json()


async def test_who_wanted_it_is_kept(api: httpx.AsyncClient, database: Database, db: AsyncSession, clock: Hands) -> None:
    account_id, headers = await staff_signed_in(database, clock, Role.MANAGEMENT)
    came = await a_sum(db)

    number = UUID((await wants_back(api, came, headers, {"amount_fen": 1200})).json()["id"])

    assert await audited(database, number, "refund:begin") == [(account_id, None)]


@pytest.mark.parametrize(
    ("already", "asked", "code"), [(0, 5001, "exceeds_paid"), (3000, 2001, "exceeds_paid"), (5000, None, "nothing_left")]
)
async def test_more_than_was_paid_or_is_left_is_refused(
    api: httpx.AsyncClient, db: AsyncSession, finance: Headers, already: int, asked: int | None, code: str
) -> None:
    came = await a_sum(db)
    if already:
        await begin(db, came, Cause.PATIENT, already)

    refusal = await wants_back(api, came, finance, {"amount_fen": asked})

    assert (refusal.status_code, refusal.json()["code"]) == (409, f"refund.{code}")
    if asked:
        assert refusal.json()["params"] == {"left_fen": FEE_FEN - already}


async def test_while_one_of_management_is_under_way_another_waits(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    came = await a_sum(db)
    await wants_back(api, came, finance, {"amount_fen": 1000})

    refusal = await wants_back(api, came, finance, {"amount_fen": 1000})

    assert (refusal.status_code, refusal.json()["code"]) == (409, "refund.under_way")


@pytest.mark.parametrize(("asked", "code"), [(3000, "exceeds_paid"), (2000, "under_way"), (None, "nothing_left")])
async def test_wanted_by_two_people_at_once_it_goes_back_once(
    own_api: httpx.AsyncClient, own_database: Database, clock: Hands, asked: int | None, code: str
) -> None:
    people = [(await staff_signed_in(own_database, clock, role))[1] for role in (Role.FINANCE, Role.MANAGEMENT)]
    async with own_database.transaction() as db:
        came = await a_sum(db)

    answers = await asyncio.gather(*(wants_back(own_api, came, who, {"amount_fen": asked}) for who in people))

    assert sorted((one.status_code, one.json().get("code", "")) for one in answers) == [(201, ""), (409, f"refund.{code}")]
    async with own_database.reading() as db:
        paid = await db.get_one(PaymentRow, came.payment_id)
        assert (paid.reserved_fen, paid.refunded_fen) == (asked or FEE_FEN, 0)


async def test_the_same_wish_sent_at_once_is_one(own_api: httpx.AsyncClient, own_database: Database, clock: Hands) -> None:
    headers = (await staff_signed_in(own_database, clock, Role.FINANCE))[1] | key()
    async with own_database.transaction() as db:
        came = await a_sum(db)

    answers = await asyncio.gather(*(wants_back(own_api, came, headers, {"amount_fen": 2000}) for _ in range(4)))

    assert {one.status_code for one in answers} == {201}
    assert len({one.text for one in answers}) == 1
    assert sorted(one.headers.get("Idempotency-Replayed", "") for one in answers) == ["", "true", "true", "true"]


async def test_sent_again_it_answers_the_first_whatever_has_come_since(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    came, once = await a_sum(db), finance | key()
    first = await wants_back(api, came, once, {"amount_fen": FEE_FEN})
    await db.execute(update(RefundRow).values(state=RefundState.ARRIVED))

    again = await wants_back(api, came, once, {"amount_fen": FEE_FEN})

    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, first.json(), "true")


async def test_the_same_key_for_another_sum_is_another_wish(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    came, once = await a_sum(db), finance | key()
    await wants_back(api, came, once, {"amount_fen": 1000})

    refusal = await wants_back(api, came, once, {"amount_fen": 1001})

    assert (refusal.status_code, refusal.json()["code"]) == (422, "request.key_reused")


async def test_without_a_key_nothing_is_begun(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    came = await a_sum(db)

    refusal = await api.post(f"/v1/charges/{came.charge_id}/refunds", json={}, headers=finance)

    assert (refusal.status_code, refusal.json()["code"]) == (400, "request.key_missing")
    assert (await listed(api, finance))["items"] == []


@pytest.mark.parametrize("charge", [ChargeState.OPEN, ChargeState.PAID, ChargeState.CLOSED])
async def test_what_is_not_paid_and_known_to_the_his_is_not_refunded(
    api: httpx.AsyncClient, db: AsyncSession, finance: Headers, charge: ChargeState
) -> None:
    came = await a_sum(db, State.CANCELLED, charge)

    refusal = await wants_back(api, came, finance)

    assert (refusal.status_code, refusal.json()["code"]) == (409, "refund.not_paid")


@pytest.mark.parametrize("state", State)
async def test_a_visit_that_goes_on_is_left_by_its_people(api: httpx.AsyncClient, db: AsyncSession, finance: Headers, state: State) -> None:
    """They give back by themselves; management's is for a visit that is over."""
    came = await a_sum(db, state)

    answer = await wants_back(api, came, finance)

    over = state in VISITS.ends() or state is State.ENDED
    assert (answer.status_code, answer.json().get("code")) == ((201, None) if over else (409, "refund.visit_open"))


AMOUNTS: dict[str, Any] = {
    "nothing": 0,
    "less than nothing": -1,
    "part of a fen": 0.5,
    "a float": 100.0,
    "text": "100",
    "beyond all money": 10**12,
    "beyond all numbers": 10**40,
    "yes": True,
    "a list": [100],
}


@pytest.mark.parametrize("amount", AMOUNTS.values(), ids=AMOUNTS)
async def test_an_amount_that_is_none_is_a_clear_problem(api: httpx.AsyncClient, db: AsyncSession, finance: Headers, amount: Any) -> None:
    came = await a_sum(db)

    refusal = await wants_back(api, came, finance, {"amount_fen": amount})

    assert (refusal.status_code, refusal.json()["code"]) == (422, "request.invalid")
    assert [one["field"] for one in refusal.json()["fields"]] == ["amount_fen"]
    assert (await listed(api, finance))["items"] == []


async def test_a_field_that_we_do_not_know_is_a_mistake_worth_telling(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    refusal = await wants_back(api, await a_sum(db), finance, {"amount": 100})

    assert (refusal.status_code, refusal.json()["fields"][0]["field"]) == (422, "amount")


async def test_what_a_payer_says_of_the_amount_is_not_read(api: httpx.AsyncClient, database: Database, clock: Hands) -> None:
    """The HIS prices."""
    _, patient = await patient_signed_in(database, clock)

    refusal = await api.post(f"/v1/charges/{NOBODYS}/orders", json={"scene": "native", "amount_fen": 1}, headers=patient | key())

    assert (refusal.status_code, [one["field"] for one in refusal.json()["fields"]]) == (422, ["amount_fen"])


VOUCHERS = ["", "abc", "x" * 65, "CW 1001", "凭证1001", None, 1001]


@pytest.mark.parametrize("voucher", VOUCHERS)
async def test_a_voucher_that_is_no_number_of_a_transfer(api: httpx.AsyncClient, db: AsyncSession, finance: Headers, voucher: Any) -> None:
    """No name, no card, no words: it is kept beside the money and travels through histories."""
    number = await a_refund(db, RefundState.STUCK)

    refusal = await api.post(f"/v1/refunds/{number}/pay-out", json={"voucher": voucher}, headers=finance | key())

    assert (refusal.status_code, [one["field"] for one in refusal.json()["fields"]]) == (422, ["voucher"])


async def test_an_office_that_is_none(api: httpx.AsyncClient, db: AsyncSession, finance: Headers) -> None:
    number = await a_refund(db, RefundState.STUCK)

    refusal = await api.post(f"/v1/refunds/{number}/hand-over", json={"office": "kitchen"}, headers=finance | key())

    assert (refusal.status_code, [one["field"] for one in refusal.json()["fields"]]) == (422, ["office"])
