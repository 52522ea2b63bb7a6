"""Each of the four parts killed with -9 in the middle of paying and of refunding, on the very calls that move money."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest

from stack.supervisor import PartName
from tests.journeys.hospital import Hospital
from tests.journeys.people import refused, until
from tests.journeys.visit import CONDITION, Visit

ORDER, QUERY, SETTLE = (
    ("wechat_pay", "POST /v3/pay/transactions/{kind}"),
    ("wechat_pay", "GET /v3/pay/transactions/out-trade-no/{out_trade_no}"),
    ("his", "POST /fhir/R4/Invoice/{id}/$settle"),
)
REVERSE, APPLY, ASK = (
    ("his", "POST /fhir/R4/Invoice/{id}/$reverse"),
    ("wechat_pay", "POST /v3/refund/domestic/refunds"),
    ("wechat_pay", "GET /v3/refund/domestic/refunds/{out_refund_no}"),
)
MIDDLE_S = 3.0
"""How long the outside takes for each: it does what it was asked, and who asked may be gone by then."""


def parts(*short: PartName) -> pytest.MarkDecorator:
    """Each part; those that are not `short` do not fit into `make test`."""
    every: tuple[PartName, ...] = ("worker", "api", "temporal", "postgres")
    return pytest.mark.parametrize("part", [pytest.param(one, marks=() if one in short else pytest.mark.long) for one in every])


@asynccontextmanager
async def killed(hospital: Hospital, part: PartName, *calls: tuple[str, str]) -> AsyncGenerator[None]:
    """What the block begins meets each of the calls, all are under way at once, and then the part dies and is started again."""
    for call in calls:
        await hospital.go_wrong(*call, "slow", MIDDLE_S)
    yield
    await until("each call to be under way", hospital.faults, lambda left: not left)
    await hospital.killed(part)


@parts("postgres")
async def test_killed_in_the_middle_of_paying(hospital: Hospital, part: PartName) -> None:
    """One visit is being ordered for, one asked about, one settled."""
    orders, *pays = await asyncio.gather(*(hospital.visit("choosing") for _ in range(3)))
    await asyncio.gather(*(_hold(visit) for visit in (orders, *pays)))
    paid = [await visit.order() for visit in pays]
    charge = await orders.charge_id()

    async with killed(hospital, part, ORDER, QUERY, SETTLE):
        ordering = asyncio.create_task(orders.patient.answer(f"/v1/charges/{charge}/orders", {"scene": "native"}))
        await asyncio.gather(*(hospital.pay(order) for order in paid))

    ordered = await ordering
    if ordered.is_success:
        await hospital.pay(ordered.json()["charge"]["orders"][-1]["order_id"])
    visits = [orders, *pays] if ordered.is_success else pays
    await asyncio.gather(*(visit.until("booked", within_s=40) for visit in visits))
    await asyncio.gather(*(visit.to("closed") for visit in visits))
    for visit in visits:
        await visit.took_place_once()
    if not ordered.is_success:
        await _left_unpaid(orders, ordered)
    await hospital.audited(orders, *pays)


@parts("worker")
async def test_killed_in_the_middle_of_refunding(hospital: Hospital, part: PartName) -> None:
    """One refund is with the HIS, one applied for, one asked about."""
    visits = await asyncio.gather(*(hospital.visit("booked") for _ in range(3)))

    async with killed(hospital, part, REVERSE, APPLY, ASK):
        await asyncio.gather(*(visit.act("cancel") for visit in visits))

    for visit in visits:
        await visit.given_back("patient", within_s=40)
        assert await visit.told("SMS_REVISIT_CANCELLED") == 1
    await hospital.audited(*visits)


async def _hold(visit: Visit) -> None:
    """As late as can be: the time to pay begins with the chosen slot."""
    await visit.act("choose-slot", {"slot_id": visit.hospital.hall})
    await visit.act("describe", {"text": CONDITION})


async def _left_unpaid(visit: Visit, ordered: httpx.Response) -> None:
    """On a slow machine the time to pay is over before the part is back: then nothing can be paid any more."""
    refused(ordered, 409, "charge.too_late")
    assert (await visit.until("cancelled"))["reason"] == "unpaid"
    assert {
        one["state"] for one in (await visit.hospital.bank(*[one["order_id"] for one in (await visit.charge())["orders"]]))["orders"]
    } <= {"CLOSED"}
