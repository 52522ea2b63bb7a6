"""How an outside party behaves towards us: what it was asked, and what goes wrong the next time."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from models.kernel.errors import DomainError, Unknown

T = TypeVar("T")


@dataclass
class Gate:
    """Stands before an answer: what was asked has taken effect, and nobody knows yet."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Fault:
    """What comes instead of the answer; `landed` when what was asked took effect all the same."""

    error: Exception
    landed: bool


class Line:
    """The one way into a party: every call is noted, and a planned fault takes the place of its answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._gates: dict[str, Gate] = {}

    def silent(self, call: str, *, landed: bool = False, times: int = 1) -> None:
        """No answer: the outcome is not known to us."""
        self._faults[call].extend([Fault(Unknown("no answer"), landed)] * times)

    def refuses(self, call: str, code: str, *, landed: bool = False) -> None:
        self._faults[call].append(Fault(DomainError(code, "conflict"), landed))

    def breaks(self, call: str) -> None:
        """Our own code meets something that it does not understand: a bug."""
        self._faults[call].append(Fault(RuntimeError("not understood"), landed=False))

    def mends(self) -> None:
        """Nothing is planned any more."""
        self._faults.clear()

    def gate(self, call: str) -> Gate:
        """The next answer to this call waits until the gate is opened."""
        self._gates[call] = Gate()
        return self._gates[call]

    async def answer(self, call: str, effect: Callable[[], T]) -> T:
        self.asked.append(call)
        fault = self._faults[call].popleft() if self._faults[call] else None
        if fault and not fault.landed:
            raise fault.error
        answered = effect()
        if gate := self._gates.pop(call, None):
            gate.reached.set()
            await gate.opened.wait()
        if fault:
            raise fault.error
        return answered

    def times(self, call: str) -> int:
        return self.asked.count(call)
