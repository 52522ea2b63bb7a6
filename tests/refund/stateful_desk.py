"""Hands that die, freeze and never hear, at the stand-in desks of a hospital whose outside is the sandbox."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Literal, TypeVar, cast
from uuid import UUID

from temporalio.exceptions import ApplicationError, TemporalError

from activities.charge import ChargeActivities
from activities.refund import RefundActivities
from activities.revisit import RevisitActivities
from gateways.his.port import HIS
from gateways.wechat_pay.port import WeChatPay
from models.charge import Charge
from models.kernel.clock import Clock
from models.kernel.errors import DomainError, Unknown
from models.process import Alarm, AnyRow, Command, Event, News, Runs
from models.refund import Refund
from models.revisit import Revisit
from models.stores.database import Database
from tests.process.desk import PATIENCE, StandIn
from tests.process.hospital import Hospital
from tests.process.line import Gate
from tests.refund.stateful_books import ENDS
from workflows.charge import ChargeWorkflow
from workflows.refund import RefundWorkflow
from workflows.revisit import RevisitWorkflow

R = TypeVar("R", bound=AnyRow)
Death = Literal["before", "after"]
HELD: Final = frozenset({"row.moved", "step.at_work"})
"""Another hand was there, or is: looked at again."""


class Died(Exception):  # noqa: N818
    """The hand is gone; what it had asked for outside may have landed."""


@dataclass
class Fate:
    """What becomes of the next hand that calls outside, or of the next that does a step."""

    dies: Death | None = None
    run_is_lost: bool = False
    freezes: bool = False
    unheard: bool = False
    gate: Gate | None = None

    def mends(self) -> None:
        self.dies, self.run_is_lost, self.freezes, self.unheard, self.gate = None, False, False, False, None


class Line:
    """Our end of a wire: every call of the port goes through, unless the hand that calls has a fate."""

    def __init__(self, party: object, fate: Fate) -> None:
        self._party, self._fate = party, fate

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._party, name)

        async def asked(*args: Any, **fields: Any) -> Any:
            fate = self._fate
            dies, fate.dies = fate.dies, None
            gate, fate.gate = fate.gate, None
            if dies == "before":
                raise Died
            answer = await call(*args, **fields)
            if gate:
                gate.reached.set()
                await gate.opened.wait()
            if dies == "after":
                raise Died
            return answer

        return asked


@dataclass
class Knocks:
    """The short cut: runs begun and knocks are noted. Whoever wants serves them."""

    heard: list[tuple[str, UUID, News]] = field(default_factory=list[tuple[str, UUID, News]])

    async def begin(self, process: str, id: UUID, visit: UUID, row: AnyRow | None = None) -> None:
        """Every row has its desk already: a machine finds them by the rows."""

    async def knock(self, process: str, id: UUID, event: News) -> None:
        self.heard.append((process, id, event))


class Shaky(StandIn[R], Generic[R]):
    """A desk whose hands meet their fate."""

    async def step(self, activity: Callable[..., Awaitable[R]], *args: Any) -> None:
        work, before, fate = self.hospital.work(activity), self.now, cast(SandboxHospital, self.hospital).fate
        freezes, fate.freezes = fate.freezes, False
        unheard, fate.unheard = fate.unheard, False
        frozen = await self._frozen(work, before, args, fate) if freezes else None
        try:
            self.now = await self._done(work, before, args, fate)
        finally:
            if frozen:
                await _wakes(frozen)
        if unheard:
            assert await work(before, *args) == self.now, "done again under the same key it answers with the row"

    async def _done(self, work: Callable[..., Awaitable[R]], before: R, args: tuple[Any, ...], fate: Fate) -> R:
        """As often as it takes, by one hand after the other."""
        for _ in range(PATIENCE):
            try:
                return await work(before, *args)
            except Unknown:
                await self.hospital.hand_time_is_up()
            except Died:
                await self.hospital.hand_time_is_up()
                if fate.run_is_lost:
                    fate.run_is_lost = False
                    raise
        raise AssertionError(f"{work.__qualname__} stays unknown")

    async def _frozen(
        self, work: Callable[..., Awaitable[R]], before: R, args: tuple[Any, ...], fate: Fate
    ) -> "tuple[asyncio.Task[R], Gate] | None":
        """A hand asks outside, hears, and stands still; its time is up and another goes on. None when it asked nobody."""
        fate.gate = gate = Gate()
        hand = asyncio.ensure_future(work(before, *args))
        reached = asyncio.ensure_future(gate.reached.wait())
        await asyncio.wait({hand, reached}, return_when=asyncio.FIRST_COMPLETED)
        fate.gate = None
        if hand.done():
            reached.cancel()
            _ = hand.exception()  # looked at by whoever does the step again
            return None
        await self.hospital.hand_time_is_up()
        return hand, gate


async def _wakes(frozen: "tuple[asyncio.Task[Any], Gate]") -> None:
    """It goes on where it stood; whatever it does then counts no more."""
    hand, gate = frozen
    gate.opened.set()
    try:
        await hand
    except (DomainError, ApplicationError, Unknown):
        return


class VisitDesk(Shaky[Revisit], RevisitWorkflow):
    """A visit at its desk."""


class ChargeDesk(Shaky[Charge], ChargeWorkflow):
    """A charge at its desk."""


class RefundDesk(Shaky[Refund], RefundWorkflow):
    """A refund at its desk."""


AnyDesk = VisitDesk | ChargeDesk | RefundDesk
ASKS_NOBODY: Final = {"revisit": {"checking"}, "charge": {"paid"}, "refund": {"requested"}}


class SandboxHospital(Hospital):
    """The hospital of the stand-in desks, its outside on the wire."""

    def __init__(self, database: Database, clock: Clock, his: HIS, wechat_pay: WeChatPay) -> None:
        self.fate, self.knocks = Fate(), Knocks()
        runs: Runs = self.knocks
        super().__init__(database, clock, runs)
        lines = {"his": cast(HIS, Line(his, self.fate)), "wechat_pay": cast(WeChatPay, Line(wechat_pay, self.fate))}
        self.asks(replace(self.parties, **lines), runs)

    async def desk(self, process: str, id: UUID) -> AnyDesk:
        """A run that begins from the row."""
        desk: AnyDesk
        match process:
            case "revisit":
                desk = VisitDesk(self, id, RevisitActivities.load)
            case "charge":
                desk = ChargeDesk(self, id, ChargeActivities.load)
            case _:
                desk = RefundDesk(self, id, RefundActivities.load)
        await desk.begin()
        return desk


def process_of(desk: AnyDesk) -> str:
    return {VisitDesk: "revisit", ChargeDesk: "charge", RefundDesk: "refund"}[type(desk)]


def asks_nobody(desk: AnyDesk) -> bool:
    """Its phase does a step at once."""
    process = process_of(desk)
    return desk.now.state in ASKS_NOBODY[process] or (desk.now.state == "cleared" and desk.now.wake_at is None)


def ended(desk: AnyDesk) -> bool:
    return desk.now.state in ENDS[process_of(desk)]


async def serve(desk: AnyDesk, event: Event | Alarm | None = None) -> str:
    """One phase as a run walks it, and what became of it. A refusal that would make a run stand still fails the test."""
    if ended(desk):
        return "ended"
    if asks_nobody(desk):
        event = None
    elif event is None:
        return "waits"
    try:
        await desk.happens(event)
    except Died:
        await desk.begin()
        return await _finishes(desk)
    except (DomainError, ApplicationError, TemporalError) as refused:
        code = refused.code if isinstance(refused, DomainError) else getattr(refused, "type", None) or "not_now"
        await desk.begin()
        put_off = isinstance(event, News) and code.endswith("not_now")
        if code not in HELD and not isinstance(event, Command) and not put_off:
            raise AssertionError(f"a step that nobody asked for was refused: {code}") from refused
        return code
    return "done"


async def _finishes(desk: AnyDesk) -> str:
    """Whoever begins again finishes what is under way first."""
    if not ended(desk) and desk.now.under_way:
        return await serve(desk, desk.now.under_way)
    return "lost"
