"""What people read of a refund: its states, causes and troubles, and what staff did to it."""

from typing import Final

from models.account import Role
from models.kernel.money import yuan
from models.refund import Cause, Office, RefundState

REFUND_TEXTS: Final[dict[RefundState, str]] = {
    RefundState.REQUESTED: "已申请退费",
    RefundState.CLEARED: "已申请退费",
    RefundState.ACCEPTED: "退费中",
    RefundState.STUCK: "退费中（医院正在办理）",
    RefundState.ARRIVED: "已到账",
    RefundState.PAID_OUT: "医院已转账退回",
    RefundState.WITHDRAWN: "已撤销",
}
"""To people 退费, 退款 only of the channel's leg; nothing is 已到账 before the channel's query, or a person who paid it out, said so."""

CAUSE_TEXTS: Final[dict[Cause, str]] = {
    Cause.PATIENT: "您已退号",
    Cause.ABSENT: "未就诊",
    Cause.NOT_ACCEPTED: "医生未能接诊",
    Cause.DECLINED: "已退诊",
    Cause.SUSPENDED: "医生停诊",
    Cause.UNSETTLED: "医院未能确认预约",
    Cause.MANAGEMENT: "医院退费",
    Cause.RETURNED: "退药退费",
    Cause.LATE: "缴费已逾期",
    Cause.SECOND: "重复缴费",
    Cause.OTHER_AMOUNT: "缴费金额不符",
    Cause.UNKNOWN_ORDER: "未知订单的缴费",
}

PAYABLE_TEXTS: Final[dict[str, str]] = {"revisit": "医事服务费", "prescription": "药费"}
"""What a charge is for, by the process that wants it paid."""

OFFICE_TEXTS: Final[dict[Office, str]] = {Office.FINANCE: "财务处", Office.INSURANCE: "医保办", Office.OUTPATIENT: "门诊办"}
"""Whose task a stuck refund is."""

_BEFOREHAND: Final[dict[str, str]] = {
    "revisit": "该次就诊已完成：门诊窗口须先在医院系统中取消执行，医院系统才会同意退费；未取消时该笔退费将转为门诊办的待办。",
    "prescription": "药品如已发放：药房须先在医院系统中办理退药，医院系统才会同意退费；未办理时该笔退费将转为财务处的待办。",
}

ON_ITS_WAY, GIVEN_BACK, GIVEN_BACK_IN_PART = "退费中", "已退费", "已部分退费"


def given_back_text(paid_fen: int, *, reserved_fen: int, refunded_fen: int) -> str | None:
    """What a charge reads in place of 已缴费, by what of its payment is on its way back and what has arrived; None while nothing is."""
    if reserved_fen:
        return ON_ITS_WAY
    if refunded_fen:
        return GIVEN_BACK if refunded_fen >= paid_fen else GIVEN_BACK_IN_PART
    return None


OVERDUE_TEXT: Final = "退费未按时到账，医院正在核实，请留意到账记录；如有疑问请联系财务处。"
"""In place of a promised day that has passed."""

DEED_TEXTS: Final[dict[str, str]] = {
    "refund:begin": "申请医院退费",
    "refund.retry": "重新办理退费",
    "refund.hand_over": "转交办理",
    "refund.pay_out": "线下退费",
    "refund.withdraw": "撤销退费",
}
"""What staff do to a refund, by its name in the audit."""

ROLE_TEXTS: Final[dict[Role, str]] = {
    Role.PATIENT: "患者",
    Role.DOCTOR: "医生",
    Role.MANAGEMENT: "门诊办",
    Role.FINANCE: "财务处",
    Role.PHARMACIST: "药师",
}

_TROUBLE_TEXTS: Final[dict[str, str]] = {
    "his.executed": "医院系统显示该次就诊已完成。请先由门诊窗口在医院系统中取消执行，再重新办理退费。",
    "his.dispensed": "医院系统显示药品已发放。请先由药房在医院系统中办理退药，再重新办理退费。",
    "his.already-reversed": "医院系统显示窗口已退费。请核实患者是否已拿到现金：已拿到请撤销，未拿到请在医院系统更正后重新办理。",
    "wechat_pay.not_enough": "微信支付商户余额不足，请充值后重新办理退费。",
    "wechat_pay.refund_abnormal": "款项退不到原付款账户，请在微信支付商户平台处理，到账后自动更新。",
    "wechat_pay.refund_closed": "微信支付已关闭该笔退款，请重新办理退费，或线下退费。",
    "wechat_pay.refund_absent": "微信支付查无该笔退款，请重新办理退费，或线下退费。",
    "refund.overdue": "超过承诺时间仍未到账，仍在自动查询，请向微信支付核实。",
}
_PARTIES: Final = {
    "his": "医院系统未同意核销该笔费用，请在医院系统中处理后重新办理退费。",
    "wechat_pay": "微信支付未受理该笔退款，请核实后重新办理退费。",
}


def trouble_text(trouble: str, *, may_withdraw: bool) -> str:
    """Why no machine can finish a refund, and what a person can do about it."""
    said = _TROUBLE_TEXTS.get(trouble) or _PARTIES.get(trouble.partition(".")[0], "请核实后重新办理退费。")
    return f"{said}如不再退费，请撤销。" if may_withdraw and "撤销" not in said else said


def beforehand_text(state: RefundState, payable: str | None, *, served: bool) -> str | None:
    """Of a visit that took place, what the HIS wants undone before it lets go: said before it has refused."""
    return _BEFOREHAND.get(payable) if payable and served and state is RefundState.REQUESTED else None


def about_text(payable: str | None, amount_fen: int, cause: Cause | None) -> str:
    """Which money, told from the other of the same visit: what for, how much, and why it goes back."""
    said = f"{PAYABLE_TEXTS[payable] if payable else '未知订单'} {yuan(amount_fen)}元"
    return f"{said}（{CAUSE_TEXTS[cause]}）" if cause else said
