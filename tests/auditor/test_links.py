"""Rows that others name or tell of, and that are not there: that is told, and nothing else, since the rest cannot be judged."""

from collections.abc import Mapping
from typing import Final

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import UNIT, Hospital
from tests.auditor.pharmacy import Pharmacy

DROPPED: Final[Mapping[str, str]] = {
    "revisit": "revisit",
    "patient": "patient",
    "account": "account",
    "booking": "booking",
    "charge": "charge",
    "charge_order": "charge_order",
    "payment": "payment",
    "refund": "no such row",
    "invoice": "no such row",
    "ledger_entry": "ledger_entry",
    "slot": "slot",
    "prescription": "prescription",
    "record_signing": "record_signing",
    "delivery": "delivery",
    "delivery_address": "delivery_address",
}
"""By table of which every row is dropped: what is told of one of those that name it."""
STRANGE: Final = ("revisit", "charge", "refund", "prescription", "record_signing", "delivery", "invoice")


async def people_came(pharmacy: Pharmacy) -> None:
    """Drugs that came by a parcel, a record that was signed, and money that went back."""
    hospital = pharmacy.hospital
    visit = await hospital.visit("closed")
    await pharmacy.prescription("delivered", visit)
    await pharmacy.record(visit, "signing", "filing", "filed")
    await hospital.given_back(await hospital.visit("cancelled"), "requested", "cleared", "accepted", "arrived")
    assert await hospital.audit() == []


async def test_a_table_was_emptied_whose_rows_are_named(pharmacy: Pharmacy) -> None:
    """One after the other, each put back again."""
    hospital = pharmacy.hospital
    await people_came(pharmacy)
    await hospital.unguarded()
    for table, told in DROPPED.items():
        await hospital.do(f"create table kept as table {table}")
        await hospital.do(f"delete from {table}")

        found = await hospital.audit()

        assert {one.kind for one in found} == {Kind.ROW_MISSING}, table
        assert any(told in one.theirs for one in found), table
        assert await hospital.kinds(quiet=False) == {Kind.ROW_MISSING}, table
        await hospital.do(f"insert into {table} select * from kept")
        await hospital.do("drop table kept")
    assert await hospital.audit() == []


async def test_it_is_told_whosever_visit_is_asked_for(hospital: Hospital) -> None:
    visit, other = await hospital.visit("unpaid"), await hospital.visit("closed")
    await hospital.unguarded()
    await hospital.do("delete from charge where visit_id = $1", other.id)

    assert {one.kind for one in await hospital.audit(visits={visit.id})} == {Kind.ROW_MISSING}


async def test_a_refund_that_a_person_withdrew(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    refund_id = await hospital.given_back(visit, "requested", "stuck", "withdrawn", cause="management")
    assert await hospital.audit() == []
    await hospital.do("delete from refund")

    [found] = await hospital.audit()

    assert (found.kind, found.about, found.visit) == (Kind.ROW_MISSING, f"refund={refund_id}", visit.id)


async def test_the_only_suspension(hospital: Hospital) -> None:
    suspension_id, what = new(), {"schedule_id": UNIT, "schedule_version": "1", "policy": "test-1"}
    await hospital.insert("suspension", id=suspension_id, state="done", version=2, **what)
    await hospital.moved("suspension", suspension_id, suspension_id, "looking", "clearing", "done")
    assert await hospital.audit() == []
    await hospital.do("delete from suspension")

    assert [(one.kind, one.about) for one in await hospital.audit()] == [(Kind.ROW_MISSING, f"suspension={suspension_id}")]


@pytest.mark.parametrize(("column", "stage"), [("claim_id", "unpaid"), ("charge_id", "closed")])
async def test_a_visit_that_names_no_place_or_no_charge_any_more(hospital: Hospital, column: str, stage: str) -> None:
    visit = await hospital.visit(stage)
    await hospital.do(f"update revisit set {column} = null")

    [found] = await hospital.audit()

    assert (found.kind, found.about, found.visit) == (Kind.ROW_MISSING, f"revisit={visit.id} {column}=None", visit.id)


async def test_a_state_that_nothing_has(pharmacy: Pharmacy) -> None:
    await people_came(pharmacy)
    for table in STRANGE:
        [row] = await pharmacy.hospital.wire.fetch(f"select id, state from {table} order by id limit 1")
        await pharmacy.hospital.do(f"alter table {table} drop constraint ck_{table}_state")
        await pharmacy.hospital.do(f"update {table} set state = 'lost' where id = $1", row["id"])

        [found] = await pharmacy.hospital.audit()

        assert (found.kind, found.ours) == (Kind.ROW_STRANGE, "lost"), table
        await pharmacy.hospital.do(f"update {table} set state = $2 where id = $1", row["id"], row["state"])
