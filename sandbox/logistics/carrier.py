"""The carrier's books: orders, their waybills, and where each parcel was seen."""

import secrets
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

from sandbox.clock import SHANGHAI, rfc3339
from sandbox.logistics.messages import Contact, FilterIn, OrderIn
from sandbox.logistics.push import Pusher
from sandbox.logistics.wire import ServiceError
from sandbox.store import Store

Move = Literal["picked_up", "transit", "out_for_delivery", "failed", "refused", "returning", "returned", "signed"]
MOVES: tuple[Move, ...] = get_args(Move)
SCANS: dict[Move, tuple[str, str, str]] = {
    "picked_up": ("50", "北京市", "顺丰速运 已收取快件"),
    "transit": ("30", "北京市", "快件在【北京顺义集散中心】完成分拣，准备发往下一站"),
    "out_for_delivery": ("44", "北京市", "快件交给李强，正在派送途中（联系电话：13911110000）"),
    "failed": ("70", "北京市", "快件派送不成功（因无法联系收件人），待再次派送"),
    "refused": ("70", "北京市", "快件派送不成功（因收件客户拒收），准备退回"),
    "returning": ("99", "北京市", "快件正在退回寄件方途中"),
    "returned": ("80", "北京市", "快件已退回，寄件方已签收"),
    "signed": ("80", "北京市", "已签收，感谢使用顺丰，期待再次为您服务"),
}
"""opCode [B: 50, 80; G: the others], where, and the carrier's own words [G]; they name the courier, as the real ones do."""

MANUAL, DELIVERABLE, UNREACHABLE = 1, 2, 3
"""filterResult: looked at by hand, taken, not taken [C: 2; B: the others]."""
UNREACHABLE_PLACE = "三沙市"
BY_HAND = "人工核实"
"""In an address: somebody at the carrier looks at it first."""
OUT_OF_RANGE, OTHERWISE = "2", "3"
"""remark of filterResult 3: 派方超范围, 其它原因 [B]."""

DDL = """
CREATE TABLE IF NOT EXISTS logistics_order (
    order_id TEXT PRIMARY KEY,
    waybill_no TEXT NOT NULL UNIQUE,
    filter_result INTEGER NOT NULL,
    cargo TEXT NOT NULL,
    pay_method INTEGER NOT NULL,
    sender TEXT NOT NULL,
    receiver TEXT NOT NULL,
    phone TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at TEXT NOT NULL,
    cancelled_at TEXT,
    repeats INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS logistics_route (
    id INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES logistics_order,
    accept_time TEXT NOT NULL,
    accept_address TEXT NOT NULL,
    remark TEXT NOT NULL,
    op_code TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS logistics_route_order ON logistics_route (order_id, id);
"""

_MISSING = {
    1: (("address", "1010", "寄件地址不能为空"), ("contact", "1011", "寄件联系人不能为空"), ("mobile", "1012", "寄件电话不能为空")),
    2: (("address", "1014", "到件地址不能为空"), ("contact", "1015", "到件联系人不能为空"), ("mobile", "1016", "到件电话不能为空")),
}
"""What each end must have; codes [B]."""


class Carrier:
    """Takes orders once, and carries parcels where a person moves them. Whoever calls passes the present time."""

    def __init__(self, store: Store, pusher: Pusher, monthly_card: str) -> None:
        store.script(DDL)
        self._store, self._pusher, self._monthly_card = store, pusher, monthly_card

    def order(self, wish: OrderIn, now: datetime) -> sqlite3.Row:
        """A new order; its number once and never again: 8016 [C], whatever became of it."""
        with self._store.transaction() as db:
            known = db.execute("UPDATE logistics_order SET repeats = repeats + 1 WHERE order_id = ?", (wish.order_id,)).rowcount
        if known:
            raise ServiceError("8016", "重复下单")
        sender, receiver = _whole(wish.end(1), 1), _whole(wish.end(2), 2)
        if wish.monthly_card != self._monthly_card:
            raise ServiceError("8057", "月结卡号不匹配")
        with self._store.transaction() as db:
            db.execute(
                """
                INSERT INTO logistics_order
                    (order_id, waybill_no, filter_result, cargo, pay_method, sender, receiver, phone, address, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                (
                    wish.order_id,
                    f"SF{secrets.randbelow(10**13):013d}",
                    _filter(receiver.place),
                    wish.cargo_details[0].name,
                    wish.pay_method,
                    sender.company or sender.contact,
                    receiver.contact,
                    receiver.mobile or receiver.tel,
                    receiver.place,
                    rfc3339(now),
                ),
            )
        return self.find(wish.order_id)

    def judged(self, wish: FilterIn) -> tuple[int, str | None]:
        """filterResult and remark for a place; at once, what only a person could judge is not taken [B]. Nothing is kept."""
        if wish.monthly_card and wish.monthly_card != self._monthly_card:
            raise ServiceError("8057", "月结卡号不匹配")
        to = next((one for one in wish.contact_infos if one.contact_type == 2 and one.address), None)
        if to is None:
            raise ServiceError("1014", "到件地址不能为空")
        result = _filter(to.place)
        if result == MANUAL and wish.filter_type == 1:
            return UNREACHABLE, OTHERWISE
        return result, OUT_OF_RANGE if result == UNREACHABLE else None

    def find(self, order_id: str) -> sqlite3.Row:
        """By the merchant's number; 8024 when there is none [G]."""
        row = self._store.row("SELECT * FROM logistics_order WHERE order_id = ?", order_id)
        if row is None:
            raise ServiceError("8024", "未下单")
        return row

    def cancel(self, order_id: str, now: datetime) -> sqlite3.Row:
        """Before the parcel was picked up; cancelled already is 8037 [G], picked up 8252 [G: the number is not known to us]."""
        order = self.find(order_id)
        if order["cancelled_at"]:
            raise ServiceError("8037", "已消单")
        if self.routes(order_id):
            raise ServiceError("8252", "已收件，不能消单")
        with self._store.transaction() as db:
            db.execute("UPDATE logistics_order SET cancelled_at = ? WHERE order_id = ?", (rfc3339(now), order_id))
        return self.find(order_id)

    def routes(self, order_id: str) -> list[sqlite3.Row]:
        """Where a parcel was seen, in the order of what is told of it."""
        return self._store.rows("SELECT * FROM logistics_route WHERE order_id = ? ORDER BY accept_time, id", order_id)

    def by_waybill(self, waybill_no: str, phone_end: str) -> sqlite3.Row | None:
        """Only for who knows the end of the receiver's phone [B]."""
        row = self._store.row("SELECT * FROM logistics_order WHERE waybill_no = ?", waybill_no)
        return row if row is not None and phone_end and row["phone"].endswith(phone_end) else None

    def move(self, order_id: str, move: Move, now: datetime, *, earlier: timedelta = timedelta()) -> None:
        """A person at the carrier scans the parcel: it stands in the books, and is pushed, both or neither.

        `earlier`: told only now, though it was seen so long ago.
        """
        order = self.find(order_id)
        if order["cancelled_at"] or order["filter_result"] != DELIVERABLE:
            raise ServiceError("8037", "已消单或不可收派，没有这件快件")
        code, place, remark = SCANS[move]
        accept_time = (now - earlier).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        with self._store.transaction() as db:
            made = db.execute(
                "INSERT INTO logistics_route (order_id, accept_time, accept_address, remark, op_code) VALUES (?, ?, ?, ?, ?)",
                (order_id, accept_time, place, remark, code),
            )
            route = {
                "id": str(made.lastrowid),
                "mailno": order["waybill_no"],
                "orderid": order_id,
                "acceptTime": accept_time,
                "acceptAddress": place,
                "remark": remark,
                "opCode": code,
            }
            self._pusher.enqueue(db, route, now)
        self._pusher.wake()

    def looked_at(self, order_id: str, *, deliverable: bool) -> None:
        """A person at the carrier has looked at an address that no rule decides."""
        order = self.find(order_id)
        if order["filter_result"] != MANUAL:
            raise ServiceError("8038", "订单已筛选")
        with self._store.transaction() as db:
            result = DELIVERABLE if deliverable else UNREACHABLE
            db.execute("UPDATE logistics_order SET filter_result = ? WHERE order_id = ?", (result, order_id))

    def parcels(self, limit: int) -> Sequence[sqlite3.Row]:
        """The newest orders, each with the last that is known of its parcel."""
        return self._store.rows(
            """
            SELECT o.*, r.accept_time, r.remark, r.op_code FROM logistics_order o
            LEFT JOIN logistics_route r ON r.id =
                (SELECT id FROM logistics_route WHERE order_id = o.order_id ORDER BY accept_time DESC, id DESC LIMIT 1)
            ORDER BY o.rowid DESC LIMIT ?
            """,
            limit,
        )

    def books(self) -> dict[str, object]:
        """Orders and routes, for auditors. `repeats` counts how often an order's number was refused as used."""
        orders = self._store.rows("SELECT * FROM logistics_order ORDER BY rowid")
        routes = self._store.rows("SELECT * FROM logistics_route ORDER BY id")
        return {"orders": [dict(row) for row in orders], "routes": [dict(row) for row in routes]}


def _whole(end: Contact | None, kind: Literal[1, 2]) -> Contact:
    for field, code, text in _MISSING[kind]:
        value = end and (end.mobile or end.tel if field == "mobile" else getattr(end, field))
        if not value:
            raise ServiceError(code, text)
    assert end is not None
    return end


def _filter(address: str) -> int:
    if UNREACHABLE_PLACE in address:
        return UNREACHABLE
    return MANUAL if BY_HAND in address else DELIVERABLE
