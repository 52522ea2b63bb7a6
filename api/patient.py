"""就诊人 of the account: bound by name and ID number, listed masked, completed where the hospital's data is wanting."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, model_validator

from api.idempotency import Intent, once
from api.problems import problems
from api.security import may
from api.wiring import Body, Now, Reading, Writing, wrong
from models.account import Principal
from models.kernel.phone import Phone
from models.kernel.text import Line, masked_id_number, masked_name
from models.patient import IdNumber, Patient, PersonName, Relation
from models.stores import patient as store

router = APIRouter(prefix="/v1/patients", tags=["patient"])

MayBind = Annotated[Principal, Depends(may("patient:bind"))]
MayRead = Annotated[Principal, Depends(may("patient:read"))]


class PatientIn(Body):
    """A person as their ID card has them."""

    name: PersonName = Field(examples=["张秀英"])
    id_number: IdNumber = Field(examples=["110101194912310022"])
    relation: Relation


class PatientOut(BaseModel):
    """Masked, always: the owner knows whom they bound."""

    id: UUID
    name: str = Field(examples=["张**"])
    id_number: str = Field(examples=["1101**********0022"])
    relation: Relation

    @classmethod
    def of(cls, patient: Patient) -> Self:
        return cls(
            id=patient.id,
            name=masked_name(patient.name),
            id_number=masked_id_number(patient.id_number),
            relation=patient.relation,
        )


class PatientsOut(BaseModel):
    items: list[PatientOut]


class SupplementIn(Body):
    """At least one of the two."""

    phone: Phone | None = Field(default=None, examples=["13800138000"])
    address: Line | None = Field(default=None, examples=["北京市东城区东单北大街1号"])

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.phone is None and self.address is None:
            raise wrong("phone")
        return self


class SupplementOut(BaseModel):
    """What the step `complete` of a visit is given; the values stay with us."""

    supplement_id: UUID


@router.post(
    "",
    status_code=201,
    responses=problems(
        conflict=("patient.too_many",),
        invalid=("patient.id_number",),
    ),
)
async def bind(body: PatientIn, me: MayBind, intent: Intent, db: Writing, now: Now) -> PatientOut:
    """Bind a 就诊人; the same person again is answered as they stand."""

    async def effect() -> PatientOut:
        return PatientOut.of(await store.bind(db, me.account_id, body.name, body.id_number, body.relation, now))

    return await once(db, intent, effect, PatientOut)


@router.get("")
async def of_account(me: MayRead, db: Reading) -> PatientsOut:
    """All 就诊人 of the account, in the order of binding."""
    return PatientsOut(items=[PatientOut.of(patient) for patient in await store.of_account(db, me.account_id)])


@router.get("/{patient_id}", responses=problems(missing=("patient.missing",)))
async def one(patient_id: UUID, me: MayRead, db: Reading) -> PatientOut:
    """One 就诊人 of the account."""
    return PatientOut.of(await store.one(db, me.account_id, patient_id))


@router.post(
    "/{patient_id}/supplements",
    status_code=201,
    responses=problems(missing=("patient.missing",)),
)
async def supply(patient_id: UUID, body: SupplementIn, me: MayBind, intent: Intent, db: Writing, now: Now) -> SupplementOut:
    """Store what the hospital's data is wanting; a visit's `complete` then names it."""

    async def effect() -> SupplementOut:
        await store.bound(db, me.account_id, patient_id)
        await store.supply(db, intent.id, patient_id, phone=body.phone, address=body.address, now=now)
        return SupplementOut(supplement_id=intent.id)

    return await once(db, intent, effect, SupplementOut)
