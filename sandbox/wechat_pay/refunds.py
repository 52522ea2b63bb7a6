"""Refunds: accepted at once, ended later, told when they end. Each points at the payment that it gives back, in part or whole [C]."""

import secrets
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox import clock
from sandbox.alarm import Alarm
from sandbox.clock import rfc3339
from sandbox.store import Store
from sandbox.wechat_pay import fates
from sandbox.wechat_pay.bank import Order, find
from sandbox.wechat_pay.messages import FundsAccount, Outcome, RefundIn, Status
from sandbox.wechat_pay.notify import Notifier
from sandbox.wechat_pay.wire import WeChatPayError

REFUNDABLE = timedelta(days=365)
"""From the payment on [C]."""
PARTS_MAX = 50
"""Refunds of one order [C]. That they must be a minute apart [C] is not held against anybody here."""
BALANCE = "支付用户零钱"
"""Where a refund ends that goes back the way it came [C]."""

_SELECT = "SELECT r.*, o.mchid FROM wechat_refund r JOIN wechat_order o USING (out_trade_no)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One refund; times as RFC 3339 text in `+08:00`."""

    out_refund_no: str
    refund_id: str
    transaction_id: str
    out_trade_no: str
    refund_fen: int
    total_fen: int
    reason: str | None
    notify_url: str | None
    funds_account: FundsAccount
    fingerprint: str
    status: Status
    channel: str
    received_by: str
    outcome: Outcome
    due_at: float | None
    created_at: str
    success_at: str | None
    mchid: str

    @property
    def _numbers(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("refund_id", "out_refund_no", "transaction_id", "out_trade_no")}

    @property
    def _end(self) -> dict[str, object]:
        received: dict[str, object] = {"user_received_account": self.received_by}
        return received | {"success_time": self.success_at} if self.success_at else received

    @property
    def _amount(self) -> dict[str, object]:
        return {"total": self.total_fen, "refund": self.refund_fen, "payer_total": self.total_fen, "payer_refund": self.refund_fen}

    def shown(self) -> dict[str, object]:
        """As apply and query answer it: the state is called `status` [C]. No coupons here, so all of it is the payer's own money."""
        settled: dict[str, object] = {"settlement_total": self.total_fen, "settlement_refund": self.refund_fen, "discount_refund": 0}
        none: list[object] = []
        state: dict[str, object] = {
            "channel": self.channel,
            "create_time": self.created_at,
            "status": self.status,
            "funds_account": self.funds_account,
            "amount": self._amount | settled | {"from": none, "currency": "CNY"},
            "promotion_detail": none,
        }
        return self._numbers | self._end | state

    def told(self) -> dict[str, object]:
        """As a notify carries it: the state is called `refund_status`, the merchant is named and the appid is not [C]."""
        return {"mchid": self.mchid} | self._numbers | self._end | {"refund_status": self.status, "amount": self._amount}


class Refunds:
    """Takes refunds, ends them in their time, and lets a person decide how. Whoever calls passes the present time."""

    def __init__(self, store: Store, notifier: Notifier, refund_s: float) -> None:
        """`refund_s`: from accepting to the end. The bank has made the tables."""
        self._store = store
        self._notifier = notifier
        self._refund_s = refund_s
        self._alarm = Alarm()
        self.alive = False
        """Whether `run` is running: without it nothing ends while nobody looks."""

    def apply(self, wish: RefundIn, now: datetime) -> Refund:
        """A new refund, or the one of that number as it is now: however often it is asked for, one refund is made [C].

        A refusal makes none, so its number may be used again [C].
        """
        with self._books(now) as db:
            known = _find(db, "out_refund_no", wish.out_refund_no)
            if known is not None:
                _same(known, wish)
                return known
            order = _paid_order(db, wish)
            _refuse_beyond_the_rest(db, order, wish, now)
            fate = fates.take(db, order.out_trade_no)
            accepted = None if fate == "NOT_ENOUGH" else self._insert(db, order, wish, fate or "SUCCESS", now)
        if accepted is None:  # only now: what the person ordered is used up, and that is committed
            raise WeChatPayError(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
        self._alarm.ring()
        return accepted

    def refund(self, out_refund_no: str, now: datetime) -> Refund:
        """By the merchant's number; 404 when unknown."""
        with self._books(now) as db:
            return _get(db, "out_refund_no", out_refund_no)

    def retry_abnormal(self, out_refund_no: str, received_by: str, now: datetime, *, refund_id: str | None = None) -> Refund:
        """An abnormal refund goes another way; asked again it is the same, and it ends well [C; texts G].

        Who says WeChat Pay's own number too is refused where it is another refund's.
        """
        with self._books(now) as db:
            refund = _get(db, "out_refund_no", out_refund_no)
            if refund_id not in {None, refund.refund_id}:
                raise WeChatPayError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
            if refund.status != "ABNORMAL":
                if refund.channel == "ORIGINAL":
                    raise WeChatPayError(400, "INVALID_REQUEST", "退款单状态不是退款异常")
                return refund
            db.execute(
                "UPDATE wechat_refund SET status = 'PROCESSING', outcome = 'SUCCESS', channel = 'OTHER_BANKCARD', received_by = ?, "
                "due_at = ? WHERE out_refund_no = ?",
                (received_by, now.timestamp() + self._refund_s, out_refund_no),
            )
            under_way = _get(db, "out_refund_no", out_refund_no)
        self._alarm.ring()
        return under_way

    def end(self, out_refund_no: str, outcome: Outcome, now: datetime) -> Refund:
        """A person ends a refund that is under way, at once and as they like; one that has ended stays as it is."""
        with self._books(now) as db:
            if _get(db, "out_refund_no", out_refund_no).status != "PROCESSING":
                raise WeChatPayError(409, "INVALID_REQUEST", "退款单已有结果")
            self._ended(db, out_refund_no, outcome, now, now)
            ended = _get(db, "out_refund_no", out_refund_no)
        self._notifier.wake()
        return ended

    def books(self, now: datetime) -> list[dict[str, object]]:
        """Every refund, amounts in fen, for auditors."""
        with self._books(now) as db:
            return [dict(row) for row in db.execute("SELECT * FROM wechat_refund ORDER BY rowid")]

    async def run(self) -> None:
        """End what is due, so that the merchant is told in time. Runs until cancelled."""
        self.alive = True
        try:
            while True:
                self._alarm.clear()
                with self._books(clock.now()) as db:
                    next_at: float | None = db.execute("SELECT min(due_at) FROM wechat_refund").fetchone()[0]
                await self._alarm.sleep_until(next_at)
        finally:
            self.alive = False

    @contextmanager
    def _books(self, now: datetime) -> Generator[sqlite3.Connection]:
        """A transaction over the books of this very instant: what has had its time has ended before anybody looks."""
        with self._store.transaction() as db:
            over = db.execute("SELECT out_refund_no, outcome, due_at FROM wechat_refund WHERE due_at <= ?", (now.timestamp(),)).fetchall()
            for row in over:
                self._ended(db, row["out_refund_no"], row["outcome"], datetime.fromtimestamp(row["due_at"], clock.SHANGHAI), now)
            yield db
        if over:
            self._notifier.wake()

    def _ended(self, db: sqlite3.Connection, out_refund_no: str, outcome: Outcome, at: datetime, now: datetime) -> None:
        """The end and its notify, both or neither."""
        success_at = rfc3339(at) if outcome == "SUCCESS" else None
        db.execute(
            "UPDATE wechat_refund SET status = ?, success_at = ?, due_at = NULL WHERE out_refund_no = ?",
            (outcome, success_at, out_refund_no),
        )
        refund = _get(db, "out_refund_no", out_refund_no)
        if refund.notify_url:
            self._notifier.enqueue(db, f"REFUND.{outcome}", refund.notify_url, refund.told(), now)

    def _insert(self, db: sqlite3.Connection, order: Order, wish: RefundIn, outcome: Outcome, now: datetime) -> Refund:
        db.execute(
            """
            INSERT INTO wechat_refund
                (out_refund_no, refund_id, transaction_id, out_trade_no, refund_fen, total_fen, reason, notify_url, funds_account,
                 fingerprint, received_by, outcome, due_at, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                wish.out_refund_no,
                _refund_id(now),
                order.transaction_id,
                order.out_trade_no,
                wish.amount.refund,
                order.total_fen,
                wish.reason,
                wish.notify_url,
                wish.funds_account or "UNSETTLED",
                wish.fingerprint(),
                BALANCE,
                outcome,
                now.timestamp() + self._refund_s,
                rfc3339(now),
            ),
        )
        return _get(db, "out_refund_no", wish.out_refund_no)


def _paid_order(db: sqlite3.Connection, wish: RefundIn) -> Order:
    """What is to be given back; an order that nobody has paid is as good as unknown [C]."""
    numbers = {name: value for name, value in (("transaction_id", wish.transaction_id), ("out_trade_no", wish.out_trade_no)) if value}
    found = [find(db, name, value) for name, value in numbers.items()]
    order = found[0]
    if order is None or order.transaction_id is None or any(other != order for other in found):
        raise WeChatPayError(404, "RESOURCE_NOT_EXISTS", "订单不存在")
    return order


def _same(known: Refund, wish: RefundIn) -> None:
    """A repeat must say what the first said; texts of amounts [B], of the rest [G]."""
    if (known.refund_fen, known.total_fen) != (wish.amount.refund, wish.amount.total):
        raise WeChatPayError(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试")
    if known.fingerprint != wish.fingerprint():
        raise WeChatPayError(400, "INVALID_REQUEST", "请求重入时参数与首次请求时不一致，请核实后重试")


def _refuse_beyond_the_rest(db: sqlite3.Connection, order: Order, wish: RefundIn, now: datetime) -> None:
    """All refunds that are not closed are at most what was paid [C]; texts [B] for a wrong total and for nothing left, else [G]."""
    parts, gone = db.execute(
        "SELECT count(*), coalesce(sum(refund_fen), 0) FROM wechat_refund WHERE out_trade_no = ? AND status <> 'CLOSED'",
        (order.out_trade_no,),
    ).fetchone()
    refusals = (
        (wish.amount.total != order.total_fen, "订单金额或退款金额与之前请求不一致，请核实后再试"),
        (gone == order.total_fen, "订单已全额退款"),
        (gone + wish.amount.refund > order.total_fen, "申请退款金额大于订单可退金额"),
        (parts >= PARTS_MAX, "订单退款次数已达上限"),
        (order.success_at is not None and rfc3339(now - REFUNDABLE) > order.success_at, "订单已超过可退款的最大期限"),
    )
    if said := next((text for holds, text in refusals if holds), None):
        raise WeChatPayError(400, "INVALID_REQUEST", said)


def _find(db: sqlite3.Connection, column: str, value: str) -> Refund | None:
    row = db.execute(f"{_SELECT} WHERE {column} = ?", (value,)).fetchone()
    return None if row is None else Refund(**dict(row))


def _get(db: sqlite3.Connection, column: str, value: str) -> Refund:
    refund = _find(db, column, value)
    if refund is None:
        raise WeChatPayError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
    return refund


def _refund_id(now: datetime) -> str:
    """29 digits with the day in the middle."""
    return f"5030{secrets.randbelow(10**6):06d}{now:%Y%m%d}{secrets.randbelow(10**11):011d}"
