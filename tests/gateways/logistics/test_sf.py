"""Parcels through the sandbox's carrier: each answer, each refusal, and how a lost one is looked for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.typing import EventDict

from gateways.logistics.account import SfAccount
from gateways.logistics.sf import CARGO, SfLogistics
from models.delivery import DeliveryState, Mark, Reach, merged, standing
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import DomainError, Unknown
from tests.gateways.logistics.conftest import LIMIT_S, Carrier, a_receiver

CREATE, FILTER = "POST /EXP_RECE_CREATE_ORDER", "POST /EXP_RECE_FILTER_ORDER_BSP"


async def test_a_parcel_is_ordered_once_under_our_number(sf: SfLogistics, carrier: Carrier) -> None:
    number = ids.new().hex
    assert await sf.find(number) is None
    waybill = await sf.create(number, a_receiver())

    assert (waybill.reach, str(waybill.number)[:2]) == (Reach.YES, "SF")
    assert [await sf.create(number, a_receiver()), await sf.find(number)] == [waybill, waybill]
    [order] = carrier.orders(number)
    assert (order["waybill_no"], order["receiver"], order["phone"]) == (waybill.number, "张秀英", "13800100001")


async def test_the_carrier_reads_no_drug_and_the_receiver_pays_the_way(sf: SfLogistics, carrier: Carrier) -> None:
    number = ids.new().hex
    await sf.create(number, a_receiver())

    [order] = carrier.orders(number)
    assert (order["cargo"], order["pay_method"]) == (CARGO, 2)


@pytest.mark.parametrize(("kind", "seconds"), [("lost", 0.05), ("duplicated", 0), ("late", 0.05)])
async def test_an_order_whose_answer_is_lost_is_found_and_not_made_twice(
    sf: SfLogistics, carrier: Carrier, fault: Callable[..., None], kind: str, seconds: float
) -> None:
    number = ids.new().hex
    fault("logistics", CREATE, kind, seconds)
    try:
        waybill = await sf.create(number, a_receiver())
    except Unknown:  # it came later than we looked for it
        waybill = await sf.create(number, a_receiver())

    assert waybill == await sf.find(number)
    assert len(carrier.orders(number)) == 1


async def test_silence_is_unknown(sf: SfLogistics, fault: Callable[..., None]) -> None:
    number = ids.new().hex
    fault("logistics", "*", "slow", LIMIT_S * 2, times=4)
    with pytest.raises(Unknown):
        await sf.create(number, a_receiver())
    for asked in (sf.find(number), sf.cancel(number), sf.track(number)):
        with pytest.raises(Unknown):
            await asked


@pytest.mark.parametrize(("changes", "reach"), [({"city": "三沙市"}, Reach.NO), ({"detail": "演示路3号（人工核实）"}, Reach.PENDING)])
async def test_where_the_carrier_does_not_go_it_says_so(sf: SfLogistics, changes: dict[str, str], reach: Reach) -> None:
    number = ids.new().hex
    waybill = await sf.create(number, a_receiver(**changes))

    assert waybill.reach is reach
    assert await sf.create(number, a_receiver(**changes)) == waybill
    assert (waybill.number is None) == (reach is Reach.NO)


@pytest.mark.parametrize(
    ("changes", "reach"),
    [({}, Reach.YES), ({"city": "三沙市"}, Reach.NO), ({"detail": "演示路3号（人工核实）"}, Reach.PENDING)],
    ids=["in range", "out of range", "not known at once"],
)
async def test_a_place_is_judged_before_anything_is_ordered(
    sf: SfLogistics, carrier: Carrier, changes: dict[str, str], reach: Reach
) -> None:
    before = carrier.books()

    assert await sf.reaches(a_receiver(**changes)) is reach
    assert carrier.books() == before


async def test_a_place_is_not_judged_by_who_does_not_answer_or_will_not(
    sf: SfLogistics, fault: Callable[..., None], lines: list[EventDict]
) -> None:
    fault("logistics", FILTER, "refused", 0)
    with pytest.raises(Unknown):
        await sf.reaches(a_receiver())
    assert [line["answered"] for line in lines if line["event"] == "logistics.misunderstood"] == ["1014"]
    fault("logistics", FILTER, "slow", LIMIT_S * 2)
    with pytest.raises(Unknown):
        await sf.reaches(a_receiver())


async def test_the_carriers_refusals_are_its_own_words(sf: SfLogistics, fault: Callable[..., None], lines: list[EventDict]) -> None:
    fault("logistics", CREATE, "refused", 0)
    with pytest.raises(DomainError, match=r"^logistics\.1014$") as refused:
        await sf.create(ids.new().hex, a_receiver())
    assert refused.value.kind == "invalid"
    assert not [line for line in lines if line["log_level"] == "error"]


async def test_our_own_misconfiguration_is_loud(account: SfAccount, lines: list[EventDict]) -> None:
    wrong, card = (
        SfLogistics(replace(account, checkword="wrong"), limit_s=LIMIT_S),
        SfLogistics(replace(account, monthly_card="0"), limit_s=LIMIT_S),
    )
    with pytest.raises(DomainError, match=r"^logistics\.A1006$") as refused:
        await wrong.create(ids.new().hex, a_receiver())
    with pytest.raises(DomainError, match=r"^logistics\.8057$"):
        await card.create(ids.new().hex, a_receiver())
    with pytest.raises(Unknown):
        await wrong.find(ids.new().hex)
    await wrong.aclose()
    await card.aclose()
    assert refused.value.kind == "unavailable"
    assert [line["answered"] for line in lines if line["event"] == "logistics.misunderstood"] == ["A1006", "8057", "A1006"]


async def test_a_parcel_is_followed_to_its_door(sf: SfLogistics, carrier: Carrier) -> None:
    number = ids.new().hex
    await sf.create(number, a_receiver())
    assert await sf.track(number) == ()
    carrier.moves(number, "transit", "out_for_delivery", "failed", "signed")
    carrier.moves(number, "picked_up", earlier_s=3600)
    events = await sf.track(number)

    assert [event.mark for event in events] == [Mark.PICKED_UP, Mark.TRANSIT, Mark.OUT, Mark.FAILED, Mark.DELIVERED]
    assert abs(events[-1].at - now()) < timedelta(minutes=1)
    assert (events[1].code, events[1].sequence, events[1].text[:2]) == ("30", 1, "快件")
    assert standing(merged(events)) is DeliveryState.SIGNED


async def test_a_parcel_that_was_refused_comes_back(sf: SfLogistics, carrier: Carrier) -> None:
    number = ids.new().hex
    await sf.create(number, a_receiver())
    for move, state in (
        ("refused", DeliveryState.REFUSED),
        ("returning", DeliveryState.RETURNING),
        ("returned", DeliveryState.RETURNED),
    ):
        carrier.moves(number, move)
        assert standing(merged(await sf.track(number))) is state


async def test_nothing_is_known_of_a_number_that_the_carrier_has_not(sf: SfLogistics) -> None:
    assert await sf.track(ids.new().hex) == ()


async def test_an_order_is_taken_back_until_the_parcel_is_picked_up(sf: SfLogistics, carrier: Carrier) -> None:
    taken_back, gone = ids.new().hex, ids.new().hex
    for number in (taken_back, gone):
        await sf.create(number, a_receiver())
    carrier.moves(gone, "picked_up")

    assert [await sf.cancel(taken_back), await sf.cancel(taken_back), await sf.cancel(ids.new().hex), await sf.cancel(gone)] == [
        True,
        True,
        True,
        False,
    ]


async def test_taken_back_without_an_answer_is_asked_again(sf: SfLogistics, carrier: Carrier, fault: Callable[..., None]) -> None:
    number = ids.new().hex
    await sf.create(number, a_receiver())
    fault("logistics", "POST /EXP_RECE_UPDATE_ORDER", "lost", 0)
    with pytest.raises(Unknown):
        await sf.cancel(number)

    assert await sf.cancel(number)
    assert carrier.orders(number)[0]["cancelled_at"]


async def test_no_line_names_a_person(sf: SfLogistics, lines: list[EventDict]) -> None:
    number = ids.new().hex
    await sf.create(number, a_receiver())
    await sf.track(number)

    told = str(lines)
    assert number in told
    assert not any(word in told for word in ("张秀英", "13800100001", "演示路", "东城区"))
