"""Each call of a visit to the outside, where on its way it is made, what the row says meanwhile, and what a refusal of it leads to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from models.refund import Office
from models.revisit import State
from tests.faults.walk import WITH_DRUGS, Path

KINDS: Final = ("slow", "refused", "lost", "duplicated", "late", "tampered")
NOTIFY_KINDS: Final = ("lost", "duplicated", "late", "tampered")
LATE_S: Final = 20.0
"""Longer than the pause before a step is done again, shorter than what people take: it lands when the visit has gone on."""

WORDS_LATE_S: Final = 50.0
"""A message is asked after later than a step is done again."""


class Asked(Enum):
    """What a fault leads to that nobody is told of."""

    ONCE = auto()
    """It was answered."""
    AGAIN = auto()
    """Its outcome is not known: asked once more under the same number."""
    LATER = auto()
    """Refused for our own sake: the row waits, and asks again by itself."""


@dataclass(frozen=True)
class Told:
    """Who asked is refused with this code; the visit stands where it stood, and asked again it goes on."""

    code: str


@dataclass(frozen=True)
class Stuck:
    """The refund waits for a person, who tries again."""

    trouble: str
    office: Office = Office.FINANCE


@dataclass(frozen=True)
class Kept:
    """An outcome that nobody waits for: the row keeps the code, and goes on."""

    code: str


@dataclass(frozen=True)
class Ends:
    """The visit ends so, and for what it says."""

    state: State
    refusal: str


@dataclass(frozen=True)
class Unsent:
    """The message failed with this code; the visit goes on."""

    code: str


@dataclass(frozen=True)
class Back:
    """The prescription, its parcel or an e-bill stands so and says why; it is done anew."""

    table: str
    state: str
    why: str | None


After = Asked | Told | Stuck | Kept | Ends | Unsent | Back
Fault = tuple[str, str, str, str | None]
"""At which step; call, kind, and the code of a refusal."""


@dataclass(frozen=True)
class Spot:
    """A request on a wire. `refusals` are the party's words and what each leads to."""

    method: str
    system: str
    call: str
    path: Path
    step: str
    under_way: str | None
    refusals: dict[str, After] = field(default_factory=dict[str, After])
    asked_again_by: str | None = None
    """Another method than itself, where that tells the outcome."""
    answered: After = Asked.ONCE
    """What the answer itself leads to."""
    before: tuple[Fault, ...] = ()
    """What goes wrong first, so that it comes to this call."""
    leads: dict[str, After] = field(default_factory=dict[str, After])
    """By kind, where it is not asked once more."""

    @property
    def kinds(self) -> tuple[str, ...]:
        return NOTIFY_KINDS if self.call.startswith("NOTIFY") else KINDS


@dataclass(frozen=True)
class Case:
    """One fault at one spot."""

    spot: Spot
    kind: str
    code: str | None = None

    @property
    def name(self) -> str:
        wire = self.spot.call.replace(" ", "_").replace("/", ".")
        where = self.spot.step if self.spot.path in WITH_DRUGS or self.spot.system == "invoice" else None
        return "-".join(part for part in (self.spot.method, wire, where, self.kind, self.code) if part)

    @property
    def after(self) -> After:
        if self.code is not None:
            return self.spot.refusals[self.code]
        return self.spot.leads.get(self.kind, self.spot.answered if self.kind == "duplicated" else Asked.AGAIN)

    @property
    def seconds(self) -> float:
        late = WORDS_LATE_S if self.spot.system == "sms" else LATE_S
        return late if self.kind in {"slow", "late", "duplicated"} else 0


def _his(method: str, call: str, path: Path, step: str, under_way: str | None, **more: After) -> Spot:
    """`more` are its refusals, in identifiers."""
    return Spot(method, "his", call, path, step, under_way, {code.replace("_", "-"): after for code, after in more.items()})


_NOT_CHECKED = Ends(State.REFUSED, "not_checked")
_PATIENT, _INVOICE, _ENCOUNTER = "/fhir/R4/Patient", "/fhir/R4/Invoice/{id}", "/fhir/R4/Encounter"
_RECONCILIATION = "/fhir/R4/PaymentReconciliation"
_APPOINTMENTS, _APPOINTMENT = "/fhir/R4/Appointment", "/fhir/R4/Appointment/{id}"
_ORDERS, _ORDER = "/v3/pay/transactions", "/v3/pay/transactions/out-trade-no/{out_trade_no}"
_REFUNDS = "/v3/refund/domestic/refunds"
_LOST_THEN_FULL: tuple[Fault, ...] = (
    ("booking.hold", f"POST {_APPOINTMENTS}", "lost", None),
    ("booking.hold", f"POST {_APPOINTMENTS}", "refused", "slot-full"),
)
"""The lock landed without an answer; asked again under its number, the HIS says no: what is left there is looked for, and let go."""
_LATE_AND_FULL: tuple[Fault, ...] = (("booking.hold", f"POST {_APPOINTMENTS}", "late", None), _LOST_THEN_FULL[1])
"""The lock lands when it has been looked for in vain: nobody's, until the worker looks through all locks."""

HIS: Final = (
    _his("patient", "POST /token", Path.STRAIGHT, "eligibility.check", None, unauthorized=Asked.AGAIN),
    _his("patient", f"POST {_PATIENT}/_search", Path.STRAIGHT, "eligibility.check", None, invalid=_NOT_CHECKED, malformed=Asked.AGAIN),
    _his("past_visits", f"GET {_ENCOUNTER}", Path.STRAIGHT, "eligibility.check", None, invalid=_NOT_CHECKED),
    *(
        _his("complete_patient", f"{verb} {_PATIENT}/{{id}}", Path.COMPLETED, "eligibility.complete", "revisit complete", **refusals)
        for verb, refusals in (("GET", {"not_found": Told("his.not-found")}), ("PUT", {"invalid": Told("his.invalid")}))
    ),
    _his(
        *("lock", f"POST {_APPOINTMENTS}", Path.STRAIGHT, "booking.hold", "revisit choose_slot"),
        slot_full=Told("slot.sold_out"),
        slot_stopped=Told("slot.stopped"),
        duplicate_booking=Told("booking.held_already"),
    ),
    Spot(
        *("find_lock", "his", f"GET {_APPOINTMENTS}", Path.STRAIGHT, "booking.hold", "revisit choose_slot"),
        refusals={"not-found": Asked.AGAIN},
        asked_again_by="lock",
        answered=Told("slot.sold_out"),
        before=_LOST_THEN_FULL,
    ),
    Spot(
        *("locks", "his", f"GET {_APPOINTMENTS}", Path.GIVEN_UP, "booking.locks", None),
        refusals={"not-supported": Asked.AGAIN, "not-found": Asked.AGAIN},
        answered=Asked.AGAIN,  # a round looks more than once
        before=_LATE_AND_FULL,
    ),
    *(
        _his("release", f"{verb} {_APPOINTMENT}", Path.UNPAID, "booking.leave", "revisit charge_ended", **refusals)
        for verb, refusals in (("GET", {"not_found": Kept("his.not-found")}), ("PUT", {"settled": Kept("his.settled")}))
    ),
    _his("bill", f"GET {_INVOICE}", Path.STRAIGHT, "charge.order", "charge order", not_found=Told("his.not-found")),
    _his(
        *("settle", f"POST {_INVOICE}/$settle", Path.STRAIGHT, "charge.settle", "charge charge.settle"),
        lock_expired=Kept("his.lock-expired"),
        amount_differs=Kept("his.amount-differs"),
        unauthorized=Asked.ONCE,
        malformed=Asked.AGAIN,
    ),
    Spot(
        *("settled", "his", f"GET {_RECONCILIATION}", Path.STRAIGHT, "charge.settle", "charge charge.settle"),
        refusals={"not-found": Asked.AGAIN},
        asked_again_by="settle",
        before=(
            ("charge.settle", f"POST {_INVOICE}/$settle", "lost", None),
            ("charge.settle", f"POST {_INVOICE}/$settle", "refused", "lock-expired"),
        ),
    ),
    Spot(
        *("reversed", "his", f"GET {_RECONCILIATION}", Path.CANCELLED, "refund.reverse", "refund refund.reverse"),
        refusals={"not-found": Asked.AGAIN},
        asked_again_by="reverse",
        before=(
            ("refund.reverse", f"POST {_INVOICE}/$reverse", "lost", None),
            ("refund.reverse", f"POST {_INVOICE}/$reverse", "refused", "already-reversed"),
        ),
    ),
    _his(
        *("reverse", f"POST {_INVOICE}/$reverse", Path.CANCELLED, "refund.reverse", "refund refund.reverse"),
        dispensed=Stuck("his.dispensed"),
        executed=Stuck("his.executed", Office.OUTPATIENT),
    ),
    *(
        _his("check_in", f"{verb} {_APPOINTMENT}", Path.STRAIGHT, "queue.check_in", "revisit check_in", **refusals)
        for verb, refusals in (
            ("GET", {"not_found": Told("his.not-found")}),
            ("PUT", {"not_booked": Told("his.not-booked"), "version_conflict": Asked.ONCE}),
        )
    ),
    *(
        _his("no_show", f"{verb} {_APPOINTMENT}", Path.ABSENT, "booking.leave", "revisit booking.leave", **refusals)
        for verb, refusals in (("GET", {"not_found": Kept("his.not-found")}), ("PUT", {"not_booked": Kept("his.not-booked")}))
    ),
    _his(
        *("begin_encounter", f"POST {_ENCOUNTER}", Path.STRAIGHT, "queue.accept", "revisit accept"),
        not_booked=Told("his.not-booked"),
    ),
    *(
        _his("finish_encounter", f"{verb} {_ENCOUNTER}/{{id}}", Path.STRAIGHT, "revisit.end", "revisit end", **refusals)
        for verb, refusals in (("GET", {"not_found": Told("his.not-found")}), ("PUT", {"invalid": Told("his.invalid")}))
    ),
    *(
        _his("cancel_encounter", f"{verb} {_ENCOUNTER}/{{id}}", Path.DECLINED, "booking.leave", "revisit decline", **refusals)
        for verb, refusals in (("GET", {"not_found": Kept("his.not-found")}), ("PUT", {"executed": Kept("his.executed")}))
    ),
)

BANK: Final = (
    Spot(
        *("order", "wechat_pay", f"POST {_ORDERS}/{{kind}}", Path.STRAIGHT, "charge.order", "charge order"),
        refusals={"RULE_LIMIT": Told("wechat_pay.rule_limit"), "SYSTEM_ERROR": Asked.AGAIN},
    ),
    Spot(
        *("query", "wechat_pay", f"GET {_ORDER}", Path.STRAIGHT, "charge.query", None),
        refusals={"RULE_LIMIT": Asked.AGAIN, "FREQUENCY_LIMITED": Asked.AGAIN},
    ),
    Spot(
        *("close", "wechat_pay", f"POST {_ORDER}/close", Path.UNPAID, "charge.close", "charge close"),
        refusals={"INVALID_REQUEST": Asked.AGAIN},
    ),
    Spot(
        *("refund", "wechat_pay", f"POST {_REFUNDS}", Path.CANCELLED, "refund.apply", "refund refund.apply"),
        refusals={
            "RULE_LIMIT": Stuck("wechat_pay.rule_limit"),
            "USER_ACCOUNT_ABNORMAL": Stuck("wechat_pay.account_abnormal"),
            "NOT_ENOUGH": Asked.LATER,
            "SYSTEM_ERROR": Asked.AGAIN,
        },
    ),
    Spot(
        *("query_refund", "wechat_pay", f"GET {_REFUNDS}/{{out_refund_no}}", Path.CANCELLED, "refund.query", None),
        refusals={"NO_AUTH": Asked.AGAIN},
    ),
)
NOTIFIES: Final = (
    Spot("pays", "wechat_pay", "NOTIFY TRANSACTION.SUCCESS", Path.STRAIGHT, "pay", None),
    Spot("refunded", "wechat_pay", "NOTIFY REFUND.SUCCESS", Path.CANCELLED, "refund.apply", None),
)
CARRIER: Final = (
    Spot(
        *("send", "sms", "POST /SendSms", Path.STRAIGHT, "booking.book", None),
        refusals={
            "isv.BUSINESS_LIMIT_CONTROL": Unsent("sms.isv.BUSINESS_LIMIT_CONTROL"),
            "isv.AMOUNT_NOT_ENOUGH": Asked.LATER,
            "isp.SYSTEM_ERROR": Asked.AGAIN,
        },
        asked_again_by="sent",
    ),
    Spot(
        *("sent", "sms", "POST /QuerySendDetails", Path.STRAIGHT, "booking.book", None),
        refusals={"isv.BUSINESS_LIMIT_CONTROL": Asked.AGAIN},
        before=(("booking.book", "POST /SendSms", "lost", None),),
    ),
)
SPOTS: Final = (*HIS, *BANK, *NOTIFIES, *CARRIER)


def cases(spots: Iterable[Spot]) -> Iterator[Case]:
    """The whole matrix: each fault that the sandbox offers for a call, and each refusal of it that leads to something of its own."""
    for spot in spots:
        for kind in spot.kinds:
            if kind == "refused":
                yield from (Case(spot, kind, code) for code in spot.refusals)
            else:
                yield Case(spot, kind)
