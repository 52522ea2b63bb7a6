"""What people, the bank and the processes of the stateful test do, one act a method; whoever acts says in which order."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from sqlalchemy import text
from temporalio.client import Client

from models.charge import Order, Scene
from models.kernel import ids
from models.kernel.errors import DomainError, Unknown
from models.process import Alarm, Command
from models.refund import HandOver, Office, PayOut, Retry, Withdraw
from models.revisit import Accept, Cancel, CheckIn, Decline, DeclineReason, End, Enter
from tests.account.builders import signed_in
from tests.client import key, speaking, wiring
from tests.process.desk import PATIENCE
from tests.process.hospital import wish
from tests.refund.stateful_books import ENDS, Books, hold, read
from tests.refund.stateful_desk import AnyDesk, Died, SandboxHospital, asks_nobody, process_of, serve
from tests.refund.stateful_town import Town, trusting
from worker.build import Builds
from worker.relay import Relay
from workflows.runs import Runs

T = TypeVar("T")
WEBHOOK: Final = "/webhooks/wechat-pay"
ORDERING: Final = "POST /v3/pay/transactions/{kind}"
PATIENT: Final[dict[str, type[Command]]] = {"cancel": Cancel, "check_in": CheckIn, "enter": Enter}
DOCTOR: Final[dict[str, type[Command]]] = {"accept": Accept, "decline": Decline, "end": End}
PERSON: Final[dict[str, type[Command]]] = {"retry": Retry, "hand_over": HandOver, "pay_out": PayOut, "withdraw": Withdraw}
SAID: Final[dict[str, dict[str, Any]]] = {
    "decline": {"reason": DeclineReason.OTHER},
    "hand_over": {"office": Office.INSURANCE},
    "pay_out": {"voucher": "V-2026-1"},
}
TOLD: Final = {"tampered": 401, "stale": 401, "foreign": 422}
"""How the webhook answers what is not the bank's word to us; all else is kept."""


def pick(found: list[T], which: int) -> T | None:
    return found[which % len(found)] if found else None


class Acts:
    """One example: its hospital, and all books as they were when last looked at."""

    books: Books

    def __init__(self, town: Town) -> None:
        self.town, self.outside, self.clock, self.database = town, town.outside, town.clock, town.database
        self.asked: list[tuple[str, UUID, Command]] = []
        self.delivered: set[str] = set()
        self.forged = 0
        self._looked_at: tuple[str | None, int] | None = None
        self._left = AsyncExitStack()

    async def begins(self) -> None:
        await self.town.begins_again()
        self.hospital = SandboxHospital(self.database, self.clock, self.outside.his, self.outside.wechat_pay)
        parts = replace(await wiring(self.database, self.clock), settings=trusting(self.outside.merchant))
        self.api = await self._left.enter_async_context(speaking(parts))
        nowhere = cast(Client, None)
        builds = Builds(self.database, nowhere)
        self.relay = Relay(self.database, nowhere, cast(Runs, self.hospital.knocks), self.hospital.strays, builds, self.clock)
        await self.look()

    async def is_left(self) -> None:
        await self._left.aclose()

    async def look(self) -> None:
        """At all books, unless nobody has written in any since the last look."""
        async with self.database.reading() as db:
            ours = await db.scalar(text("select pg_current_wal_insert_lsn()::text"))
        if (written := (ours, self.outside.written)) == self._looked_at:
            return
        self.books = await read(self.database, self.outside)
        self._looked_at = written
        hold(self.books)

    # What stands.

    def running(self, process: str) -> list[dict[str, Any]]:
        return [row for of, row in self.books.rows() if of == process and row["state"] not in ENDS[process]]

    @property
    def orders(self) -> list[str]:
        """All that the bank has, oldest first."""
        return [row["out_trade_no"] for row in self.outside.rows("wechat_order")]

    @property
    def payable(self) -> list[str]:
        return [row["out_trade_no"] for row in self.outside.rows("wechat_order") if row["state"] == "NOTPAY"]

    async def desk(self, process: str, which: int) -> AnyDesk | None:
        row = pick(self.running(process), which)
        return None if row is None else await self.hospital.desk(process, row["id"])

    # People.

    async def asks(self, desk: AnyDesk, command: Command) -> None:
        self.asked.append((process_of(desk), desk.id, command))
        await serve(desk, command)

    async def repeats(self, which: int) -> None:
        if asked := pick(self.asked, -1 - which):
            process, id, command = asked
            await serve(await self.hospital.desk(process, id), command)

    async def wants_to_pay(self, which: int, scene: Scene = Scene.NATIVE) -> None:
        if desk := await self.desk("charge", which):
            await self.asks(desk, wish(Order, self.town.patient, scene=scene))

    async def pays(self, which: int) -> None:
        if number := pick(self.payable, -1 - which):
            await self.outside.tries_to_pay(number)

    async def given_up_and_lands(self, which: int, *, pays: bool) -> None:
        """The order's call is under way for minutes, its repeat is refused: then the bank has one that we call closed."""
        if not any(row["state"] == "open" for row in self.running("charge")):
            return
        before = set(self.orders)
        await self.outside.fault("wechat_pay", ORDERING, "late", seconds=200)
        await self.outside.fault("wechat_pay", ORDERING, "refused", code="NO_AUTH")
        await self.wants_to_pay(which)
        await self.clock.passes(200)
        for number in set(self.orders) - before:
            if pays:
                await self.outside.tries_to_pay(number)

    async def a_stranger_pays(self) -> None:
        """On an order that our books do not know, as after a restore."""
        expires_at = self.clock() + timedelta(minutes=10)
        order = partial(self.outside.wechat_pay.order, scene=Scene.NATIVE, amount_fen=700, description="-", expires_at=expires_at)
        if number := await self._until_known(order):
            await self.outside.tries_to_pay(number)

    async def the_patient(self, which: int, what: str) -> None:
        if desk := await self.desk("revisit", which):
            await self.asks(desk, wish(PATIENT[what], self.town.patient))

    async def the_doctor(self, which: int, what: str) -> None:
        if desk := await self.desk("revisit", which):
            if what == "end" and desk.now.state == "consulting":
                await self.hospital.recorded(desk.id, self.town.doctor)
            await self.asks(desk, wish(DOCTOR[what], self.town.doctor, **SAID.get(what, {})))

    async def management(self, which: int, fen: int | None) -> None:
        over = {row["id"] for row in self.books.visits if row["state"] in ENDS["revisit"]}
        charge = pick([row for row in self.books.charges if row["visit_id"] in over], which)
        if charge is None:
            return
        header = await signed_in(self.database, self.clock, self.town.finance)
        answer = await self.api.post(f"/v1/charges/{charge['id']}/refunds", json={"amount_fen": fen}, headers=header | key())
        assert answer.status_code in {201, 409}, answer.text

    async def a_person(self, which: int, what: str) -> None:
        """Whoever owns what is stuck."""
        if stuck := pick([row for row in self.books.refunds if row["state"] == "stuck"], which):
            desk = await self.hospital.desk("refund", stuck["id"])
            await self.asks(desk, wish(PERSON[what], self.town.finance, **SAID.get(what, {})))

    async def a_window_gives_back(self, which: int) -> None:
        """All that the HIS has left of a bill goes back in cash at the hospital, under a number of its own."""
        settled = pick([row for row in self.books.charges if row["state"] == "settled"], which)
        if settled is None:
            return
        taken = sum(one["amount_fen"] for one in self.books.settlements if one["invoice_id"] == settled["invoice_id"])
        gone = sum(one["amount_fen"] for one in self.books.reversals if one["invoice_id"] == settled["invoice_id"])
        if taken > gone:
            await self._until_known(lambda number: self.outside.his.reverse(settled["invoice_id"], number, taken - gone, "window"))

    async def _until_known(self, call: Callable[[str], Awaitable[object]]) -> str | None:
        """The number under which it was done; None when it was refused."""
        number = ids.new().hex
        for _ in range(PATIENCE):
            try:
                await call(number)
            except Unknown:
                continue
            except DomainError:
                return None
            return number
        raise AssertionError("stays unknown")

    # The processes.

    async def goes_on(self, process: str, which: int) -> None:
        """A step that nobody is asked for, else the oldest news."""
        desk = await self.desk(process, which)
        if desk is None:
            return
        if asks_nobody(desk):
            await serve(desk)
        elif waiting := await self.hospital.waiting(desk.id):
            await serve(desk, waiting[0])

    async def its_time_comes(self, process: str, which: int) -> None:
        if desk := await self.desk(process, which):
            await self.rings(desk)

    async def rings(self, desk: AnyDesk) -> None:
        """Time passes until its alarm."""
        if desk.now.wake_at is not None and not asks_nobody(desk) and desk.now.state not in {"paying", "closing"}:
            await self.clock.passes(max((desk.now.wake_at - self.clock()).total_seconds(), 0))
            await serve(desk, Alarm())

    async def the_relay_comes(self) -> None:
        """The real one; its knocks are served at once."""
        async with self.database.transaction() as db:
            await db.execute(text("update inbox set knock_at = now() where handled_at is null"))
        self.hospital.knocks.heard.clear()
        try:
            await self.relay.knock_due()
        except* Died:  # the worker is gone, and another goes on
            pass
        heard, self.hospital.knocks.heard = self.hospital.knocks.heard, []
        for process, id, event in heard:
            desk = await self.hospital.desk(process, id)
            if not asks_nobody(desk):
                await serve(desk, event)

    # The outside.

    async def the_bank_tells(self, which: int, how: str, times: int = 1) -> None:
        """One of its letters, the newest first: as it is, too late, changed on the way, another merchant's, or by the bank and untrue."""
        letter = pick(self.outside.letters(), -1 - which)
        if letter is None:
            return
        self.forged += 1
        said: dict[str, Callable[[], dict[str, Any]]] = {
            "foreign": lambda: {"mchid": "1900000001"},
            "lies": lambda: {"amount": {"total": 1, "refund": 1, "currency": "CNY"}},
            "another": lambda: {"out_trade_no": pick(self.orders, which)},
        }
        body = self.outside.rewritten(letter, f"forged-{self.forged}", **said[how]()) if how in said else letter.body
        headers = self.outside.sign(body)
        if how == "tampered":
            body = body.replace(b"TRANSACTION", b"transaction").replace(b"REFUND", b"refund")
        if how == "stale":
            await self.clock.passes(301)
        for _ in range(times):
            answer = await self.api.post(WEBHOOK, content=body, headers=headers)
            assert answer.status_code == TOLD.get(how, 204), f"{how}: {answer.status_code} {answer.text}"
        if how == "good":
            self.delivered.add(letter.id)

    async def the_bank_ends_a_refund(self, which: int, status: str) -> None:
        if number := pick([row["out_refund_no"] for row in self.books.bank_refunds if row["status"] == "PROCESSING"], which):
            await self.outside.ends_refund(number, status)
