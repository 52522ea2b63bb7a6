"""What people read of the signing of a record: one word a state, one sentence a step."""

from typing import Final

from models.record import RecordState

RECORD_TEXTS: Final[dict[RecordState, str]] = {
    RecordState.SIGNING: "待医生签名",
    RecordState.FILING: "已签名，归档中",
    RecordState.STUCK: "已签名，归档待处理",
    RecordState.FILED: "已签名归档",
    RecordState.REFUSED: "签名未完成",
    RecordState.EXPIRED: "签名超时",
    RecordState.WITHDRAWN: "已撤回签名",
}

RECORD_STEPS: Final[dict[str, str]] = {
    "record.open": "提交病历签名",
    "record.request": "发起病历签名",
    "record.query": "核对病历签名",
    "record.withdraw": "撤回病历签名",
    "record.file": "病历归档",
    "record.retry": "重新归档病历",
    "record.note": "收到签名通知",
}
