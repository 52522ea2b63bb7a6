"""Messages to people (P-13.2): one outbox, approved templates, never a diagnosis in a text."""

from enum import StrEnum


class Template(StrEnum):
    """A template's name here; the carrier's code is `SMS_` + upper case."""

    SIGN_IN_CODE = "sign_in_code"
    STAFF_CODE = "staff_code"
    REVISIT_BOOKED = "revisit_booked"
    REVISIT_REMINDER = "revisit_reminder"
    REVISIT_CALLED = "revisit_called"
    REVISIT_CALLED_AGAIN = "revisit_called_again"
    REVISIT_ENDED = "revisit_ended"
    REVISIT_CANCELLED = "revisit_cancelled"
    REVISIT_DECLINED = "revisit_declined"
    REVISIT_SUSPENDED = "revisit_suspended"
    REVISIT_REARRANGED = "revisit_rearranged"
    REFUND_REQUESTED = "refund_requested"
    REFUND_ARRIVED = "refund_arrived"
    REFUND_PAID_OUT = "refund_paid_out"
    CLINIC_WAITING = "clinic_waiting"
    PRESCRIPTION_APPROVED = "prescription_approved"
    PRESCRIPTION_EXPIRED = "prescription_expired"
    DRUGS_READY = "drugs_ready"
    DRUGS_WAITING = "drugs_waiting"
    DRUGS_UNCOLLECTED = "drugs_uncollected"
    DELIVERY_SENT = "delivery_sent"
    DELIVERY_FAILED = "delivery_failed"
    PRESCRIPTION_RETURNED = "prescription_returned"
    REVIEW_WAITING = "review_waiting"

    @property
    def code(self) -> str:
        """As the carrier approved it."""
        return f"SMS_{self.value.upper()}"


class MessageState(StrEnum):
    """`sending` is committed before the call: after a crash the carrier is asked by our number before a repeat.

    `sent` is what the carrier took; what the phone's network then says of it makes it `delivered` or `undelivered`.
    """

    DUE = "due"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


TAKEN = frozenset({MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED})
"""The carrier has it, whatever became of it then."""
