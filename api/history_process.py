"""A process of a visit as its story names it: two charges told apart, and of a refund why, how much, where it is stuck and whose it is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field, computed_field

from api.history_timeline import Told
from models.account import AccountKind
from models.history import PROCESS_TITLES
from models.invoice import InvoiceState
from models.refund import Cause, Office
from models.revisit import State
from models.stores.history import Person, Process
from models.timeline import state_text
from models.timeline_invoice import INVOICE_STEPS
from models.timeline_refund import CAUSE_TEXTS, OFFICE_TEXTS, PAYABLE_TEXTS, about_text, given_back_text, trouble_text


class WhoOut(BaseModel):
    """Who asked: staff by name, a patient without one."""

    kind: AccountKind
    name: str | None = Field(examples=["王建国"])

    @classmethod
    def of(cls, account: UUID | None, people: Mapping[UUID, Person]) -> Self | None:
        person = people.get(account) if account else None
        return cls(kind=person.kind, name=person.name) if person else None


class TaskOut(BaseModel):
    """Why a refund is or was stuck and whose task that is, and the voucher it was paid out under. Codes, and their words on screens."""

    trouble: str | None = Field(examples=["his.executed"])
    office: str | None = Field(examples=["outpatient"])
    voucher: str | None

    @computed_field(examples=["医院系统显示该次就诊已完成。请先由门诊窗口在医院系统中取消执行，再重新办理退费。"])
    @property
    def trouble_text(self) -> str | None:
        return trouble_text(self.trouble, may_withdraw=False) if self.trouble else None

    @computed_field(examples=["门诊办"])
    @property
    def office_text(self) -> str | None:
        return OFFICE_TEXTS.get(Office(self.office)) if self.office in set(Office) else None


class ProcessOut(TaskOut):
    """A process of the visit. Histories tell of it from `begins_at` on; `complete` false: not of all, and the timeline fills in."""

    process: str = Field(examples=["refund"])
    process_id: UUID = Field(description="Its row.")
    title: str = Field(examples=["退费"])
    about: str | None = Field(
        description="Of money: what for, how much, and why it goes back.", examples=["医事服务费 50.00元（您已退号）"]
    )
    payable: str | None = Field(description="What its charge is for: `revisit` or `prescription`.")
    payable_text: str | None = Field(examples=["医事服务费"])
    amount_fen: int | None
    cause: Cause | None = Field(description="Of a refund: why.")
    cause_text: str | None = Field(examples=["您已退号"])
    state: str
    state_text: str
    handed_over_by: WhoOut | None = Field(description="Of a refund: who gave it to its office; none, if it came there by itself.")
    created_at: datetime
    begins_at: datetime | None = Field(description="None: no history tells of it.")
    complete: bool


def process_out(one: Process, told: Told, handed_over_by: WhoOut | None) -> ProcessOut:
    return ProcessOut(
        process=one.process,
        process_id=one.id,
        title=PROCESS_TITLES[one.process],
        about=about(one),
        payable=one.payable,
        payable_text=PAYABLE_TEXTS[one.payable] if one.payable else None,
        amount_fen=one.amount_fen,
        cause=one.cause,
        cause_text=CAUSE_TEXTS[one.cause] if one.cause else None,
        state=one.state,
        state_text=_given_back(one) or state_text(one.process, one.state, stopped=one.leaving_as == State.SUSPENDED),
        trouble=one.trouble,
        office=one.office,
        voucher=one.voucher,
        handed_over_by=handed_over_by,
        created_at=one.created_at,
        begins_at=told.begins_at,
        complete=told.complete,
    )


def _given_back(one: Process) -> str | None:
    return given_back_text(one.paid_fen, reserved_fen=one.reserved_fen, refunded_fen=one.refunded_fen)


def about(one: Process) -> str | None:
    """Of money, what tells it from the other of the same visit. An e-bill of no amount undoes the one before, or has not asked yet."""
    if one.process == "invoice" and not one.amount_fen and one.payable:
        undoes = one.state in {InvoiceState.REVERSING, InvoiceState.VOID}
        return f"{PAYABLE_TEXTS[one.payable]}（{INVOICE_STEPS['invoice.reverse' if undoes else 'invoice.issue']}）"
    return about_text(one.payable, one.amount_fen, one.cause) if one.amount_fen is not None else None
