"""The outside oracle of the HIS's messages: `fhir.resources` R4B for shapes, a table of FHIR's required value sets for codes.

The library accepts any text as a code, so the codes are written down here from the R4 specification. A code that is answered and stands
in no table fails too: nothing passes unlooked at.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, cast

from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel

REQUIRED: Final[dict[str, set[str]]] = {
    "Address.type": {"postal", "physical", "both"},
    "Address.use": {"home", "work", "temp", "old", "billing"},
    "Appointment.status": {
        *("proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error", "checked-in", "waitlist"),
    },
    "AppointmentParticipant.status": {"accepted", "declined", "tentative", "needs-action"},
    "Bundle.type": {
        *("document", "message", "transaction", "transaction-response", "batch", "batch-response", "history", "searchset", "collection"),
    },
    "BundleEntrySearch.mode": {"match", "include", "outcome"},
    "Composition.status": {"preliminary", "final", "amended", "entered-in-error"},
    "CompositionAttester.mode": {"personal", "professional", "legal", "official"},
    "CompositionRelatesTo.code": {"replaces", "transforms", "signs", "appends"},
    "ContactPoint.system": {"phone", "fax", "email", "pager", "url", "sms", "other"},
    "ContactPoint.use": {"home", "work", "temp", "old", "mobile"},
    "Encounter.status": {
        *("planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown"),
    },
    "HumanName.use": {"usual", "official", "temp", "nickname", "anonymous", "old", "maiden"},
    "Identifier.use": {"usual", "official", "temp", "secondary", "old"},
    "Invoice.status": {"draft", "issued", "balanced", "cancelled", "entered-in-error"},
    "InvoiceLineItemPriceComponent.type": {"base", "surcharge", "deduction", "discount", "tax", "informational"},
    "OperationOutcomeIssue.code": {
        *("invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired", "forbidden", "suppressed"),
        *("processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long", "code-invalid", "extension"),
        *("too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store", "exception", "timeout", "incomplete"),
        *("throttled", "informational"),
    },
    "OperationOutcomeIssue.severity": {"fatal", "error", "warning", "information"},
    "Medication.status": {"active", "inactive", "entered-in-error"},
    "MedicationDispense.status": {
        *("preparation", "in-progress", "cancelled", "on-hold", "completed", "entered-in-error", "stopped", "declined", "unknown"),
    },
    "MedicationRequest.intent": {
        *("proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option"),
    },
    "MedicationRequest.status": {
        *("active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"),
    },
    "Narrative.status": {"generated", "extensions", "additional", "empty"},
    "Patient.gender": {"male", "female", "other", "unknown"},
    "PatientLink.type": {"replaced-by", "replaces", "refer", "seealso"},
    "PaymentReconciliation.outcome": {"queued", "complete", "error", "partial"},
    "PaymentReconciliation.status": {"active", "cancelled", "draft", "entered-in-error"},
    "Slot.status": {"busy", "free", "busy-unavailable", "busy-tentative", "entered-in-error"},
}
"""Value sets that FHIR R4 binds as *required* to an element of type `code`."""

_TERMS: Final = "http://terminology.hl7.org/CodeSystem"
CODINGS: Final[dict[str, tuple[str, set[str]]]] = {
    "Condition.clinicalStatus": (f"{_TERMS}/condition-clinical", {"active", "recurrence", "relapse", "inactive", "remission", "resolved"}),
    "Condition.verificationStatus": (
        f"{_TERMS}/condition-ver-status",
        {"unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"},
    ),
    "Condition.category": (f"{_TERMS}/condition-category", {"problem-list-item", "encounter-diagnosis"}),
    "Encounter.class_fhir": (f"{_TERMS}/v3-ActCode", {"AMB", "VR"}),
    "Patient.maritalStatus": (f"{_TERMS}/v3-MaritalStatus", {"A", "D", "I", "L", "M", "P", "S", "T", "U", "W", "UNK"}),
    "Organization.type": (f"{_TERMS}/organization-type", {"prov", "dept"}),
}
"""Coded elements that FHIR, or protocols.md §4b for `class`, ties to a code system."""

CURRENCIES: Final = {"CNY"}
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_REFERENCE: Final = re.compile(r"#?[A-Za-z0-9\-.]{1,64}|[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")


def check(message: dict[str, Any]) -> BaseModel:
    """Everything that makes a message wrong fails here; answers the parsed resource."""
    _check_json(message, message["resourceType"])
    parsed = get_fhir_model_class(message["resourceType"]).model_validate(message)
    for model in _models(parsed):
        _check_codes(model)
    for resource in _resources(message):
        _check_resource(resource)
    return parsed


def listed(model_class: type[BaseModel], name: str) -> set[str]:
    """The codes that the library lists for an element without holding anybody to them; it shortens long lists with `+`."""
    extra = cast("dict[str, Any]", model_class.model_fields[name].json_schema_extra or {})
    return set(extra.get("enum_values", [])) - {"+"}


def _models(model: BaseModel) -> Iterator[BaseModel]:
    yield model
    for name in type(model).model_fields:
        value = getattr(model, name)
        for item in cast("list[object]", value if isinstance(value, list) else [value]):
            if isinstance(item, BaseModel):
                yield from _models(item)


def _check_codes(model: BaseModel) -> None:
    for name in type(model).model_fields:
        element, value = f"{type(model).__name__}.{name}", getattr(model, name)
        if value is not None and element in REQUIRED:
            assert value in REQUIRED[element], f"{element} is {value}"
        elif value is not None:
            assert not listed(type(model), name), f"{element} has a value set that the table lacks"
    if type(model).__name__ == "Money":
        assert getattr(model, "currency") in CURRENCIES  # noqa: B009  a member of a class the library makes at run time
    for name in type(model).model_fields:
        system_and_codes = CODINGS.get(f"{type(model).__name__}.{name}")
        value = getattr(model, name)
        if system_and_codes and value is not None:
            for coding in _codings(value):
                assert coding.system == system_and_codes[0]
                assert coding.code in system_and_codes[1]


def _codings(value: Any) -> list[Any]:
    items = cast("list[Any]", value if isinstance(value, list) else [value])
    return [coding for item in items for coding in (item.coding if hasattr(item, "coding") else [item])]


def _resources(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield message
    for entry in message.get("entry", []):
        assert entry["fullUrl"].endswith(f"/{entry['resource']['resourceType']}/{entry['resource']['id']}")
        yield from _resources(entry["resource"])


def _check_resource(resource: dict[str, Any]) -> None:
    """Rules of the specification that the library does not hold: ids, references, contained resources (dom-2 to dom-5)."""
    if resource["resourceType"] not in ("Bundle", "OperationOutcome"):
        assert _ID.fullmatch(resource["id"])
        assert resource["meta"]["versionId"]
        assert resource["meta"]["lastUpdated"]
    references = list(_references(resource))
    assert all(_REFERENCE.fullmatch(reference) for reference in references), references
    for contained in resource.get("contained", []):
        assert f"#{contained['id']}" in references
        assert "meta" not in contained
        assert "contained" not in contained


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        if isinstance(members.get("reference"), str):
            yield str(members["reference"])
        for member in members.values():
            yield from _references(member)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _references(item)


def _check_json(value: object, path: str) -> None:
    """FHIR's JSON has no null, no empty text, list or object."""
    assert value is not None, path
    assert value != "", path
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        assert members, path
        for name, member in members.items():
            _check_json(member, f"{path}.{name}")
    elif isinstance(value, list):
        items = cast("list[object]", value)
        assert items, path
        for item in items:
            _check_json(item, path)
