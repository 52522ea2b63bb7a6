"""What a message says: its sums, times, names, numbers and codes are those of our rows, and the carrier was given the same.

Approved sentences stand here once more, as people read them. Whatever the rows do not say is not held. Nothing of a message is told.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any
from uuid import UUID

from tests.auditor import ours
from tests.auditor.books import Books, by
from tests.auditor.finding import Finding, Kind
from tests.auditor.offices import AROUND

BEIJING = timezone(timedelta(hours=8))
LONGEST = 35
"""Characters of a name in a text; a longer one is cut."""
PAID_BACK, NOTHING_DUE = "已缴费用将原路退回", "您未产生费用"
LEFT: Mapping[str, str] = {
    "patient": "您已退号",
    "timed_out": "超时未完成预约",
    "unpaid": "超时未缴费",
    "unsettled": "医院未能确认预约，费用将原路退回",
    "absent": "就诊时段已结束，未就诊",
    "not_accepted": "医生未能接诊，费用将原路退回",
}
"""By the reason for which a visit was left."""
DECLINED: Mapping[str, str] = {
    "not_suited": "您的情况不属于本科室诊疗范围，请选择其他科室。",
    "in_person": "您的情况需要面诊，请到院就诊。",
    "unreachable": "医生未能联系到您，请重新预约。",
    "hospital": "因医院原因未能完成就诊，请重新预约。",
    "other": "请查看医生的说明。",
}
"""By what the doctor said."""
UNWANTED: Mapping[str, str] = {"late": "缴费已逾期", "second": "重复缴费", "other_amount": "缴费金额不符"}
"""By why a sum of a visit was not wanted."""
CARRIER, TAIL = "顺丰速运", 4
"""Who carries a parcel, and how many of its waybill's last digits are said."""
SUMS = frozenset({"refund_requested", "refund_arrived", "refund_paid_out"})
REARRANGED = "revisit_rearranged"
NAMES: Mapping[str, str] = {"revisit_booked": "department", REARRANGED: "doctor"}
"""By template, whose name it says."""
Said = Mapping[str, str]


def check(books: Books) -> Iterator[Finding]:
    """Without a key nothing is looked at."""
    if not books.seal.has_keys:
        return
    said = {one.id: _params(books, one) for one in books.ours.messages}
    right = _Right(books)
    for (template, visit_id), same in _first(books).items():
        allowed = right.of(template, books.visits[visit_id])
        wrong = [one for one in same if allowed is not None and not allowed(said[one.id])]
        if template == REARRANGED and len(wrong) < len(same):  # the others told of what was changed once more
            wrong = []
        if not wrong and template in SUMS:
            wrong = _other_sums(same, said, right.sums(template, visit_id))
        yield from (_finding(Kind.MESSAGE_WORDS, one, "one wording", "another wording") for one in wrong)
    yield from _invented(books, said)
    for again in books.ours.messages:
        if again.resend_of and said.get(again.resend_of, said[again.id]) != said[again.id]:
            yield _finding(Kind.MESSAGE_RESENT, again, "one wording", "another wording")
    by_number = {one.id.hex: one for one in books.ours.messages}
    for text in books.theirs.texts:
        message = by_number.get(text.out_id)
        if message and text.params is not None and json.loads(text.params) != said[message.id]:
            yield _finding(Kind.MESSAGE_DIFFERS, message, "one wording", "another wording")


def _first(books: Books) -> Mapping[tuple[str, UUID], list[ours.Message]]:
    """What was said of each visit by each template, but for what a person had sent again."""
    found: dict[tuple[str, UUID], list[ours.Message]] = {}
    for one in books.ours.messages:
        if one.visit_id and one.resend_of is None:
            found.setdefault((one.template, one.visit_id), []).append(one)
    return found


def _other_sums(same: list[ours.Message], said: Mapping[UUID, Said], sums: Counter[str]) -> list[ours.Message]:
    """Each sum as often as it is one; how often there is to be a message at all is looked at elsewhere."""
    if len(same) != sums.total():
        return []
    left = sums.copy()
    left.subtract(said[one.id].get("amount", "") for one in same)
    return [one for one in same if left[said[one.id].get("amount", "")] < 0]


def _invented(books: Books, said: Mapping[UUID, Said]) -> Iterator[Finding]:
    """A name that nobody bears today was borne before: it is not said any more once today's was. A name that came back is told, too."""
    left, since = books.ours.left, dict[tuple[str, str], datetime]()
    today = {what: {one.id: named(one.name) for one in rows} for what, rows in (("department", left.departments), ("doctor", left.doctors))}
    single = [(same[0], books.visits[id]) for (template, id), same in _first(books).items() if template in NAMES and len(same) == 1]
    for one, visit in sorted(single, key=lambda each: each[0].created_at):
        what = NAMES[one.template]
        id, name = getattr(visit, f"{what}_id"), said[one.id].get(what)
        if id is None or (one.template != REARRANGED and visit.rearranged_at):
            continue
        if name == today[what].get(id):
            since.setdefault((what, id), one.created_at)
        elif name and name not in today[what].values() and since.get((what, id), one.created_at) < one.created_at - AROUND:
            yield _finding(Kind.MESSAGE_WORDS, one, "today's name", "one that nobody has")


def _params(books: Books, message: ours.Message) -> Said:
    return json.loads((books.opened("message", message.id, "params") or ["{}"])[0])


def _finding(kind: Kind, message: ours.Message, ours_: str, theirs: str) -> Finding:
    about = f"message={message.id} template={message.template}"
    return Finding(kind=kind, about=about, ours=ours_, theirs=theirs, visit=message.visit_id)


Allowed = Callable[[Said], bool]


class _Right:
    """Whether a message says what the rows say."""

    def __init__(self, books: Books) -> None:
        self._books, left = books, books.ours.left
        self._departments = {one.id: one.name for one in left.departments}
        self._doctors = {one.id: one.name for one in left.doctors}
        self._rules: dict[str, Any] = {one.version: json.loads(one.rules) for one in left.policies}

    def of(self, template: str, visit: ours.Visit) -> Allowed | None:
        """None where nothing is held."""
        held = (
            self._of_visit(template, visit),
            self._of_call(template, visit),
            self._of_leaving(template, visit),
            self._of_sum(template, visit),
            self._of_drugs(template, visit),
        )
        return next((one for one in held if one), None)

    def _of_visit(self, template: str, visit: ours.Visit) -> Allowed | None:
        """Where its clinic was changed, only what was said of that."""
        at = _all(time=clock(visit.slot_starts_at))
        match template:
            case "revisit_booked" if not visit.rearranged_at:
                return lambda said: at(said) and _is_name(said.get("department"), visit.department_id, self._departments)
            case "revisit_reminder" if not visit.rearranged_at:
                return at
            case "revisit_rearranged":
                return lambda said: at(said) and _is_name(said.get("doctor"), visit.doctor_id, self._doctors)
            case _:
                return None

    def _of_call(self, template: str, visit: ours.Visit) -> Allowed | None:
        """Called again, its turn is over some calls after one of those that the timeline has."""
        rules = self._rules.get(visit.policy)
        if rules is None:
            return None
        if template == "revisit_called":
            return _all(minutes=str(max(rules["enter_s"] // 60, 1)))
        if template == "revisit_called_again":
            calls = [one.at for one in self._books.ours.timeline if one.process_id == visit.id and one.name == "queue.call_again"]
            ends = {clock(at + timedelta(seconds=rules["enter_s"]) * more) for at in calls for more in range(rules["calls_max"] + 1)}
            return lambda said: said.get("time") in ends
        return None

    def _of_leaving(self, template: str, visit: ours.Visit) -> Allowed | None:
        paid, left = self._paid(visit), LEFT.get(visit.reason or "")
        match template:
            case "revisit_cancelled" if left:
                back = f"，{PAID_BACK}" if paid and "退回" not in left else ""
                return _all(reason=f"{left}{back}")
            case "revisit_declined":
                return _all(reason=DECLINED.get(visit.declined_for or ""))
            case "revisit_suspended":
                return _all(time=clock(visit.slot_starts_at), visit=visit.id.hex, reason=PAID_BACK if paid else NOTHING_DUE)
            case _:
                return None

    def _of_sum(self, template: str, visit: ours.Visit) -> Allowed | None:
        if template == "refund_requested":
            sums = {(yuan(one.amount_fen), UNWANTED.get(one.unwanted or "")) for one in self._unwanted(visit.id)}
            return lambda said: (said.get("amount", ""), said.get("reason")) in sums
        amounts = self.sums(template, visit.id)
        return (lambda said: said.get("amount") in amounts) if template in SUMS else None

    def _of_drugs(self, template: str, visit: ours.Visit) -> Allowed | None:
        match template:
            case "drugs_ready" | "drugs_waiting":
                codes = {one.pickup_code for one in self._books.ours.prescriptions if one.visit_id == visit.id and one.pickup_code}
                return lambda said: said.get("code") in codes
            case "delivery_sent":
                tails = {one.waybill[-TAIL:] for one in self._books.ours.deliveries if one.visit_id == visit.id and one.waybill}
                return lambda said: said.get("carrier") == CARRIER and said.get("tail") in tails
            case _:
                return None

    def sums(self, template: str, visit_id: UUID) -> Counter[str]:
        """As they are to be said, each as often as it is one."""
        if template == "refund_requested":
            return Counter(yuan(one.amount_fen) for one in self._unwanted(visit_id))
        state = template.removeprefix("refund_")
        return Counter(yuan(one.amount_fen) for one in self._refunds.get(visit_id, []) if one.state == state)

    @cached_property
    def _refunds(self) -> Mapping[object, list[ours.Refund]]:
        return by(self._books.ours.refunds, "visit_id")

    def _unwanted(self, visit_id: UUID) -> list[ours.Payment]:
        return [one for one in self._books.ours.payments if one.visit_id == visit_id and one.unwanted]

    def _paid(self, visit: ours.Visit) -> bool:
        """Whether what its charge wanted has come."""
        return any(one.charge_id == visit.charge_id and not one.unwanted for one in self._books.ours.payments if one.charge_id)


def clock(at: datetime | None) -> str | None:
    """As people read a time there."""
    return at and f"{(there := at.astimezone(BEIJING)).month}月{there.day}日 {there:%H:%M}"


def yuan(fen: int) -> str:
    """As people read a sum."""
    return f"{fen // 100}.{fen % 100:02d}"


def named(name: str | None) -> str | None:
    """As much of a name as a text has room for."""
    if name is None or len(name.strip()) <= LONGEST:
        return name and (name.strip() or "－")
    return f"{name.strip()[: LONGEST - 1]}…"


def _is_name(said: str | None, id: str | None, names: Mapping[str, str]) -> bool:
    """Its name of today, or one that it may have had before: the HIS may call it otherwise by now. Then it is nobody else's; one that has
    gone over to another since is told."""
    others = {named(name) for other, name in names.items() if other != id}
    return id is None or id not in names or said == named(names[id]) or (bool(said) and said not in others)


def _all(**expected: str | None) -> Allowed:
    """What no row says is None, and not held."""
    return lambda said: all(said.get(name) == value for name, value in expected.items() if value is not None)
