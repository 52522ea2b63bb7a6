"""Messages to people (P-13.2): one outbox, approved templates, never a diagnosis in a text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

LINK_DOMAIN: Final = "fuzhen.example"
"""Where a link in a text leads: a placeholder. The carrier approves a template with its domain, and takes none as a variable [G]: so it is
no setting. A hospital puts that of its `FUZHEN_PUBLIC_URL` here, and has the carrier approve the text with it."""
VALUE_CHARS_MAX: Final = 35
"""Of a variable: the carrier's limit for a template that has no other [C]; it takes no empty value either [B]."""


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
    DELIVERY_WAITING = "delivery_waiting"
    PRESCRIPTION_RETURNED = "prescription_returned"
    REVIEW_WAITING = "review_waiting"
    """To whom has approved one and not signed yet."""
    REVIEW_QUEUE = "review_queue"

    @property
    def code(self) -> str:
        """As the carrier approved it."""
        return f"SMS_{self.value.upper()}"


class Variable(StrEnum):
    """What may fill a gap in a text. None of them is written by a person about a patient: no diagnosis, no drug, no note can be said."""

    TIME = "time"
    MINUTES = "minutes"
    COUNT = "count"
    DEPARTMENT = "department"
    """By its public name, as on the door: where the patient has booked, not what for."""
    DOCTOR = "doctor"
    CARRIER = "carrier"
    TAIL = "tail"
    """The last digits of a waybill."""
    AMOUNT = "amount"
    """In yuan."""
    REASON = "reason"
    """An approved sentence of an enum."""
    UNTIL = "until"
    """An approved sentence around a clock time."""
    VISIT = "visit"
    """A visit's id in a link that asks to sign in."""
    CODE = "code"
    """Proves its reader: shown to nobody else, staff included."""


_NAMES: Final = frozenset({Variable.DEPARTMENT, Variable.DOCTOR, Variable.CARRIER})
"""From the HIS's data, so of any length: cut where too long, and never a reason to break a move."""
_VARIABLE: Final = re.compile(r"\$\{([a-z_]+)\}")


class Waits(StrEnum):
    """What quiet hours do to a message."""

    NEVER = "never"
    """It is worth waking up for, or its reader is awake because of it."""
    UNLESS_NEAR = "unless_near"
    """Until the morning, but not beyond the beginning of the clinic that it is about."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Text:
    """A template as the carrier has approved it, without the signature in front."""

    text: str
    waits: Waits
    patients: bool = True
    """Said to the patient's side, rather than to staff."""

    @property
    def variables(self) -> tuple[Variable, ...]:
        """In their order; a variable is named by its kind."""
        return tuple(Variable(name) for name in _VARIABLE.findall(self.text))

    def fitted(self, params: Mapping[str, str]) -> dict[str, str]:
        """The values as the carrier takes them. Raises `ValueError` for other names than the text has, or a value of ours that is empty or
        too long: a bug. What comes from data is cut."""
        if set(params) != set(self.variables):
            raise ValueError(f"wants {sorted(self.variables)}, not {sorted(params)}")
        return {name: _fitted(Variable(name), value) for name, value in params.items()}

    def shown(self, params: Mapping[str, str]) -> str:
        """As its reader has it, but for the codes: who reads over their shoulder must not be able to use one."""
        return _VARIABLE.sub(lambda found: "******" if found[1] == Variable.CODE else params.get(found[1], "?"), self.text)


def _fitted(variable: Variable, value: str) -> str:
    if variable in _NAMES:
        name = value.strip() or "－"
        return name if len(name) <= VALUE_CHARS_MAX else f"{name[: VALUE_CHARS_MAX - 1]}…"
    if not 0 < len(value) <= VALUE_CHARS_MAX:
        raise ValueError(f"{variable} of {len(value)} characters")
    return value


TEXTS: Final[dict[Template, Text]] = {
    # Somebody stands before the sign-in.
    Template.SIGN_IN_CODE: Text("您的验证码是${code}，5分钟内有效，请勿告诉他人。", Waits.NEVER),
    Template.STAFF_CODE: Text("您正在登录工作站，验证码${code}，5分钟内有效。", Waits.NEVER, patients=False),
    # To whoever comes by 线上复诊 and by 复诊续方 it is 线上就诊. The screen of who has just paid says it too.
    Template.REVISIT_BOOKED: Text("您预约的线上就诊已成功：${time}，${department}。请当日在线报到。", Waits.UNLESS_NEAR),
    # It begins within the half hour, or the doctor is there and waits.
    Template.REVISIT_REMINDER: Text("提醒您：线上就诊将于${time}开始，请提前报到。", Waits.NEVER),
    Template.REVISIT_CALLED: Text("医生已接诊，请在${minutes}分钟内进入诊室。", Waits.NEVER),
    Template.REVISIT_CALLED_AGAIN: Text("医生再次呼叫您，请尽快进入诊室。${time}前未进入将过号，需重新排队候诊。", Waits.NEVER),
    # Nothing is to be done about it by night.
    Template.REVISIT_ENDED: Text("您的线上就诊已结束，病历可在就诊详情中查看，并请填写满意度调查。", Waits.ALWAYS),
    # Who would come online for a clinic of this night or early morning must not wait in vain.
    Template.REVISIT_CANCELLED: Text("您的线上就诊已取消：${reason}。如需就诊请重新预约。", Waits.UNLESS_NEAR),
    Template.REVISIT_DECLINED: Text("您的线上就诊已退诊，已缴费用将原路退回。${reason}", Waits.UNLESS_NEAR),
    Template.REVISIT_SUSPENDED: Text(
        f"您${{time}}的线上就诊因医生停诊已取消，${{reason}}。查看其他号源并重新预约：{LINK_DOMAIN}/again/${{visit}}", Waits.UNLESS_NEAR
    ),
    Template.REVISIT_REARRANGED: Text("您的线上就诊有调整（${reason}）：${time}，${doctor}。${until}。", Waits.UNLESS_NEAR),
    # Money takes days.
    Template.REFUND_REQUESTED: Text(
        "收到您的一笔缴费${amount}元，因${reason}将原路退回，请留意到账。应缴费用以就诊详情为准。", Waits.ALWAYS
    ),
    Template.REFUND_ARRIVED: Text("您的退费${amount}元已原路退回，请以银行或微信到账记录为准。", Waits.ALWAYS),
    Template.REFUND_PAID_OUT: Text("您的退费${amount}元已由医院转账退回，请以银行到账记录为准，如有疑问请联系财务处。", Waits.ALWAYS),
    # A patient waits in a clinic that is held now.
    Template.CLINIC_WAITING: Text("有复诊患者已报到候诊，请及时接诊。", Waits.NEVER, patients=False),
    # Its validity may end at midnight, so whoever has to act on it is told at once.
    Template.PRESCRIPTION_APPROVED: Text("您的处方已通过药师审核，请在有效期内选择取药方式并缴费。", Waits.NEVER),
    Template.PRESCRIPTION_RETURNED: Text("有一张处方需要您处理，请登录查看。", Waits.NEVER, patients=False),
    Template.REVIEW_WAITING: Text("有处方待签名，请及时在手机上确认。", Waits.NEVER, patients=False),
    Template.REVIEW_QUEUE: Text("有${count}张处方待审核，最久已等待${minutes}分钟，请及时处理。", Waits.NEVER, patients=False),
    # Nothing is to be done about it by night.
    Template.PRESCRIPTION_EXPIRED: Text("您的处方已过期，如仍需用药请重新复诊。", Waits.ALWAYS),
    Template.DRUGS_READY: Text("您的药品已备好，请凭取药码${code}到院取药。", Waits.ALWAYS),
    Template.DRUGS_WAITING: Text("您的药品已备好多日，请凭取药码${code}尽快到院取药。", Waits.ALWAYS),
    Template.DRUGS_UNCOLLECTED: Text("有已备好的药品逾期未取，请登录处理。", Waits.ALWAYS, patients=False),
    Template.DELIVERY_SENT: Text("您的包裹已由${carrier}寄出，运单尾号${tail}，可在就诊详情中查看物流。", Waits.ALWAYS),
    Template.DELIVERY_FAILED: Text("您的包裹暂未能送达，请保持电话畅通。如需更改收件信息，请联系医院药学部。", Waits.ALWAYS),
    Template.DELIVERY_WAITING: Text("有未能送达的包裹等待处理，请登录查看。", Waits.ALWAYS, patients=False),
}
"""The one table of what we say. The carrier has a copy: another text is approved there first."""
CODES: Final = frozenset({Template.SIGN_IN_CODE, Template.STAFF_CODE})
"""Of no visit, and worth nothing after some minutes."""


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


STATE_TEXTS: Final[dict[MessageState, str]] = {
    MessageState.DUE: "待发送",
    MessageState.SENDING: "发送中",
    MessageState.SENT: "已发送，等待送达回执",
    MessageState.DELIVERED: "已送达",
    MessageState.UNDELIVERED: "未送达",
    MessageState.FAILED: "发送失败",
}
TAKEN = frozenset({MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED})
"""The carrier has it, whatever became of it then."""
NOT_THERE = frozenset({MessageState.UNDELIVERED, MessageState.FAILED})
"""It may be sent again."""
REPORT_PAUSES_S: Final = (60, 300, 1800, 3600, 7200, 14400)
"""After how long the carrier is asked what became of a message, and then again: its own report mostly comes within seconds. The last one
again and again."""
REPORT_WITHIN: Final = timedelta(days=1)
"""A phone that is switched off has its messages kept for about as long [G]; then it stays `sent`."""


def report_asked_at(now: datetime, sent_at: datetime, asks: int) -> datetime | None:
    """When the carrier is asked next of a message that it took then, after so many questions; None: not any more."""
    until = sent_at + REPORT_WITHIN
    at = now + timedelta(seconds=REPORT_PAUSES_S[min(asks, len(REPORT_PAUSES_S) - 1)])
    return min(at, until) if now < until else None
