"""What people read of a parcel."""

from typing import Final

from models.delivery import Decision, DeliveryState, Mark

DELIVERY_TEXTS: Final[dict[DeliveryState, str]] = {
    DeliveryState.CREATING: "待发货",
    DeliveryState.CREATED: "待揽收",
    DeliveryState.PICKED_UP: "已揽收",
    DeliveryState.IN_TRANSIT: "运输中",
    DeliveryState.OUT_FOR_DELIVERY: "派送中",
    DeliveryState.REFUSED: "已拒收",
    DeliveryState.RETURNING: "退回中",
    DeliveryState.OVERDUE: "物流异常（医院正在查询）",
    DeliveryState.UNDELIVERABLE: "无法配送（医院正在处理）",
    DeliveryState.RETURNED: "已退回药房（医院正在处理）",
    DeliveryState.SIGNED: "已签收",
    DeliveryState.DECIDED: "已处理",
}

MARK_TEXTS: Final[dict[Mark, str]] = {
    Mark.PICKED_UP: "已揽收",
    Mark.TRANSIT: "运输中",
    Mark.OUT: "派送中",
    Mark.FAILED: "派送未成功，将再次派送",
    Mark.REFUSED: "已拒收",
    Mark.RETURNING: "退回中",
    Mark.DELIVERED: "已签收",
    Mark.OTHER: "物流更新",
}

DECISION_TEXTS: Final[dict[Decision, str]] = {
    Decision.REFUND: "退药退费",
    Decision.RESEND: "已重新配送",
    Decision.KEEP: "药品留存药房，请凭取药码到院领取",
}

DELIVERY_STEPS: Final[dict[str, str]] = {
    "delivery.create": "通知快递揽收",
    "delivery.poll": "物流更新",
    "delivery.decide": "处理未送达的快递",
}
