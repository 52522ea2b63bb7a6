"""The FHIR R4 resources we read, and of each only what we read. What does not fit is an unreadable answer, never a guess."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from models.kernel.errors import Unknown
from models.kernel.money import Fen, fen_from_yuan
from models.kernel.text import plain

Json = dict[str, Any]
T = TypeVar("T")


def _whole_day(text: object) -> object:
    """A FHIR dateTime may be a bare date: then it is the first instant of that day in Beijing."""
    return f"{text}T00:00:00+08:00" if isinstance(text, str) and len(text) == len("2026-11-25") else text


DateTime = Annotated[AwareDatetime, BeforeValidator(_whole_day)]


class Element(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class Money(Element):
    """Yuan on the wire; whole fen or unreadable."""

    value: Annotated[Decimal, Field(ge=0, decimal_places=2, max_digits=13), BeforeValidator(plain)]
    currency: Literal["CNY"]

    @property
    def fen(self) -> Fen:
        return fen_from_yuan(self.value)


class Coding(Element):
    system: str | None = None
    code: str | None = None
    display: str | None = None


class Concept(Element):
    coding: tuple[Coding, ...] = ()
    text: str | None = None

    def code(self, system: str) -> str | None:
        return next((coding.code for coding in self.coding if coding.system == system and coding.code), None)

    @property
    def words(self) -> str | None:
        return self.text or next((coding.display for coding in self.coding if coding.display), None)


class Identifier(Element):
    system: str | None = None
    value: str | None = None


class Reference(Element):
    reference: str | None = None

    def id(self, kind: str) -> str | None:
        """The id when it refers to that kind, by `Kind/id` or an absolute URL that ends so."""
        head, _, tail = (self.reference or "").rpartition("/")
        return tail if tail and head.rpartition("/")[2] == kind else None


class NamedReference(Reference):
    display: str | None = None
    identifier: Identifier = Identifier()


class Period(Element):
    start: DateTime | None = None
    end: DateTime | None = None


class Extension(Element):
    url: str
    value_boolean: Annotated[bool, Field(strict=True)] | None = None
    value_coding: Coding | None = None
    value_date: date | None = None
    value_instant: AwareDatetime | None = None
    value_money: Money | None = None
    value_reference: Reference | None = None
    value_string: str | None = None
    value_unsigned_int: Annotated[int, Field(strict=True, ge=0)] | None = None


class Meta(Element):
    version_id: str | None = None
    last_updated: AwareDatetime | None = None


class Resource(Element):
    id: str
    meta: Meta = Meta()
    extension: tuple[Extension, ...] = ()

    def extended(self, url: str) -> Extension:
        """Its extension of that name, an empty one when it has none."""
        return next((extension for extension in self.extension if extension.url == url), Extension(url=url))


class HumanName(Element):
    text: str | None = None
    family: str = ""
    given: tuple[str, ...] = ()


class ContactPoint(Element):
    system: str | None = None
    value: str | None = None


class Address(Element):
    text: str | None = None


class Link(Element):
    other: Reference
    type: str


class Patient(Resource):
    active: bool = True
    name: tuple[HumanName, ...]
    birth_date: date
    telecom: tuple[ContactPoint, ...] = ()
    address: tuple[Address, ...] = ()
    link: tuple[Link, ...] = ()


class EncounterDiagnosis(Element):
    condition: Reference


class Encounter(Resource):
    status: str
    service_type: Concept = Concept()
    period: Period = Period()
    diagnosis: tuple[EncounterDiagnosis, ...] = ()


class Composition(Resource):
    status: str
    encounter: Reference = Reference()


class Condition(Resource):
    code: Concept = Concept()


class Organization(Resource):
    name: str
    part_of: Reference = Reference()


class HealthcareService(Resource):
    active: bool = True
    provided_by: Reference


class Qualification(Element):
    code: Concept


class Practitioner(Resource):
    name: tuple[HumanName, ...]
    qualification: tuple[Qualification, ...] = ()


class PractitionerRole(Resource):
    active: bool = True
    practitioner: Reference
    organization: Reference
    code: tuple[Concept, ...] = ()


class Schedule(Resource):
    actor: tuple[Reference, ...]
    service_type: tuple[Concept, ...]
    planning_horizon: Period


class Slot(Resource):
    schedule: Reference
    status: str
    start: AwareDatetime
    end: AwareDatetime


class Invoice(Resource):
    status: str
    identifier: tuple[Identifier, ...] = ()
    total_gross: Money


class Appointment(Resource):
    status: str
    cancelation_reason: Concept = Concept()
    identifier: tuple[Identifier, ...] = ()
    contained: tuple[Json, ...] = ()
    created: DateTime | None = None


class PaymentReconciliation(Resource):
    status: str


class OutcomeIssue(Element):
    details: Concept = Concept()
    expression: tuple[str, ...] = ()


class OperationOutcome(Element):
    resource_type: Literal["OperationOutcome"]
    issue: tuple[OutcomeIssue, ...]


class BundleLink(Element):
    relation: str
    url: str


class BundleEntry(Element):
    resource: Json


class Bundle(Element):
    resource_type: Literal["Bundle"]
    link: tuple[BundleLink, ...] = ()
    entry: tuple[BundleEntry, ...] = ()


def words_of(names: tuple[HumanName, ...]) -> str:
    """A person's name as it is written; the first name of the list is the one in use."""
    first = names[0] if names else HumanName()
    return needed(first.text or f"{first.family}{''.join(first.given)}" or None, "name")


def needed(value: T | None, what: str) -> T:
    """An answer without it is unreadable."""
    if value is None:
        raise Unknown(f"the answer lacks {what}")
    return value
