"""What a client of the pharmacy writes: prescriptions of an open visit, line by line, and their signatures."""

import base64
from typing import Any, Final

import httpx

from sandbox.his import wire
from tests.sandbox.his.client import SLOT, Client, a_visit

Json = dict[str, Any]
AT: Final = "2026-11-25T07:45:00.000+08:00"
UNTIL: Final = "2026-11-26T00:00:00.000+08:00"
ISONIAZID: Final = ("drug-isoniazid", 300, "mg", "qd", 28, 1, "盒")
TIOTROPIUM: Final = ("drug-tiotropium", 1, "吸", "qd", 28, 1, "支")
"""Drug, dose, its unit, frequency, days, packs and their unit."""


async def an_open_visit(client: Client, number: str = "v1", slot: str = SLOT, patient: str = "pat-eligible") -> Json:
    """The encounter of a visit that has begun."""
    appointment = await client.checked_in(f"c-{number}", slot, patient)
    answer = await client.create(a_visit(number, appointment))
    assert answer.status_code == 201, answer.text
    return answer.json()


def a_line(visit: Json, number: str, at: int = 1, drug: tuple[str, float, str, str, int, int, str] = ISONIAZID, **changes: Any) -> Json:
    """The body of one line."""
    id, dose, unit, frequency, days, packs, pack = drug
    return {
        "resourceType": "MedicationRequest",
        "identifier": [{"system": wire.PRESCRIPTION_LINE, "value": f"{number}-{at}"}],
        "status": "on-hold",
        "intent": "order",
        "medicationReference": {"reference": f"Medication/{id}"},
        "subject": visit["subject"],
        "encounter": {"reference": f"Encounter/{visit['id']}"},
        "authoredOn": AT,
        "requester": visit["participant"][0]["individual"],
        "reasonCode": [{"coding": [{"system": wire.ICD_10, "code": "A15.0"}], "text": "肺结核"}],
        "groupIdentifier": {"system": wire.PRESCRIPTION, "value": number},
        "dosageInstruction": [
            {
                "timing": {"code": {"coding": [{"system": wire.FREQUENCIES, "code": frequency}]}},
                "route": {"coding": [{"system": wire.ROUTES, "code": "inhaled" if pack == "支" else "oral"}]},
                "doseAndRate": [{"doseQuantity": {"value": dose, "unit": unit}}],
            }
        ],
        "dispenseRequest": {
            "validityPeriod": {"end": UNTIL},
            "quantity": {"value": packs, "unit": pack},
            "expectedSupplyDuration": {"value": days, "unit": "天", "system": wire.UCUM, "code": "d"},
        },
    } | changes


def a_provenance(lines: list[Json]) -> Json:
    """The body of the two signatures over these lines."""
    doctor = lines[0]["requester"]
    pharmacist = {"identifier": {"system": wire.STAFF, "value": "pha-qianyulan"}, "display": "钱玉兰"}
    return {
        "resourceType": "Provenance",
        "target": [{"reference": f"MedicationRequest/{line['id']}"} for line in lines],
        "recorded": AT,
        "agent": [{"who": doctor}, {"who": pharmacist}],
        "signature": [_signature(wire.AUTHOR, doctor), _signature(wire.VERIFICATION, pharmacist)],
    }


def _signature(kind: str, who: Json) -> Json:
    return {
        "extension": [{"url": wire.CERTIFICATE, "valueBase64Binary": base64.b64encode(b"certificate").decode()}],
        "type": [{"system": wire.SIGNATURE_TYPES, "code": kind}],
        "when": AT,
        "who": who,
        "sigFormat": "application/octet-stream",
        "data": base64.b64encode(b"\x01" * 64).decode(),
    }


async def write(client: Client, line: Json) -> httpx.Response:
    """A line."""
    return await client.create(line)


async def sign(client: Client, lines: list[Json], **changes: Any) -> httpx.Response:
    """The signatures over these lines, conditional on the first of them."""
    headers = {"Content-Type": wire.FHIR_JSON, "If-None-Exist": f"target=MedicationRequest/{lines[0]['id']}"}
    return await client.http.post("/his/fhir/R4/Provenance", json=a_provenance(lines) | changes, headers=headers)


async def valid(client: Client, visit: Json, number: str = "rx1", *drugs: tuple[str, float, str, str, int, int, str]) -> list[Json]:
    """A prescription written, signed and approved: its lines."""
    wanted = drugs or (ISONIAZID, TIOTROPIUM)
    written = [(await write(client, a_line(visit, number, at, drug))).json() for at, drug in enumerate(wanted, start=1)]
    signed = await sign(client, written)
    assert signed.status_code == 201, signed.text
    approved = [await client.put(line | {"status": "active"}) for line in written]
    assert {answer.status_code for answer in approved} == {200}, [answer.text for answer in approved]
    return [answer.json() for answer in approved]


async def bill_of(client: Client, number: str = "rx1") -> Json:
    """The one bill of a prescription."""
    [bill] = await client.found("/Invoice", identifier=f"{wire.PRESCRIPTION}|{number}")
    return bill


async def at_the_counter(client: Client, act: str, number: str = "rx1") -> httpx.Response:
    """What a person does at the window or the pharmacy: pay, prepare, hand-out, take-back."""
    return await client.http.post(f"/his/desk/prescriptions/{number}/{act}")
