"""A parcel whose carrier is reached over its wire, each call in turn slow, refused, lost after it took effect, doubled, late or spoilt."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

import pytest
import pytest_asyncio

from gateways.logistics.account import SfAccount
from gateways.logistics.port import Logistics
from gateways.logistics.sf import SfLogistics
from models.delivery import Decision, DeliveryPushed, DeliveryState
from models.kernel import ids
from models.kernel.clock import Clock
from models.process import Runs
from models.stores.database import Database
from tests.client import Hands
from tests.delivery.builders import at_its_desk, brought, decides, told, wanted
from tests.gateways.conftest import credentials, fault, outside, sandbox
from tests.gateways.logistics.conftest import Carrier, carrier
from tests.process import hospital as process
from tests.process.desk import DeliveryDesk

__all__ = ["carrier", "credentials", "fault", "outside", "sandbox"]

LIMIT_S: Final = 0.5
CREATE, FIND, ROUTES, UPDATE = (
    f"POST /EXP_RECE_{service}" for service in ("CREATE_ORDER", "SEARCH_ORDER_RESP", "SEARCH_ROUTES", "UPDATE_ORDER")
)
KINDS: Final = {"slow": LIMIT_S * 1.5, "refused": 0, "lost": 0, "duplicated": 0, "late": 0.2, "tampered": 0}
Spoil = Callable[..., None]


class Hospital(process.Hospital):
    """The hospital of the stand-in desks, its carrier the sandbox's."""

    def __init__(self, database: Database, clock: Clock, runs: Runs, logistics: Logistics) -> None:
        super().__init__(database, clock, runs)
        self.asks(replace(self.parties, logistics=logistics), runs)


@pytest_asyncio.fixture
async def hospital(database: Database, clock: Hands, runs: Runs, credentials: dict[str, Any]) -> AsyncIterator[Hospital]:
    sf = SfLogistics(SfAccount(**credentials["logistics"]), limit_s=LIMIT_S)
    yield Hospital(database, clock, runs, sf)
    await sf.aclose()


@pytest.fixture
def clock() -> Hands:
    return Hands(process.MORNING)


@pytest.fixture
def runs() -> process.Unheard:
    return process.Unheard()


async def walks(desk: DeliveryDesk, carrier: Carrier, *moves: str) -> None:
    """Each move is pushed, and the carrier asked."""
    for move in moves:
        carrier.moves(desk.id.hex, move)
        await desk.happens(await brought(desk, DeliveryPushed(id=ids.new())))


async def spoilt(spoil: Spoil, carrier: Carrier, call: str, kind: str) -> None:
    """The next call of that name; a refusal is one that says nothing of the order."""
    if kind == "refused":
        wish = {"system": "logistics", "call": call, "kind": kind, "code": "A1099"}
        carrier.outside.post("/faults", json=wish).raise_for_status()
    else:
        spoil("logistics", call, kind, KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", [CREATE, FIND])
async def test_however_the_order_goes_wrong_there_is_one(hospital: Hospital, carrier: Carrier, fault: Spoil, call: str, kind: str) -> None:
    desk = await wanted(hospital)
    if call == FIND:
        fault("logistics", CREATE, "lost", 0)
    await spoilt(fault, carrier, call, kind)
    await desk.happens()
    await walks(desk, carrier, "picked_up", "out_for_delivery", "signed")

    [order] = carrier.orders(desk.id.hex)
    assert (desk.state, order["cancelled_at"]) == (DeliveryState.SIGNED, None)
    assert await told(hospital, desk.now.prescription_id) == [(str(desk.id), "signed")]


@pytest.mark.parametrize("kind", KINDS)
async def test_however_the_question_goes_wrong_it_is_asked_again(hospital: Hospital, carrier: Carrier, fault: Spoil, kind: str) -> None:
    desk = await wanted(hospital)
    await desk.happens()
    await spoilt(fault, carrier, ROUTES, kind)
    await walks(desk, carrier, "picked_up")

    assert desk.state is DeliveryState.PICKED_UP


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", [UPDATE, ROUTES])
async def test_however_it_is_taken_back_it_is_never_carried(
    hospital: Hospital, carrier: Carrier, fault: Spoil, call: str, kind: str
) -> None:
    desk = await wanted(hospital)
    await desk.happens()
    await spoilt(fault, carrier, call, kind)
    await decides(desk, Decision.REFUND)

    assert (desk.state, bool(carrier.orders(desk.id.hex)[0]["cancelled_at"])) == (DeliveryState.DECIDED, True)
    assert await told(hospital, desk.now.prescription_id) == [(str(desk.id), "refund")]


async def test_refused_at_the_door_it_comes_back_over_the_wire(hospital: Hospital, carrier: Carrier) -> None:
    desk = await wanted(hospital)
    await desk.happens()
    await walks(desk, carrier, "picked_up", "transit", "out_for_delivery", "failed", "refused", "returning", "returned")
    again = await at_its_desk(hospital, desk.id)

    assert again.state is DeliveryState.RETURNED


async def test_a_place_that_is_not_reached_over_the_wire(hospital: Hospital, carrier: Carrier) -> None:
    desk = await wanted(hospital, city="三沙市")
    await desk.happens()

    assert (desk.state, len(carrier.orders(desk.id.hex))) == (DeliveryState.UNDELIVERABLE, 1)
