"""Each call of a record, a prescription and its parcel to the outside, where on its way it is made, and what a refusal of it leads to."""

from typing import Final

from tests.faults.matrix import After, Asked, Back, Fault, Spot, Told
from tests.faults.walk import Path

_DRAFT = "drafting"
_REQUESTS, _INVOICES, _DISPENSES = "/fhir/R4/MedicationRequest", "/fhir/R4/Invoice", "/fhir/R4/MedicationDispense"
_FILTER, _ORDER, _FIND, _ROUTES, _UPDATE = (
    f"POST /EXP_RECE_{service}" for service in ("FILTER_ORDER_BSP", "CREATE_ORDER", "SEARCH_ORDER_RESP", "SEARCH_ROUTES", "UPDATE_ORDER")
)
_TASKS, _TASK = "POST /v1/tasks", "GET /v1/tasks/{number}"


def _his(method: str, call: str, path: Path, step: str, under_way: str | None, **more: After) -> Spot:
    """`more` are its refusals, in identifiers."""
    return Spot(method, "his", call, path, step, under_way, {code.replace("_", "-"): after for code, after in more.items()})


def _returned(code: str) -> Back:
    """The HIS does not take it: its doctor writes it anew, and that is another prescription there."""
    return Back("prescription", "returned", code)


RECORD: Final = (
    Spot(
        *("request_sign", "signature", _TASKS, Path.STRAIGHT, "record.request", "record record.request"),
        refusals={"CERTIFICATE_NOT_FOUND": Back("record_signing", "refused", "signature.no_certificate"), "SYSTEM_ERROR": Asked.AGAIN},
    ),
    Spot(*("query", "signature", _TASK, Path.STRAIGHT, "record.query", None), refusals={"SYSTEM_ERROR": Asked.AGAIN}),
    _his(
        *("write_record", "POST /fhir/R4/Composition", Path.STRAIGHT, "record.file", "record record.file"),
        invalid=Back("record_signing", "stuck", "his.invalid"),
    ),
    _his(
        *("write_record", "POST /fhir/R4/Provenance", Path.STRAIGHT, "record.file", "record record.file"),
        not_signed=Back("record_signing", "stuck", "his.not-signed"),
    ),
)
REVIEW: Final = Spot(
    *("check", "review", "POST /v1/checks", Path.PICKED_UP, "prescription.check", "prescription prescription.check"),
    refusals={"unavailable": Asked.ONCE, "not-licensed": Asked.ONCE},
    leads=dict.fromkeys(("slow", "lost", "late", "tampered"), Asked.ONCE),  # at a stand-in desk it is the last try: a person judges
)
SIGNATURES: Final = tuple(
    one
    for side, path, back in (("sign", Path.PICKED_UP, _DRAFT), ("countersign", Path.SENT, "queued"))
    for one in (
        Spot(
            *("request_sign", "signature", _TASKS, path, f"{side}.request", "prescription signature.request"),
            refusals={
                "CERTIFICATE_NOT_FOUND": Back("prescription", back, "signature.no_certificate"),
                "FREQUENCY_LIMITED": Asked.AGAIN,
                "SYSTEM_ERROR": Asked.AGAIN,
            },
        ),
        Spot(*("query", "signature", _TASK, path, f"{side}.query", None), refusals={"SYSTEM_ERROR": Asked.AGAIN}),
    )
)
HIS: Final = (
    _his(
        *("write_prescription", f"POST {_REQUESTS}", Path.PICKED_UP, "drug.price", "prescription drug.price"),
        drug_stopped=_returned("his.drug-stopped"),
        invalid=_returned("his.invalid"),
    ),
    _his(
        *("write_prescription", "POST /fhir/R4/Provenance", Path.SENT, "drug.price", "prescription drug.price"),
        not_signed=_returned("his.not-signed"),
    ),
    _his(
        *("write_prescription", f"PUT {_REQUESTS}/{{id}}", Path.PICKED_UP, "drug.price", "prescription drug.price"),
        drug_stopped=_returned("his.drug-stopped"),
    ),
    _his(
        *("price", f"GET {_INVOICES}", Path.SENT, "drug.price", "prescription drug.price"),
        not_found=Asked.AGAIN,
    ),
    _his(
        *("extend_prescription", f"PUT {_REQUESTS}/{{id}}", Path.PICKED_UP, "prescription.extend", "prescription extend"),
        prescription_expired=Told("his.prescription-expired"),
    ),
    _his(
        *("cancel_prescription", f"PUT {_REQUESTS}/{{id}}", Path.NOT_WANTED, "drug.leave", "prescription cancel_drugs"),
        settled=Told("prescription.paid"),
    ),
    _his(*("settle", f"POST {_INVOICES}/{{id}}/$settle", Path.SENT, "drug.settle", "charge charge.settle"), malformed=Asked.AGAIN),
    _his(*("dispensed", f"GET {_REQUESTS}", Path.PICKED_UP, "drug.query", None), not_found=Asked.AGAIN),
    _his(*("dispensed", f"GET {_DISPENSES}", Path.SENT, "drug.query", None), unauthorized=Asked.ONCE),
)
_TAKEN_THEN_REFUSED: tuple[Fault, ...] = (
    ("delivery.create", _FIND, "refused", "A1009"),
    ("delivery.create", _ORDER, "lost", None),
    ("delivery.create", _ORDER, "refused", "8057"),
)
"""It took the order without an answer, nobody could look for it, and asked again the carrier says no: what it has taken is looked for."""
CARRIER: Final = (
    Spot(
        *("reaches", "logistics", _FILTER, Path.SENT, "drug.choose", None),
        refusals={"A1004": Asked.ONCE, "8057": Asked.ONCE},
        leads=dict.fromkeys(("slow", "lost", "late", "tampered"), Asked.ONCE),  # without an answer the patient's choice goes on
    ),
    Spot(
        *("create", "logistics", _ORDER, Path.SENT, "delivery.create", "delivery delivery.create"),
        refusals={
            "1014": Back("delivery", "undeliverable", "logistics.1014"),
            "8057": Back("delivery", "undeliverable", "logistics.8057"),
            "A1005": Asked.AGAIN,
        },
        leads={"lost": Asked.ONCE, "tampered": Asked.ONCE},  # looked for at once, and found
    ),
    Spot(
        *("find", "logistics", _FIND, Path.SENT, "delivery.create", "delivery delivery.create"),
        refusals={"A1009": Asked.AGAIN},
        asked_again_by="create",
        before=_TAKEN_THEN_REFUSED,
    ),
    Spot(*("track", "logistics", _ROUTES, Path.SENT, "delivery.poll", None), refusals={"A1009": Asked.AGAIN, "A1099": Asked.AGAIN}),
    Spot(
        *("cancel", "logistics", _UPDATE, Path.NOT_SENT, "delivery.decide", "delivery decide"),
        refusals={"A1099": Asked.AGAIN},
    ),
)
NOTIFIES: Final = (
    Spot("confirms", "signature", "NOTIFY SIGNED", Path.PICKED_UP, "sign.confirm", None),
    Spot("confirms", "signature", "NOTIFY SIGNED", Path.SENT, "countersign.confirm", None),
    Spot("prepares", "his", "NOTIFY dispensed", Path.PICKED_UP, "pharmacy.prepare", None),
    Spot("hands_out", "his", "NOTIFY dispensed", Path.PICKED_UP, "pharmacy.hand-out", None),
    Spot("carries", "logistics", "NOTIFY route", Path.SENT, "delivery.move", None),
)
SPOTS: Final = (*RECORD, REVIEW, *SIGNATURES, *HIS, *CARRIER, *NOTIFIES)
