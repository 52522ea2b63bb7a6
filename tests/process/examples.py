"""One of everything that can come to a desk, with every field said."""

from typing import Any, Final
from uuid import UUID

from models import prescription
from models.charge import Close, Order, Reported, Scene
from models.consent import Symptom
from models.delivery import Decide, Decision, DeliveryPushed
from models.invoice import GivenBack, RetryInvoice
from models.prescription import (
    Amend,
    Answer,
    Approve,
    CancelDrugs,
    Choose,
    ChooseAgain,
    ClaimReview,
    DeliveryEnded,
    DrugsCharged,
    DrugsReported,
    Extend,
    PrescriptionEnded,
    Question,
    Reject,
    ReleaseReview,
    Remark,
    SignatureReported,
    Submit,
    Way,
)
from models.process import Alarm, Event
from models.record import RetryFiling, WithdrawRecord
from models.refund import HandOver, Office, PayOut, RefundReported, Retry, Withdraw
from models.revisit import (
    Accept,
    AnswerSurvey,
    Cancel,
    ChargeEnded,
    CheckIn,
    ChooseSlot,
    Complete,
    Consent,
    Decline,
    DeclineReason,
    Describe,
    End,
    Enter,
    Relate,
    SelfCheck,
)
from models.suspension import Rearranged, Stopped

_ID, _BY = UUID("6f2f1f5e-51a5-4d0f-9c43-6f757a686501"), UUID("6f2f1f5e-51a5-4d0f-9c43-6f757a686502")
_THING = UUID("6f2f1f5e-51a5-4d0f-9c43-6f757a686503")
_HASH = "0" * 64
_ASKED: Final[dict[str, Any]] = {"id": _ID, "seen": 4, "by": _BY, "body": _HASH, "request": "req-1"}

_visit: list[Event | Alarm] = [
    Complete(**_ASKED, supplement_id=_THING),
    Relate(**_ASKED, past_encounter_id="enc-1"),
    SelfCheck(**_ASKED, symptoms=(Symptom.CHEST_PAIN, Symptom.HIGH_FEVER)),
    Consent(**_ASKED, text_version="revisit-2026-11", text_hash=_HASH),
    ChooseSlot(**_ASKED, slot_id="slot-1"),
    Describe(**_ASKED, intake_id=_THING),
    Cancel(**_ASKED),
    CheckIn(**_ASKED),
    Accept(**_ASKED),
    Decline(**_ASKED, reason=DeclineReason.OTHER, note_id=_THING),
    Enter(**_ASKED),
    End(**_ASKED),
    AnswerSurvey(**_ASKED, answer_id=_THING),
    ChargeEnded(id=_ID, seen=4, charge_id=_THING, outcome="unsettled"),
    PrescriptionEnded(id=_ID, seen=4, prescription_id=_THING),
    Stopped(id=_ID, seen=4, claim_id=_THING),
    Rearranged(id=_ID, seen=4, claim_id=_THING),
    Alarm(),
]
_money: list[Event | Alarm] = [
    Order(**_ASKED, scene=Scene.JSAPI),
    Reported(id=_ID, order_no=_ID.hex),
    Close(id=_ID, seen=4),
    Alarm(),
]
_back: list[Event | Alarm] = [
    RefundReported(id=_ID, seen=4),
    Retry(**_ASKED),
    HandOver(**_ASKED, office=Office.INSURANCE),
    PayOut(**_ASKED, voucher="CW-20261126-01"),
    Withdraw(**_ASKED),
    Alarm(),
]

_parcel: list[Event | Alarm] = [
    Decide(**_ASKED, decision=Decision.RESEND, address_id=_THING),
    DeliveryPushed(id=_ID, seen=4),
    Alarm(),
]
_bill: list[Event | Alarm] = [RetryInvoice(**_ASKED), GivenBack(id=_ID, seen=4), Alarm()]
_drugs: list[Event | Alarm] = [
    Amend(**_ASKED, content_id=_THING),
    Submit(**_ASKED, note_id=_THING),
    prescription.Withdraw(**_ASKED),
    Answer(**_ASKED, note_id=_THING),
    ClaimReview(**_ASKED, take_over=True),
    ReleaseReview(**_ASKED),
    Approve(**_ASKED),
    Question(**_ASKED, note_id=_THING),
    Reject(**_ASKED, remark=Remark.DOSE, note_id=_THING),
    Extend(**_ASKED, days=3),
    Choose(**_ASKED, way=Way.PARCEL, address_id=_THING),
    ChooseAgain(**_ASKED),
    CancelDrugs(**_ASKED),
    SignatureReported(id=_ID, seen=4),
    DrugsReported(id=_ID, seen=4),
    DrugsCharged(id=_ID, seen=4, charge_id=_THING, outcome="settled"),
    DeliveryEnded(id=_ID, seen=4, delivery_id=_THING, outcome="kept"),
    Alarm(),
]


_record: list[Event | Alarm] = [
    WithdrawRecord(**_ASKED),
    RetryFiling(**_ASKED),
    SignatureReported(id=_ID, seen=4),
    Alarm(),
]


def _by_kind(events: list[Event | Alarm]) -> dict[str, Event | Alarm]:
    return {str(event.model_dump()["kind"]): event for event in events}


REVISIT_EVENTS: Final = _by_kind(_visit)
CHARGE_EVENTS: Final = _by_kind(_money)
REFUND_EVENTS: Final = _by_kind(_back)
PRESCRIPTION_EVENTS: Final = _by_kind(_drugs)
RECORD_EVENTS: Final = _by_kind(_record)
DELIVERY_EVENTS: Final = _by_kind(_parcel)
INVOICE_EVENTS: Final = _by_kind(_bill)
SUSPENSION_EVENTS: Final = _by_kind([Alarm()])
