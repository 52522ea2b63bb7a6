"""Parcels: to the order, what our rows and the carrier's books disagree on."""

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.finding import told
from tests.auditor.hospital import one
from tests.auditor.pharmacy import Pharmacy

SHIPPING = {"prescription.shipping", "delivery.picked_up"}
AGAIN = ("decided", ("picked_up", "refused", "returned"), "resend")


async def test_the_carrier_has_an_order_that_nobody_here_wanted(pharmacy: Pharmacy) -> None:
    pharmacy.ordered(new())

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.PARCEL_UNKNOWN, "no such parcel", "ordered")


async def test_one_number_is_two_orders(pharmacy: Pharmacy) -> None:
    """No carrier of ours lets that happen; one that does is told of."""
    prescription = await pharmacy.prescription("delivered")
    assert prescription.delivery_id
    pharmacy.ordered(prescription.delivery_id, "SF-x")

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.visit) == (Kind.PARCEL_TWICE, prescription.money.id)


async def test_two_parcels_of_one_prescription_are_carried(pharmacy: Pharmacy) -> None:
    """The first was decided to be sent again while it could still arrive, and did."""
    prescription = await pharmacy.prescription("delivered")
    await pharmacy.hospital.do("update delivery set attempt = 1")
    await pharmacy.parcel(prescription.money, prescription.id, first := new(), *AGAIN)
    await pharmacy.hospital.do("update prescription set delivery_id = $1", first)
    assert await pharmacy.hospital.audit() == []

    scan = one(pharmacy.outside.scans, order_id=first.hex, op_code="70")
    scan["remark"] = "无法联系收件人"

    assert await pharmacy.hospital.kinds() == {Kind.PARCEL_TWICE, Kind.PARCEL_STATE}


async def test_the_carrier_does_not_know_a_parcel(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("shipping")
    pharmacy.outside.parcels.clear()

    [found] = await pharmacy.hospital.audit(standing=SHIPPING)

    assert (found.kind, found.ours, found.theirs) == (Kind.PARCEL_STATE, "picked_up", "no such order")


async def test_the_order_stands_otherwise(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("shipping")
    order = pharmacy.outside.parcels[0]
    right = dict(order)

    for column, value, word in (
        ("cancelled_at", "2026-11-26", "taken back"),
        ("filter_result", 3, "not taken"),
        ("filter_result", 1, "looked at"),
    ):
        order.update(right | {column: value})
        [found] = await pharmacy.hospital.audit(standing=SHIPPING)

        assert (found.kind, found.ours, found.theirs) == (Kind.PARCEL_STATE, "picked_up", word)


async def test_the_carrier_has_seen_it_elsewhere(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("shipping")
    scan = pharmacy.outside.scans[-1]

    for code, words, word in (
        ("80", "已签收", "handed over"),
        ("99", "退回途中", "on its way back"),
        ("70", "收件客户拒收", "on its way back"),
        (None, "", "ordered"),
    ):
        scan.update(op_code=code, remark=words)
        if code is None:
            pharmacy.outside.scans.clear()
        [found] = await pharmacy.hospital.audit(standing=SHIPPING)

        assert (found.kind, found.ours, found.theirs) == (Kind.PARCEL_STATE, "picked_up", word)


async def test_signed_for_here_and_still_on_its_way_there(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("delivered")
    pharmacy.outside.scans[-1].update(op_code="30", remark="")

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.PARCEL_STATE, "signed", "on its way")


async def test_a_try_that_failed_does_not_turn_it_round_whatever_order_it_is_told_in(pharmacy: Pharmacy) -> None:
    prescription = await pharmacy.prescription("delivered")
    assert prescription.delivery_id
    seen = {"order_id": prescription.delivery_id.hex, "op_code": "70", "remark": "无法联系收件人"}
    pharmacy.outside.scans.append(seen | {"accept_time": "2026-11-26 10:00:30"})

    assert await pharmacy.hospital.audit() == []


async def test_another_waybill(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("delivered")
    pharmacy.outside.parcels[0]["waybill_no"] = "SF-x"

    [found] = await pharmacy.hospital.audit()

    assert (found.kind, found.theirs) == (Kind.PARCEL_DIFFERS, "SF-x")


async def test_it_goes_to_somebody_else_or_elsewhere(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("delivered")
    order = pharmacy.outside.parcels[0]
    right = dict(order)

    for column, value, word in (("receiver", "李四", "receiver"), ("phone", "13800000002", "phone"), ("address", "某路2号", "place")):
        order.update(right | {column: value})

        [found] = await pharmacy.hospital.audit()

        assert (found.kind, found.ours) == (Kind.PARCEL_DIFFERS, f"another {word}")
        assert value not in told([found])


@pytest.mark.parametrize(
    ("stage", "damage"),
    [
        pytest.param("delivered", "update delivery set state = 'decided', decision = 'refund'", id="completed, and decided to go back"),
        pytest.param("kept and fetched", "update delivery set decision = 'refund'", id="fetched, and decided to go back"),
        pytest.param("kept and fetched", "update prescription set way = 'parcel'", id="handed over, and kept at the pharmacy"),
        pytest.param("returned", "update delivery set decision = 'keep'", id="given back, and decided to be kept"),
        pytest.param("shipping", "update delivery set state = 'signed'", id="on its way, and signed for"),
        pytest.param("delivered", "update prescription set delivery_id = null", id="a parcel that its prescription does not know"),
        pytest.param("delivered", "update charge set state = 'closed' where payable = 'prescription'", id="sent and never paid"),
    ],
)
async def test_a_prescription_and_its_parcel_tell_two_stories(pharmacy: Pharmacy, stage: str, damage: str) -> None:
    await pharmacy.prescription(stage)
    await pharmacy.hospital.do(damage)

    assert Kind.PARCEL_UNFIT in await pharmacy.hospital.kinds(standing=SHIPPING)


async def test_paid_for_a_parcel_that_was_never_begun(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("picked up")
    await pharmacy.hospital.do("update prescription set way = 'parcel'")

    assert await pharmacy.hospital.kinds() == {Kind.PARCEL_UNFIT}


async def test_on_its_way_it_is_not_judged(pharmacy: Pharmacy) -> None:
    """The carrier has moved it, and nobody has asked yet."""
    await pharmacy.prescription("shipping")
    pharmacy.outside.scans[-1]["op_code"] = "80"

    assert await pharmacy.hospital.kinds(quiet=False) == set()
    assert await pharmacy.hospital.kinds(quiet=False, standing=SHIPPING) == {Kind.PARCEL_STATE}
