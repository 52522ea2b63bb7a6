"""Prescriptions of an online visit: written line by line, signed, priced by the hospital, cancelled as a whole; refused by name."""

import asyncio
from typing import Any

import pytest

from sandbox.his import wire
from tests.sandbox.his.client import LATER_SLOT, Client, Clock, a_payment, a_refund, refusal
from tests.sandbox.his.pharmacy import (
    AT,
    ISONIAZID,
    TIOTROPIUM,
    a_line,
    a_provenance,
    an_open_visit,
    at_the_counter,
    bill_of,
    sign,
    valid,
    write,
)

Json = dict[str, Any]
MINUTES = 20
"""From the clock of these tests to a moment in which the visit goes on."""


@pytest.fixture(autouse=True)
def _the_doctor_has_begun(clock: Clock) -> None:
    clock.forward(minutes=MINUTES)


async def test_a_valid_prescription_has_one_bill_by_the_hospitals_prices(client: Client) -> None:
    lines = await valid(client, await an_open_visit(client))

    assert {line["status"] for line in lines} == {"active"}
    bill = await bill_of(client)
    assert (bill["status"], bill["totalGross"]) == ("issued", {"value": 14.5 + 138.9, "currency": "CNY"})
    assert [item["chargeItemCodeableConcept"]["text"] for item in bill["lineItem"]] == ["异烟肼片", "噻托溴铵粉吸入剂"]
    found = await client.found("/MedicationRequest", **{"group-identifier": f"{wire.PRESCRIPTION}|rx1"})
    assert {line["identifier"][0]["value"] for line in found} == {"rx1-1", "rx1-2"}
    assert len(await client.found("/Invoice", identifier=f"{wire.PRESCRIPTION}|rx1")) == 1


async def test_it_has_none_before_its_last_line_is_valid(client: Client) -> None:
    visit = await an_open_visit(client)
    written = [(await write(client, a_line(visit, "rx1", at, drug))).json() for at, drug in ((1, ISONIAZID), (2, TIOTROPIUM))]
    assert refusal(await client.put(written[0] | {"status": "active"})) == (409, "not-signed")
    await sign(client, written)
    assert (await client.put(written[0] | {"status": "active"})).status_code == 200
    assert await client.found("/Invoice", identifier=f"{wire.PRESCRIPTION}|rx1") == []

    assert (await client.put(written[1] | {"status": "active"})).status_code == 200

    assert (await bill_of(client))["status"] == "issued"


async def test_asked_again_nothing_is_done_twice(client: Client) -> None:
    visit = await an_open_visit(client)
    answers = await asyncio.gather(*(write(client, a_line(visit, "rx1")) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    line = answers[0].json()
    signed = [await sign(client, [line]) for _ in range(2)]
    assert [answer.status_code for answer in signed] == [201, 200]
    assert len({answer.json()["id"] for answer in signed}) == 1

    for _ in range(2):
        assert (await client.put(line | {"status": "active"}, version=line["meta"]["versionId"])).status_code == 200
    assert len(await client.found("/MedicationRequest", **{"group-identifier": f"{wire.PRESCRIPTION}|rx1"})) == 1
    assert (await bill_of(client))["totalGross"]["value"] == 14.5


@pytest.mark.parametrize(
    ("drug", "code"),
    [
        (("drug-nothing", 1, "mg", "qd", 7, 1, "盒"), "drug-unknown"),
        (("drug-aspirin", 100, "mg", "qd", 7, 1, "盒"), "drug-stopped"),
        (("drug-morphine", 30, "mg", "qd", 7, 1, "盒"), "drug-not-online"),
        (("drug-alprazolam", 0.4, "mg", "qn", 7, 1, "盒"), "drug-not-online"),
        (("drug-ceftriaxone", 1, "g", "qd", 7, 7, "瓶"), "drug-not-online"),
    ],
)
async def test_a_drug_that_is_not_given(client: Client, drug: tuple[str, float, str, str, int, int, str], code: str) -> None:
    await client.http.post("/his/desk/drugs/drug-aspirin/stop")

    assert refusal(await write(client, a_line(await an_open_visit(client), "rx1", 1, drug))) == (409, code)


async def test_a_drug_that_was_stopped_since_it_was_written(client: Client) -> None:
    line = (await write(client, a_line(await an_open_visit(client), "rx1"))).json()
    await sign(client, [line])
    await client.http.post("/his/desk/drugs/drug-isoniazid/stop")

    assert refusal(await client.put(line | {"status": "active"})) == (409, "drug-stopped")


async def test_a_visit_that_is_not_open(client: Client, clock: Clock) -> None:
    visit = await an_open_visit(client)
    [past, *_] = await client.found("/Encounter", patient="pat-eligible", **{"class": "AMB"})
    assert refusal(await write(client, a_line(past, "rx0"))) == (409, "not-in-progress")
    assert refusal(await write(client, a_line(visit, "rx1", authoredOn="2026-11-25T07:39:59+08:00"))) == (409, "not-in-progress")

    await client.put(visit | {"status": "finished", "period": visit["period"] | {"end": "2026-11-25T07:46:00+08:00"}})
    clock.forward(minutes=5)
    assert refusal(await write(client, a_line(visit, "rx2", authoredOn="2026-11-25T07:46:01+08:00"))) == (409, "not-in-progress")
    assert (await write(client, a_line(visit, "rx3", authoredOn=AT))).status_code == 201, "written while it was open, told later"


async def test_a_visit_whose_money_went_back(client: Client) -> None:
    visit = await an_open_visit(client)
    appointment = await client.get(f"/{visit['appointment'][0]['reference']}")
    await client.reverse(appointment["contained"][0]["id"], a_refund("r1"))

    assert refusal(await write(client, a_line(visit, "rx1"))) == (409, "not-in-progress")


async def test_five_drugs_and_no_sixth(client: Client) -> None:
    visit = await an_open_visit(client)
    ids = ("isoniazid", "rifampicin", "pyrazinamide", "ethambutol", "levofloxacin", "montelukast")
    answers = [await write(client, a_line(visit, "rx1", at, (f"drug-{id}", 10, "mg", "qd", 7, 1, "盒"))) for at, id in enumerate(ids)]

    assert [answer.status_code for answer in answers[:5]] == [201] * 5
    assert refusal(answers[5]) == (409, "too-many-drugs")


async def test_a_line_too_many_after_the_signature(client: Client) -> None:
    visit = await an_open_visit(client)
    await valid(client, visit, "rx1", ISONIAZID)

    assert refusal(await write(client, a_line(visit, "rx1", 2, TIOTROPIUM))) == (409, "signed-already")


async def wrong_lines(client: Client) -> list[Json]:
    visit = await an_open_visit(client)
    other = await an_open_visit(client, "v2", LATER_SLOT, "pat-eligible-2")
    line = a_line(visit, "rx1")
    quantity = line["dispenseRequest"]["quantity"]
    return [
        line | {"status": "active"},
        line | {"intent": "plan"},
        line | {"subject": other["subject"]},
        line | {"requester": {"reference": "Practitioner/doc-liumin"}},
        line | {"encounter": {"reference": "Encounter/nowhere"}},
        line | {"groupIdentifier": {"system": wire.PRESCRIPTION, "value": ""}},
        line | {"authoredOn": "2026-11-25"},
        line | {"reasonCode": [{"text": "肺结核"}]},
        line | {"medicationReference": {"reference": "Substance/1"}},
        line | {"dosageInstruction": []},
        line | {"dispenseRequest": line["dispenseRequest"] | {"quantity": quantity | {"value": 1.5}}},
        line | {"dispenseRequest": line["dispenseRequest"] | {"quantity": quantity | {"value": 0}}},
        line | {"dispenseRequest": line["dispenseRequest"] | {"quantity": quantity | {"unit": "箱"}}},
        line | {"dispenseRequest": line["dispenseRequest"] | {"validityPeriod": {"end": "2026-11-25T07:45:00+08:00"}}},
        line | {"dispenseRequest": line["dispenseRequest"] | {"validityPeriod": {"end": "2026-11-28T00:00:01+08:00"}}},
        line | {"note": [{"text": "a\u0000b"}]},
        a_line(visit, "rx1", 1, ("drug-isoniazid", 0.3, "g", "qd", 7, 1, "盒")),
        a_line(visit, "rx1", 1, ("drug-isoniazid", 300, "mg", "sometimes", 7, 1, "盒")),
    ]


async def test_what_cannot_be_read_or_does_not_fit_is_refused_by_its_element(client: Client) -> None:
    for line in await wrong_lines(client):
        answer = await write(client, line)
        assert refusal(answer) == (422, "invalid"), line
        assert answer.json()["issue"][0]["expression"][0].startswith("MedicationRequest.")
    assert await client.found("/MedicationRequest", **{"group-identifier": f"{wire.PRESCRIPTION}|rx1"}) == []


async def test_lines_of_one_prescription_say_the_same(client: Client) -> None:
    visit = await an_open_visit(client)
    await write(client, a_line(visit, "rx1"))

    for second in (
        a_line(visit, "rx1", 2, TIOTROPIUM, authoredOn="2026-11-25T07:45:01+08:00"),
        a_line(visit, "rx1", 2, ISONIAZID),
        a_line(visit, "rx1", 2, ("drug-herb-huangqi", 10, "g", "qd", 7, 7, "袋")),
    ):
        assert refusal(await write(client, second)) == (422, "invalid")


async def test_signatures_that_are_none(client: Client) -> None:
    visit = await an_open_visit(client)
    line = (await write(client, a_line(visit, "rx1"))).json()
    both = a_provenance([line])["signature"]

    for signatures in (both[:1], both[:1] * 2, [both[0], both[1] | {"data": "?"}], [both[0], both[1] | {"extension": []}]):
        assert refusal(await sign(client, [line], signature=signatures)) == (409, "not-signed")
    assert refusal(await sign(client, [line], target=[{"reference": "MedicationRequest/other"}])) == (400, "required")
    second = (await write(client, a_line(visit, "rx1", 2, TIOTROPIUM))).json()
    assert refusal(await sign(client, [line])) == (422, "invalid"), "every line of it"
    assert (await sign(client, [line, second])).status_code == 201


async def test_it_is_paid_as_a_place_is_and_given_back(client: Client) -> None:
    await valid(client, await an_open_visit(client))
    bill = await bill_of(client)
    assert refusal(await client.settle(bill["id"], a_payment("p1", 100.0))) == (409, "amount-differs")

    assert (await client.settle(bill["id"], a_payment("p1", 153.4))).json()["status"] == "balanced"
    assert refusal(await client.settle(bill["id"], a_payment("p2", 153.4))) == (409, "paid-elsewhere")
    assert (await client.reverse(bill["id"], a_refund("r1", 53.4))).json()["totalGross"]["value"] == 100.0
    assert (await client.reverse(bill["id"], a_refund("r2", 100.0))).json()["status"] == "cancelled"

    lines = await client.found("/MedicationRequest", **{"group-identifier": f"{wire.PRESCRIPTION}|rx1"})
    assert {line["status"] for line in lines} == {"cancelled"}
    assert (await at_the_counter(client, "hand-out")).status_code == 409


async def test_it_is_cancelled_as_a_whole_and_then_not_paid(client: Client) -> None:
    visit = await an_open_visit(client)
    [line, _] = await valid(client, visit)
    bill = await bill_of(client)

    for _ in range(2):
        assert (await client.put(line | {"status": "cancelled"})).json()["status"] == "cancelled"

    assert {one["status"] for one in await client.found("/MedicationRequest", encounter=visit["id"])} == {"cancelled"}
    assert (await bill_of(client))["status"] == "cancelled"
    assert refusal(await client.settle(bill["id"], a_payment("p1", 153.4))) == (409, "prescription-cancelled")
    assert refusal(await write(client, a_line(visit, "rx1", 3, ("drug-aspirin", 100, "mg", "qd", 7, 1, "盒"))))[1] == "signed-already"


async def test_what_was_paid_is_not_cancelled(client: Client) -> None:
    [line, _] = await valid(client, await an_open_visit(client))
    await client.settle((await bill_of(client))["id"], a_payment("p1", 153.4))

    assert refusal(await client.put(line | {"status": "cancelled"})) == (409, "settled")
    await at_the_counter(client, "hand-out")
    handed_out = await client.get(f"/MedicationRequest/{line['id']}")
    assert handed_out["status"] == "completed"
    assert refusal(await client.put(handed_out | {"status": "cancelled"})) == (409, "dispensed")


async def test_after_its_day_it_is_neither_valid_nor_paid_unless_it_was_extended(client: Client, clock: Clock) -> None:
    visit = await an_open_visit(client)
    [first, _] = await valid(client, visit, "rx1")
    await valid(client, visit, "rx2")
    later = first | {"dispenseRequest": first["dispenseRequest"] | {"validityPeriod": {"end": "2026-11-28T00:00:00+08:00"}}}
    extended = await client.put(later)
    assert extended.json()["dispenseRequest"]["validityPeriod"]["end"] == "2026-11-28T00:00:00.000+08:00"
    too_long = {"validityPeriod": {"end": "2026-11-28T00:00:01+08:00"}}
    assert refusal(await client.put(extended.json() | {"dispenseRequest": first["dispenseRequest"] | too_long})) == (422, "invalid")
    bills = {number: (await bill_of(client, number))["id"] for number in ("rx1", "rx2")}
    clock.forward(days=1)
    await client.sign_in(*client.keys)

    assert (await client.settle(bills["rx1"], a_payment("p1", 153.4))).status_code == 200
    assert refusal(await client.settle(bills["rx2"], a_payment("p2", 153.4))) == (409, "prescription-expired")
