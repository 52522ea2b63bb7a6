"""What people read of a visit: one word a state, one sentence a step, who acts next (A: 就诊详情)."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from models.charge import ChargeState
from models.delivery import DeliveryState
from models.invoice import InvoiceState
from models.prescription import PrescriptionState
from models.record import RecordState
from models.refund import RefundState
from models.revisit import BEFORE_ACCEPTED, PAID, DeclineReason, Reason, State
from models.suspension import SUSPENSION_TEXTS, SuspensionState
from models.timeline_delivery import DELIVERY_STEPS, DELIVERY_TEXTS
from models.timeline_invoice import INVOICE_STEPS, INVOICE_TEXTS
from models.timeline_prescription import PRESCRIPTION_STEPS, PRESCRIPTION_TEXTS
from models.timeline_record import RECORD_STEPS, RECORD_TEXTS
from models.timeline_refund import REFUND_TEXTS
from models.timeline_survey import SURVEY_STEPS


class Actor(StrEnum):
    """Who acts next."""

    PATIENT = "patient"
    DOCTOR = "doctor"
    PHARMACIST = "pharmacist"
    HOSPITAL = "hospital"
    NOBODY = "nobody"


STATE_TEXTS: Final[dict[State, str]] = {
    State.CHECKING: "资格核验中",
    State.REFUSED: "未通过复诊资格",
    State.COMPLETING: "待补全资料",
    State.CONSENTING: "待知情同意",
    State.CHOOSING: "待选号源",
    State.DESCRIBING: "待描述病情",
    State.PAYING: "待缴费",
    State.CLOSING: "退号处理中",
    State.BOOKED: "待报到",
    State.WAITING: "待接诊",
    State.CONSULTING: "问诊中",
    State.ENDED: "已结束",
    State.CLOSED: "已结束",
    State.CANCELLED: "已退号",
    State.DECLINED: "已退诊",
    State.ABSENT: "未就诊",
    State.SUSPENDED: "已停诊",
}
_STOPPING: Final = "停诊处理中"
"""A visit that is closing and will be 已停诊."""

ACTS_NEXT: Final[dict[State, Actor]] = {
    State.CHECKING: Actor.HOSPITAL,
    State.COMPLETING: Actor.PATIENT,
    State.CONSENTING: Actor.PATIENT,
    State.CHOOSING: Actor.PATIENT,
    State.DESCRIBING: Actor.PATIENT,
    State.PAYING: Actor.PATIENT,
    State.CLOSING: Actor.HOSPITAL,
    State.BOOKED: Actor.PATIENT,
    State.WAITING: Actor.DOCTOR,
    State.CONSULTING: Actor.DOCTOR,
    State.ENDED: Actor.HOSPITAL,
}
"""States at an end are nobody's."""

DEADLINES: Final[dict[State, str]] = {
    State.COMPLETING: "超时未完成，本次预约将取消",
    State.CONSENTING: "超时未完成，本次预约将取消",
    State.CHOOSING: "超时未完成，本次预约将取消",
    State.DESCRIBING: "号源保留至此时，超时将释放",
    State.PAYING: "号源保留至此时，超时未缴费将取消",
    State.BOOKED: "就诊单元结束前未报到，将记为未就诊",
    State.WAITING: "届时仍未接诊将退诊，费用原路退回",
    State.CONSULTING: "请在此时前进入诊室，超时将过号",
    State.ENDED: "满意度调查开放至此时",
}

STEP_TEXTS: Final[dict[str, str]] = (
    {
        "revisit.open": "发起线上复诊",
        "eligibility.check": "核验复诊资格",
        "eligibility.complete": "补全个人资料",
        "eligibility.relate": "关联既往就诊",
        "consent.self_check": "完成急症自查",
        "consent.consent": "签署知情同意",
        "booking.hold": "锁定号源",
        "booking.book": "预约成功",
        "booking.close": "申请退号",
        "booking.leave": "本次复诊已退出",
        "booking.rearrange": "就诊安排有调整",
        "booking.note": "收到医院的排班变动",
        "suspension.look": "核对停诊安排",
        "suspension.clear": "通知受影响的患者",
        "intake.describe": "提交病情描述",
        "queue.remind": "就诊提醒",
        "queue.check_in": "报到",
        "queue.urge": "提醒医生接诊",
        "queue.accept": "医生接诊",
        "queue.enter": "进入诊室",
        "queue.call_again": "再次呼叫",
        "queue.pass_over": "过号",
        "revisit.end": "结束问诊",
        "revisit.close": "就诊完成",
        "charge.order": "发起缴费",
        "charge.query": "核对缴费结果",
        "charge.close": "关闭缴费",
        "charge.settle": "医院确认缴费",
        "refund.reverse": "医院核销费用",
        "refund.apply": "提交退费",
        "refund.query": "核对退费结果",
        "refund.retry": "重新办理退费",
        "refund.hand_over": "转交办理",
        "refund.pay_out": "线下退费",
        "refund.withdraw": "撤销退费",
        **DELIVERY_STEPS,
        **INVOICE_STEPS,
        **SURVEY_STEPS,
    }
    | PRESCRIPTION_STEPS
    | RECORD_STEPS
)

OPENED_TEXTS: Final = {False: STEP_TEXTS["revisit.open"], True: "发起复诊续方"}
"""By whether it began from a past prescription."""


def step_text(step: str, *, refill: bool, asked: bool) -> str:
    """A step of a visit in the words of screens; `asked` for by a person, or done of itself."""
    if step == "booking.close" and not asked:
        return "医院停诊，正在核对缴费"
    return OPENED_TEXTS[refill] if step == "revisit.open" else STEP_TEXTS[step]


_DOCTORS_STEPS: Final = frozenset(
    {"queue.accept", "revisit.end"}
    | {f"prescription.{one}" for one in ("open", "amend", "submit", "extend", "withdraw")}
    | {"review.answer", "record.open", "record.withdraw"}
)


def done_by(process: str, step: str, after: str, *, declined_for: str | None) -> str:
    """Whose a step is that somebody asked for: the doctor's, the pharmacist's, the hospital's, or the patient's side's."""
    if step.startswith("review.") and step not in _DOCTORS_STEPS:
        return "pharmacist"
    if step == "record.retry":
        return "hospital"
    if process in {"refund", "delivery", "invoice"} or (after == State.DECLINED and declined_for == DeclineReason.HOSPITAL):
        return "hospital"
    return "doctor" if step in _DOCTORS_STEPS or after == State.DECLINED else "patient"


TIME_IS_UP: Final = "time_is_up"
UNDER_WAY: Final[dict[str, str]] = {
    TIME_IS_UP: "已到时限，正在处理",
    "stopped": "正在办理停诊",
    "choose_slot": "正在锁定号源",
    "complete": "正在提交资料",
    "check_in": "正在报到",
    "accept": "正在接诊",
    "end": "正在结束问诊",
    "cancel": "正在退号",
    "decline": "正在退诊",
    "pay_out": "正在核对退费",
    "decide": "正在核对物流",
    "charge_ended": "正在确认预约",
    "order": "正在发起缴费",
    "reported": "正在核对缴费",
    "cancel_drugs": "正在取消取药",
    "extend": "正在延长有效期",
}

MONEY_TEXTS: Final[dict[ChargeState, str]] = {
    ChargeState.OPEN: "待缴费",
    ChargeState.PAID: "缴费处理中（请勿重复缴费）",
    ChargeState.SETTLED: "已缴费",
    ChargeState.CLOSED: "已关闭",
    ChargeState.UNSETTLED: "预约未成功，费用退回",
}

REASON_TEXTS: Final[dict[Reason, str]] = {
    Reason.PATIENT: "您已退号",
    Reason.TIMED_OUT: "超时未完成预约",
    Reason.UNPAID: "超时未缴费",
    Reason.UNSETTLED: "医院未能确认预约，费用将原路退回",
    Reason.ABSENT: "就诊时段已结束，未就诊",
    Reason.NOT_ACCEPTED: "医生未能接诊，费用将原路退回",
    Reason.DECLINED: "本次就诊已退诊",
    Reason.SUSPENDED: "医生停诊",
}
"""Why a visit was left, on screens and in messages."""

DECLINE_TEXTS: Final[dict[DeclineReason, str]] = {
    DeclineReason.NOT_SUITED: "您的情况不属于本科室诊疗范围，请选择其他科室。",
    DeclineReason.IN_PERSON: "您的情况需要面诊，请到院就诊。",
    DeclineReason.UNREACHABLE: "医生未能联系到您，请重新预约。",
    DeclineReason.HOSPITAL: "因医院原因未能完成就诊，请重新预约。",
    DeclineReason.OTHER: "请查看医生的说明。",
}

_FREE, _PAID_BACK = "现在退号不产生费用。", "接诊前可以退号，已缴费用全部原路退回。"

CANCEL_TEXTS: Final[dict[State, str]] = {
    **dict.fromkeys(BEFORE_ACCEPTED - PAID, _FREE),
    **dict.fromkeys(BEFORE_ACCEPTED & PAID, _PAID_BACK),
    State.CLOSING: "正在核对是否已缴费，如已缴费将全部原路退回。",
    State.CONSULTING: "医生已接诊，如需退诊请在诊室中告诉医生。",
}
"""The rule of 退号 in each state, shown beside the button or in its place."""

REFUSAL_TEXTS: Final[dict[str, str]] = {
    "no_record": "未查询到您在本院的门诊就诊记录，请先到院就诊。",
    "out_of_window": "您上次就诊已超过线上复诊期限，请预约线下门诊。",
    "child": "6岁以下患儿不能线上复诊，请由监护人陪同到院就诊。",
    "not_found": "未在本院查询到与姓名、身份证号一致的就诊人，请核对后重试。",
    "not_theirs": "所选的既往就诊不属于该就诊人，请重新选择。",
    "not_checked": "医院系统未能核验您的就诊记录，请稍后重新发起，或到院就诊。",
    "emergency": "您有需要紧急处理的症状，请立即到最近的急诊就诊或拨打120。",
    "not_their_prescription": "未在本院查询到该就诊人的这张处方，请重新选择处方。",
    "nothing_left": "该处方中的药品都不能在线上续方，请到院就诊。",
}

_WORDS: Final[dict[str, Callable[[str], str]]] = {
    "revisit": lambda state: STATE_TEXTS[State(state)],
    "charge": lambda state: MONEY_TEXTS[ChargeState(state)],
    "refund": lambda state: REFUND_TEXTS[RefundState(state)],
    "prescription": lambda state: PRESCRIPTION_TEXTS[PrescriptionState(state)],
    "record": lambda state: RECORD_TEXTS[RecordState(state)],
    "delivery": lambda state: DELIVERY_TEXTS[DeliveryState(state)],
    "invoice": lambda state: INVOICE_TEXTS[InvoiceState(state)],
    "suspension": lambda state: SUSPENSION_TEXTS[SuspensionState(state)],
}


def state_text(process: str, state: str, *, stopped: bool = False) -> str:
    """A process's state in the words of screens. Of a visit that is closing: whether a stop of its clinic wanted that, or its patient."""
    return _STOPPING if stopped and (process, state) == ("revisit", State.CLOSING) else _WORDS[process](state)


_ROUTINE: Final = frozenset(
    {
        "booking.note",
        "suspension.clear",
        "refund.query",
        "delivery.poll",
        "signature.query",
        "record.query",
        "record.note",
        "drug.query",
        "drug.note",
        "revisit.close",
    }
    | {"review.claim", "review.release", "review.escalate"}
)


def is_routine(step: str, before: str, after: str) -> bool:
    """A question to the outside that brought nothing new, or who of the pharmacists has it, is nobody's news."""
    return step in _ROUTINE and before == after
