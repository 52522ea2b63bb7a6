"""The texts approved for the demo hospital: code → text with `${variables}`. No text of ours ever carries a diagnosis."""

import re
from collections.abc import Mapping

SIGN_NAME = "互联网医院"

TEMPLATES = {
    "SMS_SIGN_IN_CODE": "您的验证码是${code}，5分钟内有效，请勿告诉他人。",
    "SMS_STAFF_CODE": "您正在登录工作站，验证码${code}，5分钟内有效。",
    "SMS_REVISIT_BOOKED": "您预约的线上就诊已成功：${time}，${department}。请当日在线报到。",
    "SMS_REVISIT_REMINDER": "提醒您：线上就诊将于${time}开始，请提前报到。",
    "SMS_REVISIT_CALLED": "医生已接诊，请在${minutes}分钟内进入诊室。",
    "SMS_REVISIT_CALLED_AGAIN": "医生再次呼叫您，请尽快进入诊室。${time}前未进入将过号，需重新排队候诊。",
    "SMS_REVISIT_ENDED": "您的线上就诊已结束，病历可在就诊详情中查看，并请填写满意度调查。",
    "SMS_REVISIT_CANCELLED": "您的线上就诊已取消：${reason}。如需就诊请重新预约。",
    "SMS_REVISIT_DECLINED": "您的线上就诊已退诊，已缴费用将原路退回。${reason}",
    "SMS_REVISIT_SUSPENDED": "您${time}的线上就诊因医生停诊已取消，${reason}。查看其他号源并重新预约：fuzhen.example/again/${visit}",
    "SMS_REVISIT_REARRANGED": "您的线上就诊有调整（${reason}）：${time}，${doctor}。${until}。",
    "SMS_REFUND_REQUESTED": "收到您的一笔缴费${amount}元，因${reason}将原路退回，请留意到账。应缴费用以就诊详情为准。",
    "SMS_REFUND_ARRIVED": "您的退费${amount}元已原路退回，请以银行或微信到账记录为准。",
    "SMS_REFUND_PAID_OUT": "您的退费${amount}元已由医院转账退回，请以银行到账记录为准，如有疑问请联系财务处。",
    "SMS_CLINIC_WAITING": "有复诊患者已报到候诊，请及时接诊。",
    "SMS_PRESCRIPTION_APPROVED": "您的处方已通过药师审核，请在有效期内选择取药方式并缴费。",
    "SMS_PRESCRIPTION_EXPIRED": "您的处方已过期，如仍需用药请重新复诊。",
    "SMS_DRUGS_READY": "您的药品已备好，请凭取药码${code}到院取药。",
    "SMS_DRUGS_WAITING": "您的药品已备好多日，请凭取药码${code}尽快到院取药。",
    "SMS_DRUGS_UNCOLLECTED": "有已备好的药品逾期未取，请登录处理。",
    "SMS_DELIVERY_SENT": "您的包裹已由${carrier}寄出，运单尾号${tail}，可在就诊详情中查看物流。",
    "SMS_DELIVERY_FAILED": "您的包裹暂未能送达，请保持电话畅通。如需更改收件信息，请联系医院药学部。",
    "SMS_DELIVERY_WAITING": "有未能送达的包裹等待处理，请登录查看。",
    "SMS_PRESCRIPTION_RETURNED": "有一张处方需要您处理，请登录查看。",
    "SMS_REVIEW_WAITING": "有处方待签名，请及时在手机上确认。",
    "SMS_REVIEW_QUEUE": "有${count}张处方待审核，最久已等待${minutes}分钟，请及时处理。",
}

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def variables(template_code: str) -> list[str]:
    """The names a template wants filled, in their order."""
    return _VARIABLE.findall(TEMPLATES[template_code])


def render(template_code: str, values: Mapping[str, str]) -> str:
    """The text as it arrives on the phone, the signature in front [B]."""
    return f"【{SIGN_NAME}】" + _VARIABLE.sub(lambda found: values[found[1]], TEMPLATES[template_code])
