"""What the engine recorded of a process, kept beyond the engine: its runs, how each of them was closed, and the entries of its story."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from models.charge import ChargeState
from models.delivery import DeliveryState
from models.invoice import InvoiceState
from models.pathways import PATHWAYS
from models.prescription import PrescriptionState
from models.record import RecordState
from models.refund import RefundState
from models.revisit import State
from models.suspension import SuspensionState
from models.timeline import ACTS_NEXT, MONEY_TEXTS, STATE_TEXTS, SUSPENSION_TEXTS, Actor, state_text
from models.timeline_delivery import DELIVERY_TEXTS
from models.timeline_invoice import INVOICE_TEXTS
from models.timeline_prescription import PRESCRIPTION_TEXTS
from models.timeline_record import RECORD_TEXTS
from models.timeline_refund import REFUND_TEXTS


def process_of(workflow_id: str) -> tuple[str, UUID] | None:
    """`<process>/<row id>` in its parts; None for what is no process of ours, such as a pull of schedules."""
    process, _, id = workflow_id.partition("/")
    try:
        return (process, UUID(id)) if process in PATHWAYS else None
    except ValueError:
        return None


def workflow_of(process: str, id: UUID) -> str:
    """The same the other way round."""
    return f"{process}/{id}"


class Closing(StrEnum):
    """How a run was closed, in the engine's words."""

    COMPLETED = "COMPLETED"
    CONTINUED_AS_NEW = "CONTINUED_AS_NEW"
    """Renewed: it goes on as another run."""
    TERMINATED = "TERMINATED"
    """By force: begun again from its row, or ended by a person."""
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    TIMED_OUT = "TIMED_OUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedRun:
    """A run that is over: nothing is added to its history any more."""

    run_id: UUID
    workflow_id: str
    process: str
    process_id: UUID
    visit_id: UUID
    status: Closing
    began_at: datetime
    ended_at: datetime

    @property
    def file(self) -> str:
        """The name of its file: by the month in which it ended, the same whoever archives it."""
        return f"history/{self.ended_at:%Y/%m}/{self.run_id}.json.gz"


class What(StrEnum):
    """What an entry tells of."""

    BEGUN = "begun"
    WISH = "wish"
    NEWS = "news"
    STEP = "step"
    WAIT = "wait"
    RENEWED = "renewed"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(slots=True, kw_only=True)
class Entry:
    """One thing of the story; `api/history.py` says what each field means to who reads it."""

    at: datetime
    process: str
    process_id: UUID
    what: What
    name: str | None = None
    title: str | None = None
    by: UUID | None = None
    asked_at: datetime | None = None
    took_s: float | None = None
    attempts: int | None = None
    waited_for: str | None = None
    causes: dict[str, int | None] = field(default_factory=dict[str, int | None])
    until: datetime | None = None
    times: int | None = None
    last_at: datetime | None = None
    outcome: str | None = None
    outcome_title: str | None = None
    trouble: str | None = None
    office: str | None = None
    voucher: str | None = None
    run_id: str | None = None
    """None of what the timeline alone knows."""
    first_event: int | None = None
    last_event: int | None = None


def folded(entries: Sequence[Entry]) -> list[Entry]:
    """A story, by time, whose repeats are one entry with their number: a step done again that changed nothing, its rests before included.

    What was tried in vain, asked by somebody or came from outside stands by itself, and so does what follows it.
    """
    told: list[Entry] = []
    steps: dict[UUID, Entry] = {}
    rests: dict[UUID, list[Entry]] = {}
    gone: set[int] = set()
    for entry in entries:
        of, known = entry.process_id, steps.get(entry.process_id)
        if known and entry.what is What.WAIT and (entry.outcome, entry.waited_for != "another_hand") == ("alarm", True):
            rests.setdefault(of, []).append(entry)
        elif known and _again(known, entry):
            gone |= {id(rest) for rest in rests.pop(of, [])}
            known.times, known.last_at, known.last_event = (known.times or 1) + 1, entry.at, entry.last_event
            continue
        else:
            steps.pop(of, None)
            rests.pop(of, None)
            if entry.what is What.STEP:
                steps[of] = entry
        told.append(entry)
    return [entry for entry in told if id(entry) not in gone]


def _again(known: Entry, entry: Entry) -> bool:
    """Done by the same run, unasked, at the first try, and where the first led to."""
    if entry.what is not What.STEP or entry.by or entry.outcome_title is None or (entry.attempts or 1) > 1:
        return False
    same = (entry.name, entry.outcome, entry.run_id, entry.trouble, entry.office)
    return same == (known.name, known.outcome, known.run_id, known.trouble, known.office)


_LATER: Final = timedelta(seconds=3)


def asked_before(taken_at: datetime, asked_at: datetime | None) -> datetime | None:
    """When something had been asked, if its run took it noticeably later."""
    return asked_at if asked_at and taken_at - asked_at >= _LATER else None


TRIED: Final = "tried"
"""Under which a worker notes, beside each failure of a step and in its heartbeat, how often each cause has failed it."""
AT_WORK, TIMED_OUT, NOT_TOLD = "step.at_work", "timed_out", "not_told"
FAILURE_TEXTS: Final[dict[str, str]] = {
    "outside.unknown": "对方系统没有答复",
    "database.away": "数据库暂时无法访问",
    "internal": "程序错误，正在重试",
    TIMED_OUT: "处理程序中断，由其他程序接手",
    AT_WORK: "上一次办理尚未结束",
    NOT_TOLD: "原因未记录",
}
"""Why a step was tried again, to who reads its story."""

NEWS_TEXTS: Final[dict[str, str]] = {
    "charge_ended": "缴费结果已知",
    "reported": "收到缴费结果通知",
    "close": "需要关闭缴费",
    "refund_reported": "收到退费结果通知",
    "drugs_reported": "收到取药进展通知",
    "delivery_ended": "配送结果已知",
    "prescription_ended": "处方办理已结束",
    "delivery_pushed": "收到物流通知",
    "stopped": "收到停诊安排",
    "rearranged": "收到就诊安排调整",
    "signature_reported": "收到签名结果通知",
    "given_back": "已缴费用发生退费",
}
"""What came, and not yet what it led to: that its step says."""
BUILD_GONE: Final = "build_gone"
OUTCOME_TEXTS: Final[dict[str, str]] = {
    "again": "从当前进度重新开始",
    "renew": "转入新版本",
    BUILD_GONE: "原版本已停用，由新版本从记录继续",
    "terminated": "已强制结束，由新的程序接续",
    "canceled": "已强制结束",
    "timed_out": "处理程序中断",
    "failed": "程序错误",
    "alarm": "已到时间",
    "done": "已完成",
}
"""How something ended that led to no state. A refusal has its sentence."""

PROCESS_TITLES: Final[dict[str, str]] = {
    "revisit": "线上复诊",
    "charge": "缴费",
    "refund": "退费",
    "prescription": "处方",
    "record": "病历签名",
    "delivery": "配送",
    "invoice": "电子票据",
    "suspension": "停诊",
}
STATE_TITLES: Final[dict[str, Mapping[Any, str]]] = {
    "revisit": STATE_TEXTS,
    "charge": MONEY_TEXTS,
    "refund": REFUND_TEXTS,
    "prescription": PRESCRIPTION_TEXTS,
    "record": RECORD_TEXTS,
    "delivery": DELIVERY_TEXTS,
    "invoice": INVOICE_TEXTS,
    "suspension": SUSPENSION_TEXTS,
}


def state_title(process: str, state: str | None, *, stopped: bool = False) -> str | None:
    """A state as screens say it; None of what is no state, or is none any more. `stopped` as in `state_text`."""
    return state_text(process, state, stopped=stopped) if state and state in STATE_TITLES.get(process, {}) else None


FIRST_STATES: Final[dict[str, str]] = {process: str(next(iter(pathway.moves.table))) for process, pathway in PATHWAYS.items()}
"""In which a process's row is inserted, as a rule: its table of moves begins there."""
_OF_AN_OFFICE: Final = (DeliveryState.OVERDUE, DeliveryState.UNDELIVERABLE, DeliveryState.RETURNED)
WAITS_FOR: Final[dict[str, Mapping[Any, str]]] = {
    "revisit": ACTS_NEXT | {State.CLOSING: "charge", State.ENDED: "prescription"},
    "charge": {ChargeState.OPEN: Actor.PATIENT},
    "refund": {RefundState.CLEARED: "wechat_pay", RefundState.ACCEPTED: "wechat_pay", RefundState.STUCK: Actor.HOSPITAL},
    "prescription": {
        PrescriptionState.DRAFTING: Actor.DOCTOR,
        PrescriptionState.SIGNING: Actor.DOCTOR,
        PrescriptionState.QUEUED: Actor.PHARMACIST,
        PrescriptionState.QUESTIONED: Actor.DOCTOR,
        PrescriptionState.RETURNED: Actor.DOCTOR,
        PrescriptionState.COUNTERSIGNING: Actor.PHARMACIST,
        PrescriptionState.CHOOSING: Actor.PATIENT,
        PrescriptionState.PAYING: "charge",
        PrescriptionState.CLOSING: "charge",
        PrescriptionState.AT_HOSPITAL: Actor.PATIENT,
        PrescriptionState.DISPENSING: Actor.HOSPITAL,
        PrescriptionState.READY: Actor.PATIENT,
        PrescriptionState.SHIPPING: "delivery",
    },
    "record": {RecordState.SIGNING: Actor.DOCTOR, RecordState.STUCK: Actor.HOSPITAL},
    "suspension": {SuspensionState.CLEARING: Actor.HOSPITAL},
    "delivery": {state: Actor.HOSPITAL if state in _OF_AN_OFFICE else "logistics" for state in DeliveryState},
    "invoice": {InvoiceState.REFUSED: Actor.HOSPITAL},
}
"""Whose turn a wait was, by process and state. A new process is added here; without it its waits are told, and not whose they are."""


def whose_turn(process: str, row: Mapping[str, Any]) -> str | None:
    """Whose turn a wait of a row was, as far as it is known."""
    state = row.get("state")
    of_the_patient = not row.get("entered") if state == State.CONSULTING else state == State.ENDED and row.get("wake_at")  # its survey
    turn = Actor.PATIENT if of_the_patient else WAITS_FOR.get(process, {}).get(state)
    return str(turn) if turn else None
