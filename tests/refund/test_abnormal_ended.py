"""A refund whose card took no money, over the whole wire: ended well on the merchant's platform, it has arrived here too (A-6)."""

from sqlalchemy import text

from models.kernel.errors import known
from models.refund import RefundState
from models.stores import ledger_proof
from tests.auditor import assert_nothing_differs
from tests.faults.conftest import town
from tests.faults.hospital import Hospital, Town
from tests.faults.walk import PERSON_S, Path, Walk, opened
from tests.process.desk import RefundDesk
from tests.process.outside import REFUND_S
from tests.refund.builders import reported, row

__all__ = ["town"]
ABNORMAL = "wechat_pay.refund_abnormal"


async def stuck(hospital: Hospital, town: Town) -> tuple[Walk, RefundDesk]:
    """退号 of a paid visit, whose refund the bank finds abnormal."""
    (await hospital.outside.http.post("/wechat/cashier/refunds/next", json={"fate": "ABNORMAL"})).raise_for_status()
    walk = await opened(hospital, town, Path.CANCELLED)
    while walk.back is None or walk.back.state is not RefundState.STUCK:
        await hospital.outside.clock.passes(PERSON_S)
        _, do = known(await walk.next())
        await do()
    await hospital.outside.delivered()
    while await hospital.waiting(walk.back.id):
        await walk.back.news()
    return walk, walk.back


async def goes_to_another_card(hospital: Hospital, desk: RefundDesk) -> None:
    """What a person of 财务处 does on the merchant's platform; here at the sandbox's console."""
    number = (await row(desk)).number
    answer = await hospital.outside.http.post("/console/refunds/other-card", data={"out_refund_no": number}, follow_redirects=True)
    assert "已改退到其他银行卡" in answer.raise_for_status().text


async def given_back_once(hospital: Hospital, walk: Walk, desk: RefundDesk, database_url: str) -> None:
    """Nobody's task any more, told once, under the one number that it always had; and all books agree."""
    await walk.sends()
    kept = await row(desk)
    assert (kept.state, kept.trouble, kept.attempt) == (RefundState.ARRIVED, None, 0)
    [at_the_bank] = hospital.outside.rows("wechat_refund")
    assert (at_the_bank["out_refund_no"], at_the_bank["status"], at_the_bank["channel"]) == (kept.number, "SUCCESS", "OTHER_BANKCARD")
    async with hospital.database.reading() as db:
        arrived = await db.scalar(text("select count(*) from message where template = 'refund_arrived'"))
        assert (arrived, await ledger_proof.faults(db), await hospital.unhandled()) == (1, [], 0)
    await assert_nothing_differs(database_url, hospital.outside.address)


async def test_the_banks_notify_ends_it(town: Town) -> None:
    async with town.morning() as (hospital, database_url):
        walk, desk = await stuck(hospital, town)
        assert (await row(desk)).trouble == ABNORMAL
        await goes_to_another_card(hospital, desk)

        await hospital.outside.clock.passes(REFUND_S)
        await hospital.outside.delivered()
        await desk.news()

        await given_back_once(hospital, walk, desk, database_url)


async def test_our_own_query_ends_it_when_no_notify_comes(town: Town) -> None:
    async with town.morning() as (hospital, database_url):
        walk, desk = await stuck(hospital, town)
        await hospital.outside.fault("wechat_pay", "NOTIFY REFUND.SUCCESS", "lost")
        await goes_to_another_card(hospital, desk)

        await desk.alarm()
        await hospital.outside.delivered()

        assert await hospital.waiting(desk.id) == []
        await given_back_once(hospital, walk, desk, database_url)


async def test_while_the_bank_is_at_work_it_stays_the_task_of_its_office(town: Town) -> None:
    async with town.morning() as (hospital, _):
        _, desk = await stuck(hospital, town)
        await goes_to_another_card(hospital, desk)

        await desk.happens(await reported(desk))

        kept = await row(desk)
        assert (kept.state, kept.trouble, kept.office) == (RefundState.STUCK, ABNORMAL, "finance")
        assert known(kept.wake_at) > hospital.clock(), "it is asked again"
