"""停诊, 替诊, a moved time: what changes about a clinic after people have booked there, and what becomes of them; a process of its own.

Its identity is the 就诊单元 and the version that the HIS gave it, so that the same change, told by the HIS and found by the pull, is
one. Or it is a doctor whom the hospital suspends here: all their 就诊单元 from then on.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from pydantic import TypeAdapter

from models.kernel import ids
from models.process import Alarm, Moves, News, Row


class SuspensionState(StrEnum):
    LOOKING = "looking"
    """What the HIS has of the 就诊单元 now is asked, and written over our copy: from then on nobody gets in any more."""
    CLEARING = "clearing"
    """Every live claim in it is found and its visit told, until none is left that has to go."""
    DONE = "done"
    UNKNOWN = "unknown"
    """Neither the HIS nor our copy has such a 就诊单元. An end until the HIS speaks of one after all: then it begins again (`wake`),
    as does one that is done and was shown an older version than it had been told (`begin`)."""


SUSPENSION_TEXTS: Final[dict[SuspensionState, str]] = {
    SuspensionState.LOOKING: "核对停诊安排",
    SuspensionState.CLEARING: "正在通知患者",
    SuspensionState.DONE: "已处理完毕",
    SuspensionState.UNKNOWN: "医院系统中无此就诊单元",
}
"""In the words of screens."""

_S = SuspensionState

MOVES = Moves[SuspensionState](
    {
        _S.LOOKING: frozenset({_S.CLEARING, _S.UNKNOWN}),
        _S.CLEARING: frozenset({_S.CLEARING, _S.DONE}),
        _S.DONE: frozenset(),
        _S.UNKNOWN: frozenset(),
    },
    again={_S.DONE: _S.LOOKING, _S.UNKNOWN: _S.LOOKING},
)
"""The one table of allowed moves."""


class Outcome(StrEnum):
    """What a suspension brings a visit."""

    STOPPED = "stopped"
    """停诊: it ends, and what was paid goes back."""
    REARRANGED = "rearranged"
    """替诊, or the time has moved: the patient is told, and stays unless they leave."""
    LEFT_ALONE = "left_alone"
    """问诊中: the doctor is seeing the patient."""


OUTCOME_TEXTS: Final[dict[Outcome, str]] = {
    Outcome.STOPPED: "停诊",
    Outcome.REARRANGED: "就诊安排调整",
    Outcome.LEFT_ALONE: "停诊，不影响正在进行的问诊",
}
"""The same to people."""


def wanted_by(doctor_id: str | None) -> str:
    """Whose word a suspension is, to people: the hospital's of a doctor, or the HIS's of a 就诊单元."""
    return "医院暂停该医生出诊" if doctor_id else "医院排班系统"


class Stopped(News):
    """停诊 of the place that the visit holds. A visit that holds another meanwhile is not meant."""

    kind: Literal["stopped"] = "stopped"
    claim_id: UUID


class Rearranged(News):
    """The place that the visit holds has another doctor or another time."""

    kind: Literal["rearranged"] = "rearranged"
    claim_id: UUID


REARRANGED_TEXTS: Final[dict[tuple[bool, bool], str]] = {
    (True, False): "医生变更",
    (False, True): "时间变更",
    (True, True): "医生和时间变更",
}
"""What is new about a clinic: its doctor, its time."""


class Suspension(Row[SuspensionState, Alarm]):
    """The row of `suspension/<id>`."""

    schedule_id: str | None = None
    doctor_id: str | None = None


EVENTS: TypeAdapter[Alarm] = TypeAdapter(Alarm)
"""Nobody asks it for anything: it works by its own clock."""

BATCH = 50
"""Visits that are told in one step."""
PAUSES_S = (1, 2, 5, 10, 30)
"""Between two looks at who has not gone yet."""


_COUNTED: Final = re.compile(r"[0-9]+")


def id_of(schedule_id: str, version: str) -> UUID:
    """Of a change of a 就诊单元."""
    return ids.derived("suspension", schedule_id, version)


def of_doctor(doctor_id: str, at: datetime) -> UUID:
    """Of a doctor's suspension."""
    return ids.derived("suspension", "doctor", doctor_id, at.isoformat())


def is_newer(version: str, than: str) -> bool:
    """Versions of a resource in their order. Where they are no numbers, only another one can be told: it counts as newer."""
    if _COUNTED.fullmatch(version) and _COUNTED.fullmatch(than):
        return int(version) > int(than)
    return version != than
