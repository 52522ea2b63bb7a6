"""What people read of a prescription: one word a state, one sentence a step."""

from typing import Final

from models.prescription import UNSIGNED, PrescriptionState

PRESCRIPTION_TEXTS: Final[dict[PrescriptionState, str]] = {
    PrescriptionState.DRAFTING: "开具中",
    PrescriptionState.CHECKING: "合理用药审查中",
    PrescriptionState.SIGNING: "待医师签名",
    PrescriptionState.QUEUED: "待审方",
    PrescriptionState.QUESTIONED: "质疑中",
    PrescriptionState.RETURNED: "待医师修改",
    PrescriptionState.COUNTERSIGNING: "待药师签名",
    PrescriptionState.PRICING: "计价中",
    PrescriptionState.CHOOSING: "待选择取药方式",
    PrescriptionState.PAYING: "待缴费",
    PrescriptionState.CLOSING: "正在取消",
    PrescriptionState.AT_HOSPITAL: "待到院缴费取药",
    PrescriptionState.DISPENSING: "待调配",
    PrescriptionState.READY: "待取药",
    PrescriptionState.SHIPPING: "配送中",
    PrescriptionState.COMPLETED: "已完成",
    PrescriptionState.WITHDRAWN: "已撤回",
    PrescriptionState.CANCELLED: "已取消",
    PrescriptionState.EXPIRED: "已过期",
}

REASON_TEXTS: Final[dict[str, str]] = {
    "review.denied": "合理用药审查未通过，请修改处方后重新提交。",
    "review.restricted": "合理用药审查提示慎用，请修改处方，或填写用药理由后重新提交。",
    "withdrawn": "医生已撤回处方。",
    "unsigned": "医生未在当日签名。",
    "expired": "处方已过有效期。",
    "patient": "患者已取消取药。",
    "closed": "超时未缴费。",
    "unsettled": "医院未能确认缴费，费用退回。",
    "returned": "药品未送达，费用退回。",
}
"""Why it ended without drugs, or was given back by no person, where that is no refusal with a sentence of its own."""

IN_REVIEW: Final = frozenset(
    {PrescriptionState.QUEUED, PrescriptionState.QUESTIONED, PrescriptionState.RETURNED, PrescriptionState.COUNTERSIGNING}
)
"""Signed by its doctor and not yet by a pharmacist: so long its patient is not shown it (药品网络销售监督管理办法 2022 [G])."""
IN_REVIEW_TEXT: Final = "药师审核中"


def may_be_shown(state: PrescriptionState, *, priced: bool) -> bool:
    """Whether the patient's side reads what is prescribed: a pharmacist has approved it and signed. The HIS prices nothing before."""
    if state is PrescriptionState.EXPIRED:
        return priced
    return state not in IN_REVIEW | UNSIGNED | {PrescriptionState.WITHDRAWN}


def patient_state(state: PrescriptionState) -> PrescriptionState:
    """As the patient's side is told it, of what its doctor has signed once: whose desk it lies on meanwhile is the hospital's affair.

    One that is amended is in review as one that waits for its pharmacist is.
    """
    return PrescriptionState.QUEUED if state in IN_REVIEW | UNSIGNED else state


def patient_text(state: PrescriptionState) -> str:
    """The same in words."""
    return IN_REVIEW_TEXT if patient_state(state) is PrescriptionState.QUEUED else PRESCRIPTION_TEXTS[state]


PRESCRIPTION_STEPS: Final[dict[str, str]] = {
    "prescription.open": "开具处方",
    "prescription.amend": "修改处方",
    "prescription.submit": "提交处方",
    "prescription.check": "合理用药审查",
    "prescription.extend": "延长处方有效期",
    "prescription.withdraw": "撤回处方",
    "prescription.expire": "处方已过期",
    "signature.request": "发起电子签名",
    "signature.query": "核对电子签名",
    "review.claim": "药师领取处方",
    "review.release": "药师放回处方",
    "review.approve": "药师审方通过",
    "review.question": "药师质疑处方",
    "review.reject": "药师驳回处方",
    "review.answer": "医生答复药师",
    "review.escalate": "提醒审方",
    "drug.price": "医院计价",
    "drug.choose": "选择取药方式",
    "drug.charged": "确认药费",
    "drug.choose_again": "重新选择取药方式",
    "drug.close": "申请取消取药",
    "drug.leave": "处方未取药",
    "drug.query": "核对调配进展",
    "drug.give_back": "取消取药",
    "drug.delivered": "确认配送结果",
    "drug.note": "收到药房通知",
}


def patient_step(step: str, before: str, after: PrescriptionState, *, signed: bool) -> str | None:
    """The title under which the patient's side is told a step; None: not told. `signed`: its doctor had signed it once before this step.

    Nothing before the doctor's signature; from there to the pharmacist's one step, whatever was asked, given back and amended meanwhile.
    """
    if patient_state(after) is PrescriptionState.QUEUED:
        if after in UNSIGNED and not signed:
            return None
        return None if signed and before in IN_REVIEW | UNSIGNED else IN_REVIEW_TEXT
    if after is PrescriptionState.WITHDRAWN and not signed:
        return None
    approved = (before, after) == (PrescriptionState.COUNTERSIGNING, PrescriptionState.PRICING)
    return PRESCRIPTION_STEPS["review.approve" if approved else step]
