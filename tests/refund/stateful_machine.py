"""Whatever people, the bank, the HIS, time and dying hands do with money, in any order."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from models.charge import Scene
from tests.builders import FEE_FEN
from tests.refund.stateful_acts import DOCTOR, ORDERING, PATIENT, PERSON
from tests.refund.stateful_town import Town
from tests.refund.stateful_walk import DAY_S, Walk

T = TypeVar("T")
STRANGERS_MAX: Final = 1
CALLS: Final = (
    *(("his", f"POST /fhir/R4/Invoice/{{id}}/${one}") for one in ("settle", "settle", "reverse")),
    *(("his", "GET /fhir/R4/Invoice/{id}"), ("his", "PUT /fhir/R4/Appointment/{id}")),
    *(("his", "POST /fhir/R4/Encounter"), ("his", "PUT /fhir/R4/Encounter/{id}")),
    *(("wechat_pay", ORDERING), ("wechat_pay", "GET /v3/pay/transactions/out-trade-no/{out_trade_no}")),
    ("wechat_pay", "POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close"),
    *(("wechat_pay", "POST /v3/refund/domestic/refunds"), ("wechat_pay", "GET /v3/refund/domestic/refunds/{out_refund_no}")),
)
KINDS: Final = ("lost", "late", "duplicated", "tampered", "refused")
REFUSED: Final = {
    "his": ("lock-expired", "dispensed", "not-found"),
    "wechat_pay": ("NO_AUTH", "SYSTEM_ERROR", "FREQUENCY_LIMITED", "NOT_ENOUGH"),
}
BEGINNINGS: Final = (
    *((0, None, 0), (1, None, 0), (2, None, 0), (3, None, 0), (4, None, 0), (5, None, 0), (8, None, 0), (10, None, 0)),
    *((2, "cancel", 0), (3, "cancel", 0), (5, "cancel", 0), (5, "absent", 0), (6, "cancel", 0), (6, "decline", 0), (7, "decline", 0)),
    *((5, "cancel", 2), (5, "cancel", 3), (5, "absent", 3), (6, "decline", 3)),
)
"""Steps of the usual way (ordered, paid, asked for, settled, booked, checked in, accepted, entered, ended), how left, steps back."""
FATES: Final = ("ABNORMAL", "CLOSED", "NOT_ENOUGH")
ENDINGS: Final = ("SUCCESS", "SUCCESS", "CLOSED", "ABNORMAL")
LETTERS: Final = ("good", "good", "good", "tampered", "stale", "foreign", "lies", "another")
FEN: Final = (None, 1, FEE_FEN // 2, FEE_FEN, FEE_FEN + 1)
AT_ONCE: Final = ("patient", "doctor", "visit", "charge", "order", "refund", "management", "relay", "stuck")
WHICH = st.sampled_from((0, 0, 0, 1, 2, 3))
"""Which of several; mostly the first, so that what happens happens to somebody."""


class Money(RuleBasedStateMachine):
    """One town's money. `town` is given by the test. All that must hold is looked at after each rule, by `Acts.look`.

    No rule has a precondition: what several do at once does not end the same each time, and what is drawn must not depend on it. Where
    there is nobody to do it, nothing happens.
    """

    town: Town

    def __init__(self) -> None:
        super().__init__()
        self.acts = Walk(self.town)
        self.broken = False
        self.strangers = 0

    def run(self, *works: Coroutine[Any, Any, object]) -> None:
        """In the town's loop, then one look at all books. What breaks here ends the example: there is no end to be walked to."""

        async def looked() -> None:
            for work in works:
                await work
            await self.acts.look()

        try:
            self.town.runner.run(looked())
        except BaseException:
            self.broken = True
            for work in works:
                work.close()
            raise

    @initialize(begun=st.sampled_from(BEGINNINGS), fate=st.sampled_from((None, None, *FATES)))
    def two_people_are_about_to_pay(self, begun: tuple[int, str | None, int], fate: str | None) -> None:
        """One of them has gone so far, and may have left; the first refund may go wrong, and may have got so far."""
        steps, left, back = begun
        self.run(self.acts.begins(), self.acts.usually(0, steps), self.acts.leaves(left))
        if fate:
            self.run(self.acts.outside.next_refund(fate))
        for _ in range(back):
            self.run(self.acts.gives_back(0, fate if fate in ENDINGS else "SUCCESS"))

    def teardown(self) -> None:
        try:
            if hasattr(self.acts, "books") and not self.broken:
                self.run(self.acts.ends())
        finally:
            self.town.runner.run(self.acts.is_left())

    # As it usually goes, so that the rest meets something.

    @rule(which=WHICH, steps=st.integers(1, 6))
    def goes_the_usual_way(self, which: int, steps: int) -> None:
        self.run(self.acts.usually(which, steps))

    @rule(which=WHICH)
    def goes_a_step_of_the_usual_way(self, which: int) -> None:
        self.run(self.acts.usually(which, 1))

    @rule(which=WHICH)
    def pays_in_good_time(self, which: int) -> None:
        """Ordered, paid and told, asked for."""
        self.run(self.acts.usually(which, 3))

    @rule(which=WHICH, status=st.sampled_from(ENDINGS))
    def a_refund_goes_its_way(self, which: int, status: str) -> None:
        self.run(self.acts.gives_back(which, status))

    # People.

    @rule(which=WHICH, scene=st.sampled_from(Scene))
    def wants_to_pay(self, which: int, scene: Scene) -> None:
        self.run(self.acts.wants_to_pay(which, scene))

    @rule(which=WHICH)
    def repeats_a_wish(self, which: int) -> None:
        self.run(self.acts.repeats(which))

    @rule(which=WHICH)
    def pays(self, which: int) -> None:
        self.run(self.acts.pays(which))

    @rule(which=WHICH, pays=st.booleans())
    def an_order_that_was_given_up_lands(self, which: int, pays: bool) -> None:
        self.run(self.acts.given_up_and_lands(which, pays=pays))

    @rule()
    def a_stranger_pays(self) -> None:
        self.strangers += 1
        if self.strangers <= STRANGERS_MAX:
            self.run(self.acts.a_stranger_pays())

    @rule(which=WHICH, what=st.sampled_from([*PATIENT]))
    def the_patient_asks(self, which: int, what: str) -> None:
        self.run(self.acts.the_patient(which, what))

    @rule(which=WHICH, what=st.sampled_from([*DOCTOR]))
    def the_doctor_asks(self, which: int, what: str) -> None:
        self.run(self.acts.the_doctor(which, what))

    @rule(which=WHICH, fen=st.sampled_from(FEN), people=st.integers(1, 2))
    def management_gives_back(self, which: int, fen: int | None, people: int) -> None:
        async def asked() -> None:
            await asyncio.gather(*(self.acts.management(which, fen) for _ in range(people)))

        self.run(asked())

    @rule(which=WHICH, what=st.sampled_from((*PERSON, "pay_out")))
    def a_person_acts_on_what_is_stuck(self, which: int, what: str) -> None:
        self.run(self.acts.a_person(which, what))

    @rule(which=WHICH)
    def a_window_gives_back(self, which: int) -> None:
        self.run(self.acts.a_window_gives_back(which))

    # The processes.

    @rule(process=st.sampled_from(("revisit", "charge", "refund", "refund")), which=WHICH)
    def goes_on(self, process: str, which: int) -> None:
        self.run(self.acts.goes_on(process, which))

    @rule(process=st.sampled_from(("revisit", "charge", "refund")), which=WHICH)
    def its_time_comes(self, process: str, which: int) -> None:
        self.run(self.acts.its_time_comes(process, which))

    @rule()
    def the_relay_comes(self) -> None:
        self.run(self.acts.the_relay_comes())

    @rule(seconds=st.sampled_from((20, 90, 240, 900, 3600, 6 * 3600, DAY_S)))
    def time_passes(self, seconds: int) -> None:
        self.run(self.acts.clock.passes(seconds))

    # The outside.

    @rule(which=WHICH, how=st.sampled_from(LETTERS), times=st.integers(1, 2))
    def the_bank_tells(self, which: int, how: str, times: int) -> None:
        self.run(self.acts.the_bank_tells(which, how, times))

    @rule(which=WHICH, status=st.sampled_from(ENDINGS))
    def the_bank_ends_a_refund(self, which: int, status: str) -> None:
        self.run(self.acts.the_bank_ends_a_refund(which, status))

    @rule(fate=st.sampled_from(FATES))
    def the_next_refund_will_go_wrong(self, fate: str) -> None:
        self.run(self.acts.outside.next_refund(fate))

    @rule(call=st.sampled_from(CALLS), kind=st.sampled_from(KINDS), seconds=st.sampled_from((0, 30, 200)), refused=st.integers(0, 3))
    def the_next_call_goes_wrong(self, call: tuple[str, str], kind: str, seconds: float, refused: int) -> None:
        """And its repeat may be refused, although the first has landed, or may land at the bank for as long as its signature holds.

        At the HIS what is late has landed before the repeat: it keeps no time by which what comes after a refusal could be told.
        """
        (system, name), late = call, kind == "duplicated" or (kind == "late" and call[0] == "wechat_pay")
        wait = seconds if late else 0
        works = [] if kind == "refused" else [self.acts.outside.fault(system, name, kind, seconds=wait)]
        if kind == "refused" or refused:
            code = REFUSED[system][refused % len(REFUSED[system])]
            works.append(self.acts.outside.fault(system, name, "refused", code=code))
        self.run(*works)

    @rule(dies=st.sampled_from((None, "before", "after")), run_is_lost=st.booleans(), freezes=st.booleans(), unheard=st.booleans())
    def the_next_hand_has_a_fate(self, dies: Any, run_is_lost: bool, freezes: bool, unheard: bool) -> None:
        fate = self.acts.hospital.fate
        fate.dies, fate.run_is_lost, fate.freezes, fate.unheard = dies, run_is_lost, freezes, unheard

    @rule()
    def the_doctor_is_away(self) -> None:
        """停诊 at the HIS."""
        self.run(self.acts.outside.stops(self.town.slot_id))

    # Several at once.

    @rule(what=st.lists(st.sampled_from(AT_ONCE), min_size=2, max_size=3), which=WHICH)
    def at_once(self, what: list[str], which: int) -> None:
        acts = self.acts
        works: dict[str, Callable[[], Awaitable[object]]] = {
            "patient": lambda: acts.the_patient(which, "cancel"),
            "doctor": lambda: acts.the_doctor(which, "decline"),
            "visit": lambda: acts.goes_on("revisit", which),
            "charge": lambda: acts.goes_on("charge", which),
            "order": lambda: acts.wants_to_pay(which),
            "refund": lambda: acts.goes_on("refund", which),
            "management": lambda: acts.management(which, None),
            "relay": acts.the_relay_comes,
            "stuck": lambda: acts.a_person(which, "retry"),
        }

        async def all_of_them() -> None:
            acts.hospital.fate.mends()
            await asyncio.gather(*(works[one]() for one in what))

        self.run(all_of_them())
