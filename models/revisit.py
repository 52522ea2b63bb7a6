"""The online revisit: its states, its table of moves, and everything that can come to its desk.

No personal value stands in any of these types: they travel through workflow histories. Words are stored first, their id travels.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from models.consent import Stability, Symptom
from models.eligibility import EncounterId
from models.prescription import PrescriptionEnded
from models.process import Alarm, Command, Moves, News, Row
from models.suspension import Rearranged, Stopped


class State(StrEnum):
    """Where a visit stands; what people read for each stands in `models/timeline.py`."""

    CHECKING = "checking"
    REFUSED = "refused"
    COMPLETING = "completing"
    CONSENTING = "consenting"
    CHOOSING = "choosing"
    DESCRIBING = "describing"
    PAYING = "paying"
    CLOSING = "closing"
    BOOKED = "booked"
    WAITING = "waiting"
    CONSULTING = "consulting"
    ENDED = "ended"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    ABSENT = "absent"
    SUSPENDED = "suspended"


def _to(*after: State) -> frozenset[State]:
    return frozenset(after)


MOVES = Moves[State](
    {
        State.CHECKING: _to(State.REFUSED, State.COMPLETING, State.CONSENTING),
        State.COMPLETING: _to(State.COMPLETING, State.CONSENTING, State.CANCELLED),
        State.CONSENTING: _to(State.CONSENTING, State.CHOOSING, State.REFUSED, State.CANCELLED),
        State.CHOOSING: _to(State.CHOOSING, State.DESCRIBING, State.CANCELLED),
        State.DESCRIBING: _to(State.DESCRIBING, State.PAYING, State.CANCELLED, State.SUSPENDED),
        State.PAYING: _to(State.PAYING, State.CLOSING, State.BOOKED, State.CANCELLED, State.SUSPENDED),
        State.CLOSING: _to(State.CLOSING, State.CANCELLED, State.SUSPENDED),
        State.BOOKED: _to(State.BOOKED, State.WAITING, State.ABSENT, State.CANCELLED, State.SUSPENDED),
        State.WAITING: _to(State.WAITING, State.CONSULTING, State.DECLINED, State.CANCELLED, State.SUSPENDED),
        State.CONSULTING: _to(State.CONSULTING, State.WAITING, State.ENDED, State.DECLINED),
        State.ENDED: _to(State.ENDED, State.CLOSED),
        **dict.fromkeys((State.REFUSED, State.CLOSED, State.CANCELLED, State.DECLINED, State.ABSENT, State.SUSPENDED), _to()),
    }
)
"""The one table of allowed moves."""

PAID = _to(State.BOOKED, State.WAITING, State.CONSULTING)
"""Money has come and the place is booked: who leaves from here is given it back by a refund."""

HOLDING = _to(State.DESCRIBING, State.PAYING, State.BOOKED, State.WAITING)
"""A place in a clinic is held or booked: 停诊 ends such a visit, 替诊 and another time are told to it."""

PRESCRIBING = _to(State.CONSULTING, State.ENDED)
"""Its doctor may sign prescriptions: while they see the patient, and afterwards what a pharmacist gave back."""

BEFORE_ACCEPTED = _to(
    *(State.CHECKING, State.COMPLETING, State.CONSENTING, State.CHOOSING, State.DESCRIBING, State.PAYING),
    *(State.BOOKED, State.WAITING),
)
"""Until 接诊 a patient leaves at any step; after it only the doctor's 退诊 ends a visit without service (requirements, 退号)."""


class Reason(StrEnum):
    """Why a visit was left; each has its sentence for people."""

    PATIENT = "patient"
    TIMED_OUT = "timed_out"
    UNPAID = "unpaid"
    UNSETTLED = "unsettled"
    ABSENT = "absent"
    NOT_ACCEPTED = "not_accepted"
    DECLINED = "declined"
    SUSPENDED = "suspended"


class DeclineReason(StrEnum):
    """Why a doctor gives a visit back (退诊)."""

    NOT_SUITED = "not_suited"
    """不对症: another department's."""
    IN_PERSON = "in_person"
    """需面诊."""
    UNREACHABLE = "unreachable"
    """联系不上患者."""
    HOSPITAL = "hospital"
    """医院原因: the management's, for a visit that its doctor does not go on with."""
    OTHER = "other"
    """Said in words."""


class Complete(Command):
    """The patient supplied what the regulator's standard asks; the values are stored under `supplement_id`."""

    kind: Literal["complete"] = "complete"
    allowed_in = _to(State.COMPLETING)
    supplement_id: UUID


class Relate(Command):
    """关联既往就诊: another past visit than the newest is the one that this visit continues."""

    kind: Literal["relate"] = "relate"
    allowed_in = _to(State.COMPLETING, State.CONSENTING)
    past_encounter_id: EncounterId


class SelfCheck(Command):
    """Emergency self-check: any symptom of the list ends the visit with advice (P-2.2)."""

    kind: Literal["self_check"] = "self_check"
    allowed_in = _to(State.CONSENTING)
    symptoms: tuple[Symptom, ...]
    unstable: tuple[Stability, ...] | None = None
    """Of a refill, and only of one: what the patient could not confirm."""
    text_version: str = ""


class Consent(Command):
    """Informed consent: which version of the text, and the hash of the text that was shown."""

    kind: Literal["consent"] = "consent"
    allowed_in = _to(State.CONSENTING)
    text_version: str
    text_hash: str


class ChooseSlot(Command):
    kind: Literal["choose_slot"] = "choose_slot"
    allowed_in = _to(State.CHOOSING)
    slot_id: str


class Describe(Command):
    """The condition text and files are stored under `intake_id`."""

    kind: Literal["describe"] = "describe"
    allowed_in = _to(State.DESCRIBING)
    intake_id: UUID


class Cancel(Command):
    """退号. What was paid goes back the way it came; while a charge is open, only the charge knows whether anything was."""

    kind: Literal["cancel"] = "cancel"
    allowed_in = BEFORE_ACCEPTED


class CheckIn(Command):
    """报到, on the day."""

    kind: Literal["check_in"] = "check_in"
    allowed_in = _to(State.BOOKED)


class Accept(Command):
    """接诊, by the doctor of the 就诊单元; the patient is invited."""

    kind: Literal["accept"] = "accept"
    allowed_in = _to(State.WAITING)


class Decline(Command):
    """退诊, by the doctor, or by the management for the hospital; what was paid goes back. Words are stored under `note_id`."""

    kind: Literal["decline"] = "decline"
    allowed_in = _to(State.WAITING, State.CONSULTING)
    reason: DeclineReason
    note_id: UUID | None = None


class Enter(Command):
    """进入诊室: the patient accepts the invitation."""

    kind: Literal["enter"] = "enter"
    allowed_in = _to(State.CONSULTING)


class End(Command):
    """结束问诊; needs a record with a diagnosis."""

    kind: Literal["end"] = "end"
    allowed_in = _to(State.CONSULTING)


class AnswerSurvey(Command):
    """满意度调查; what was answered is stored under `answer_id`."""

    kind: Literal["answer_survey"] = "answer_survey"
    allowed_in = _to(State.ENDED)
    answer_id: UUID


class ChargeEnded(News):
    """The charge's own word: settled (booked at the HIS), closed (no money came) or unsettled (paid, but the HIS refuses)."""

    kind: Literal["charge_ended"] = "charge_ended"
    charge_id: UUID
    outcome: Literal["settled", "closed", "unsettled"]


RevisitEvent = Annotated[
    Complete
    | Relate
    | SelfCheck
    | Consent
    | ChooseSlot
    | Describe
    | Cancel
    | CheckIn
    | Accept
    | Decline
    | Enter
    | End
    | AnswerSurvey
    | ChargeEnded
    | PrescriptionEnded
    | Stopped
    | Rearranged
    | Alarm,
    Field(discriminator="kind"),
]
COMMANDS: tuple[type[Command], ...] = (
    *(Complete, Relate, SelfCheck, Consent, ChooseSlot, Describe, Cancel, CheckIn),
    *(Accept, Decline, Enter, End, AnswerSurvey),
)

BY_PATIENT = frozenset(
    {"complete", "relate", "self_check", "consent", "choose_slot", "describe", "cancel", "check_in", "enter", "answer_survey"}
)
BY_DOCTOR = frozenset({"accept", "decline", "end"})


class Revisit(Row[State, RevisitEvent]):
    """The row of `revisit/<id>`, as much of it as the pathway decides by."""

    claim_id: UUID | None = None
    charge_id: UUID | None = None
    leaving_as: State | None = None
    """What a visit that is closing will be when its charge has ended."""
    entered: bool = False
    """The patient is in the consulting room; before that the alarm calls again, then passes over (过号)."""
    calls: int = 0
    waits: bool = False
    """Ended, and one of its prescriptions is not."""

    @property
    def surveyed(self) -> bool:
        """Ended, and its survey is open: nothing else of an ended visit has a deadline."""
        return self.state is State.ENDED and self.wake_at is not None


def leaves_as(why: RevisitEvent, now: Revisit) -> tuple[State, Reason]:
    """The exit that an event means in a state; asked only for events that leave."""
    match why:
        case Alarm() if now.state is State.BOOKED:
            return State.ABSENT, Reason.ABSENT
        case Alarm() if now.state is State.WAITING:
            return State.DECLINED, Reason.NOT_ACCEPTED
        case Stopped():
            return State.SUSPENDED, Reason.SUSPENDED
        case Decline():
            return State.DECLINED, Reason.DECLINED
        case Alarm():
            return State.CANCELLED, Reason.TIMED_OUT
        case ChargeEnded() if now.leaving_as is State.SUSPENDED:
            return State.SUSPENDED, Reason.SUSPENDED
        case ChargeEnded(outcome="unsettled"):
            return State.CANCELLED, Reason.UNSETTLED
        case ChargeEnded() if now.leaving_as is not None:
            return now.leaving_as, Reason.PATIENT
        case ChargeEnded():
            return State.CANCELLED, Reason.UNPAID
        case _:
            return State.CANCELLED, Reason.PATIENT


def queue_key(checked_in_at: datetime, passed_over_at: datetime | None) -> datetime:
    """候诊 order: by check-in, and after a 过号 by the time of being passed over (back of the queue)."""
    return passed_over_at or checked_in_at
