"""The record of a visit on its way: saved, confirmed on its doctor's phone, told to the HIS."""

from typing import TYPE_CHECKING

from models.kernel.errors import known
from models.record import RecordState, RetryFiling
from tests.faults.hospital import DOCTOR
from tests.process.desk import RecordDesk
from tests.process.hospital import wish

if TYPE_CHECKING:
    from tests.faults.walk import Thing, Walk


class Record:
    """`next` says what happens next with it, from its row alone."""

    def __init__(self, walk: "Walk") -> None:
        self._walk = walk
        self._desk: RecordDesk | None = None

    async def next(self) -> "Thing | None":
        """None when the HIS has it."""
        desk = self._desk
        if desk is None or desk.state in {RecordState.REFUSED, RecordState.EXPIRED}:
            return "record.write", self._writes
        match desk.state:
            case RecordState.SIGNING if desk.now.task_id is None:
                return "record.request", desk.happens
            case RecordState.SIGNING if await self._walk.hospital.waiting(desk.id):
                return "record.query", desk.news
            case RecordState.SIGNING if self._walk.whole.outside.is_pending(known(desk.now.task_id)):
                return "record.confirm", self._confirms
            case RecordState.SIGNING:
                return "record.query", desk.alarm
            case RecordState.FILING:
                return "record.file", desk.happens
            case RecordState.STUCK:
                return "record.retry", lambda: desk.happens(wish(RetryFiling, self._walk.town.finance))
            case _:
                return None

    async def _writes(self) -> None:
        """Saved, and wanted to be signed."""
        await self._walk.hospital.saved(self._walk.id, self._walk.unit.doctor_account_id)
        self._desk = await self._walk.asks_to_sign()

    async def _confirms(self) -> None:
        """A finger on the phone, and the CA tells it; sooner or later, or it is asked."""
        desk = self._desk
        assert desk is not None
        await self._walk.whole.outside.confirms(DOCTOR)
        await self._walk.hears(desk.id)
