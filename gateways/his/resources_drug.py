"""The FHIR R4 resources of drugs and prescriptions, and of each only what we read."""

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

from gateways.his.resources import Concept, DateTime, Element, Identifier, NamedReference, Period, Reference, Resource
from models.kernel.text import plain


class Quantity(Element):
    value: Annotated[Decimal, BeforeValidator(plain)]
    unit: str | None = None


class PackSize(Element):
    """What a pack holds: so much, to one pack."""

    numerator: Quantity
    denominator: Quantity


class Medication(Resource):
    status: str
    code: Concept
    amount: PackSize


class Timing(Element):
    code: Concept = Concept()


class DoseAndRate(Element):
    dose_quantity: Quantity | None = None


class Dosage(Element):
    text: str | None = None
    timing: Timing = Timing()
    route: Concept = Concept()
    dose_and_rate: tuple[DoseAndRate, ...] = ()


class DispenseRequest(Element):
    validity_period: Period = Period()
    quantity: Quantity | None = None
    expected_supply_duration: Quantity | None = None


class MedicationRequest(Resource):
    status: str
    medication_reference: NamedReference
    subject: Reference
    encounter: Reference = Reference()
    authored_on: DateTime | None = None
    requester: NamedReference | None = None
    reason_code: tuple[Concept, ...] = ()
    group_identifier: Identifier = Identifier()
    dosage_instruction: tuple[Dosage, ...] = ()
    dispense_request: DispenseRequest = DispenseRequest()


class MedicationDispense(Resource):
    status: str
    authorizing_prescription: tuple[NamedReference, ...] = ()
    when_prepared: DateTime | None = None
    when_handed_over: DateTime | None = None
