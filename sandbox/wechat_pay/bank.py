"""The bank's books: orders and what was paid on them. What goes back is in refunds.py."""

import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sandbox.clock import rfc3339
from sandbox.store import Store
from sandbox.wechat_pay import tables
from sandbox.wechat_pay.messages import Kind, OrderIn, State
from sandbox.wechat_pay.notify import Notifier
from sandbox.wechat_pay.wire import WeChatPayError

UNPAID_LIFE = timedelta(days=7)
"""An order without `time_expire` closes by itself after this long [C]."""
PREPAY_LIFE = timedelta(hours=2)
"""How long a prepay_id can be paid with; the same order asked for again then gets a new one [C]."""

_SELECT = """
SELECT o.*, p.transaction_id, p.openid AS payer_openid, p.bank_type, p.success_at,
    EXISTS (SELECT 1 FROM wechat_refund r WHERE r.out_trade_no = o.out_trade_no AND r.status <> 'CLOSED') AS refunded
FROM wechat_order o LEFT JOIN wechat_payment p USING (out_trade_no)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order with its payment, when there is one; times as RFC 3339 text in `+08:00`."""

    TRADE_TYPES: ClassVar[dict[Kind, str]] = {"jsapi": "JSAPI", "app": "APP", "native": "NATIVE"}
    DESCRIPTIONS: ClassVar[dict[str, str]] = {
        "NOTPAY": "订单未支付",
        "SUCCESS": "支付成功",
        "CLOSED": "订单已关闭",
        "REFUND": "订单发生过退款，退款详情请查询退款单",
    }
    """Texts [C], of REFUND [B]."""

    out_trade_no: str
    mchid: str
    appid: str
    kind: Kind
    description: str
    attach: str
    notify_url: str
    total_fen: int
    openid: str | None
    fingerprint: str
    prepay_id: str
    code_url: str
    prepaid_at: str
    state: State
    created_at: str
    expires_at: str
    closed_at: str | None
    transaction_id: str | None
    payer_openid: str | None
    bank_type: str | None
    success_at: str | None
    refunded: int
    """1 from the first refund on that was accepted, 0 before: SQLite has no truth of its own."""

    @property
    def trade_state(self) -> str:
        """`REFUND` from the first accepted refund on, be it of a part or still under way [C]; a closed one gave nothing back [G]."""
        return "REFUND" if self.refunded else self.state

    def transaction(self) -> dict[str, object]:
        """The transaction as query and notify show it: payer and payment fields only once paid [C]."""
        shown: dict[str, object] = {
            "appid": self.appid,
            "mchid": self.mchid,
            "out_trade_no": self.out_trade_no,
            "attach": self.attach,
            "trade_state": self.trade_state,
            "trade_state_desc": self.DESCRIPTIONS[self.trade_state],
            "amount": {"total": self.total_fen, "currency": "CNY"},
            "payer": {},
            "promotion_detail": [],
        }
        if self.state == "SUCCESS":
            shown |= {
                "transaction_id": self.transaction_id,
                "trade_type": self.TRADE_TYPES[self.kind],
                "bank_type": self.bank_type,
                "success_time": self.success_at,
                "payer": {"openid": self.payer_openid},
                "amount": {"total": self.total_fen, "payer_total": self.total_fen, "currency": "CNY", "payer_currency": "CNY"},
            }
        return shown


class Bank:
    """Takes orders, lets them be paid once, closes them. Whoever calls passes the present time."""

    def __init__(self, store: Store, notifier: Notifier) -> None:
        """The notifier's row is written in the payment's own transaction."""
        store.script(tables.DDL)
        self._store = store
        self._notifier = notifier

    def place(self, kind: Kind, wish: OrderIn, now: datetime) -> Order:
        """A new order, or the first one again when number and parameters are the same [C]; texts [C], codes [B]."""
        with self._store.transaction() as db:
            _close_expired(db, now)
            known = find(db, "out_trade_no", wish.out_trade_no)
            if known is None:
                _insert(db, kind, wish, now)
            elif known.state == "SUCCESS":
                raise WeChatPayError(400, "ORDERPAID", "该订单已支付")
            elif known.state == "CLOSED":
                raise WeChatPayError(400, "ORDER_CLOSED", "订单已关闭")
            elif known.fingerprint != wish.fingerprint(kind):
                raise WeChatPayError(400, "INVALID_REQUEST", "请求重入时参数与首次请求时不一致，请核实后重试")
            elif known.prepaid_at <= rfc3339(now - PREPAY_LIFE):
                fresh = (_prepay_id(now), _code_url(), rfc3339(now), wish.out_trade_no)
                db.execute("UPDATE wechat_order SET prepay_id = ?, code_url = ?, prepaid_at = ? WHERE out_trade_no = ?", fresh)
            return get(db, "out_trade_no", wish.out_trade_no)

    def order(self, out_trade_no: str, now: datetime) -> Order:
        """By the merchant's number; 404 when unknown."""
        with self._store.transaction() as db:
            _close_expired(db, now)
            return get(db, "out_trade_no", out_trade_no)

    def by_transaction(self, transaction_id: str, now: datetime) -> Order:
        """By our own number of the payment; 404 when unknown."""
        with self._store.transaction() as db:
            _close_expired(db, now)
            return get(db, "transaction_id", transaction_id)

    def by_prepay(self, prepay_id: str, now: datetime) -> Order:
        """By what the person's phone was given; a prepay_id past its two hours is as good as unknown."""
        with self._store.transaction() as db:
            _close_expired(db, now)
            order = get(db, "prepay_id", prepay_id)
        if order.prepaid_at <= rfc3339(now - PREPAY_LIFE):
            raise WeChatPayError(404, "ORDER_NOT_EXIST", "预支付会话已过期")
        return order

    def close(self, out_trade_no: str, now: datetime) -> None:
        """From then on it cannot be paid. Paid or closed already is refused [C: ORDER_CLOSED; B: ORDERPAID]."""
        with self._store.transaction() as db:
            _close_expired(db, now)
            _refuse_unless_open(get(db, "out_trade_no", out_trade_no), status=400)
            db.execute("UPDATE wechat_order SET state = 'CLOSED', closed_at = ? WHERE out_trade_no = ?", (rfc3339(now), out_trade_no))

    def pay(self, out_trade_no: str, openid: str | None, now: datetime) -> Order:
        """The person pays: money moves once, and the merchant's notify is due at once, both or neither."""
        with self._store.transaction() as db:
            _close_expired(db, now)
            order = get(db, "out_trade_no", out_trade_no)
            _refuse_unless_open(order, status=409)
            payer = openid or order.openid or f"o{secrets.token_urlsafe(20)}"
            if order.openid and payer != order.openid:
                raise WeChatPayError(409, "OPENID_MISMATCH", "支付者与下单时的openid不一致")
            db.execute("UPDATE wechat_order SET state = 'SUCCESS' WHERE out_trade_no = ?", (out_trade_no,))
            db.execute(
                "INSERT INTO wechat_payment VALUES (?, ?, ?, ?, ?, ?)",
                (_transaction_id(now), out_trade_no, payer, order.total_fen, "OTHERS", rfc3339(now)),
            )
            paid = get(db, "out_trade_no", out_trade_no)
            self._notifier.enqueue(db, "TRANSACTION.SUCCESS", paid.notify_url, paid.transaction(), now)
        self._notifier.wake()
        return paid

    def open_orders(self, now: datetime) -> list[Order]:
        """What a person could pay now, newest first."""
        with self._store.transaction() as db:
            _close_expired(db, now)
            rows = db.execute(f"{_SELECT} WHERE state = 'NOTPAY' ORDER BY o.rowid DESC LIMIT 200").fetchall()
        return [_order(row) for row in rows]

    def books(self, now: datetime) -> dict[str, object]:
        """Orders and payments, amounts in fen, for auditors."""
        with self._store.transaction() as db:
            _close_expired(db, now)
            orders = db.execute("SELECT * FROM wechat_order ORDER BY rowid").fetchall()
            payments = db.execute("SELECT * FROM wechat_payment ORDER BY rowid").fetchall()
        return {"orders": [dict(row) for row in orders], "payments": [dict(row) for row in payments]}


def _close_expired(db: sqlite3.Connection, now: datetime) -> None:
    """The system closes what nobody paid in time; done before every look, so nobody can tell it from a clock that never sleeps."""
    db.execute(
        "UPDATE wechat_order SET state = 'CLOSED', closed_at = expires_at WHERE state = 'NOTPAY' AND expires_at <= ?", (rfc3339(now),)
    )


def _refuse_unless_open(order: Order, *, status: int) -> None:
    if order.state == "SUCCESS":
        raise WeChatPayError(status, "ORDERPAID", "该订单已支付")
    if order.state == "CLOSED":
        raise WeChatPayError(status, "ORDER_CLOSED", "订单已关闭")


def _insert(db: sqlite3.Connection, kind: Kind, wish: OrderIn, now: datetime) -> None:
    expires_at = datetime.fromisoformat(wish.time_expire) if wish.time_expire else now + UNPAID_LIFE
    if expires_at <= now:
        detail = {"location": "body", "field": "/time_expire", "value": wish.time_expire, "issue": "time_expire is past"}
        raise WeChatPayError(400, "PARAM_ERROR", "参数错误", detail)
    db.execute(
        """
        INSERT INTO wechat_order
            (out_trade_no, mchid, appid, kind, description, attach, notify_url, total_fen, openid, fingerprint, prepay_id, code_url,
             prepaid_at, created_at, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            wish.out_trade_no,
            wish.mchid,
            wish.appid,
            kind,
            wish.description,
            wish.attach or "",
            wish.notify_url,
            wish.amount.total,
            wish.payer.openid if wish.payer else None,
            wish.fingerprint(kind),
            _prepay_id(now),
            _code_url(),
            rfc3339(now),
            rfc3339(now),
            rfc3339(expires_at),
        ),
    )


def find(db: sqlite3.Connection, column: str, value: str) -> Order | None:
    """The order whose `column` (one of ours, `out_trade_no`, `transaction_id` or `prepay_id`) is that value."""
    row = db.execute(f"{_SELECT} WHERE {column} = ?", (value,)).fetchone()
    return None if row is None else _order(row)


def get(db: sqlite3.Connection, column: str, value: str) -> Order:
    """The same, and 404 when there is none."""
    order = find(db, column, value)
    if order is None:
        raise WeChatPayError(404, "ORDER_NOT_EXIST", "订单不存在")
    return order


def _order(row: sqlite3.Row) -> Order:
    return Order(**dict(row))


def _prepay_id(now: datetime) -> str:
    return f"wx{now:%Y%m%d%H%M%S}{secrets.token_hex(10)}"


def _code_url() -> str:
    return f"weixin://wxpay/bizpayurl?pr={secrets.token_hex(5)}"


def _transaction_id(now: datetime) -> str:
    """28 digits with the day in the middle."""
    return f"4200{secrets.randbelow(10**6):06d}{now:%Y%m%d}{secrets.randbelow(10**10):010d}"
