"""Each call outside that a prescription makes, without an answer before or after it took effect: asked again, done once, never failed."""

from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from models.drug import Dispensing
from models.prescription import CancelDrugs, Extend, PrescriptionState
from models.prescription_his import Filing
from tests.prescription.desk import Case, written
from tests.process.hospital import Hospital

S = PrescriptionState
Step = Callable[[Case], Awaitable[object]]
CALLS: Final[dict[str, tuple[str, PrescriptionState, Step, PrescriptionState]]] = {
    "request_sign": ("signature", S.SIGNING, lambda case: case.desk.happens(), S.SIGNING),
    "query": ("signature", S.SIGNING, lambda case: case.signs(), S.QUEUED),
    "write_prescription": ("his", S.PRICING, lambda case: case.desk.happens(), S.CHOOSING),
    "price": ("his", S.PRICING, lambda case: case.desk.happens(), S.CHOOSING),
    "extend_prescription": ("his", S.CHOOSING, lambda case: case.does(Extend, days=2), S.CHOOSING),
    "cancel_prescription": ("his", S.CHOOSING, lambda case: case.does(CancelDrugs), S.CANCELLED),
    "dispensed": ("his", S.DISPENSING, lambda case: case.pharmacy(Dispensing.PREPARED), S.READY),
}
"""By call: the party, where it is made, by what, and where that leads."""


@pytest.mark.parametrize("landed", [False, True], ids=["not landed", "landed"])
@pytest.mark.parametrize("call", list(CALLS))
async def test_no_answer_is_asked_again_under_the_same_number(hospital: Hospital, call: str, landed: bool) -> None:
    party, state, goes_on, then = CALLS[call]
    case = await (await written(hospital)).to(state)
    line = getattr(hospital, party)
    before = line.times(call)
    line.silent(call, landed=landed, times=2)

    await goes_on(case)

    assert case.state is then
    assert line.times(call) == before + 3
    assert len(hospital.signature.tasks) == (1 if state is S.SIGNING else 2)
    assert len(hospital.his.filed) <= 1


async def test_the_whole_way_with_every_answer_lost_once(hospital: Hospital) -> None:
    case = await written(hospital)
    for party, call in {(party, call) for call, (party, *_) in CALLS.items()}:
        getattr(hospital, party).silent(call, landed=True)

    await case.to(S.COMPLETED)

    assert len(hospital.signature.tasks) == 2
    (filed,) = hospital.his.filed.values()
    assert filed.filing is Filing.COMPLETED


async def test_a_task_that_the_ca_has_forgotten_is_asked_for_anew(hospital: Hospital) -> None:
    case = await (await written(hospital)).to(S.SIGNING)
    await case.desk.happens()
    hospital.signature.tasks.clear()

    await case.desk.alarm()
    await case.signs()

    assert case.state is S.QUEUED
