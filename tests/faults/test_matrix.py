"""Whatever goes wrong at one call outside, the visit goes on under the same numbers, or somebody is told; and all books agree."""

import inspect
from typing import Final

import pytest

from gateways.his.port import HIS
from gateways.invoice.port import Issuer
from gateways.logistics.port import Logistics
from gateways.review.port import Review
from gateways.signature.port import SignatureService
from gateways.sms.port import SMS
from gateways.wechat_pay.port import WeChatPay
from models.timeline import UNDER_WAY
from sandbox.fault_kinds import BEHAVIOURS
from sandbox.faults import NOTIFY_KINDS
from tests.faults import matrix_bills, matrix_drugs
from tests.faults.hospital import Town
from tests.faults.matrix import NOTIFIES as OF_THE_BANK
from tests.faults.matrix import SPOTS as OF_A_VISIT
from tests.faults.matrix import Case, cases
from tests.faults.trial import tried
from tests.house.rooms import sources

SPOTS: Final = (*OF_A_VISIT, *matrix_drugs.SPOTS, *matrix_bills.SPOTS)
NOTIFIES: Final = (*OF_THE_BANK, *matrix_drugs.NOTIFIES)
MIRRORED: Final = ("departments", "doctors", "schedules", "slots", "drugs")
PORTS: Final = {
    "his": HIS,
    "wechat_pay": WeChatPay,
    "sms": SMS,
    "logistics": Logistics,
    "signature": SignatureService,
    "review": Review,
    "invoice": Issuer,
}
NOT_OF_A_VISIT: Final = {
    **{f"HIS.{one}": "the mirror is pulled beside all visits; a pull that fails leaves the old copy" for one in MIRRORED},
    "HIS.find_prescription": "no step needs it",
    "SignatureService.certificate": "no step needs it",
}
"""Calls of the ports that no case needs, and why."""
NOT_WALKED: Final = {
    "HIS.past_prescriptions": "before a refill alone, and by screens",
    "HIS.schedule": "of a clinic that is stopped or rearranged alone",
    "HIS.stopped": "the same, and at a check-in or a 接诊 that the HIS refuses",
}
"""Those that a step makes where these walks do not come, each without its answer in the tests of its own process."""
TELLING: Final = {
    "lock-POST_.fhir.R4.Appointment-lost",
    "refund-POST_.v3.refund.domestic.refunds-tampered",
    "pays-NOTIFY_TRANSACTION.SUCCESS-lost",
    "create-POST_.EXP_RECE_CREATE_ORDER-delivery.create-lost",
}
"""Those that `make test` has time for."""
AT_LENGTH: Final = (pytest.mark.long, pytest.mark.spare)
CASES: Final = {one.name: one for one in cases(SPOTS)}


@pytest.mark.parametrize(
    "case",
    [pytest.param(one, id=name, marks=() if name in TELLING else AT_LENGTH) for name, one in CASES.items()],
)
async def test_one_call_goes_wrong(town: Town, case: Case) -> None:
    await tried(town, case)


def test_every_call_of_every_port_is_tried() -> None:
    """A new call of a port needs its place on a path, or a reason why a visit never comes to it."""
    named = {f"{port.__name__}.{method}" for port in PORTS.values() for method in _methods(port)}
    tried_ = {f"{PORTS[one.system].__name__}.{one.method}" for one in SPOTS if one not in NOTIFIES}

    assert tried_ | set(NOT_OF_A_VISIT) | set(NOT_WALKED) == named
    assert not tried_ & (set(NOT_OF_A_VISIT) | set(NOT_WALKED))


def test_what_no_step_asks_is_asked_by_none() -> None:
    """But for what writes the mirrors: their pulls, which are no steps, and the look at a clinic that has changed."""
    mirroring = ("/schedule.py", "/drug_catalogue.py", "/suspension.py")
    steps = [source for source in sources("activities") if not source.name.endswith(mirroring)]

    asked = {one for one in NOT_OF_A_VISIT for source in steps if f"_his.{one.partition('.')[2]}(" in source.text}

    assert not asked


def test_every_kind_of_fault_is_tried_at_every_call() -> None:
    for spot in SPOTS:
        offered = set(NOTIFY_KINDS) if spot in NOTIFIES else set(BEHAVIOURS)
        assert {one.kind for one in CASES.values() if one.spot is spot} == offered, spot


def test_what_a_visit_says_is_under_way_has_words() -> None:
    said = {kind for table, _, kind in ((one.under_way or "").partition(" ") for one in SPOTS) if table == "revisit" and "." not in kind}

    assert said <= set(UNDER_WAY)


def _methods(port: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(port, inspect.iscoroutinefunction)]
