"""Never more than came, and once for a cause: what begins a refund reserves it first, and the database itself refuses the rest."""

import asyncio

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from models.charge import ChargeState
from models.kernel import ids
from models.kernel.errors import DomainError, known
from models.refund import Cause, RefundState, RefundStatus, Retry
from models.revisit import State
from models.stores import payment as payments
from models.stores import refund as refunds
from models.stores.database import Database
from models.tables.charge import RefundRow
from tests.builders import FEE_FEN
from tests.process.hospital import MORNING, Hospital
from tests.process.visit import Visit, opened
from tests.refund.builders import (
    Sum,
    a_sum,
    asks,
    begin,
    ends,
    given_back,
    goes_to,
    wanted_by_management,
)


async def left_fen(db: AsyncSession, came: Sum) -> int:
    return known(await payments.of_charge(db, came.charge_id)).left_fen


async def sums_given_back(db: AsyncSession, came: Sum) -> list[int]:
    return sorted(await db.scalars(select(RefundRow.amount_fen).where(RefundRow.visit_id == came.visit_id)))


async def at_once(database: Database, came: Sum, *wanted: tuple[Cause, int | None]) -> list[refunds.Begun | BaseException | None]:
    """Each on a connection of its own."""

    async def one(cause: Cause, amount_fen: int | None) -> refunds.Begun | None:
        async with database.transaction() as db:
            return await begin(db, came, cause, amount_fen)

    return await asyncio.gather(*(one(*what) for what in wanted), return_exceptions=True)


async def kept(database: Database) -> Sum:
    async with database.transaction() as db:
        return await a_sum(db)


async def test_two_causes_at_once_give_back_once(own_database: Database) -> None:
    came = await kept(own_database)

    begun = await at_once(own_database, came, (Cause.ABSENT, None), (Cause.PATIENT, None))

    assert sorted(one is None for one in begun) == [False, True]
    async with own_database.reading() as db:
        assert await sums_given_back(db, came) == [FEE_FEN]


async def test_one_cause_many_times_at_once_begins_once(own_database: Database) -> None:
    came = await kept(own_database)

    begun = await at_once(own_database, came, *[(Cause.PATIENT, None)] * 6)

    number = ids.derived("refund", came.payment_id, Cause.PATIENT)
    assert [(one.id, one.visit_id, one.row.id) for one in begun if isinstance(one, refunds.Begun)] == [(number, came.visit_id, number)]


async def test_of_many_sums_wanted_by_management_at_once_one_is_under_way(own_database: Database) -> None:
    came = await kept(own_database)

    begun = await at_once(own_database, came, *[(Cause.MANAGEMENT, 2000)] * 4)

    assert [one is None for one in begun].count(False) == 1
    async with own_database.reading() as db:
        assert await left_fen(db, came) == FEE_FEN - 2000


async def test_a_part_and_the_rest_at_once_are_the_whole(own_database: Database) -> None:
    """Whoever comes second gets what is left, or is told that it is not enough."""
    came = await kept(own_database)

    begun = await at_once(own_database, came, (Cause.MANAGEMENT, 2000), (Cause.PATIENT, None))

    async with own_database.reading() as db:
        sums = await sums_given_back(db, came)
        assert await left_fen(db, came) == 0
    refused = [one.code for one in begun if isinstance(one, DomainError)]
    assert (sums, refused) in [([2000, 3000], []), ([5000], ["refund.exceeds_paid"])]


async def test_a_cause_gives_back_once_and_never_again(db: AsyncSession) -> None:
    came = await a_sum(db)
    begun = known(await begin(db, came, Cause.PATIENT, 1000))

    assert await begin(db, came, Cause.PATIENT) is None
    await db.execute(text("update refund set state = 'withdrawn' where id = :id"), {"id": begun.id})
    assert await begin(db, came, Cause.PATIENT) is None, "at its end it is still the refund of this cause"


async def test_what_is_on_its_way_to_one_cause_is_not_given_to_another(db: AsyncSession) -> None:
    came = await a_sum(db)
    await begin(db, came, Cause.PATIENT)

    assert await begin(db, came, Cause.DECLINED) is None


async def test_more_than_is_left_is_refused_with_what_is_left(db: AsyncSession) -> None:
    came = await a_sum(db)
    await begin(db, came, Cause.PATIENT, 3000)

    with pytest.raises(DomainError) as refused:
        await begin(db, came, Cause.MANAGEMENT, 2001)

    assert (refused.value.code, refused.value.params) == ("refund.exceeds_paid", {"left_fen": 2000})
    assert await left_fen(db, came) == 2000


@pytest.mark.parametrize(("charge", "state"), [(ChargeState.SETTLED, RefundState.REQUESTED), (ChargeState.UNSETTLED, RefundState.CLEARED)])
async def test_what_the_his_never_settled_it_need_not_let_go(db: AsyncSession, charge: ChargeState, state: RefundState) -> None:
    came = await a_sum(db, charge=charge)

    begun = known(await begin(db, came, Cause.UNSETTLED))

    refund = await refunds.load(db, begun.id)
    assert (refund.state, refund.cleared_at) == (state, None if state is RefundState.REQUESTED else MORNING)
    assert refund.due_at == came.policy.refund_until(MORNING)


async def a_visit_taken_back(hospital: Hospital) -> Visit:
    """Served and paid; the HIS has taken back that it was executed, so that it lets go."""
    visit = await (await opened(hospital)).to(State.CLOSED)
    hospital.his.of_claim((await hospital.row(visit.id)).claim_id).status = "booked"
    return visit


async def test_part_by_part_management_gives_back_all_and_no_fen_more(hospital: Hospital) -> None:
    visit = await a_visit_taken_back(hospital)

    for amount_fen in (2000, 2999):
        await goes_to(await wanted_by_management(hospital, visit, amount_fen), RefundState.ARRIVED)
    with pytest.raises(DomainError, match=r"refund\.exceeds_paid"):
        await wanted_by_management(hospital, visit, 2)
    assert hospital.his.held(visit.unit.slot_ids[0]) == 1, "in part, the booking stays"
    await goes_to(await wanted_by_management(hospital, visit), RefundState.ARRIVED)

    assert await given_back(hospital) == (FEE_FEN, 0, FEE_FEN)
    assert (hospital.his.kept_fen, hospital.wechat_pay.given_back_fen, await hospital.balances()) == (0, FEE_FEN, {})
    assert sorted(fen for _, fen in hospital.his.reversals.values()) == [1, 2000, 2999]


async def test_a_part_that_the_channel_closed_gives_only_its_own_sum_in_the_end(hospital: Hospital) -> None:
    visit = await a_visit_taken_back(hospital)
    desk = await goes_to(await wanted_by_management(hospital, visit, 2000), RefundState.ACCEPTED)
    await ends(desk, RefundStatus.CLOSED)
    await desk.alarm()

    await asks(desk, Retry)
    await goes_to(desk, RefundState.ARRIVED)

    assert (await given_back(hospital), hospital.wechat_pay.given_back_fen) == ((FEE_FEN, 0, 2000), 2000)


OVERDRAWN = [
    "update payment set reserved_fen = amount_fen + 1",
    "update payment set reserved_fen = 1, refunded_fen = amount_fen",
    "update payment set refunded_fen = amount_fen + 1",
    "update payment set reserved_fen = -1",
    "update payment set amount_fen = 0",
    "update refund set amount_fen = 0",
    "update refund set cause = 'whim'",
    "update refund set state = 'lost'",
    "update payment set unwanted = 'patient'",
]


@pytest.mark.parametrize("statement", OVERDRAWN)
async def test_the_database_itself_refuses(db: AsyncSession, statement: str) -> None:
    came = await a_sum(db)
    await begin(db, came, Cause.PATIENT, 1000)

    with pytest.raises(DBAPIError, match="violates check constraint"):
        async with db.begin_nested():
            await db.execute(text(statement))


COPY = """
    insert into refund (id, state, policy, payment_id, charge_id, visit_id, cause, amount_fen, number)
    select gen_random_uuid(), 'requested', policy, payment_id, charge_id, visit_id, cause, 1, {number} from refund
"""


@pytest.mark.parametrize(("number", "index"), [("'another'", "uq_refund_running"), ("number", "uq_refund_number")])
async def test_one_running_refund_a_cause_and_one_refund_a_number(db: AsyncSession, number: str, index: str) -> None:
    came = await a_sum(db)
    await begin(db, came, Cause.PATIENT, 1000)
    if index == "uq_refund_number":
        await db.execute(text("update refund set state = 'arrived'"))

    with pytest.raises(DBAPIError, match=index):
        async with db.begin_nested():
            await db.execute(text(COPY.format(number=number)))


async def test_a_sum_of_the_channel_is_kept_once(db: AsyncSession) -> None:
    """Whoever hears of it first."""
    await a_sum(db)

    with pytest.raises(DBAPIError, match="uq_payment"):
        async with db.begin_nested():
            await db.execute(
                text(
                    "insert into payment (id, channel, transaction_id, order_no, amount_fen, paid_at)"
                    " select gen_random_uuid(), channel, transaction_id, order_no, amount_fen, paid_at from payment"
                )
            )
