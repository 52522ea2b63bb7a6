"""What the HIS tells by itself: every event it may tell is read, and whatever is not its own is refused."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from gateways.his import names
from gateways.his.account import HisAccount
from gateways.his.fhir import FhirHIS
from gateways.his.inbound import BillTold, DrugsTold, HisMessage, ReportTold, ScheduleTold, open_message
from models.kernel import ids, sm2
from models.kernel.clock import now
from models.kernel.errors import DomainError
from models.prescription_his import Written
from tests.gateways.his.hospital import Hospital
from tests.sandbox.doorbell import doorbell

KEY = "68" * 32
ACCOUNT = HisAccount(base_url="http://his", client_id="fuzhen", client_secret="s3cret", webhook_key=KEY)
NUMBER = UUID(int=7)
Json = dict[str, Any]


def a_message(event: str, *focus: Json, id: str = "m-1", system: str = names.EVENT) -> bytes:
    header = {"resourceType": "MessageHeader", "id": id, "eventCoding": {"system": system, "code": event}}
    entries = [{"resource": one} for one in (header, *focus)]
    return json.dumps({"resourceType": "Bundle", "type": "message", "id": id, "entry": entries}).encode()


def signed(body: bytes, key: str = KEY, late_s: float = 0) -> dict[str, str]:
    timestamp, nonce = str(int(now().timestamp() + late_s)), ids.new().hex
    proof = sm2.hmac_sm3(bytes.fromhex(key), f"{timestamp}\n{nonce}\n".encode() + body)
    return {"X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": proof.hex()}


def a_schedule(version: str = "3") -> Json:
    return {"resourceType": "Schedule", "id": "sch-1", "meta": {"versionId": version}}


def a_bill(system: str = names.PRESCRIPTION) -> Json:
    amount = {"value": 153.4, "currency": "CNY"}
    return {
        "resourceType": "Invoice",
        "id": "inv-1",
        "status": "balanced",
        "totalGross": amount,
        "identifier": [{"system": system, "value": NUMBER.hex}],
    }


def a_dispense(line_no: str | None = f"{NUMBER.hex}-1") -> Json:
    identifier = {"identifier": {"system": names.PRESCRIPTION_LINE, "value": line_no}} if line_no else {}
    reference = {"reference": "MedicationRequest/mr-1"} | identifier
    return {"resourceType": "MedicationDispense", "id": "md-1", "status": "completed", "authorizingPrescription": [reference]}


SCHEDULED = {"schedule_id": "sch-1", "version": "3"}
TOLD: list[tuple[bytes, HisMessage]] = [
    *(
        (a_message(event, a_schedule()), ScheduleTold.model_validate({"message_id": "m-1", "event": event, **SCHEDULED}))
        for event in ("stop", "replace", "time-moved", "resume")
    ),
    (
        a_message("paid-at-window", a_bill()),
        BillTold(message_id="m-1", event="paid-at-window", invoice_id="inv-1", prescription=NUMBER),
    ),
    (
        a_message("refunded-at-window", a_bill("urn:oid:2.999.1001.4")),
        BillTold(message_id="m-1", event="refunded-at-window", invoice_id="inv-1", prescription=None),
    ),
    (a_message("dispensed", a_dispense(), a_dispense()), DrugsTold(message_id="m-1", event="dispensed", prescription=NUMBER)),
    (a_message("dispensed", a_dispense(None)), DrugsTold(message_id="m-1", event="dispensed", prescription=None)),
    (
        a_message("report-ready", {"resourceType": "DiagnosticReport", "id": "rep-1"}),
        ReportTold(message_id="m-1", event="report-ready", report_id="rep-1"),
    ),
]


@pytest.mark.parametrize(("body", "message"), TOLD, ids=[message.event for _, message in TOLD])
def test_every_event_is_read(body: bytes, message: HisMessage) -> None:
    assert open_message(ACCOUNT, signed(body), body, now()) == message


def refusal(body: bytes, headers: dict[str, str], account: HisAccount = ACCOUNT) -> DomainError:
    with pytest.raises(DomainError) as refused:
        open_message(account, headers, body, now())
    return refused.value


BODY = a_message("stop", a_schedule())
FORGED: dict[str, tuple[Callable[[], dict[str, str]], str]] = {
    "no headers": (dict, "headers"),
    "another key": (lambda: signed(BODY, "69" * 32), "signature"),
    "another body": (lambda: signed(BODY + b" "), "signature"),
    "another nonce": (lambda: signed(BODY) | {"X-Nonce": "0"}, "signature"),
    "too old": (lambda: signed(BODY, late_s=-301), "time"),
    "of the future": (lambda: signed(BODY, late_s=7200), "time"),
    "no time": (lambda: signed(BODY) | {"X-Timestamp": "٣"}, "headers"),
    "no signature": (lambda: {name: value for name, value in signed(BODY).items() if name != "X-Signature"}, "signature"),
}
"""Signed when they are sent: a whole run of the tests takes longer than a message stays fresh."""


@pytest.mark.parametrize(("sent", "reason"), FORGED.values(), ids=FORGED)
def test_what_is_not_the_hospitals_own_is_refused(sent: Callable[[], dict[str, str]], reason: str) -> None:
    refused = refusal(BODY, sent())
    assert (refused.code, refused.kind, refused.params) == ("his.signature", "anonymous", {"reason": reason})


def test_without_a_key_nothing_is_believed() -> None:
    nobody = HisAccount(base_url="http://his", client_id="fuzhen", client_secret="s3cret")
    assert refusal(BODY, signed(BODY), nobody).code == "his.signature"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff",
        json.dumps({"resourceType": "Bundle", "type": "message", "id": "m-1", "entry": []}).encode(),
        json.dumps({"resourceType": "Bundle", "type": "message", "id": "m 1", "entry": []}).encode(),
        a_message("stop"),
        a_message("stop", a_schedule(), a_schedule()),
        a_message("stop", {"resourceType": "Schedule", "id": "sch-1"}),
        a_message("dispensed"),
        a_message("dispensed", a_dispense(), a_dispense(f"{UUID(int=8).hex}-1")),
        a_message("report-ready", a_schedule()),
        a_message("paid-at-window", {"resourceType": "Invoice", "id": "inv-1"}),
    ],
)
def test_what_is_the_hospitals_and_unreadable(body: bytes) -> None:
    refused = refusal(body, signed(body))
    assert (refused.code, refused.kind) == ("his.malformed", "malformed")


@pytest.mark.parametrize(
    ("event", "system", "named"), [("closed", names.EVENT, "closed"), ("stop", "urn:other", None), ("张三", names.EVENT, None)]
)
def test_an_event_that_nobody_knows_is_named_where_it_is_a_word(event: str, system: str, named: str | None) -> None:
    body = a_message(event, a_schedule(), system=system)
    refused = refusal(body, signed(body))
    assert (refused.code, refused.params) == ("his.unknown_event", {"told": named})


async def test_what_the_sandbox_tells_is_read(
    hospital: Hospital, his: FhirHIS, account: HisAccount, written: Written, outside: httpx.Client, listening: Callable[[str | None], None]
) -> None:
    await his.write_prescription(written)
    with doorbell() as bell:
        listening(bell.url)
        hospital.at_the_counter("pay", written.number)
        hospital.at_the_counter("hand-out", written.number)
        told: list[BillTold | DrugsTold] = []
        while len(told) < 2:  # what nobody had heard of other tests comes too
            heard = bell.next()
            match open_message(account, heard.headers, heard.body, now() + timedelta(seconds=1)):
                case BillTold() | DrugsTold() as one if one.prescription == written.number:
                    told.append(one)
                case _:
                    pass
    listening(None)

    assert {(type(one).__name__, one.event, one.prescription) for one in told} == {
        ("BillTold", "paid-at-window", written.number),
        ("DrugsTold", "dispensed", written.number),
    }
