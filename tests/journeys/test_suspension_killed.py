"""Worker, Temporal and PostgreSQL each killed with -9 in the middle of a stop of 200: all go, are refunded once and told once."""

from collections import Counter
from uuid import UUID

import pytest
from sqlalchemy import TextClause, text

from stack.supervisor import PartName
from tests.journeys.backstage import backstage
from tests.journeys.crowd import away, crowd, notified, stand
from tests.journeys.hospital import Hospital
from tests.journeys.people import read, until
from tests.journeys.rows import STANDS

pytestmark = [pytest.mark.long, pytest.mark.spare]
VISITS = 200
SOME = VISITS // 5
"""Have gone when the part dies: the others have been told, or not yet."""
WITHIN_S = 480.0
_GONE = text("select count(*) from revisit where id = any(:visits) and state = 'suspended'")
_AT_REST = text("""
select (select count(*) from revisit where id = any(:visits) and state = 'suspended')
    + (select count(*) from refund where visit_id = any(:visits) and state = 'arrived')
    + (select count(*) from message where visit_id = any(:visits) and template = 'revisit_suspended'
        and state in ('sent', 'delivered', 'undelivered'))
""")


@pytest.mark.parametrize("part", ["worker", "temporal", "postgres"])
async def test_killed_in_the_middle_of_a_stop(hospital: Hospital, part: PartName) -> None:
    slot = await hospital.slot(capacity=VISITS)
    async with backstage(hospital) as behind:
        people = await crowd(behind, VISITS)
        async with away(hospital):
            visits = await stand(behind, people, STANDS["booked"], slot)
        await notified(hospital)
        ids = {"visits": [UUID(one.id) for one in visits]}

        async def count(what: TextClause) -> int:
            async with behind.transaction() as db:
                return (await db.execute(what, ids)).scalar_one()

        read(await hospital.outside.post(f"/his/desk/slots/{slot}/stop"))
        gone = await until("some of them to have gone", lambda: count(_GONE), lambda gone: gone >= SOME, WITHIN_S)
        await hospital.killed(part)
        assert gone < VISITS

        await until("all to be refunded and told", lambda: count(_AT_REST), lambda done: done >= 3 * VISITS, WITHIN_S)
        async with behind.transaction() as db:
            refunds = Counter(await db.scalars(text("select visit_id from refund where visit_id = any(:visits)"), ids))
            told = text("select visit_id from message where visit_id = any(:visits) and template = 'revisit_suspended'")
            words = Counter(await db.scalars(told, ids))
    assert set(refunds.values()) == set(words.values()) == {1}
    assert len(refunds) == len(words) == VISITS
    await hospital.audited(*visits)
