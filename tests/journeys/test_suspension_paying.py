"""A clinic is stopped while people are paying: all go, who paid has everything back once, and nobody who did not pay gets anything."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, cast
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from api.webhooks.his import PATH
from tests.journeys.backstage import Backstage, backstage
from tests.journeys.crowd import away, crowd, stand
from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, read, until
from tests.journeys.rows import STANDS
from tests.journeys.visit import Visit

pytestmark = pytest.mark.long
WITHIN_S = 120.0
PEOPLE: Final = {
    "not heard of": (STANDS["not heard of"], 10),
    "before": (replace(STANDS["unpaid"], overdue=False), 8),
    "at once": (replace(STANDS["unpaid"], overdue=False), 9),
    "behind": (replace(STANDS["unpaid"], overdue=False), 8),
    "ordering": (STANDS["paying"], 10),
    "overdue": (STANDS["unpaid"], 5),
}
"""Who pays when, by the moment of the stop, and how many of them. `overdue`: their time to pay is over, and they do not."""
_OF_A_VISIT = text("""
select r.id, r.state, r.reason,
    array(select f.state from refund f where f.visit_id = r.id) as refunds,
    array(select f.amount_fen from refund f where f.visit_id = r.id) as back_fen,
    array(select m.template from message m where m.visit_id = r.id and m.state not in ('due', 'sending')
        and m.template in ('revisit_suspended', 'revisit_cancelled')) as words
from revisit r where r.id = any(:visits)
""")
_ORDERS = text("select o.id, c.visit_id from charge_order o join charge c on c.id = o.charge_id where c.visit_id = any(:visits)")


@dataclass(frozen=True, slots=True)
class Paying:
    """Visits, their orders, and what the bank has of them."""

    behind: Backstage
    visits: Sequence[Visit]

    @property
    def _ids(self) -> Json:
        return {"visits": [UUID(one.id) for one in self.visits]}

    async def orders(self) -> dict[str, str]:
        """Visit by order; both ids."""
        async with self.behind.transaction() as db:
            return {str(order): str(visit) for order, visit in await db.execute(_ORDERS, self._ids)}

    async def stand(self) -> dict[str, Mapping[str, Any]]:
        """How each visit stands, what went back and what was said."""
        async with self.behind.transaction() as db:
            return {str(row["id"]): cast(Mapping[str, Any], row) for row in (await db.execute(_OF_A_VISIT, self._ids)).mappings()}

    async def at_the_bank(self, what: str, fen: str) -> Counter[str]:
        """What was paid or given back there, in fen by visit."""
        orders = await self.orders()
        numbers = {UUID(order).hex: visit for order, visit in orders.items()}
        sums = Counter[str]()
        for row in (await self.behind.hospital.bank(*orders))[what]:
            sums[numbers[row["out_trade_no"]]] += row[fen]
        return sums


async def test_stopped_while_fifty_people_are_paying(hospital: Hospital) -> None:
    slot = await hospital.slot(capacity=sum(count for _, count in PEOPLE.values()))
    async with backstage(hospital) as behind:
        groups = await _put(behind, slot)
        paying = Paying(behind, [visit for group in groups.values() for visit in group])
        order = {visit: order for order, visit in (await paying.orders()).items()}

        ordering = [asyncio.create_task(_orders_and_pays(hospital, one)) for one in groups["ordering"]]
        assert all([(await _pays(hospital, order[one.id])).is_success for one in groups["before"]])
        await asyncio.wait(ordering, return_when=asyncio.FIRST_COMPLETED)
        stopping = asyncio.create_task(hospital.outside.post(f"/his/desk/slots/{slot}/stop"))
        await asyncio.gather(*(_pays(hospital, order[one.id]) for one in groups["at once"]), *ordering)
        read(await stopping)
        await asyncio.gather(*(_pays(hospital, order[one.id]) for one in groups["behind"]))

        paid = await paying.at_the_bank("payments", "total_fen")
        ended = await until("all to have gone, with their money", paying.stand, lambda seen: _at_rest(seen, paid), WITHIN_S)
        back = await paying.at_the_bank("refunds", "refund_fen")
    overdue = {one.id for one in groups["overdue"]}
    assert {one.id for group in ("not heard of", "before") for one in groups[group]} <= set(paid)
    assert not overdue & set(paid)
    assert back == paid
    for id, one in ended.items():
        assert one["back_fen"] == ([paid[id]] if id in paid else []), id
        assert len(one["words"]) == 1, id
        assert (one["state"], one["reason"], one["words"][0]) in _honest(id in overdue), id
    await hospital.audited(*paying.visits)


async def test_a_stop_that_is_pulled_and_pushed_counts_once(hospital: Hospital) -> None:
    """The pull finds it while the HIS's message is on its way; then it comes, twice, and the pull looks again."""
    visit = await hospital.visit("choosing")
    slot = await hospital.slot(capacity=1)
    await visit.act("choose-slot", {"slot_id": slot})
    await visit.to("booked")

    async with _told_nothing(hospital):
        stopped = read(await hospital.outside.post(f"/his/desk/slots/{slot}/stop"))
        await hospital.pulled()
        await visit.until("suspended")
    await _pushed(hospital, stopped["schedule"])
    read(await hospital.outside.post(f"/his/desk/schedules/{stopped['schedule']}/tell-again"))
    await _pushed(hospital, stopped["schedule"])
    await hospital.pulled()

    async def suspensions() -> list[Json]:
        found = (await hospital.manager.ask("/v1/suspensions"))["items"]
        which = (stopped["schedule"], stopped["schedule_version"])
        return [one for one in found if (one["schedule_id"], one["schedule_version"]) == which]

    [mine] = await until("it to be done", suspensions, lambda found: all(one["state"] == "done" for one in found))
    assert (mine["progress"]["stopped"], mine["progress"]["moved"], mine["progress"]["refunded"]) == (1, 1, 1)
    await visit.given_back("suspended")
    assert await visit.told("SMS_REVISIT_SUSPENDED") == 1
    await hospital.audited(visit)


async def _put(behind: Backstage, slot: str) -> dict[str, list[Visit]]:
    """Each group where it stands, side by side in the slot."""
    people = iter(await crowd(behind, sum(count for _, count in PEOPLE.values())))
    async with away(behind.hospital):
        return {name: await stand(behind, [next(people) for _ in range(count)], how, slot) for name, (how, count) in PEOPLE.items()}


async def _pays(hospital: Hospital, order_id: str) -> httpx.Response:
    """At the cashier, who says no when the order was closed."""
    answer = await hospital.outside.post(f"/wechat/cashier/{UUID(order_id).hex}/pay", json={})
    assert answer.status_code < 500, answer.text
    return answer


async def _orders_and_pays(hospital: Hospital, visit: Visit) -> None:
    """Unless there is nothing to pay any more."""
    ordered = await visit.patient.answer(f"/v1/charges/{await visit.charge_id()}/orders", {"scene": "native"})
    assert ordered.status_code in {200, 409}, ordered.text
    if ordered.is_success:
        await _pays(hospital, ordered.json()["charge"]["orders"][-1]["order_id"])


def _at_rest(seen: Mapping[str, Mapping[str, Any]], paid: Counter[str]) -> bool:
    return all(
        one["state"] in {"suspended", "cancelled"} and one["refunds"] == ["arrived"] * (id in paid) and one["words"]
        for id, one in seen.items()
    )


def _honest(overdue: bool) -> set[tuple[str, str, str]]:
    """How a visit may end, why, and in which words."""
    ways = {("suspended", "suspended", "revisit_suspended")}
    if overdue:
        ways.add(("cancelled", "unpaid", "revisit_cancelled"))
    return ways


@asynccontextmanager
async def _told_nothing(hospital: Hospital) -> AsyncGenerator[None]:
    """The HIS keeps its messages to itself until the block is over."""
    desk = "/his/desk/listener"
    read(await hospital.outside.put(desk, json={"url": None}))
    try:
        yield
    finally:
        read(await hospital.outside.put(desk, json={"url": f"{hospital.stack.addresses.api}{PATH}"}))


async def _pushed(hospital: Hospital, schedule: str) -> None:
    """Every message about that 就诊单元 was taken."""

    async def left() -> list[Json]:
        return [one for one in (await hospital.his())["messages"] if one["number"] == schedule and one["due_at"] is not None]

    await until("the HIS's messages to be taken", left, lambda found: not found)
