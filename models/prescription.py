"""处方: from the doctor's draft over review, signatures and the pharmacist to the drug in the patient's hand; a process of its own.

Nothing personal stands in these types: what is prescribed, for which diagnosis and why lies sealed in `prescription_content`, and its id
travels. A time-out never approves: each deadline here reminds, escalates, or ends the prescription unused.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from models.kernel import ids
from models.kernel.text import Line
from models.prescription_rules import Prescribed
from models.process import Alarm, Command, Moves, News, Row
from models.signature import SignatureReported


class PrescriptionState(StrEnum):
    """Where it stands; what people read for each stands in `models/timeline_prescription.py`."""

    DRAFTING = "drafting"
    CHECKING = "checking"
    SIGNING = "signing"
    QUEUED = "queued"
    QUESTIONED = "questioned"
    RETURNED = "returned"
    COUNTERSIGNING = "countersigning"
    PRICING = "pricing"
    CHOOSING = "choosing"
    PAYING = "paying"
    CLOSING = "closing"
    AT_HOSPITAL = "at_hospital"
    DISPENSING = "dispensing"
    READY = "ready"
    SHIPPING = "shipping"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    """The doctor took it back, or never signed it."""
    CANCELLED = "cancelled"
    """The patient did not want it, or it came back; what was paid goes back by rule."""
    EXPIRED = "expired"


_S = PrescriptionState


def _to(*after: PrescriptionState) -> frozenset[PrescriptionState]:
    return frozenset(after)


MOVES = Moves[PrescriptionState](
    {
        _S.DRAFTING: _to(_S.DRAFTING, _S.CHECKING, _S.WITHDRAWN),
        _S.CHECKING: _to(_S.SIGNING, _S.DRAFTING),
        _S.SIGNING: _to(_S.SIGNING, _S.DRAFTING, _S.QUEUED, _S.WITHDRAWN),
        _S.QUEUED: _to(_S.QUEUED, _S.QUESTIONED, _S.RETURNED, _S.COUNTERSIGNING, _S.WITHDRAWN, _S.EXPIRED),
        _S.QUESTIONED: _to(_S.QUESTIONED, _S.QUEUED, _S.DRAFTING, _S.WITHDRAWN, _S.EXPIRED),
        _S.RETURNED: _to(_S.RETURNED, _S.DRAFTING, _S.WITHDRAWN, _S.EXPIRED),
        _S.COUNTERSIGNING: _to(_S.COUNTERSIGNING, _S.QUEUED, _S.PRICING),
        _S.PRICING: _to(_S.CHOOSING, _S.RETURNED),
        _S.CHOOSING: _to(_S.CHOOSING, _S.PAYING, _S.AT_HOSPITAL, _S.DISPENSING, _S.CANCELLED, _S.EXPIRED),
        _S.PAYING: _to(_S.PAYING, _S.CLOSING, _S.CHOOSING, _S.DISPENSING, _S.CANCELLED),
        _S.CLOSING: _to(_S.CLOSING, _S.DISPENSING, _S.CANCELLED),
        _S.AT_HOSPITAL: _to(_S.AT_HOSPITAL, _S.PAYING, _S.DISPENSING, _S.CANCELLED, _S.EXPIRED),
        _S.DISPENSING: _to(_S.DISPENSING, _S.READY, _S.SHIPPING, _S.COMPLETED, _S.CANCELLED),
        _S.READY: _to(_S.READY, _S.COMPLETED),
        _S.SHIPPING: _to(_S.SHIPPING, _S.READY, _S.COMPLETED, _S.CANCELLED),
        _S.COMPLETED: _to(),
        _S.WITHDRAWN: _to(),
        _S.CANCELLED: _to(),
        _S.EXPIRED: _to(),
    }
)
"""The one table of allowed moves."""

UNSIGNED: Final = _to(_S.DRAFTING, _S.CHECKING, _S.SIGNING)
"""The doctor is not done with it: the visit does not end before."""
UNUSED: Final = _to(_S.WITHDRAWN, _S.CANCELLED, _S.EXPIRED)
"""Ended, and no drug of it is with the patient."""
BEFORE_APPROVED: Final = _to(_S.DRAFTING, _S.SIGNING, _S.QUEUED, _S.QUESTIONED, _S.RETURNED)


class Way(StrEnum):
    """How the patient comes to the drugs, chosen before paying."""

    PICKUP = "pickup"
    """线上自费缴费，到院取药."""
    PARCEL = "parcel"
    """线上自费缴费，配送到家."""
    AT_HOSPITAL = "at_hospital"
    """到院医保缴费取药: kept payable at the hospital while the prescription is valid."""


class Remark(StrEnum):
    """Why a pharmacist gives a prescription back; words stand beside it under `note_id`."""

    INDICATION = "indication"
    DOSE = "dose"
    INTERACTION = "interaction"
    DUPLICATE = "duplicate"
    CONTRAINDICATED = "contraindicated"
    OTHER = "other"


class PrescriptionContent(BaseModel):
    """What is prescribed and why: sealed in its row, never in a history. Each amendment is a new one; each signature is of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    prescribed: Prescribed
    diagnosis_text: Line
    reason: Line | None = None
    """Why more than seven days."""
    advice: Line | None = None

    @property
    def judged(self) -> Prescribed:
        """As the rules see it: a reason is words, whatever is marked."""
        return self.prescribed.model_copy(update={"reasoned": self.reason is not None})


class Amend(Command):
    """The doctor writes it anew; what changed is shown, and it is signed again."""

    kind: Literal["amend"] = "amend"
    allowed_in = _to(_S.DRAFTING, _S.QUESTIONED, _S.RETURNED)
    content_id: UUID


class Submit(Command):
    """Written: judged by the law's rules, then by the rational-drug review, then signed. What that restricts wants words: `note_id`."""

    kind: Literal["submit"] = "submit"
    allowed_in = _to(_S.DRAFTING)
    note_id: UUID | None = None


class Withdraw(Command):
    """The doctor takes it back, before a pharmacist has approved it."""

    kind: Literal["withdraw"] = "withdraw"
    allowed_in = BEFORE_APPROVED


class Answer(Command):
    """The doctor answers the pharmacist's question without changing the prescription; the words are stored under `note_id`."""

    kind: Literal["answer"] = "answer"
    allowed_in = _to(_S.QUESTIONED)
    note_id: UUID


class ClaimReview(Command):
    """A pharmacist takes it from the queue; held until it lapses, or another takes it over, approved and unsigned as well."""

    kind: Literal["claim_review"] = "claim_review"
    allowed_in = _to(_S.QUEUED, _S.COUNTERSIGNING)
    take_over: bool = False


class ReleaseReview(Command):
    """Into the queue again; an approval that is not signed is taken back."""

    kind: Literal["release_review"] = "release_review"
    allowed_in = _to(_S.QUEUED, _S.COUNTERSIGNING)


class Approve(Command):
    """审方通过, by the pharmacist who holds it, and signed by them before it counts."""

    kind: Literal["approve"] = "approve"
    allowed_in = _to(_S.QUEUED)


class Question(Command):
    kind: Literal["question"] = "question"
    allowed_in = _to(_S.QUEUED)
    note_id: UUID


class Reject(Command):
    kind: Literal["reject"] = "reject"
    allowed_in = _to(_S.QUEUED)
    remark: Remark
    note_id: UUID


class Extend(Command):
    """The doctor lets it be valid longer: to the end of the third day at most (处方管理办法 art. 18 [C])."""

    kind: Literal["extend"] = "extend"
    allowed_in = _to(_S.QUEUED, _S.CHOOSING, _S.AT_HOSPITAL)
    days: Annotated[int, Field(ge=2, le=3)]


class Choose(Command):
    """取药方式; a parcel's address is stored under `address_id`. 到院缴费 may be chosen otherwise while nothing is paid there."""

    kind: Literal["choose"] = "choose"
    allowed_in = _to(_S.CHOOSING, _S.AT_HOSPITAL)
    way: Way
    address_id: UUID | None = None


class ChooseAgain(Command):
    """Another way than the one that is being paid: it is chosen once that charge has closed, unless money came."""

    kind: Literal["choose_again"] = "choose_again"
    allowed_in = _to(_S.PAYING)


class CancelDrugs(Command):
    """The patient does not want the drugs: free until they are prepared (调配)."""

    kind: Literal["cancel_drugs"] = "cancel_drugs"
    allowed_in = _to(_S.CHOOSING, _S.PAYING, _S.AT_HOSPITAL, _S.DISPENSING)


class DrugsReported(News):
    """The HIS says that the prescription was paid at a window, prepared or handed out: only a reason to ask it."""

    kind: Literal["drugs_reported"] = "drugs_reported"


class DrugsCharged(News):
    """The charge's own word."""

    kind: Literal["charge_ended"] = "charge_ended"
    charge_id: UUID
    outcome: Literal["settled", "closed", "unsettled"]


class DeliveryEnded(News):
    """The parcel's own word."""

    kind: Literal["delivery_ended"] = "delivery_ended"
    delivery_id: UUID
    outcome: Literal["signed", "refund", "kept"]
    """A person decided: `refund`, it came back or never went, and the money goes back; `kept`, the drugs wait at the pharmacy."""


class PrescriptionEnded(News):
    """Told to the visit, which waits for all of its prescriptions before it closes."""

    kind: Literal["prescription_ended"] = "prescription_ended"
    prescription_id: UUID

    @classmethod
    def of(cls, prescription_id: UUID) -> Self:
        """A prescription ends once."""
        return cls(id=ids.derived("prescription_ended", prescription_id), prescription_id=prescription_id)


PrescriptionEvent = Annotated[
    Amend
    | Submit
    | Withdraw
    | Answer
    | ClaimReview
    | ReleaseReview
    | Approve
    | Question
    | Reject
    | Extend
    | Choose
    | ChooseAgain
    | CancelDrugs
    | SignatureReported
    | DrugsReported
    | DrugsCharged
    | DeliveryEnded
    | Alarm,
    Field(discriminator="kind"),
]
COMMANDS: tuple[type[Command], ...] = (
    *(Amend, Submit, Withdraw, Answer, ClaimReview, ReleaseReview, Approve, Question, Reject),
    *(Extend, Choose, ChooseAgain, CancelDrugs),
)
BY_DOCTOR: Final = frozenset({"amend", "submit", "withdraw", "answer", "extend"})
BY_PHARMACIST: Final = frozenset({"claim_review", "release_review", "approve", "question", "reject"})
BY_PATIENT: Final = frozenset({"choose", "choose_again", "cancel_drugs"})


class Prescription(Row[PrescriptionState, PrescriptionEvent]):
    """The row of `prescription/<id>`, as much of it as the pathway decides by."""

    visit_id: UUID
    content_id: UUID
    """What stands in it now."""
    round: int = 0
    """How often it was submitted; each round has its own review, signatures and remarks."""
    task_id: UUID | None = None
    """The signature that is being waited for."""
    way: Way | None = None
    charge_id: UUID | None = None
    delivery_id: UUID | None = None
    valid_until: datetime | None = None
