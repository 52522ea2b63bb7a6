"""What must hold at every moment of the stateful test, and at its end: our books, the bank's and the HIS's side by side."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Table, select

from models.charge import MOVES as CHARGE_MOVES
from models.ledger import Account
from models.message import Template
from models.pathways import PATHWAYS
from models.process import Moves
from models.refund import MOVES as REFUND_MOVES
from models.revisit import MOVES as VISIT_MOVES
from models.revisit import Reason
from models.stores.database import Database
from models.tables.charge import ChargeOrderRow, ChargeRow, EntryRow, LegRow, PaymentRow, RefundRow
from models.tables.message import MessageRow
from models.tables.process import InboxRow, TimelineRow
from models.tables.revisit import RevisitRow
from models.tables.table import Table as Model
from tests.refund.stateful_outside import Outside

PROCESSES: Final[dict[str, Moves[Any]]] = {"revisit": VISIT_MOVES, "charge": CHARGE_MOVES, "refund": REFUND_MOVES}
RANK: Final = {"requested": 0, "cleared": 1, "accepted": 2, "stuck": 2, "arrived": 3, "paid_out": 3, "withdrawn": 3}
ENDS: Final = {process: moves.ends() for process, moves in PROCESSES.items()}


@dataclass(frozen=True)
class Books:
    """Rows as they stand, ours and theirs."""

    visits: list[dict[str, Any]]
    charges: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    refunds: list[dict[str, Any]]
    entries: list[dict[str, Any]]
    legs: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    inbox: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    bank_payments: list[dict[str, Any]]
    bank_refunds: list[dict[str, Any]]
    settlements: list[dict[str, Any]]
    reversals: list[dict[str, Any]]

    def balance(self, account: Account) -> int:
        return sum(leg["amount_fen"] for leg in self.legs if leg["account"] == account)

    def rows(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """Every process's row."""
        for process, rows in (("revisit", self.visits), ("charge", self.charges), ("refund", self.refunds)):
            yield from ((process, row) for row in rows)


_OURS: Final[dict[str, type[Model]]] = {
    "visits": RevisitRow,
    "charges": ChargeRow,
    "orders": ChargeOrderRow,
    "payments": PaymentRow,
    "refunds": RefundRow,
    "entries": EntryRow,
    "legs": LegRow,
    "timeline": TimelineRow,
    "inbox": InboxRow,
    "messages": MessageRow,
}


async def read(database: Database, outside: Outside) -> Books:
    """One look at all of it; nothing moves meanwhile."""
    found: dict[str, list[dict[str, Any]]] = {}
    async with database.reading() as db:
        for name, model in _OURS.items():
            table = cast(Table, model.__table__)
            oldest_first = [*([table.c.created_at] if "created_at" in table.c else []), *table.primary_key.columns]
            rows = await db.execute(select(*table.c).order_by(*oldest_first))  # pyright: ignore[reportUnknownArgumentType]
            found[name] = [dict(row) for row in rows.mappings()]
    theirs = {
        "bank_payments": "wechat_payment",
        "bank_refunds": "wechat_refund",
        "settlements": "his_settlement",
        "reversals": "his_reversal",
    }
    return Books(**found, **{name: outside.rows(table) for name, table in theirs.items()})


def hold(books: Books) -> None:
    """Everything that holds whatever has happened."""
    _entries_balance(books)
    _reservations_add_up(books)
    _the_ledger_is_what_the_rows_say(books)
    _the_bank_bears_it_out(books)
    _closed_is_closed(books)
    _the_his_bears_it_out(books)
    _nothing_moves_backwards(books)
    _nobody_is_told_twice(books)


def _entries_balance(books: Books) -> None:
    legs: defaultdict[UUID, list[int]] = defaultdict(list)
    for leg in books.legs:
        legs[leg["entry_id"]].append(leg["amount_fen"])
    assert set(legs) == {one["id"] for one in books.entries}
    assert all(sum(amounts) == 0 and len(amounts) >= 2 for amounts in legs.values()), "an entry does not balance"


def _reservations_add_up(books: Books) -> None:
    for payment in books.payments:
        refunds = [one for one in books.refunds if one["payment_id"] == payment["id"]]
        running = sum(one["amount_fen"] for one in refunds if one["state"] not in ENDS["refund"])
        gone = sum(one["amount_fen"] for one in refunds if one["state"] in {"arrived", "paid_out"})
        assert (payment["reserved_fen"], payment["refunded_fen"]) == (running, gone), "a payment does not say what its refunds do"
        assert running + gone <= payment["amount_fen"], "more goes back than came"


def _the_ledger_is_what_the_rows_say(books: Books) -> None:
    """Each account from the rows alone."""
    wanted = {one["id"]: one["unwanted"] is None for one in books.payments}
    settled = {one["id"] for one in books.charges if one["state"] == "settled"}
    arrived = [one for one in books.refunds if one["state"] == "arrived"]
    paid_out = [one for one in books.refunds if one["state"] == "paid_out"]
    accepted = [one for one in books.refunds if one["accepted_at"]]
    undone = [one for one in books.refunds if wanted[one["payment_id"]] and one["charge_id"] in settled and one["cleared_at"]]
    took, gave = _sum(books.payments), _sum([*arrived, *paid_out])
    income = sum(one["amount_fen"] for one in books.payments if one["charge_id"] in settled and one["unwanted"] is None) - _sum(undone)
    gave_unwanted = sum(one["amount_fen"] for one in [*arrived, *paid_out] if not wanted[one["payment_id"]])
    unwanted = sum(one["amount_fen"] for one in books.payments if one["unwanted"])
    expected = {
        Account.WECHAT_PAY: took - _sum(accepted),
        Account.REFUND_IN_TRANSIT: _sum(accepted) - _sum(arrived),
        Account.HOSPITAL_INCOME: -income,
        Account.SUSPENSE: -(unwanted - gave_unwanted),
        Account.HOSPITAL_BANK: -_sum(paid_out),
        Account.PATIENT_DUE: -(took - unwanted - income - (gave - gave_unwanted)),
    }
    stands = {account: books.balance(account) for account in Account}
    # what has arrived is debited to whom it was owed and credited to what was in transit, so both sums must name it
    assert stands == expected, f"the ledger says {stands}, the rows {expected}"


def _the_bank_bears_it_out(books: Books) -> None:
    """Ours is theirs but for what one side does not know yet, item by item."""
    paid = {one["transaction_id"]: one for one in books.bank_payments}
    for payment in books.payments:
        there = paid.get(payment["transaction_id"])
        assert there, "we know of money that the bank never took"
        assert (there["total_fen"], there["out_trade_no"]) == (payment["amount_fen"], payment["order_no"])
    at_the_bank = {one["out_refund_no"]: one for one in books.bank_refunds}
    ours = {one["number"]: one for one in books.refunds}
    transaction_of = {one["id"]: one["transaction_id"] for one in books.payments}
    for number, there in at_the_bank.items():
        if number in ours:
            mine = ours[number]
            assert (there["refund_fen"], there["transaction_id"]) == (mine["amount_fen"], transaction_of[mine["payment_id"]])
        else:
            assert there["status"] == "CLOSED", "the bank gives back under a number that is not ours any more"
    for refund in books.refunds:
        assert not refund["accepted_at"] or refund["number"] in at_the_bank, "we say accepted, the bank knows nothing of it"
        assert refund["state"] != "arrived" or at_the_bank[refund["number"]]["status"] == "SUCCESS", "arrived is the bank's word"
    for paid_row in books.bank_payments:
        back = sum(
            one["refund_fen"]
            for one in books.bank_refunds
            if one["transaction_id"] == paid_row["transaction_id"] and one["status"] != "CLOSED"
        )
        mine = {one["id"] for one in books.payments if one["transaction_id"] == paid_row["transaction_id"]}
        out = sum(one["amount_fen"] for one in books.refunds if one["payment_id"] in mine and one["state"] == "paid_out")
        assert back + out <= paid_row["total_fen"], "somebody is paid back twice"
        gone_twice = [one for one in books.refunds if one["state"] == "paid_out" and _left(at_the_bank.get(one["number"]))]
        assert not gone_twice, "paid out by hand, and by the bank"


def _closed_is_closed(books: Books) -> None:
    """A charge is closed by the bank's word alone: on what a person was given to pay with, nothing was paid before and nothing can be."""
    paid = {one["out_trade_no"] for one in books.bank_payments}
    closed = {one["id"] for one in books.charges if one["state"] == "closed"}
    opened = [one for one in books.orders if one["charge_id"] in closed and (one["code_url"] or one["prepay_id"])]
    assert not [one for one in opened if one["id"].hex in paid], "closed, and paid"


def _left(there: dict[str, Any] | None) -> bool:
    return there is not None and there["status"] != "CLOSED"


def _the_his_bears_it_out(books: Books) -> None:
    """What we call settled it has taken; what we call cleared it has let go."""
    settlements = {one["payment_no"]: one for one in books.settlements}
    by_payment = {one["id"]: one for one in books.payments}
    for charge in books.charges:
        there = settlements.get(charge["id"].hex)
        assert charge["state"] != "settled" or there, "settled here, and not at the HIS"
    back: Counter[str] = Counter()
    for one in books.reversals:
        back[one["invoice_id"]] += one["amount_fen"]
    for there in books.settlements:
        assert back[there["invoice_id"]] <= there["amount_fen"], "the HIS gave back more than it took"
    reversed_ = {one["refund_no"]: one["amount_fen"] for one in books.reversals}
    settled = {one["id"] for one in books.charges if one["state"] == "settled"}
    for refund in books.refunds:
        if refund["cleared_at"] and refund["charge_id"] in settled and by_payment[refund["payment_id"]]["unwanted"] is None:
            assert reversed_.get(refund["id"].hex) == refund["amount_fen"], "cleared here, and not at the HIS"


def _nothing_moves_backwards(books: Books) -> None:
    """By the timeline, which nobody can change: each row's moves join, are in the table, and a refund goes back by a retry alone."""
    stood: dict[UUID, tuple[int, str]] = {}
    for move in sorted(books.timeline, key=lambda one: (str(one["process_id"]), one["version"])):
        version, state = stood.get(move["process_id"], (move["version"] - 1, move["before"]))
        assert (move["version"], move["before"]) == (version + 1, state), "two moves from one place"
        if move["before"]:  # else it was opened here
            PATHWAYS[move["process"]].moves.check(move["before"], move["after"])
        if move["process"] == "refund" and move["name"] != "refund.retry":
            assert RANK[move["after"]] >= RANK[move["before"]] or move["after"] == "stuck", "a refund moved backwards"
        stood[move["process_id"]] = (move["version"], move["after"])
    for _, row in books.rows():
        if row["id"] in stood:
            assert stood[row["id"]] == (row["version"], row["state"]), "a row moved without a line in the timeline"


def _nobody_is_told_twice(books: Books) -> None:
    told = Counter((one["visit_id"], one["template"]) for one in books.messages)
    for visit in books.visits:
        left = visit["state"] in {"cancelled", "declined", "absent", "suspended"} and visit["claim_id"] is not None
        stopped, declined = left and visit["state"] == "suspended", left and visit["reason"] == Reason.DECLINED
        assert told[visit["id"], Template.REVISIT_SUSPENDED] == (1 if stopped else 0)
        assert told[visit["id"], Template.REVISIT_DECLINED] == (1 if declined else 0)
        assert told[visit["id"], Template.REVISIT_CANCELLED] == (1 if left and not declined and not stopped else 0)
        assert told[visit["id"], Template.REVISIT_BOOKED] <= 1
        gone = [one for one in books.refunds if one["visit_id"] == visit["id"] and one["state"] in {"arrived", "paid_out"}]
        assert told[visit["id"], "refund_arrived"] + told[visit["id"], "refund_paid_out"] == len(gone)
        unwanted = [one for one in books.payments if one["visit_id"] == visit["id"] and one["unwanted"]]
        assert told[visit["id"], Template.REFUND_REQUESTED] == len(unwanted)


def _sum(rows: list[dict[str, Any]]) -> int:
    return sum(one["amount_fen"] for one in rows)


def at_an_end(books: Books, untouched: set[UUID]) -> None:
    """Everything has ended: what was charged and not given back is what is due, for us, for the bank and for the HIS."""
    hold(books)
    for process, row in books.rows():
        if row["id"] in untouched:
            continue
        assert row["state"] in ENDS[process], f"a {process} stands in {row['state']}"
        assert row["step"] is None
        assert row["under_way"] is None
    assert not [one for one in books.inbox if one["handled_at"] is None], "something that came was never acted on"
    known = {one["transaction_id"] for one in books.payments}
    assert {one["transaction_id"] for one in books.bank_payments} == known, "money came that nobody here knows of"
    charge_of = {one["order_no"]: one["charge_id"] for one in books.payments}
    paid_out = [one for one in books.refunds if one["state"] == "paid_out"]
    ours = {one["id"].hex for one in books.refunds}
    due = at_windows = 0
    for charge in books.charges:
        (visit,) = [one for one in books.visits if one["id"] == charge["visit_id"]]
        gone = [
            one
            for one in books.refunds
            if one["charge_id"] == charge["id"] and one["cause"] == "management" and one["state"] != "withdrawn"
        ]
        is_due = charge["amount_fen"] - _sum(gone) if visit["state"] == "closed" else 0
        orders = {one for one, of in charge_of.items() if of == charge["id"]}
        came = sum(one["total_fen"] for one in books.bank_payments if one["out_trade_no"] in orders)
        back = sum(one["refund_fen"] for one in books.bank_refunds if one["out_trade_no"] in orders and one["status"] == "SUCCESS")
        out = sum(one["amount_fen"] for one in paid_out if one["charge_id"] == charge["id"])
        withdrawn = [
            one
            for one in books.refunds
            if one["charge_id"] == charge["id"] and one["state"] == "withdrawn" and one["trouble"] == "his.already-reversed"
        ]
        theirs = [one for one in books.reversals if one["invoice_id"] == charge["invoice_id"] and one["refund_no"] not in ours]
        at_window = min(_sum(withdrawn), _sum(theirs))  # begun anew and withdrawn once more, it went there once all the same
        assert came - back - out == is_due + at_window, f"the bank kept {came - back - out} fen, {is_due} are due"
        taken = [one for one in books.settlements if one["invoice_id"] == charge["invoice_id"]]
        undone = [one for one in books.reversals if one["invoice_id"] == charge["invoice_id"] and one["refund_no"] in ours]
        kept = _sum(taken) - _sum(undone)
        assert kept == is_due + at_window, f"but for its windows the HIS kept {kept} fen, {is_due} are due"
        due, at_windows = due + is_due, at_windows + at_window
    stands = {account: books.balance(account) for account in Account}
    stays = due + at_windows
    kept = {Account.WECHAT_PAY: stays + _sum(paid_out), Account.HOSPITAL_INCOME: -stays, Account.HOSPITAL_BANK: -_sum(paid_out)}
    assert stands == dict.fromkeys(Account, 0) | kept
