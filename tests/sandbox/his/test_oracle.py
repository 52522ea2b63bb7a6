"""The oracle itself: its table against the library's own lists, and what it must not let pass."""

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from tests.sandbox.his import oracle
from tests.sandbox.his.client import LATER_SLOT, SLOT, Client, Clock, a_payment, a_refund, a_visit
from tests.sandbox.his.pharmacy import AT, a_line, a_provenance, an_open_visit, sign, write


@pytest.mark.parametrize("name", sorted(oracle.REQUIRED))
def test_the_table_knows_what_the_library_lists(name: str) -> None:
    model_name, field_name = name.split(".")

    assert oracle.listed(get_fhir_model_class(model_name), field_name) <= oracle.REQUIRED[name]


@pytest.mark.long
async def test_every_kind_of_message_was_looked_at(client: Client) -> None:
    seen = await client.checked_in("c1")
    visit = (await client.create(a_visit("v1", seen))).json()
    await client.put(visit | {"status": "finished"})
    await client.lock("c2", slot=LATER_SLOT)
    for kind in (
        "Organization",
        "HealthcareService",
        "Practitioner",
        "PractitionerRole",
        "Schedule",
        "Slot",
        "Appointment",
        "PaymentReconciliation",
        "Medication",
        "MedicationRequest",
        "MedicationDispense",
    ):
        await client.found(f"/{kind}")
    await client.found("/Encounter", _include="Encounter:diagnosis")
    await client.get("/Patient/pat-child")
    await client.http.get("/his/fhir/R4/Slot/nowhere")

    assert client.seen == {
        *("Organization", "HealthcareService", "Practitioner", "PractitionerRole", "Schedule", "Slot", "Appointment", "Invoice"),
        *("PaymentReconciliation", "Encounter", "Condition", "Patient", "Bundle", "OperationOutcome"),
        *("Medication", "MedicationRequest", "MedicationDispense"),
    }


async def test_what_is_written_of_a_prescription_is_fhir_as_well(client: Client, clock: Clock) -> None:
    clock.forward(minutes=20)
    visit = await an_open_visit(client)
    line = a_line(visit, "rx1")
    oracle.check({**line, "id": "x", "meta": {"versionId": "1", "lastUpdated": AT}})
    written = (await write(client, line)).json()
    signed = a_provenance([written])

    assert (await sign(client, [written])).json()["signature"] == signed["signature"]
    assert "Provenance" in client.seen
    get_fhir_model_class("Provenance").model_validate(signed)


@pytest.mark.parametrize("body", [a_payment("p1"), a_refund("r1"), a_refund("r2", 30.0, {"cash": 20.0, "fund": 10.0})])
def test_what_the_his_takes_is_fhir_as_well(body: dict[str, Any]) -> None:
    get_fhir_model_class("Parameters").model_validate(body)


async def test_the_oracle_refuses_what_fhir_refuses(client: Client) -> None:
    slot = await client.get(f"/Slot/{SLOT}")
    appointment = (await client.lock("c1")).json()
    wrong: list[dict[str, Any]] = [
        slot | {"status": "taken"},
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "slot-full"}]},
        slot | {"comment": None},
        slot | {"specialty": []},
        slot | {"color": "red"},
        slot | {"schedule": {"reference": "the schedule"}},
        {name: value for name, value in slot.items() if name != "start"},
        appointment | {"extension": []},
        appointment | {"contained": [appointment["contained"][0] | {"id": "other"}]},
        appointment | {"contained": [appointment["contained"][0] | {"status": "paid"}]},
    ]
    for message in wrong:
        with pytest.raises((AssertionError, ValueError)):
            oracle.check(message)
