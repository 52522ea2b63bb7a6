"""What people read of an e-bill: its states, and why the issuer did not do it."""

from typing import Final

from models.invoice import InvoiceState, Look

INVOICE_TEXTS: Final[dict[InvoiceState, str]] = {
    InvoiceState.ISSUING: "开具中",
    InvoiceState.REVERSING: "冲红中",
    InvoiceState.FETCHING: "已开具",
    InvoiceState.REFUSED: "未能开具（医院正在处理）",
    InvoiceState.ISSUED: "已开具",
    InvoiceState.VOID: "已全额退费，不再开具",
}
"""Of the process that makes a bill."""

_UNDONE: Final = "已冲红（费用已全额退回）"
"""A bill had been issued, and its red bill is all that was left to do."""


def invoice_text(state: InvoiceState, step: str) -> str:
    """What a step led to: a bill that was undone is said to be so, and why."""
    return _UNDONE if state is InvoiceState.VOID and step == "invoice.reverse" else INVOICE_TEXTS[state]


LOOK_TEXTS: Final[dict[Look, str]] = {Look.ISSUING: "开具中", Look.ISSUED: "已开具", Look.REVERSED: "已冲红", Look.VOID: "不再开具"}
"""Of a bill, as its payer sees it."""

INVOICE_STEPS: Final = {
    "invoice.issue": "开具电子票据",
    "invoice.reverse": "冲红电子票据",
    "invoice.fetch": "取得票据文件",
    "invoice.retry": "重新开具电子票据",
    "invoice.drop": "费用退回后核对电子票据",
}

_TROUBLE_TEXTS: Final[dict[str, str]] = {
    "invoice.E0101": "财政平台已有同一流水号的票据，内容不一致。请在财政平台核对后重新开具。",
    "invoice.E0104": "可用票号不足，请在财政平台申领票号后重新开具。",
    "invoice.E0201": "财政平台没有该票据，请核对后重新开具。",
    "invoice.E0202": "该票据在财政平台已被冲红，请核对后重新开具。",
    "invoice.differs": "财政平台同一流水号的票据金额不一致，或已被人工冲红。请在财政平台核对后重新开具，已冲红的将以新的流水号开具。",
    "invoice.number_twice": "财政平台给出的票号已用于另一张票据，请与财政平台核对票号后重新开具。",
    "invoice.picture_missing": "票据已开具，但财政平台没有给出票据文件，请核对后重试。",
    "invoice.picture_elsewhere": "票据已开具，但票据文件地址不在财政平台，请联系信息中心后重试。",
}


def trouble_text(trouble: str) -> str:
    """Why a bill was not issued or undone, and what 财务处 can do about it."""
    return _TROUBLE_TEXTS.get(trouble, "财政平台未受理，请核对后重新开具；如反复出现请联系信息中心。")
