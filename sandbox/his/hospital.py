"""What every part of the HIS is given: its books, its clock, how long it locks."""

from dataclasses import dataclass, field
from datetime import datetime

from sandbox.alarm import Alarm
from sandbox.his import instants
from sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Hospital:
    """One HIS. `lock_s` is the life of a lock that nobody settles, in seconds."""

    store: Store
    clock: instants.Clock
    lock_s: int
    seed: int
    paid: Alarm = field(default_factory=Alarm)
    """Rung when money has come for a bill."""

    def now(self) -> datetime:
        """The instant in Beijing."""
        return self.clock().astimezone(instants.BEIJING)

    def now_ms(self) -> int:
        """The instant in milliseconds."""
        return instants.ms(self.clock())
