"""What a client writes, read out of its resources; whatever is missing or wrong is refused `invalid` by its element."""

import base64
import binascii
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sandbox.his import elements, instants, wire
from sandbox.his.elements import Json
from sandbox.his.outcome import Refusal
from sandbox.his.pharmacy.resources import FREQUENCY_NAMES, ROUTE_NAMES

_TEXT_MAX: Final = 200
_SIGNATURE_MAX: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One drug of a prescription as a MedicationRequest says it; what it shares with the others is `Shared`."""

    line_no: str
    drug_id: str
    dose: str
    dose_unit: str
    frequency: str
    route: str
    days: int
    packs: int
    pack_unit: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the lines of one prescription have in common; each of them says the same."""

    number: str
    patient_id: str
    encounter_id: str
    practitioner_id: str
    icd10: str
    diagnosis: str
    authored_ms: int
    valid_until_ms: int | None


def line_of(body: Json, line_no: str) -> tuple[Shared, Line]:
    """What a new MedicationRequest says."""
    if body.get("status") != "on-hold":
        raise wrong("status", "on-hold")
    if body.get("intent") != "order":
        raise wrong("intent", "order")
    note = elements.text_at(body, "note", 0, "text")
    if note is not None and not _printable(note):
        raise wrong("note", f"printable text up to {_TEXT_MAX} characters")
    shared = Shared(
        number=_number(body),
        patient_id=_id(body, "Patient", "subject"),
        encounter_id=_id(body, "Encounter", "encounter"),
        practitioner_id=_id(body, "Practitioner", "requester"),
        icd10=_code(body, wire.ICD_10, "reasonCode", 0),
        diagnosis=_words(body, "reasonCode", 0, "text"),
        authored_ms=_moment(elements.text_at(body, "authoredOn") or "", "authoredOn"),
        valid_until_ms=until_of(body),
    )
    dosage = elements.list_at(body, "dosageInstruction")
    if len(dosage) != 1:
        raise wrong("dosageInstruction", "one")
    dose, dose_unit = _quantity(dosage[0], "dosageInstruction.doseAndRate", "doseAndRate", 0, "doseQuantity")
    packs, pack_unit = _quantity(body, "dispenseRequest.quantity", "dispenseRequest", "quantity")
    days, _ = _quantity(body, "dispenseRequest.expectedSupplyDuration", "dispenseRequest", "expectedSupplyDuration")
    frequency = _code(dosage[0], wire.FREQUENCIES, "timing", "code")
    route = _code(dosage[0], wire.ROUTES, "route")
    if frequency not in FREQUENCY_NAMES:
        raise wrong("dosageInstruction.timing", "a frequency of this hospital")
    if route not in ROUTE_NAMES:
        raise wrong("dosageInstruction.route", "a route of this hospital")
    line = Line(
        line_no=line_no,
        drug_id=_id(body, "Medication", "medicationReference"),
        dose=f"{dose.normalize():f}",
        dose_unit=dose_unit,
        frequency=frequency,
        route=route,
        days=_whole(days, "dispenseRequest.expectedSupplyDuration"),
        packs=_whole(packs, "dispenseRequest.quantity"),
        pack_unit=pack_unit,
        note=note,
    )
    return shared, line


def until_of(body: Json) -> int | None:
    """The end of a MedicationRequest's validity."""
    until = elements.text_at(body, "dispenseRequest", "validityPeriod", "end")
    return None if until is None else _moment(until, "dispenseRequest.validityPeriod")


def targets_of(body: Json) -> list[str]:
    """Ids of the MedicationRequests that a Provenance is about."""
    ids = [found for item in elements.list_at(body, "target") if (found := elements.id_at(item, "MedicationRequest"))]
    if not ids or len(ids) != len(elements.list_at(body, "target")):
        raise Refusal("invalid", "Provenance.target", "MedicationRequests")
    return ids


def check_signatures(body: Json, wanted: frozenset[str] = frozenset({wire.AUTHOR, wire.VERIFICATION})) -> None:
    """One of each kind, the doctor's and of a prescription the pharmacist's, with its certificate and its instant.

    Whether they hold is not asked here.
    """
    found = elements.list_at(body, "signature")
    kinds = frozenset(
        elements.text_at(one, "type", 0, "code") for one in found if elements.text_at(one, "type", 0, "system") == wire.SIGNATURE_TYPES
    )
    if kinds != wanted or len(found) != len(wanted):
        raise Refusal("not-signed", "Provenance.signature", f"one each of {', '.join(sorted(wanted))}")
    for one in found:
        certificates = [item.get("valueBase64Binary") for item in elements.list_at(one, "extension") if item.get("url") == wire.CERTIFICATE]
        if not _binary(one.get("data")) or len(certificates) != 1 or not _binary(certificates[0]):
            raise Refusal("not-signed", "Provenance.signature", "data and certificate in base64")
        try:
            instants.parse_instant(elements.text_at(one, "when") or "")
        except ValueError as error:
            raise Refusal("not-signed", "Provenance.signature", "when") from error


def wrong(element: str, hint: str) -> Refusal:
    """That element of a MedicationRequest cannot be taken."""
    return Refusal("invalid", f"MedicationRequest.{element}", hint)


def _number(body: Json) -> str:
    number = elements.text_at(body, "groupIdentifier", "value") or ""
    if elements.text_at(body, "groupIdentifier", "system") != wire.PRESCRIPTION or not 0 < len(number) <= 64:
        raise wrong("groupIdentifier", f"one of {wire.PRESCRIPTION}, up to 64 characters")
    return number


def _id(body: Json, kind: str, element: str) -> str:
    found = elements.id_at(body, kind, element)
    if found is None:
        raise wrong(element, f"a {kind}")
    return found


def _code(body: Json, system: str, *path: str | int) -> str:
    codings = elements.list_at(body, *path, "coding")
    found = next((elements.text_at(one, "code") for one in codings if one.get("system") == system), None)
    if not found or len(found) > 32:
        raise wrong(str(path[0]), f"a code of {system}")
    return found


def _words(body: Json, *path: str | int) -> str:
    found = elements.text_at(body, *path) or ""
    if not _printable(found):
        raise wrong(str(path[0]), f"printable text up to {_TEXT_MAX} characters")
    return found


def _printable(text: str) -> bool:
    return bool(text.strip()) and len(text) <= _TEXT_MAX and text.isprintable()


def _moment(text: str, element: str) -> int:
    try:
        return instants.parse_instant(text)
    except ValueError as error:
        raise wrong(element, "an instant with a zone") from error


def _quantity(body: Json, element: str, *path: str | int) -> tuple[Decimal, str]:
    value, unit = elements.part(body, *path, "value"), elements.text_at(body, *path, "unit")
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not unit:
        raise wrong(element, "value and unit")
    exact = Decimal(value)
    if not exact.is_finite() or not 0 < exact <= 10**6:
        raise wrong(element, "more than nothing")
    return exact, unit


def _whole(value: Decimal, element: str) -> int:
    if value != value.to_integral_value() or value > 1000:
        raise wrong(element, "a whole number up to 1000")
    return int(value)


def _binary(value: object) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= _SIGNATURE_MAX:
        return False
    try:
        return bool(base64.b64decode(value, validate=True))
    except binascii.Error:
        return False
